"""What a plan has to know of the host: on which interfaces it listens to routers, which subnets are in use."""

import pytest

from tests.unit.plan import rich
from tests.unit.plan.fake_host import FakeHost
from vnethook.address import parse_subnet
from vnethook.definition.model import Network
from vnethook.host import facts
from vnethook.host.facts import Taken
from vnethook.live.rtnl import Route


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


def _listening(host):
    return facts.collect(host, rich.NETWORK).accepts_ra


def test_an_uplink_and_those_to_come_listen_to_routers(host):
    assert _listening(host) == ("default", "eth0")


def test_a_network_without_ipv6_asks_for_nothing(host):
    assert facts.collect(host, Network("lab")).accepts_ra == ()


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


def test_ports_of_bridges_and_interfaces_without_ipv6_do_not_listen_to_routers(host):
    """With 300 taps each costs a sysctl, a journal line and a rewrite of the register: 470 ms in place of 50."""
    host.links.add("tap0", master=9)
    host.links.add("tap1")
    host.sysctls.values["net/ipv6/conf/tap1/disable_ipv6"] = "1"
    if _listening(host) != ("default", "eth0"):
        pytest.fail(f"{_listening(host)}")


def test_a_subnet_is_taken_by_a_route_and_by_an_address(host):
    uplink = host.links.link("eth0").index
    vpn = parse_subnet("10.0.0.0/8")
    host.links.more_routes = [
        Route(4, 0, 2**32 - 1, 0, uplink, 254),  # the default route
        Route(4, 0, 2**31 - 1, 1, uplink, 254),  # a half of it
        Route(vpn.version, vpn.first, vpn.last, vpn.prefix, uplink, 51820),
    ]
    assert facts.taken_subnets(host) == [
        Taken(parse_subnet("198.51.100.0/24"), "eth0", "the route 198.51.100.0/24 dev eth0"),
        Taken(vpn, "eth0", "the route 10.0.0.0/8 dev eth0 in table 51820"),
        Taken(parse_subnet("198.51.100.2"), "eth0", "the address 198.51.100.2/24 of eth0"),
    ]
    assert facts.taken_subnets(host, except_device="eth0") == []
    assert len(facts.taken_subnets(host, except_device="gone0")) == 3


def test_a_route_to_no_interface_or_to_one_that_is_gone_is_named_all_the_same(host):
    block = parse_subnet("10.0.0.0/8")
    host.links.more_routes = [Route(4, block.first, block.last, 8, number, 254) for number in (0, 77)]
    found = [taken.what for taken in facts.taken_subnets(host, except_device="eth0")]
    assert found == ["the route 10.0.0.0/8 dev ", "the route 10.0.0.0/8 dev 77"]
