"""Which NICs can be shared, and by what steps: decided by facts alone."""

from _socket import AF_INET

import pytest

from vnethook.capability import shared_interface
from vnethook.errors import StateError
from vnethook.host.link_address import LinkAddress
from vnethook.host.link_route import LinkRoute
from vnethook.host.networkd import NetworkdLink
from vnethook.host.nic_facts import NicFacts
from vnethook.host.nic_owners import Owners
from vnethook.live.rtnl import Link
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.zone import JoinZone

NIC = Link("eth0", 2, "52:54:00:aa:bb:01", 1450, 0, "", is_up=True, has_carrier=True)
ADDRESS = LinkAddress(AF_INET, 24, 0, 0x80, ((1, "c0000214"), (2, "c0000214")))
ROUTE = LinkRoute(AF_INET, 0, 0, 0, 4, 0, 0, ((5, "c0000201"), (15, "fe000000")))
FACTS = NicFacts(NIC, "", False, (ADDRESS,), (ROUTE,), (("ipv4", "proxy_arp", "1"),), 0, "1")
SHARED = SharedInterface("ebreth0", "eth0", 1)
HINT = "let it look after the bridge instead, by its own configuration, or give the NIC fixed addresses"


def test_the_plan_prepares_the_bridge_then_moves_all_at_once() -> None:
    assert [str(step) for step in shared_interface.plan(FACTS, SHARED, at_s=9)] == [
        "create bridge ebreth0, MAC 52:54:00:aa:bb:01, MTU 1450",
        "set on ebreth0: proxy_arp=1, rp_filter=2",
        "bring ebreth0 up",
        "have the kernel make no link-local addresses on eth0",
        "make eth0 a port of ebreth0, which takes over 192.0.2.20/24, 1 route",
        "set on ebreth0: rp_filter=1",
        "have the kernel make link-local addresses on ebreth0",
    ]


def test_in_the_layout_of_the_proposal_the_bridge_takes_the_nics_name_with_its_addresses() -> None:
    shared = SharedInterface("eth0", "eth0", 1, port="peth0")
    assert [str(step) for step in shared_interface.plan(FACTS, shared, at_s=9)] == [
        "create bridge ebreth0, MAC 52:54:00:aa:bb:01, MTU 1450",
        "set on ebreth0: proxy_arp=1, rp_filter=2",
        "bring ebreth0 up",
        "have the kernel make no link-local addresses on eth0",
        "rename eth0 peth0, ebreth0 eth0; make peth0 a port of eth0, which takes over 192.0.2.20/24, 1 route",
        "set on eth0: rp_filter=1",
        "have the kernel make link-local addresses on eth0",
    ]


def test_without_ipv6_nothing_is_said_of_it() -> None:
    steps = shared_interface.plan(FACTS.replace(generation=None, sysctls=()), SHARED, at_s=9)
    assert [type(step).__name__ for step in steps] == [
        *("CreateSharedBridge", "SetLinkSysctls", "SetLinkUp", "MoveToBridge", "CheckSources"),
    ]


def test_a_step_is_the_same_after_it_was_in_a_journal() -> None:
    from vnethook.live import files
    from vnethook.plan.step import from_record

    for step in shared_interface.plan(FACTS, SHARED, at_s=9):
        assert from_record(files.loads(files.dumps(step.to_record()))) == step


