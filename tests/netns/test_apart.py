"""Networks of each mode and isolated guests do not reach each other, whatever way they try; IPv4 and IPv6."""

import socket
import struct
from collections.abc import Iterator
from itertools import permutations

import pytest

from tests.lab import Client
from tests.lab.library import on
from tests.lab.site import Site, site
from tests.lab.witness import PORT, Witness, ask
from vnethook.lifecycle import changes

pytestmark = pytest.mark.netns
MODES = {
    "nat": "<forward mode='nat'/>",
    "route": "<forward mode='route'/>",
    "none": "",
    "open": "<forward mode='open'/>",
}
PAIRS = list(permutations(MODES, 2))
EVERY = {f"{protocol} {version}" for protocol in ("tcp", "udp", "icmp") for version in (4, 6)}
ARRIVALS = {
    "tcp": f"tcp dport {PORT} tcp flags syn",
    "udp": f"udp dport {PORT}",
    "icmp": "icmp type echo-request",
    "icmpv6": "icmpv6 type echo-request",
}
FRAMES = [f"net.bridge.bridge-nf-call-{name}" for name in ("iptables", "ip6tables")]


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site() as place:
        place.host.run(["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"])
        for number, (name, forward) in enumerate(MODES.items(), 81):
            place.define(name, number, forward)
        for name in MODES:
            Witness(place.plug(name))
        Witness(place.host)
        yield place


def _arrivals(place: Site, source: str, target: str, *, forged: tuple[str, str] = ("", "")) -> set[str]:
    """What of that which a guest sends another arrives there, "tcp 4" and so on; `forged`: its sources instead of its own.

    The other pings the first one's host when all is sent, after which nothing is on its way.
    """
    rules = "; ".join(
        f'meta nfproto ipv{4 if kind == "icmp" else 6 if kind == "icmpv6" else at} {match} counter comment "{kind[:4]} {at}"'
        for kind, match in ARRIVALS.items()
        for at in ((4,) if kind == "icmp" else (6,) if kind == "icmpv6" else (4, 6))
    )
    chain = f"chain c {{ type filter hook prerouting priority -400; {rules}; }}"
    receiver = place.guests[target]
    receiver.run(["nft", "-f", "-"], stdin=f"table inet seen\ndelete table inet seen\ntable inet seen {{ {chain}; }}")
    for name, version in ((source, 4), (source, 6), (target, 4), (target, 6)):  # nothing waits for a neighbour then
        assert place.guests[name].pings(place.gateway(name, version))
    targets = [place.address(target, version) for version in (4, 6)]
    place.guests[source].call(lambda: [_send(*pair) for pair in zip(targets, forged, strict=True)] and None)
    assert place.guests[source].pings(place.gateway(source))
    assert receiver.pings(place.gateway(target))
    listed = receiver.json(["nft", "-j", "list", "table", "inet", "seen"])["nftables"]
    counted = [item["rule"] for item in listed if "rule" in item]
    return {rule["comment"] for rule in counted for part in rule["expr"] if part.get("counter", {}).get("packets")}


def _send(address: str, source: str) -> None:
    """A TCP connection, a datagram and an echo request, without waiting for what becomes of them."""
    family, icmp, kind = socket.AF_INET, socket.IPPROTO_ICMP, 8
    if ":" in address:
        family, icmp, kind = socket.AF_INET6, socket.IPPROTO_ICMPV6, 128
    echo = struct.pack("!BBHHH", kind, 0, (~(kind << 8 | 0) - 2) & 0xFFFF, 1, 1)
    for protocol, number in ((socket.SOCK_DGRAM, 0), (socket.SOCK_STREAM, 0), (socket.SOCK_RAW, icmp)):
        with socket.socket(family, protocol, number) as sock:
            sock.setblocking(False)
            if source:
                sock.bind((source, 0))
            try:
                if protocol == socket.SOCK_STREAM:
                    sock.connect_ex((address, PORT))
                else:
                    sock.sendto(echo if number else b"who", (address, PORT if not number else 0))
            except OSError:
                pass  # refused before


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_networks_do_not_reach_each_other(place: Site, source: str, target: str) -> None:
    assert _arrivals(place, source, target) == set()


