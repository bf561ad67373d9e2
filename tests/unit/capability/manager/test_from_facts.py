"""Which of a NIC's addresses and routes are to stand in files: those that come by nothing else."""

from _socket import AF_INET, AF_INET6

from vnethook.capability.manager import from_facts
from vnethook.capability.manager.config import AUTO, NONE, Address, InterfaceConfig, Route
from vnethook.capability.manager.rendering import Said
from vnethook.host.link_address import LinkAddress
from vnethook.host.link_route import LinkRoute
from vnethook.host.nic_facts import NicFacts
from vnethook.live.rtnl import Link

NIC = Link("eth0", 2, "52:54:00:aa:bb:01", 1500, 0, "", is_up=True, has_carrier=True)
LEASED = LinkAddress(AF_INET, 24, 0, 0, ((1, "c0000214"), (2, "c0000214")), 300, 600)
# By `ip -json -details address` of systemd-networkd where a router says that its prefix lasts for ever.
ADVERTISED = LinkAddress(AF_INET6, 64, 0, 0x300, ((1, "20010db8" + "0" * 23 + "1"),))
BY_CLIENT = LinkRoute(AF_INET, 0, 0, 0, 3, 0, 0, ((15, "fe000000"), (5, "c0000201"), (4, "02000000")))
FACTS = NicFacts(NIC, "", False, (LEASED, ADVERTISED), (BY_CLIENT,), (), 0, "0")


def _config(said: Said) -> InterfaceConfig:
    return from_facts.config(FACTS, "br0", said)[0]


def test_what_a_dhcp_client_and_a_router_give_is_in_no_file() -> None:
    config = _config(Said(dhcp4=True))
    assert (config.ipv6, config.addresses, config.routes) == (AUTO, (), ())


def test_without_a_client_a_default_route_is_the_administrators() -> None:
    assert _config(Said()).routes == (Route("0.0.0.0/0", "192.0.2.1", is_onlink=False),)


def test_where_no_router_is_heard_an_address_is_kept() -> None:
    assert _config(Said(dhcp4=True, ipv6=NONE)).addresses == (Address("2001:db8::1", 64),)
