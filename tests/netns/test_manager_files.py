"""The files that are written for a shared NIC, as its manager's own programs read them, and what they bring up."""

from contextlib import contextmanager

import pytest

from tests.golden.test_interface_files import CASES, in_layout
from tests.lab import Machine
from tests.lab.lan import GATEWAY, GATEWAY6, OURS, OURS6
from tests.lab.machine import wait_for
from tests.lab.managers import ManagedHost
from vnethook.capability.manager.formats import FORMATS, render
from vnethook.errors import HostError
from vnethook.host import ifcfg_templates, manager_check

pytestmark = [pytest.mark.netns, pytest.mark.managers]
MAC, LEASED, LAN6 = "52:54:00:aa:bb:01", "192.0.2.50", "2001:db8::5054:ff:feaa:bb01"
STATIC = ("--address", f"{OURS}/24", "--gateway", GATEWAY, "--address", f"{OURS6}/64", "--gateway", GATEWAY6)
STARTED = ("keyfile", "networkd", "netplan", "netplan-nm", "ifupdown")
"""Formats whose managers are Debian's."""


@contextmanager
def _booted(form, *words):
    """A host whose manager has come up with the files that `vnet share --print` writes for it."""
    with Machine("router") as router, ManagedHost() as host:
        host.prepare()
        router.lay_cable("lan0", host, "eth0")
        host.run(["ip", "link", "set", "eth0", "down"])
        host.run(["ip", "link", "set", "eth0", "address", MAC])
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        router.run(["ip", "-6", "address", "add", f"{GATEWAY6}/64", "dev", "lan0", "nodad"])
        if "--dhcp" in words:
            serve(router)
        host.vnet(
            "share", "eth0", "--print", "--format", form, "--bridge", "br0", "--mac", MAC, *words, "--output", "/"
        )
        if form.startswith("netplan"):
            host.run(["netplan", "generate"])
        if form == "ifupdown":
            host.run(["ifup", "br0"])
        elif form in {"networkd", "netplan"}:
            host.start_networkd()
        else:
            host.start_networkmanager()
        yield host


def serve(router, *, by_mac=True):
    """Leases, by the MAC or by what clients call themselves, and a router's advertisements."""
    words = ["--dhcp-range=192.0.2.100,192.0.2.110", f"--dhcp-option=3,{GATEWAY}"]
    words += [f"--dhcp-host={MAC},{LEASED}"] if by_mac else []
    words += ["--enable-ra", "--dhcp-range=2001:db8::,ra-only", "--ra-param=lan0,4", "--port=0", "--interface=lan0"]
    files = [
        f"--dhcp-leasefile={router.directory}/leases",
        "--conf-file=/dev/null",
        f"--pid-file={router.directory}/pid",
    ]
    router.popen(["dnsmasq", "--keep-in-foreground", "--log-facility=-", *words, *files], stderr=-3)
    wait_for(lambda: router.run(["ss", "-lun"]).stdout.count(":67 "), "the DHCP server")


def _addresses(host, link):
    [found] = host.json(["ip", "-json", "address", "show", "dev", link]) or [{}]
    return {f"{one['local']}/{one['prefixlen']}" for one in found["addr_info"] if not one.get("tentative")}


def _has(host, *wanted):
    return host.has("/sys/class/net/br0") and set(wanted) <= _addresses(host, "br0")


def _require_sound_bridge(host):
    """It has the NIC's MAC, given and not chosen; STP does not hold its port; that has no address of its own."""
    [bridge] = host.json(["ip", "-details", "-json", "link", "show", "dev", "br0"])
    [port] = host.json(["ip", "-details", "-json", "link", "show", "dev", "eth0"])
    assert bridge["address"] == port["address"] == MAC
    assert host.run(["cat", "/sys/class/net/br0/addr_assign_type"]).stdout == "3\n"  # NET_ADDR_SET, linux/netdevice.h
    assert bridge["linkinfo"]["info_data"]["stp_state"] == 0
    assert (port["master"], port["linkinfo"]["info_slave_data"]["state"]) == ("br0", "forwarding")
    assert _addresses(host, "eth0") == set()


def _default_metrics(host):
    routes = host.json(["ip", "-json", "route", "show", "default"])
    assert [(route["gateway"], route["dev"]) for route in routes] == [(GATEWAY, "br0")]
    return [route.get("metric", 0) for route in routes]


@pytest.mark.parametrize("form", STARTED)
def test_the_bridge_comes_up_with_the_nics_mac_and_its_addresses(form):
    with _booted(form, *STATIC, "--mtu", "1400") as host:
        wait_for(lambda: _has(host, f"{OURS}/24", f"{OURS6}/64"), "addresses on the bridge")
        wait_for(lambda: host.run(["ping", "-c1", "-W1", GATEWAY6], check=False).returncode == 0, "the router by IPv6")
        host.run(["ping", "-c1", GATEWAY])
        _require_sound_bridge(host)
        assert [one["mtu"] for link in ("eth0", "br0") for one in host.json(["ip", "-json", "link", "show", link])] == [
            1400
        ] * 2
        assert max(_default_metrics(host)) <= 100  # not behind that of another NIC


@pytest.mark.parametrize("form", STARTED)
def test_the_bridge_has_the_lease_of_the_nic_and_what_routers_advertise(form):
    with _booted(form, "--dhcp") as host:
        wait_for(lambda: _has(host, f"{LEASED}/24"), "the lease of the NIC's MAC")
        wait_for(lambda: any(one.startswith("2001:db8::") for one in _addresses(host, "br0")), "an advertised address")
        _require_sound_bridge(host)
        assert max(_default_metrics(host)) <= 1024


@pytest.fixture(scope="module")
def installed():
    with ManagedHost() as host:
        host.prepare()
        yield host


@pytest.mark.parametrize("layout", ["bridge", "proposal"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_managers_own_tool_reads_all_that_is_written(installed, form, layout):
    for case in CASES.values():
        config = in_layout(case, layout)
        texts = {file.path: file.text for file in render(form, config, ifcfg_templates.read()).files}
        said = installed.call(lambda: manager_check.check(form, texts, config.bridge, "/run/checked"))  # noqa: B023 (called at once)
        assert said == (["systemd-networkd has no tool to check its files with"] if form == "networkd" else [])
        assert not installed.has("/run/checked")


@pytest.mark.parametrize(
    ("form", "path", "change", "message"),
    [
        ("keyfile", "/etc/NetworkManager/system-connections/br0.nmconnection", ("stp=false", "stp=perhaps"), "nmcli: refuses what would be written: drops [bridge]stp=perhaps"),
        ("netplan", "/etc/netplan/90-br0.yaml", ("macaddress", "macadress"), "netplan generate: refuses what would be written: "),
        ("ifupdown", "/etc/network/interfaces.d/br0", ("inet static", "inet statik"), "ifup --no-act: refuses what would be written: "),
        ("ifcfg", "/etc/sysconfig/network-scripts/ifcfg-br0", ("'Bridge'", "'Bridge"), "ifcfg-br0: refuses what would be written: "),
    ],
)  # fmt: skip
def test_what_a_managers_tool_refuses_is_not_written(installed, form, path, change, message):
    texts = {file.path: file.text for file in render(form, CASES["static"], ifcfg_templates.read()).files}
    texts[path] = texts[path].replace(*change)
    with pytest.raises(HostError) as refused:
        installed.call(lambda: manager_check.check(form, texts, "br0", "/run/checked"))
    assert message in refused.value.message
