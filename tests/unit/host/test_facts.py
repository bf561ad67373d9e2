"""What a plan has to know of the host: on which interfaces it listens to routers, which subnets are in use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plan import rich
from tests.unit.plan.fake_host import FakeHost
from vnethook.address import parse_subnet, subnet_of
from vnethook.definition.model import Network
from vnethook.host import facts
from vnethook.host.facts import Taken
from vnethook.live.rtnl import Route


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


def _listening(host):
    return facts.collect(host, facts.asked(rich.NETWORK)).accepts_ra


def test_an_uplink_and_those_to_come_listen_to_routers(host):
    assert _listening(host) == ("default", "eth0")


def test_a_network_without_ipv6_asks_for_nothing(host):
    assert facts.collect(host, facts.asked(Network("lab"))).accepts_ra == ()


def test_a_host_that_forwarded_ipv6_before_us_is_left_alone(host):
    host.sysctls.values["net/ipv6/conf/all/forwarding"] = "1"
    assert _listening(host) == ()


def test_an_interface_that_listens_to_no_router_is_left_alone(host):
    host.sysctls.values["net/ipv6/conf/eth0/accept_ra"] = "0"
    assert _listening(host) == ("default",)


def test_a_repair_asks_for_the_same_as_the_first_start(host):
    first = _listening(host)
    for name in first:
        path = f"net/ipv6/conf/{name}/accept_ra"
        host.shared.hold(path, "lab", {path: "1"})
        host.sysctls.values[path] = "2"
    host.shared.hold("net/ipv6/conf/all/forwarding", "lab", {"net/ipv6/conf/all/forwarding": "0"})
    host.sysctls.values["net/ipv6/conf/all/forwarding"] = "1"
    assert _listening(host) == first


def _add(host, name, *, kind, is_up, disable_ipv6="0"):
    host.links.add(name, kind=kind)
    host.links.links[name] = host.links.link(name).replace(is_up=is_up)
    host.sysctls.values[f"net/ipv6/conf/{name}/disable_ipv6"] = disable_ipv6


def test_an_interface_without_ipv6_does_not_listen_to_routers(host):
    """A guest's port is one. With 300 each costs a sysctl, a journal line and a rewrite of the register."""
    _add(host, "tap0", kind="tun", is_up=True, disable_ipv6="1")
    _add(host, "eth1", kind="", is_up=True, disable_ipv6="1")
    assert _listening(host) == ("default", "eth0")


def test_a_bridge_that_another_network_has_just_made_is_not_taken_for_one_that_listens(host):
    """It is down and has no ports; set to listen, it would take routers from guests."""
    _add(host, "vnbr9", kind="bridge", is_up=False)
    _add(host, "br0", kind="bridge", is_up=False)
    host.links.links["eth0"] = host.links.links["eth0"].replace(master=host.links.link("br0").index)
    _add(host, "br1", kind="bridge", is_up=True)
    assert _listening(host) == ("br0", "br1", "default", "eth0")


def test_a_tap_listens_to_routers_only_while_it_is_up_and_another_interface_always(host):
    """A tap that is down is about to become a guest's port; a VPN's is up."""
    _add(host, "tap0", kind="tun", is_up=False)
    _add(host, "tun0", kind="tun", is_up=True)
    _add(host, "wlan0", kind="", is_up=False)
    assert _listening(host) == ("default", "eth0", "tun0", "wlan0")


def test_a_port_that_is_already_held_stays_held(host):
    """Else a repair of a network would give back what its start has set."""
    _add(host, "tap0", kind="tun", is_up=True, disable_ipv6="1")
    path = "net/ipv6/conf/tap0/accept_ra"
    host.shared.hold(path, "lab", {path: "1"})
    assert _listening(host) == ("default", "eth0", "tap0")


def test_the_register_of_shared_settings_is_read_once_for_any_number_of_interfaces(host, monkeypatch):
    for number in range(50):
        host.links.add(f"eth{number + 1}", kind="veth")
    reads = []
    read = host.shared._read
    monkeypatch.setattr(host.shared, "_read", lambda: reads.append(1) or read())
    assert len(_listening(host)) == 52
    assert reads == [1]


def test_a_subnet_is_taken_by_a_route_and_by_an_address(host):
    uplink = host.links.link("eth0").index
    vpn = parse_subnet("10.0.0.0/8")
    host.links.more_routes = [
        Route(4, 0, 2**32 - 1, 0, uplink, 254),  # the default route
        Route(4, 0, 2**31 - 1, 1, uplink, 254),  # a half of it
        Route(vpn.version, vpn.first, vpn.last, vpn.prefix, uplink, 51820),
    ]
    found = facts.taken_subnets(host)
    assert found == [
        Taken(parse_subnet("198.51.100.0/24"), uplink, 254),
        Taken(vpn, uplink, 51820),
        Taken(parse_subnet("198.51.100.2"), uplink, 0),
    ]
    assert [taken.described(host) for taken in found] == [
        "the route 198.51.100.0/24 dev eth0",
        "the route 10.0.0.0/8 dev eth0 in table 51820",
        "the address 198.51.100.2 of eth0",
    ]
    assert facts.taken_subnets(host, except_devices=["eth0"]) == []
    assert len(facts.taken_subnets(host, except_devices=["gone0"])) == 3


def test_a_route_to_no_interface_or_to_one_that_is_gone_is_named_all_the_same(host):
    block = parse_subnet("10.0.0.0/8")
    host.links.more_routes = [Route(4, block.first, block.last, 8, number, 254) for number in (0, 77)]
    found = [taken.described(host) for taken in facts.taken_subnets(host, except_devices=["eth0"])]
    assert found == ["the route 10.0.0.0/8 dev 0", "the route 10.0.0.0/8 dev 77"]


@pytest.mark.parametrize("local", ["127.0.0.0/8", "224.0.0.0/4", "fe80::/64", "ff00::/8", "::1"])
def test_what_every_host_has_is_not_taken(host, local):
    block = parse_subnet(local)
    host.links.more_routes = [Route(block.version, block.first, block.last, block.prefix, 1, 254)]
    assert facts.taken_subnets(host, except_devices=["eth0"]) == []


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(20, 32)), max_size=4))
def test_what_is_near_is_what_overlaps_something(tmp_path_factory, blocks):
    host = FakeHost(tmp_path_factory.mktemp("near"))
    near = [subnet_of(f"198.51.{100 + number % 2}.{number}", prefix) for number, prefix in blocks]
    everything = facts.taken_subnets(host)
    expected = [taken for taken in everything if any(taken.subnet.overlaps(subnet) for subnet in near)]
    assert facts.taken_subnets(host, near=near) == expected
