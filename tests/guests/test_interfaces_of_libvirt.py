"""The verbs for the host's interfaces, and the same in Python, answer as the real virsh with a real libvirtd."""

import os
import subprocess

import pytest

from tests.lab import Host
from tests.lab.libvirtd import Libvirtd
from tests.lab.machine import wait_for
from vnethook import api

pytestmark = [pytest.mark.netns, pytest.mark.libvirt]
MAC, OTHER = "52:54:00:00:00:0a", "02:00:00:00:00:99"
LINKS = f"""
link add br7 address {MAC} type bridge forward_delay 300
link add br8 type bridge stp_state 1 forward_delay 300
link add port7 type veth peer name far7
link set port7 master br7
link add lonely type veth peer name Alone
tuntap add dev tap7 mode tap
tuntap add dev tap8 mode tap
link set tap8 master br7
"""
THEIR_DELAY = "delay='300'"
"""libvirt hands on the kernel's centiseconds where its own schema has seconds (timeval in interface.rng)."""
UP = ("br7", "port7", "far7", "lonely")
CALLS = [
    *("iface-list", "iface-list --all", "iface-list --inactive"),
    *(f"iface-dumpxml {name}" for name in ("br7", "br8", "port7", "far7", "lonely", "Alone", "tap7", "lo")),
    "iface-dumpxml --interface br7 --inactive",
    "iface-dumpxml br7 --xpath //mac",
    f"iface-name {MAC}",
    "iface-mac port7",
    "iface-mac --interface br7",
]
REFUSED = ["iface-dumpxml nosuch", f"iface-name {OTHER}", "iface-mac nosuch", "iface-mac", "iface-list x"]


def test_lists_and_xml_are_virshs_own() -> None:
    with Host() as host:
        for line in filter(None, LINKS.splitlines()):
            host.run(["ip", *line.split()])
        for name in UP:
            host.run(["ip", "link", "set", name, "up"])
        wait_for(lambda: host.json(["ip", "-json", "link", "show", "br7"])[0]["operstate"] == "UP", "the bridge")
        with Libvirtd(host):
            for words in CALLS:
                theirs = host.run(["virsh", "--connect", "qemu:///system", *words.split()])
                assert host.vnet(*words.split()).stdout == theirs.stdout.replace(THEIR_DELAY, "delay='3'"), words
            for words in REFUSED:
                theirs = host.run(["virsh", "--connect", "qemu:///system", *words.split()], check=False)
                assert (theirs.returncode, host.vnet(*words.split(), check=False).returncode > 0) == (1, True), words

        def look() -> tuple[object, ...]:
            os.environ.update(host.environment)
            with api.open() as conn:
                bridge = conn.interfaceLookupByMACString(MAC.upper())
                by_name = conn.interfaceLookupByName("port7")
                kinds = [[one.name() for one in conn.listAllInterfaces(flags)] for flags in (0, 1, 2)]
                return bridge.name(), bridge.isActive(), bridge.XMLDesc(), by_name.MACString(), kinds

        name, is_active, xml, mac, kinds = host.call(look)
        assert (name, is_active, xml) == ("br7", 1, host.vnet("iface-dumpxml", "br7").stdout.removesuffix("\n"))
        assert f"<mac address='{mac}'/>" in xml
        assert kinds == [
            ["Alone", "br7", "br8", "far7", "lo", "lonely"],
            ["Alone", "br8", "lo", "lonely"],
            ["br7", "far7"],
        ]


def test_what_there_is_not_is_refused_in_libvirts_words() -> None:
    with Host() as host:
        for name in ("br7", "br8", "br9"):
            host.run(["ip", "link", "add", name, "address", MAC, "type", "bridge"])

        def ask() -> list[tuple[int | None, int | None, str]]:
            os.environ.update(host.environment)
            conn = api.open()
            gone = conn.interfaceLookupByName("br9")
            subprocess.run(["ip", "link", "delete", "br9"], check=True)
            refused = []
            for call, *words in (
                (conn.interfaceLookupByName, "nosuch"),
                (conn.interfaceLookupByName, "x" * 99),
                (conn.interfaceLookupByMACString, OTHER),
                (conn.interfaceLookupByMACString, "nonsense"),
                (conn.interfaceLookupByMACString, MAC),
                (gone.isActive,),
                (gone.XMLDesc,),
                (conn.listAllInterfaces, 64),
                (conn.close,),
                (conn.listInterfaces,),
            ):
                try:
                    call(*words)
                except api.libvirtError as error:
                    refused.append((error.get_error_code(), error.get_error_domain(), str(error)))
            return refused

        none, part = api.VIR_ERR_NO_INTERFACE, api.VIR_FROM_INTERFACE
        unknown = "Interface not found: couldn't find interface"
        several = f"multiple matching interfaces found: the MAC address '{MAC}' matches multiple interfaces"
        flags = "unsupported flags (0x40) in function virConnectListAllInterfaces"
        closed = "invalid connection pointer in virConnectListInterfaces"
        assert host.call(ask) == [
            (none, part, f"{unknown} named 'nosuch'"),
            (none, part, f"{unknown} named '{'x' * 99}'"),
            (none, part, f"{unknown} with MAC address '{OTHER}'"),
            (none, part, f"{unknown} with MAC address 'nonsense'"),
            (api.VIR_ERR_MULTIPLE_INTERFACES, part, several),
            (none, part, f"{unknown} named 'br9'"),
            (none, part, f"{unknown} named 'br9'"),
            (api.VIR_ERR_INVALID_ARG, api.VIR_FROM_NETWORK, flags),
            (api.VIR_ERR_INVALID_CONN, api.VIR_FROM_NETWORK, closed),
        ]
