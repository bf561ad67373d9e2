"""`<host>`: which services of the host guests reach, at which of its addresses; a change while they are attached."""

from collections.abc import Iterator
from subprocess import PIPE

import pytest

from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW
from tests.lab.site import Site, site
from tests.lab.witness import PORT, TALK, Witness, ask
from vnethook.lifecycle import changes, health

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy")
NAT = "<forward mode='nat'/>"
OFFERED, CLOSED = PORT, PORT + 1
HOST = ("192.0.2.2", "2001:db8:1::2")


@pytest.fixture(scope="module")
def place(firewall: str) -> Iterator[Site]:
    with site() as place:
        place.host.run(["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"])
        place.define("some", 71, NAT, more=f"<host allow='53 {OFFERED}/tcp {CLOSED}/udp'/>")
        place.define("all", 72, "", more="<host allow='all'/><guard mode='off'/>")  # nothing else stops them
        place.define("none", 73, NAT)
        place.define("open", 74, "<forward mode='open'/>", more=f"<host allow='{OFFERED}'/>")
        for name in ("some", "all", "none", "open"):
            place.plug(name)
        for port in (OFFERED, CLOSED):
            Witness(place.host, port)
        yield place


def _reached(place: Site, name: str, address: str) -> set[str]:
    kinds = [(protocol, port) for protocol in ("tcp", "udp") for port in (OFFERED, CLOSED)]
    return {
        f"{protocol} {port}" for protocol, port in kinds if " " in ask(place.guests[name], protocol, address, port=port)
    }


@pytest.mark.parametrize("version", [4, 6])
def test_guests_reach_what_is_offered_and_nothing_else(place: Site, version: int) -> None:
    every = {f"{protocol} {port}" for protocol in ("tcp", "udp") for port in (OFFERED, CLOSED)}
    expected = {
        "some": {f"tcp {OFFERED}", f"udp {CLOSED}"},
        "all": every,
        "none": set(),
        "open": {f"tcp {OFFERED}", f"udp {OFFERED}"},
    }
    assert {name: _reached(place, name, place.gateway(name, version)) for name in expected} == expected
    uplink = HOST[0 if version == 4 else 1]
    assert {name: _reached(place, name, uplink) for name in expected} == expected


@pytest.mark.parametrize("version", [4, 6])
def test_nothing_is_offered_at_the_addresses_of_other_networks(place: Site, version: int) -> None:
    for name, other in (("some", "none"), ("all", "none"), ("open", "all")):
        assert _reached(place, name, place.gateway(other, version)) == set()
    words = ["dig", "+short", "+time=1", "+tries=1", f"@{place.gateway('none', version)}", WWW]
    assert place.guests["all"].run(words, check=False).returncode != 0
    assert place.guests["some"].pings(place.gateway("none", version))


def test_loopback_services_are_not_offered_even_where_the_kernel_routes_to_them(place: Site) -> None:
    place.host.run(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"])
    guest = place.guests["all"]
    guest.run(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"])
    guest.run(["ip", "route", "add", "127.0.0.2/32", "via", place.gateway("all"), "dev", "eth0", "table", "7"])
    guest.run(["ip", "rule", "add", "to", "127.0.0.2", "table", "7", "priority", "0"])
    guest.run(["ip", "rule", "add", "table", "local", "priority", "1"])
    guest.run(["ip", "rule", "delete", "priority", "0", "table", "local"])
    try:
        assert ask(guest, "udp", "127.0.0.2", source=(place.address("all"), 0)) == "lost"
        count = (
            "table inet seen { chain c { type filter hook prerouting priority -310; ip daddr 127.0.0.2 counter; }; }"
        )
        place.host.run(["nft", "-f", "-"], stdin=count)
        assert ask(guest, "udp", "127.0.0.2", source=(place.address("all"), 0)) == "lost"
        assert "counter packets 0 " not in place.host.run(["nft", "list", "table", "inet", "seen"]).stdout
    finally:
        place.host.run(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=0"])
        guest.run(["ip", "rule", "delete", "priority", "0"])


def test_a_forged_source_reaches_nothing_that_is_offered(place: Site) -> None:
    guest = place.guests["all"]
    guest.run(["ip", "address", "add", "198.51.100.7/32", "dev", "lo"])
    place.host.run(["ip", "route", "add", "198.51.100.7/32", "via", place.address("all")])
    assert ask(guest, "udp", place.gateway("all"), source=("198.51.100.7", 0)) == "lost"
    place.host.run(["ip", "route", "delete", "198.51.100.7/32"])
    guest.run(["ip", "address", "delete", "198.51.100.7/32", "dev", "lo"])


def test_a_service_that_is_no_longer_offered_is_closed_also_to_those_who_use_it(place: Site) -> None:
    place.define("lab", 75, NAT, more=f"<host allow='{OFFERED} {CLOSED}'/>")
    guest = place.plug("lab")
    talks = []
    for port in (OFFERED, CLOSED):
        words = [PYTHON, "-IS", "-c", TALK, place.gateway("lab"), str(port)]
        talk = guest.popen(words, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
        assert talk.stdout.readline().startswith(place.address("lab"))
        talks.append(talk)
    place.define("lab", 75, NAT, more=f"<host allow='{OFFERED}'/>")
    assert len(on(place.host, lambda here: changes.apply(here, "lab"))) == 1
    for talk in talks:
        talk.stdin.write("hello\n")
        talk.stdin.flush()
    assert talks[0].stdout.readline() == "hello\n"
    assert talks[1].stderr.read().splitlines()[-1] == "ConnectionResetError: [Errno 104] Connection reset by peer"
    assert _reached(place, "lab", place.gateway("lab")) == {f"tcp {OFFERED}", f"udp {OFFERED}"}
    assert on(place.host, lambda here: health.check(here, "lab")) == []
    talks[0].stdin.close()
    assert talks[0].wait() == 0
