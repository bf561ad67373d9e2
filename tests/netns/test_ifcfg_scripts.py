"""ifcfg files as initscripts' own network-scripts bring them up: a checkout of them is named by VNETHOOK_INITSCRIPTS.

No package of Debian's has them, so that these tests run where somebody gives them: git clone
https://github.com/fedora-sysv/initscripts; VNETHOOK_INITSCRIPTS=initscripts script/test tests/netns/test_ifcfg_scripts.py
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.golden.test_interface_files import CASES, MAC, in_layout
from tests.lab import Machine
from tests.lab.lan import GATEWAY, GATEWAY6
from tests.lab.machine import wait_for
from tests.lab.managers import ScriptedHost
from tests.netns.test_manager_files import LEASED, serve
from vnethook.capability.manager.formats import render
from vnethook.host import ifcfg_templates

CHECKOUT = os.environ.get("VNETHOOK_INITSCRIPTS", "")
pytestmark = [
    pytest.mark.netns,
    pytest.mark.managers,
    pytest.mark.skipif(not CHECKOUT, reason="VNETHOOK_INITSCRIPTS names no checkout of initscripts"),
]
LAYOUTS = ("bridge", "proposal")


@contextmanager
def _booted(config):
    """A host that `service network start` has brought up; the NIC has the name that udev would have given it."""
    with Machine("router") as router, ScriptedHost() as host:
        host.prepare()
        host.install(Path(CHECKOUT).resolve())
        router.lay_cable("lan0", host, "eth0")
        host.run(["ip", "link", "set", "eth0", "down"])
        host.run(["ip", "link", "set", "eth0", "address", MAC, "name", config.port])
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        router.run(["ip", "-6", "address", "add", f"{GATEWAY6}/64", "dev", "lan0", "nodad"])
        for file in render("ifcfg", config, ifcfg_templates.read()).files:
            host.run(["tee", file.path], stdin=file.text)
        host.run(["sysctl", "-q", "-p", f"/etc/sysctl.d/90-vnethook-{config.port}.conf"])
        if config.dhcp4:
            serve(router)
        yield host, host.network("start")


def _addresses(host, link):
    [found] = host.json(["ip", "-json", "address", "show", "dev", link])
    return {
        (one["local"], one["prefixlen"], one.get("label", link))
        for one in found["addr_info"]
        if one["scope"] == "global"
    }


def _require_sound_bridge(host, config):
    [bridge] = host.json(["ip", "-details", "-json", "link", "show", "dev", config.bridge])
    [port] = host.json(["ip", "-details", "-json", "link", "show", "dev", config.port])
    assert bridge["address"] == MAC
    assert (bridge["linkinfo"]["info_data"]["stp_state"], bridge["linkinfo"]["info_data"]["forward_delay"]) == (0, 0)
    assert (port["master"], port["linkinfo"]["info_slave_data"]["state"]) == (config.bridge, "forwarding")
    assert host.json(["ip", "-json", "address", "show", "dev", config.port])[0]["addr_info"] == []


def _routes(host, *words):
    return {tuple(line.split()) for line in host.run(["ip", *words]).stdout.splitlines() if "proto kernel" not in line}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_addresses_labels_routes_and_rules_come_up(layout):
    config = in_layout(CASES["rich"], layout)
    with _booted(config) as (host, started):
        assert "FAILED" not in started.stdout, started
        bridge = config.bridge
        _require_sound_bridge(host, config)
        wanted = {(one.ip, one.prefix, f"{bridge}:{one.label}" if one.label else bridge) for one in config.addresses}
        assert _addresses(host, bridge) == wanted
        assert [host.json(["ip", "-json", "link", "show", link])[0]["mtu"] for link in (config.port, bridge)] == [
            1450,
            1450,
        ]
        assert {
            ("default", "via", GATEWAY, "dev", bridge, "metric", "100"),
            ("10.9.0.0/16", "via", "10.77.0.1", "dev", bridge, "onlink"),
            ("10.10.0.0/16", "dev", bridge, "scope", "link"),
        } <= _routes(host, "route")
        assert _routes(host, "route", "show", "table", "100") == {
            ("198.51.100.0/24", "via", "192.0.2.254", "dev", bridge, "src", "192.0.2.21")
        }
        assert ("5:", "from", "192.0.2.21", "lookup", "100") in _routes(host, "rule")
        assert any(rule[-4:] == ("to", "2001:db8:67::/48", "lookup", "101") for rule in _routes(host, "-6", "rule"))
        found = {route[:5] for route in _routes(host, "-6", "route")}
        assert {
            ("default", "via", GATEWAY6, "dev", bridge),
            ("2001:db8:66::/48", "via", "2001:db8::2", "dev", bridge),
        } <= found
        stopped = host.network("stop")
        assert "FAILED" not in stopped.stdout, stopped
        assert not host.has(f"/sys/class/net/{bridge}/bridge")
        assert "192.0.2.21" not in host.run(["ip", "rule"]).stdout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_bridge_has_the_lease_of_the_nic(layout):
    config = in_layout(CASES["dhcp"], layout)
    with _booted(config) as (host, _):
        wait_for(lambda: (LEASED, 24, config.bridge) in _addresses(host, config.bridge), "the lease")
        _require_sound_bridge(host, config)
        assert [route["dev"] for route in host.json(["ip", "-json", "route", "show", "default"])] == [config.bridge]


def test_a_gateway_off_the_subnet_is_reached():
    with _booted(CASES["off-link"]) as (host, _):
        assert {("default", "via", GATEWAY, "dev", "br0"), (GATEWAY, "dev", "br0", "scope", "link")} <= _routes(
            host, "route"
        )


BEFORE = {
    "ifcfg-eth0": f'DEVICE="eth0"\nHWADDR={MAC.upper()}\nONBOOT=yes\nBOOTPROTO=none\nIPADDR=192.0.2.20\nPREFIX=24\nGATEWAY={GATEWAY}\nDNS1={GATEWAY}\nNM_CONTROLLED=no\nARPCHECK=no # fast\n',
    "ifcfg-eth0:0": "DEVICE=eth0:0\nONPARENT=yes\nIPADDR=192.0.2.21\nPREFIX=24\n",
    "route-eth0": "198.51.100.0/24 via 192.0.2.254 dev eth0\ndefault via 192.0.2.254 dev eth0 table 100\n",
    "rule-eth0": "from 192.0.2.21 table 100\n",
}
DIRECTORY = "/etc/sysconfig/network-scripts"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_nic_of_the_scripts_is_shared_for_good_and_given_back(layout):
    bridge, port = ("ebreth0", "eth0") if layout == "bridge" else ("eth0", "peth0")
    with Machine("router") as router, ScriptedHost() as host:
        host.prepare()
        host.install(Path(CHECKOUT).resolve())
        router.lay_cable("lan0", host, "eth0")
        host.run(["ip", "link", "set", "eth0", "down"])
        host.run(["ip", "link", "set", "eth0", "address", MAC])
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        for name, text in BEFORE.items():
            host.run(["tee", f"{DIRECTORY}/{name}"], stdin=text)
        host.run(["sh", "-c", "echo GATEWAYDEV=eth0 >>/etc/sysconfig/network"])
        host.network("start")
        picture = ["sh", "-c", "md5sum /etc/sysconfig/network-scripts/*-* /etc/sysconfig/network; ls /etc/sysctl.d"]
        before = host.run(picture).stdout
        host.vnet("share", "eth0", "--persist", "--yes", "--layout", layout)
        was = _addresses(host, bridge), _routes(host, "route"), _routes(host, "route", "show", "table", "100")
        assert ("192.0.2.21", 24, f"{bridge}:0") in was[0]
        host.run(
            [
                "sh",
                "-c",
                f"ip link set {port} nomaster; ip link delete {bridge}; ip rule del table 100; rm -rf /run/vnethook",
            ]
        )
        started = host.network("start")
        assert "FAILED" not in started.stdout, started
        assert (_addresses(host, bridge), _routes(host, "route"), _routes(host, "route", "show", "table", "100")) == was
        assert host.run(["ip", "rule"]).stdout.count("lookup 100") == 1
        host.vnet("unshare", "eth0")
        assert host.run(picture).stdout == before
        assert ("192.0.2.21", 24, "eth0:0") in _addresses(host, "eth0")