REFUSED = {
    "loopback": (NIC.replace(is_loopback=True), {}, "is the host's loopback", "name a NIC: `ip link` lists them"),
    "wireless": (
        NIC,
        {"is_wireless": True},
        "is wireless: an access point drops what comes from a guest's MAC",
        "guests get out by NAT (network default); to be reached: vnet share eth0 --mode proxyarp",
    ),
    "bridge": (NIC.replace(kind="bridge"), {}, "is a bridge itself", "guests join it as it is: bridge=eth0"),
    "port": (
        NIC,
        {"master": "br0"},
        "is a port of 'br0' already",
        "guests join that by a network with <forward mode='bridge'/><bridge name='br0'/>",
    ),
    "down": (NIC.replace(is_up=False), {}, "is down", "ip link set eth0 up"),
    "no Ethernet": (NIC.replace(mac=""), {}, "has no MAC, so it is no Ethernet", ""),
    "a filter": (
        NIC,
        {"filters": ("nftables' table inet filter", "iptables' table nat")},
        "nftables' table inet filter and iptables' table nat would not know its bridge 'ebreth0'",
        "give ebreth0 the same rules beside eth0's first, or use --layout proposal: it keeps the name",
    ),
    "a macvlan": (
        NIC,
        {"takers": ("mv0", "mv1")},
        "mv0 and mv1 have all its packets",
        "a macvlan or the like and a bridge exclude each other",
    ),
    "its disk": (
        NIC,
        {"remote_disk": "/usr on nfs4"},
        "the host has /usr on nfs4, which must not lose the network",
        "--force if that is by another NIC",
    ),
    "several hops": (
        NIC,
        {"routes": (ROUTE.replace(is_joint=True),)},
        "is one of several links of a route (nexthop), which cannot be moved",
        "see `ip route show table all`",
    ),
    "a client": (
        NIC,
        {"owners": Owners(("dhclient (process 7)", "systemd-networkd"))},
        "dhclient (process 7) and systemd-networkd give it addresses, and would put them back on it",
        HINT,
    ),
    "a lease": (
        NIC,
        {"addresses": (ADDRESS.replace(valid_s=600),)},
        "address 192.0.2.20/24 ends in 600 s, so a DHCP client looks after it",
        HINT,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cut_the_host_off_is_refused(name: str) -> None:
    link, change, reason, hint = REFUSED[name]
    with pytest.raises(StateError) as refused:
        shared_interface.require(FACTS.replace(link=link, **change), SHARED)
    assert (str(refused.value), refused.value.hint) == (f"interface 'eth0': share: {reason}", hint)


@pytest.mark.parametrize("name", ["a filter", "its disk"])
def test_what_may_cut_the_host_off_is_said_if_it_is_done_all_the_same(name: str) -> None:
    link, change, reason, _ = REFUSED[name]
    facts = FACTS.replace(link=link, **change)
    shared_interface.require(facts, SHARED, is_forced=True)
    assert shared_interface.notes(facts, SHARED) == (f"interface 'eth0': {reason}",)


def test_name_servers_that_are_written_with_the_nics_name_are_told_unless_somebody_writes_them_anew() -> None:
    facts = FACTS.replace(name_servers=("fe80::1%eth0",))
    asked = "interface 'eth0': fe80::1%eth0 of resolv.conf: "
    assert shared_interface.notes(facts, SHARED) == (f"{asked}nobody answers there: write %ebreth0",)
    renamed = SharedInterface("eth0", "eth0", 1, port="peth0")
    later = "programs that run ask it at 'peth0' until they start anew (vnet net-restart)"
    assert shared_interface.notes(facts, renamed) == (f"{asked}{later}",)
    looked_after = NetworkdLink("eth0", "", "", "192.0.2.20", "")
    assert shared_interface.notes(facts.replace(owners=Owners(networkd=looked_after)), SHARED) == ()


def test_what_stays_with_the_nic_is_told() -> None:
    facts = FACTS.replace(groups=("239.1.2.3", "ff05::1:3"), pinned=("nftables' table inet f",))
    assert shared_interface.notes(facts, SHARED) == (
        "interface 'eth0': programs in 239.1.2.3, ff05::1:3 have to join on bridge 'ebreth0' anew",
    )
    renamed = SharedInterface("eth0", "eth0", 1, port="peth0")
    hooked = FACTS.replace(hooked=("nftables' table netdev n",))
    assert shared_interface.notes(hooked, SHARED) == ()
    assert shared_interface.notes(hooked, renamed) == (
        "interface 'eth0': chains of nftables' table netdev n are at what has its name, since Linux 6.16",
    )
    with pytest.raises(StateError, match="table inet f would go on to mean 'peth0'"):
        shared_interface.require(facts, renamed)


def test_the_bridge_is_put_into_the_nics_zone_unless_it_takes_its_name() -> None:
    facts = FACTS.replace(zone="internal")
    assert JoinZone("ebreth0", "internal") in shared_interface.plan(facts, SHARED, at_s=9)
    renamed = SharedInterface("eth0", "eth0", 1, port="peth0")
    assert not any(isinstance(step, JoinZone) for step in shared_interface.plan(facts, renamed, at_s=9))


def test_a_nic_with_fixed_addresses_is_not_refused() -> None:
    shared_interface.require(FACTS, SHARED)


@pytest.mark.parametrize(
    ("nic", "bridge"),
    [("eth0", "ebreth0"), ("eth0.42", "ebreth0.42"), ("enx525400aabb01", "ebr525400aabb01"), ("x", "ebrx")],
)
def test_the_bridge_is_named_by_the_nic_within_what_the_kernel_takes(nic: str, bridge: str) -> None:
    assert shared_interface.bridge_name(nic) == bridge


def test_what_ends_is_not_given_back_after_its_end() -> None:
    leased = ADDRESS.replace(valid_s=600, preferred_s=300)
    assert leased.aged(400) == leased.replace(valid_s=200, preferred_s=0)
    assert leased.aged(600) is None
    assert leased.aged(9999, now=ADDRESS) == ADDRESS
    assert ADDRESS.aged(9999) == ADDRESS
    assert ROUTE.replace(expires_s=5).aged(5) is None
    assert ROUTE.aged(5) == ROUTE
