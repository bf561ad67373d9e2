"""What gives a NIC its addresses goes to its bridge, or the NIC is not shared: decided by facts alone."""

from _socket import AF_INET, AF_INET6

import pytest

from vnethook.capability import shared_interface
from vnethook.errors import StateError
from vnethook.host.dhcp_client import DhcpClient
from vnethook.host.link_address import LinkAddress
from vnethook.host.networkd import NetworkdLink
from vnethook.host.nic_facts import NicFacts
from vnethook.host.nic_owners import Owners
from vnethook.live.rtnl import Link
from vnethook.live.shared_interface import SharedInterface

NIC = Link("eth0", 2, "52:54:00:aa:bb:01", 1500, 0, "", is_up=True, has_carrier=True)
LEASED = LinkAddress(AF_INET, 24, 0, 0, ((1, "c0000214"), (2, "c0000214")), 300, 600)
FIXED6 = LinkAddress(AF_INET6, 64, 0, 0x80, ((1, "20010db8" + "0" * 23 + "1"),))
FACTS = NicFacts(NIC, "", False, (LEASED,), (), (), None, "0")
SHARED = SharedInterface("ebreth0", "eth0", 1)
CLIENT = DhcpClient("dhclient", "eth0", 4, ("/sbin/dhclient",), ("eth0",), pid=7, since=1)
CLIENT6 = CLIENT.replace(version=6, arguments=("-6", "eth0"))
NETWORKD = NetworkdLink("eth0", "/etc/systemd/network/20-wired.network", "", "192.0.2.20", "")


def _steps(owners: Owners) -> list[str]:
    return [str(step) for step in shared_interface.plan(FACTS.replace(owners=owners), SHARED, at_s=9)]


def _refusal(owners: Owners, shared: SharedInterface = SHARED, *more: LinkAddress) -> str:
    with pytest.raises(StateError) as error:
        shared_interface.require(FACTS.replace(owners=owners, addresses=(LEASED, *more)), shared)
    return str(error.value)


def test_a_client_is_held_first_and_runs_for_the_bridge_last() -> None:
    steps = _steps(Owners(clients=(CLIENT, CLIENT6)))
    assert steps[:2] == ["hold dhclient of eth0", "hold dhclient of eth0 for IPv6"]
    assert steps[-2:] == [
        "run dhclient of ebreth0 in place of dhclient of eth0",
        "run dhclient of ebreth0 for IPv6 in place of dhclient of eth0 for IPv6",
    ]


def test_networkd_is_told_when_the_addresses_have_moved() -> None:
    steps = _steps(Owners(networkd=NETWORKD))
    assert steps[0] == "have systemd-networkd keep what eth0 has when it takes it up again"
    assert steps[-1] == "have systemd-networkd look after ebreth0 in place of eth0"


def test_a_client_that_can_be_handed_over_is_no_reason_to_refuse() -> None:
    for owners in (Owners(clients=(CLIENT,)), Owners(clients=(CLIENT, CLIENT6)), Owners(networkd=NETWORKD)):
        shared_interface.require(FACTS.replace(owners=owners), SHARED)


def test_two_that_give_the_same_addresses_are_refused() -> None:
    both = "interface 'eth0': share: dhclient (process 7) and dhclient (process 7) both give it addresses"
    assert _refusal(Owners(clients=(CLIENT, CLIENT))) == both
    expected = "interface 'eth0': share: dhclient of eth0 and systemd-networkd both give it addresses"
    assert _refusal(Owners(clients=(CLIENT,), networkd=NETWORKD)) == expected


def test_a_fixed_address_beside_dhclient_for_ipv6_is_refused() -> None:
    """Debian's dhclient-script flushes those of the link as it starts (PREINIT6)."""
    said = _refusal(Owners(clients=(CLIENT6,)), SHARED, FIXED6)
    assert said.endswith("would be taken away by the script of dhclient -6 as it starts")
    shared_interface.require(FACTS.replace(owners=Owners(clients=(CLIENT,)), addresses=(LEASED, FIXED6)), SHARED)


def test_networkd_and_a_bridge_with_the_nics_name_are_refused() -> None:
    said = _refusal(Owners(networkd=NETWORKD), SHARED.replace(bridge="eth0", port="peth0"))
    assert said == "interface 'eth0': share: systemd-networkd would take the bridge for the NIC by its name"
