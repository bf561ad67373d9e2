"""What single capabilities decide, where the golden files do not show it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook import capability
from vnethook.address import BITS, Subnet, format_ip, parse_subnet, subnet_of
from vnethook.capability import dhcp, dns, dnsmasq, forwarding, idle, subnet
from vnethook.capability.dnsmasq_text import file_of
from vnethook.capability.policy.matches import own_name
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip
from vnethook.definition.model import Bridge, Network, Route
from vnethook.errors import DefinitionError
from vnethook.host.facts import Facts, Taken
from vnethook.live.paths import Paths
from vnethook.plan.daemon import complaint
from vnethook.plan.sysctl import HoldSysctl

PATHS = Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook")
UUID = "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11"


def _network(**fields):
    return Network("lab", **({"uuid": UUID, "bridge": Bridge("vnbr3"), "mac": "52:54:00:5e:00:02"} | fields))


def test_the_watcher_runs_only_where_the_settings_ask_for_it():
    assert idle.plan(_network(), Facts(PATHS)) == []
    [step] = idle.plan(_network(), Facts(PATHS, idle_s=60))
    assert step.arguments[:2] == ("-IS", "-c")
    assert step.arguments[4:] == (
        "vnethook-idle:/run/vnethook:lab",
        *("lab", "60", "/etc/vnethook", "/run/vnethook", "/var/lib/vnethook", "/etc/resolv.conf", "0"),
    )
    assert (step.word, step.configuration, step.link) == ("vnethook-idle:/run/vnethook:lab", "60", "vnbr3")


def test_the_watcher_comes_last_and_the_bridge_first():
    steps = capability.plan(_network(forward="nat", ips=(Ip("10.0.0.1", 24),)), Facts(PATHS, idle_s=60))
    assert [type(steps[0]).__name__, type(steps[-1]).__name__] == ["CreateBridge", "RunDaemon"]
    assert steps[-1].program == "python3"


@pytest.mark.parametrize("forward", ["nat", "route"])
def test_interfaces_that_listen_to_routers_go_on_listening_before_ipv6_is_forwarded(forward):
    network = _network(forward=forward, ips=(Ip("2001:db8::1", 64),))
    paths = [step.path for step in forwarding.plan(network, Facts(PATHS, accepts_ra=("default", "eth0", "vnbr3")))]
    assert paths == [
        "net/ipv6/conf/default/accept_ra",
        "net/ipv6/conf/eth0/accept_ra",
        "net/ipv6/conf/all/forwarding",
    ]


def test_an_isolated_network_forwards_nothing():
    assert forwarding.plan(_network(ips=(Ip("10.0.0.1", 24), Ip("2001:db8::1", 64))), Facts(PATHS)) == []


def test_a_network_of_one_family_turns_on_the_forwarding_of_that_family():
    four = forwarding.plan(_network(forward="nat", ips=(Ip("10.0.0.1", 24),)), Facts(PATHS))
    six = forwarding.plan(_network(forward="nat", ips=(Ip("2001:db8::1", 64),)), Facts(PATHS))
    assert four == [HoldSysctl("lab", forwarding.IPV4, "1", forwarding.ALONG_IPV4, ("ipv4", "forwarding"))]
    assert six == [HoldSysctl("lab", forwarding.IPV6, "1", (), ("ipv6", "forwarding"))]


def test_chain_names_hold_nothing_but_the_uuid():
    kinds = ("local", "host", "from", "to")
    names = [own_name(_network(), kind) for kind in kinds]
    assert names == [f"n{UUID.replace('-', '')}_{kind}" for kind in kinds]
    assert all(len(name) <= 127 for name in names)  # NFT_NAME_MAXLEN of older kernels is 128 with the closing NUL


def test_a_control_character_never_reaches_dnsmasq(monkeypatch):
    """The model lets none through; the writer refuses it once more."""
    network = _network(ips=(Ip("10.0.0.1", 24),), domain="lab.example")
    network.__dict__["domain"] = "lab\ndhcp-script=/tmp/evil"
    with pytest.raises(DefinitionError, match=r"^network 'lab': dnsmasq configuration: a control character in "):
        dnsmasq.configuration(network, Facts(PATHS))


RANGE = DhcpRange("10.0.0.100", "10.0.0.109")


def _lease_max(*hosts):
    network = _network(ips=(Ip("10.0.0.1", 24, (RANGE,), hosts),))
    lines = dnsmasq.configuration(network, Facts(PATHS)).splitlines()
    return next(int(line.partition("=")[2]) for line in lines if line.startswith("dhcp-lease-max="))


def test_there_are_as_many_leases_as_addresses_whatever_is_handed_out():
    """A number that changed with the hosts would have dnsmasq started anew for each of them."""
    hosts = [DhcpHost(f"52:54:00:00:53:0{number}", None, None, f"10.0.0.{number}") for number in (2, 3)]
    assert _lease_max() == _lease_max(*hosts) == 255


def _overlapping(others):
    return lambda candidate: any(candidate.overlaps(other) for other in others)


@given(
    seed=st.text(max_size=40),
    taken=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 30)), max_size=20),
)
def test_a_chosen_subnet_overlaps_nothing_that_is_taken(seed, taken):
    pools = ("192.168.192.0/19", "10.192.0.0/12")
    others = [Subnet(4, number >> (32 - prefix) << (32 - prefix), prefix) for number, prefix in taken]
    try:
        chosen = subnet.choose(seed, pools, 24, _overlapping(others))
    except DefinitionError:
        assert all(any(parse_subnet(pool).overlaps(other) for other in others) for pool in pools)
        return
    assert chosen.prefix == 24
    assert any(parse_subnet(pool).first <= chosen.first <= parse_subnet(pool).last for pool in pools)
    assert not any(chosen.overlaps(other) for other in others)
    assert subnet.choose(seed, pools, 24, _overlapping(others)) == chosen


def test_the_last_free_subnet_is_found_and_then_there_is_none():
    pools = ("10.0.0.0/22",)
    taken = [subnet_of(f"10.0.{number}.0", 24) for number in (0, 1, 3)]
    assert subnet.choose("x", pools, 24, _overlapping(taken)) == subnet_of("10.0.2.0", 24)
    with pytest.raises(DefinitionError, match=r"^subnet: none is free: all 4 of 10.0.0.0/22 overlap a route"):
        subnet.choose("x", pools, 24, _overlapping([*taken, subnet_of("10.0.2.128", 32)]))


@pytest.mark.parametrize("other", ["10.0.0.0/16", "10.0.0.0/24", "10.0.0.128/25", "10.0.0.9"])
def test_an_overlap_is_found_in_both_directions_and_named(other):
    network = _network(ips=(Ip("10.1.0.1", 24), Ip("10.0.0.1", 24)))
    taken = Taken(parse_subnet(other), "eth0", f"the route {other} dev eth0")
    clear = Taken(parse_subnet("10.2.0.0/16"), "eth1", "x")
    assert subnet.overlap(network, [clear]) is None
    assert subnet.overlap(network, [clear, taken]) == (subnet_of("10.0.0.0", 24), taken)


@given(version=st.sampled_from([4, 6]), number=st.integers(0, 2**128 - 1), prefix=st.integers(8, 126))
def test_reverse_zones_hold_the_names_of_a_subnets_addresses_and_no_others(version, number, prefix):
    bits = BITS[version]
    prefix = min(prefix, bits - 2)
    within = Subnet(version, (number >> (128 - prefix)) << (bits - prefix), prefix)
    zones = dns.reverse_zones(within)
    assert len(set(zones)) == len(zones) <= (128 if version == 4 else 8)

    def is_there(at):
        pointer = ip_address(format_ip(version, at)).reverse_pointer
        return any(pointer.endswith(f".{zone}") or pointer == zone for zone in zones)

    assert is_there(within.first)
    assert is_there(within.last)
    assert not is_there(within.first - 1 if within.first else within.last + 1)
    assert not is_there(within.last + 1 if within.last + 1 < 1 << bits else within.first - 1)


def test_what_dnsmasq_complains_about_is_shown():
    text = "one\ntwo=2\n"
    assert complaint("bad option at line 2 of stdin", text) == ("bad option", "two=2")
    for reason in (
        "bad option at line 3 of stdin",
        "bad option at line x",
        "failed to bind",
        " at line ",
        "at line 0 of x",
    ):
        assert complaint(reason, text) == (reason, "")


def test_a_line_that_dnsmasq_would_read_as_two_is_refused():
    assert file_of(["a" * 1024], network="lab") == "a" * 1024 + "\n"
    with pytest.raises(
        DefinitionError, match=r"^network 'lab': dnsmasq configuration: longer than 1024 characters: 'aaa"
    ):
        file_of(["a" * 1025], network="lab")


def test_what_is_said_once_in_the_definition_is_not_said_by_us():
    network = _network(ips=(Ip("10.0.0.1", 24),), options=("dns-forward-max=7", "no-negcache"))
    lines = dnsmasq.configuration(network, Facts(PATHS)).splitlines()
    assert lines[-2:] == ["dns-forward-max=7", "no-negcache"]
    assert [line for line in lines if line.startswith("dns-forward-max")] == ["dns-forward-max=7"]


def test_a_guest_is_given_what_hosts_of_its_mac_or_name_say_with_one_lease_time_for_both_families():
    hosts = (
        DhcpHost(name="DB", ip="10.0.0.2", lease_s=0),
        DhcpHost(name="any"),
        DhcpHost("52:54:00:00:53:01", "01:02", "web", "10.0.0.3", 600),
        DhcpHost("52:54:00:00:53:02", None, "mail", "10.0.0.4"),
    )
    six = (
        DhcpHost(name="db", ip="2001:db8::2"),
        DhcpHost(name="web", ip="2001:db8::3"),
        DhcpHost(id="00:01", name="mail", ip="2001:db8::4"),
    )
    network = _network(ips=(Ip("10.0.0.1", 24, (RANGE,), hosts), Ip("2001:db8::1", 64, (), six)))
    assert dhcp.fixed(network) == (
        ("db", "10.0.0.2,[2001:db8::2],infinite", ""),
        ("any", "", ""),
        ("52:54:00:00:53:01", "id:01:02,10.0.0.3,[2001:db8::3],600", "web"),
        ("52:54:00:00:53:02", "10.0.0.4", "mail"),
        ("web", "[2001:db8::3]", ""),
    )


def test_a_host_outside_of_ranges_with_lease_times_has_the_default():
    ip = Ip(
        "10.0.0.1",
        24,
        (RANGE.replace(lease_s=0),),
        (DhcpHost("52:54:00:00:53:01", ip="10.0.0.2"), DhcpHost("52:54:00:00:53:02", ip="10.0.0.101")),
    )
    assert dhcp.nameless(_network(ips=(ip,))) == (
        ("52:54:00:00:53:01", "10.0.0.2,3600"),
        ("52:54:00:00:53:02", "10.0.0.101"),
    )


def test_a_line_for_dnsmasq_holds_what_both_families_know_by_a_name():
    """Of two lines for one MAC or address dnsmasq would take one."""
    four = (DhcpHost("52:54:00:00:53:01", None, "web", "10.0.0.3"), DhcpHost(id="01:02", name="box", ip="10.0.0.4"))
    six = (DhcpHost(name="web", ip="2001:db8::3"), DhcpHost(id="00:01", name="mail", ip="2001:db8::4"))
    network = _network(ips=(Ip("10.0.0.1", 24, (RANGE,), four), Ip("2001:db8::1", 64, (), six)))
    assert dhcp.hosts_file(network).splitlines() == [
        "52:54:00:00:53:01,10.0.0.3,[2001:db8::3],web",
        "id:01:02,10.0.0.4,box",
        "id:00:01,[2001:db8::4],mail",
    ]
    assert dhcp.nameless(network) == ()


LAN = Taken(parse_subnet("10.0.0.0/16"), 2, 254)
DEFAULT = Taken(parse_subnet("0.0.0.0/0"), 2, 254, 100)


@pytest.mark.parametrize(
    ("route", "taken", "is_captured"),
    [
        (Route("10.0.0.0", 16, "192.0.2.2"), LAN, True),
        (Route("10.0.9.0", 24, "192.0.2.2"), LAN, True),
        (Route("10.0.0.0", 8, "192.0.2.2"), LAN, False),
        (Route("10.1.0.0", 16, "192.0.2.2"), LAN, False),
        (Route("0.0.0.0", 0, "192.0.2.2"), LAN, False),
        (Route("0.0.0.0", 0, "192.0.2.2"), DEFAULT, True),
        (Route("0.0.0.0", 0, "192.0.2.2", 100), DEFAULT, True),
        (Route("0.0.0.0", 0, "192.0.2.2", 101), DEFAULT, False),
        (Route("10.0.0.0", 16, "192.0.2.2"), DEFAULT, False),
        (Route("::", 0, "2001:db8::2"), DEFAULT, False),
    ],
)
def test_a_route_captures_what_lies_in_it_and_has_no_better_way(route, taken, is_captured):
    network = _network(ips=(Ip("192.0.2.1", 24), Ip("2001:db8::1", 64)), routes=(route,))
    assert subnet.captured(network, [taken]) == ((route, taken) if is_captured else None)


numbers = st.integers(2, 30)


@given(st.lists(st.tuples(numbers, numbers).map(sorted), unique_by=tuple, max_size=5), numbers)
def test_a_host_has_the_lease_time_of_a_range_if_one_of_them_has_its_address(ends, number):
    ranges = tuple(DhcpRange(f"10.0.0.{first}", f"10.0.0.{last}", 600) for first, last in ends)
    host = DhcpHost("52:54:00:00:00:01", ip=f"10.0.0.{number}")
    network = _network(ips=(Ip("10.0.0.1", 24, ranges, (host,)),))
    is_outside = bool(ends) and not any(first <= number <= last for first, last in ends)
    [(_, words)] = dhcp.nameless(network)
    assert words.endswith(",3600") is is_outside
