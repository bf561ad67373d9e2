"""What the outside sees of guests behind NAT: addresses and ports, by TCP, UDP and ICMP, IPv4 and IPv6."""

from collections.abc import Iterator
from subprocess import PIPE

import pytest

from tests.lab import wait_for
from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW_4, WWW_6
from tests.lab.site import Site, site
from tests.lab.witness import PORT, TALK, Witness, ask
from vnethook.lifecycle import bringup, changes

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy", "iptables-nft")
RANGE = [f"198.51.100.{last}" for last in range(8, 16)]
UPLINK, UPLINK_6 = "192.0.2.2", "2001:db8:1::2"
NONE_OF_THEM = """
nat address 198.51.100.8 to 198.51.100.15: the host has none of them: answers come only if others route them here
""".strip()
NETWORKS = {
    "plain": "<forward mode='nat'/>",
    "range": "<forward mode='nat'><nat><address start='198.51.100.8' end='198.51.100.15'/></nat></forward>",
    "port": "<forward mode='nat'><nat><port start='40000' end='40099'/></nat></forward>",
    "all": """<forward mode='nat'><nat ipv6='yes'><address start='192.0.2.50' end='192.0.2.50'/>
      <port start='5000' end='5009'/></nat></forward>""",
}


class World:
    def __init__(self, place: Site, witness: Witness, warnings: dict[str, list[str]]) -> None:
        self.place = place
        self.witness = witness
        self.warnings = warnings

    def seen(self, guest: str, protocol: str, address: str = WWW_4) -> tuple[str, int]:
        """Address and port of a guest as the outside sees them."""
        found = ask(self.place.guests[guest], protocol, address)
        assert " " in found, found
        source, port = found.split()
        return source, int(port)

    def pings_from(self, guest: str, address: str) -> str:
        """The source of a guest's ping as the outside sees it; the answer comes back too."""
        count = len(self.witness.pinged())
        assert self.place.guests[guest].pings(address)
        return wait_for(lambda: self.witness.pinged()[count:], "the ping")[0]


@pytest.fixture(scope="module")
def world(firewall: str) -> Iterator[World]:
    with site() as place:
        place.host.run(["ip", "address", "add", "192.0.2.50/24", "dev", "uplink0"])
        place.outside.run(["ip", "route", "add", "198.51.100.0/24", "via", UPLINK])
        warnings = {}
        for number, (name, forward) in enumerate(NETWORKS.items(), 21):
            warnings[name] = place.define(name, number, forward)
            place.plug(name)
        yield World(place, Witness(place.outside), warnings)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_guest_has_one_address_of_the_range_for_all_that_it_talks_to(world: World, protocol: str) -> None:
    seen = {world.seen("range", protocol, address)[0] for address in (WWW_4, "192.0.2.1") * 2}
    assert len(seen) == 1
    assert seen < set(RANGE)


def test_a_ping_has_an_address_of_the_range_too(world: World) -> None:
    assert world.pings_from("range", WWW_4) in RANGE


def test_guests_share_the_whole_range(world: World) -> None:
    guest = world.place.guests["range"]
    seen = set()
    for last in range(30, 62):
        guest.run(["ip", "address", "add", f"10.22.0.{last}/24", "dev", "eth0"])
        seen.add(ask(guest, "udp", WWW_4, source=(f"10.22.0.{last}", 0)).split()[0])
    assert seen <= set(RANGE)
    assert seen & set(RANGE[:3])  # the part of even sources
    assert seen & set(RANGE[3:])  # and that of odd ones


def test_an_address_that_the_host_does_not_have_is_told_and_taken(world: World) -> None:
    assert world.warnings == {
        "plain": [],
        "range": [f"network 'range': {NONE_OF_THEM}"],
        "port": [],
        "all": [],
    }


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_source_ports_are_of_the_range(world: World, protocol: str) -> None:
    for name, address, ports in (("port", UPLINK, range(40000, 40100)), ("all", "192.0.2.50", range(5000, 5010))):
        seen = [world.seen(name, protocol) for _ in range(2)]
        assert {source for source, _ in seen} == {address}
        assert all(port in ports for _, port in seen)


def test_a_privileged_port_of_a_guest_is_none_of_the_hosts(world: World) -> None:
    for name in ("plain", "range"):
        guest = world.place.guests[name]
        source = (world.place.address(name), 600)
        assert int(ask(guest, "udp", WWW_4, source=source).split()[1]) >= 1024


def test_a_ping_passes_where_ports_are_a_range(world: World) -> None:
    assert world.pings_from("port", WWW_4) == UPLINK
    assert world.pings_from("all", WWW_4) == "192.0.2.50"


def test_ipv6_is_masqueraded_only_where_it_is_said(world: World) -> None:
    for name, source in (("plain", world.place.address("plain", 6)), ("all", UPLINK_6)):
        assert {world.seen(name, protocol, WWW_6)[0] for protocol in ("tcp", "udp")} == {source}
        assert world.pings_from(name, WWW_6) == source
    assert world.seen("all", "tcp", WWW_6)[1] in range(5000, 5010)


def test_masqueraded_guests_are_not_reached_from_outside(world: World) -> None:
    for name in ("plain", "all"):
        for version in (4, 6):
            assert not world.place.outside.connects(world.place.address(name, version), 22, timeout_s=1)