def test_what_arrives_is_seen() -> None:
    with site() as place:
        place.define("lab", 80, MODES["nat"])
        for name in ("one", "two"):
            place.plug("lab", name)
        for version in (4, 6):
            assert place.guests["one"].pings(place.address("two", version))
        assert _arrivals(place, "one", "two") == EVERY


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_nor_by_frames_that_are_sent_straight_to_the_hosts_mac(place: Site, source: str, target: str) -> None:
    guest = place.guests[source]
    [bridge] = place.host.json(["ip", "-json", "link", "show", f"vnbr{_number(source)}"])
    for version in (4, 6):
        address = place.address(target, version)
        guest.run(["ip", f"-{version}", "route", "add", address, "dev", "eth0"])
        guest.run(["ip", "neighbour", "add", address, "lladdr", bridge["address"], "dev", "eth0"])
    try:
        assert _arrivals(place, source, target) == set()
    finally:
        for version in (4, 6):
            guest.run(["ip", f"-{version}", "route", "delete", place.address(target, version), "dev", "eth0"])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_nor_with_an_address_of_the_other_network_or_of_the_outside(place: Site, source: str, target: str) -> None:
    number = _number(target)
    for forged in ((f"10.{number}.0.77", f"fd00:{number}::77"), ("192.0.2.1", "2001:db8:1::1")):
        guest = place.guests[source]
        for address in forged:
            guest.run(["ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else [])])
        try:
            assert _arrivals(place, source, target, forged=forged) == set()
        finally:
            for address in forged:
                guest.run(["ip", "address", "delete", address, "dev", "lo"])


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_of_another_networks_bridge_only_pings_are_answered(place: Site, source: str, target: str) -> None:
    for version in (4, 6):
        address = place.gateway(target, version)
        for port in (PORT, 53):
            assert ask(place.guests[source], "tcp", address, port=port) == "refused"
        assert place.guests[source].pings(address)


def test_a_forward_opens_its_port_of_the_host_and_no_way_around_it(place: Site) -> None:
    """And not for an isolated network, whose guests reach nothing beyond their own."""
    rules = f"<forwarding><incoming><allow port='8100' to='{PORT}' address='{place.address('nat')}'/></incoming></forwarding>"
    place.define("nat", 81, MODES["nat"], more=rules)
    on(place.host, lambda here: changes.apply(here, "nat") and None)
    for source, expected in (("route", True), ("open", True), ("none", False)):
        for protocol in ("tcp", "udp"):
            found = ask(place.guests[source], protocol, place.gateway(source), port=8100)
            assert (" " in found) is expected
        assert _arrivals(place, source, "nat") == set()
    place.define("nat", 81, MODES["nat"])
    on(place.host, lambda here: changes.apply(here, "nat") and None)


@pytest.mark.parametrize("sees_frames", [False, True])
@pytest.mark.parametrize("mode", list(MODES))
def test_isolated_guests_do_not_reach_each_other_by_way_of_the_host(mode: str, sees_frames: bool) -> None:
    with site() as place:
        place.host.run(["sysctl", "-qw", *(f"{name}={sees_frames:d}" for name in FRAMES)])
        more = "<port isolated='yes'/>"
        if mode in {"nat", "route"}:
            allow = f"<allow port='8100' to='{PORT}' address='10.89.0.11'/>"
            more += f"<forwarding><incoming>{allow}</incoming></forwarding>"
        place.define("lab", 89, MODES[mode], more=more)
        one, two = place.plug("lab", "one"), place.plug("lab", "two")
        Witness(two)
        _knows_only_the_gateway(place, one)
        assert _arrivals(place, "one", "two") == set()
        if mode in {"nat", "route"} and not sees_frames:  # what is published on the host is for everybody
            assert " " in ask(one, "tcp", place.gateway("lab"), port=8100)


def _knows_only_the_gateway(place: Site, guest: Client) -> None:
    """Let a guest send everything by the host, also what is for its own subnet."""
    for version, subnet in ((4, "10.89.0.0/24"), (6, "fd00:89::/80")):
        gateway = place.gateway("lab", version)
        guest.run(["ip", f"-{version}", "route", "add", gateway, "dev", "eth0"])
        guest.run(["ip", f"-{version}", "route", "replace", "default", "via", gateway, "dev", "eth0"])
        guest.run(["ip", f"-{version}", "route", "delete", subnet, "dev", "eth0"])


def _number(name: str) -> int:
    return 81 + list(MODES).index(name)