def test_multicast_of_the_link_keeps_its_source(world: World) -> None:
    """All nodes of the uplink, asked from the gateway's address: RFC 4291, section 2.7.1."""
    count = len(world.witness.pinged())
    gateway = world.place.gateway("all", 6)
    words = ["ping", "-6", "-n", "-c", "1", "-W", "1", "-I", "uplink0", "-I", gateway, "ff02::1"]
    world.place.host.run(words, check=False)
    assert wait_for(lambda: world.witness.pinged()[count:], "the ping") == [gateway]


def _lay_second_cable(place: Site) -> None:
    """The outside is also behind uplink1, by 198.51.100.0/24 and 2001:db8:2::/64; what comes back does so there."""
    place.outside.lay_cable("to-uplink1", place.host, "uplink1")
    for machine, link, last in ((place.outside, "to-uplink1", 1), (place.host, "uplink1", 2)):
        machine.run(["ip", "address", "add", f"198.51.100.{last}/24", "dev", link])
        machine.run(["ip", "-6", "address", "add", f"2001:db8:2::{last}/64", "dev", link, "nodad"])
    place.outside.run(["ip", "route", "replace", "10.0.0.0/8", "via", "198.51.100.2"])
    place.outside.run(["ip", "-6", "route", "replace", "fc00::/7", "via", "2001:db8:2::2"])


def test_by_its_device_a_network_reaches_the_outside_and_is_reached_and_by_no_other_one() -> None:
    with site() as place:
        _lay_second_cable(place)
        witness = Witness(place.outside)
        for number, (name, mode) in enumerate((("nat", "nat"), ("route", "route")), 31):
            assert place.define(name, number, f"<forward mode='{mode}' dev='uplink1'/>") == []
            guest = place.plug(name)
            Witness(guest)
            by_uplink1 = "198.51.100.2" if mode == "nat" else place.address(name)
            assert ask(guest, "tcp", "198.51.100.1").split()[0] == by_uplink1
            assert ask(guest, "udp", "2001:db8:2::1").split()[0] == place.address(name, 6)
            assert ask(guest, "tcp", WWW_4) == "refused"  # by uplink0
            assert ask(guest, "tcp", "192.0.2.1") == "refused"
            assert not guest.connects("2001:db8:1::1", PORT, timeout_s=1)
            assert ask(place.host, "tcp", place.address(name)).split()[0] == place.gateway(name)
        # answers have to come back by uplink1 too: by uplink0 they are not let in
        for way, expected in (("192.0.2.2", "refused"), ("198.51.100.2", f"198.51.100.1 {PORT + 1}")):
            place.outside.run(["ip", "route", "replace", "10.0.0.0/8", "via", way])
            source = ("198.51.100.1", PORT + 1)
            assert ask(place.outside, "tcp", place.address("route"), source=source) == expected
        assert witness.pinged() == []


def test_a_device_that_is_missing_is_told_and_may_come_later() -> None:
    with site() as place:
        warning = "forward dev 'uplink1': no such interface: guests reach the outside when it is there"
        assert place.define("later", 33, "<forward mode='nat' dev='uplink1'/>") == [f"network 'later': {warning}"]
        guest = place.plug("later")
        Witness(place.outside)
        assert ask(guest, "tcp", "192.0.2.1") == "refused"
        _lay_second_cable(place)
        assert ask(guest, "tcp", "198.51.100.1").split()[0] == "198.51.100.2"
        assert ask(guest, "tcp", "192.0.2.1") == "refused"
        again = "forward dev 'vnbr33': is the bridge of network 'later': networks do not reach each other"
        assert place.define("other", 34, "<forward mode='nat' dev='vnbr33'/>") == [f"network 'other': {again}"]
        assert not place.plug("other").connects(place.address("later"), PORT, timeout_s=1)


def test_a_changed_translation_holds_for_the_next_packet_and_connections_go_on() -> None:
    with site() as place:
        place.host.run(["ip", "address", "add", "192.0.2.60/24", "dev", "uplink0"])
        Witness(place.outside)
        place.define("lab", 35, "<forward mode='nat'/>")
        place.define("other", 36, "<forward mode='nat'/>")
        guest, other = place.plug("lab"), place.plug("other")
        sources = {guest: (place.address("lab"), 4000), other: (place.address("other"), 4000)}
        assert ask(guest, "udp", WWW_4, source=sources[guest]) == f"{UPLINK} 4000"
        kept = ask(other, "udp", WWW_4, source=sources[other])
        talk = guest.popen([PYTHON, "-IS", "-c", TALK, WWW_4, str(PORT)], stdin=PIPE, stdout=PIPE, text=True)
        assert talk.stdout.readline().startswith(f"{UPLINK} ")
        nat = "<nat><address start='192.0.2.60' end='192.0.2.60'/></nat>"
        place.define("lab", 35, f"<forward mode='nat'>{nat}</forward>")
        on(place.host, lambda here: changes.apply(here, "lab") and None)
        assert ask(guest, "udp", WWW_4, source=sources[guest]) == "192.0.2.60 4000"
        talk.stdin.write("still here\n")
        talk.stdin.flush()
        assert talk.stdout.readline() == "still here\n"
        place.define("lab", 35, "<forward mode='route'/>")
        on(place.host, lambda here: bringup.restart(here, "lab") and None)
        assert ask(guest, "udp", WWW_4, source=sources[guest]) == f"{sources[guest][0]} 4000"
        assert ask(other, "udp", WWW_4, source=sources[other]) == kept
        talk.stdin.close()
