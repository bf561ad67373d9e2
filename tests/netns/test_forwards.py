"""`<incoming><allow>`: ports of the host that lead to guests, asked from everywhere, by TCP and UDP, IPv4 and IPv6."""

from collections.abc import Iterator
from subprocess import PIPE, Popen

import pytest

from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW_4, WWW_6
from tests.lab.site import Site, site
from tests.lab.witness import PORT, TALK, Witness, ask
from vnethook.lifecycle import bringup, changes

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy")
BOTH = [(protocol, version) for protocol in ("tcp", "udp") for version in (4, 6)]
UPLINK = {4: "192.0.2.2", 6: "2001:db8:1::2"}
SECOND = {4: "192.0.2.77", 6: "2001:db8:1::77"}
OUTSIDE = {4: "192.0.2.1", 6: "2001:db8:1::1"}
NAT, ROUTE = "<forward mode='nat'/>", "<forward mode='route'/>"
SHOP = f"""<forwarding><incoming>
  <allow port='{PORT}' address='10.51.0.10'/><allow port='{PORT}' address='fd00:51::10'/>
  <allow port='8080' to='{PORT}' address='10.51.0.10'/><allow port='8080' to='{PORT}' address='fd00:51::10'/>
  <allow port='8100-8102' to='{PORT - 1}-{PORT + 1}' address='10.51.0.10'/>
  <allow port='8200' to='{PORT}' address='10.51.0.10' from='198.51.100.0/24'/>
  <allow port='8200' to='{PORT}' address='10.51.0.11' from='192.0.2.0/24'/>
  <allow port='8300' to='{PORT}' address='10.51.0.10' on='192.0.2.77'/>
  <allow port='8300' to='{PORT}' address='fd00:51::10' on='2001:db8:1::77'/>
  <allow port='53' to='{PORT}' address='10.51.0.10'/>
  <allow port='67' to='{PORT}' protocol='udp' address='10.51.0.10'/>
</incoming></forwarding>"""
OTHER = f"""<forwarding><incoming><allow port='8300' to='{PORT}' address='10.52.0.12' on='192.0.2.2'/>
</incoming></forwarding>"""
DIRECT = f"""<forwarding><incoming>
  <allow port='8400' to='{PORT}' address='10.53.0.13'/><allow port='8400' to='{PORT}' address='fd00:53::13'/>
</incoming></forwarding>"""


@pytest.fixture(scope="module")
def place(firewall: str) -> Iterator[Site]:
    with site() as place:
        for version, prefix in ((4, 24), (6, 64)):
            words = ["address", "add", f"{SECOND[version]}/{prefix}", "dev", "uplink0"]
            place.host.run(["ip", f"-{version}", *words, *(["nodad"] if version == 6 else [])])
        for name, number, forward, rules in (
            ("shop", 51, NAT, SHOP),
            ("other", 52, NAT, OTHER),
            ("routed", 53, ROUTE, DIRECT),
            ("sealed", 54, "", ""),
        ):
            assert place.define(name, number, forward, more=rules) == []
        for network, guest in (("shop", "web"), ("shop", "db"), ("other", "far"), ("routed", "direct")):
            Witness(place.plug(network, guest))
        place.plug("sealed")
        Witness(place.outside, 8080)
        yield place


def _seen(place: Site, protocol: str, version: int, *, by: str = "outside", port: int = PORT) -> str:
    """The source that a guest sees of who asks the host, or what comes of it in place of an answer."""
    machine = {"outside": place.outside, "host": place.host}.get(by) or place.guests[by]
    return ask(machine, protocol, UPLINK[version], port=port).split()[0]


@pytest.mark.parametrize(("protocol", "version"), BOTH)
def test_from_outside_a_port_leads_to_the_guest_which_sees_who_asks(place: Site, protocol: str, version: int) -> None:
    for port in (PORT, 8080):
        assert _seen(place, protocol, version, port=port) == OUTSIDE[version]
    assert _seen(place, protocol, version, port=8081) == "refused"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_range_leads_to_the_range_of_the_guest(place: Site, protocol: str) -> None:
    assert [_seen(place, protocol, 4, port=port) for port in (8100, 8101, 8102)] == [
        "refused",
        "192.0.2.1",
        "refused",
    ]


@pytest.mark.parametrize(("protocol", "version"), BOTH)
def test_from_the_host_itself_each_of_its_addresses_leads_there(place: Site, protocol: str, version: int) -> None:
    own = (UPLINK[version], SECOND[version], place.gateway("web", version), place.gateway("far", version))
    for address in own:
        for port in (PORT, 8080):
            assert ask(place.host, protocol, address, port=port).split()[0] in own


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_from_the_host_itself_its_loopback_leads_there_too(place: Site, protocol: str) -> None:
    for address in ("127.0.0.1", "127.9.9.9"):
        assert ask(place.host, protocol, address, port=8080).split()[0] == place.gateway("web")
    assert ask(place.host, protocol, "::1", port=8080) == "refused"  # the kernel would take no answer


@pytest.mark.parametrize(("protocol", "version"), BOTH)
@pytest.mark.parametrize("is_seen", [True, False], ids=["with br_netfilter", "without"])
def test_from_guests_of_the_network_it_leads_there_too(
    place: Site, protocol: str, version: int, *, is_seen: bool
) -> None:
    """Even from the guest itself; but for a kernel that takes routed frames for bridged ones, back by the same port."""
    name = f"net.bridge.bridge-nf-call-ip{'6' if version == 6 else ''}tables={int(is_seen)}"
    if place.host.run(["sysctl", "-qw", name], check=False).returncode and is_seen:
        pytest.skip("this kernel has no br_netfilter")
    for guest in ("db",) if is_seen else ("db", "web"):
        assert _seen(place, protocol, version, by=guest, port=8080) == place.gateway("web", version)
        inside = ask(place.guests[guest], protocol, place.gateway("web", version), port=8080)
        assert inside.split()[0] == place.gateway("web", version)


@pytest.mark.parametrize(("protocol", "version"), BOTH)
def test_from_guests_of_other_networks_it_leads_there_but_not_from_isolated_ones(
    place: Site, protocol: str, version: int
) -> None:
    for guest in ("far", "direct"):
        assert _seen(place, protocol, version, by=guest, port=8080) == place.address(guest, version)
        assert " " not in ask(place.guests[guest], protocol, place.address("web", version))
    assert _seen(place, protocol, version, by="sealed", port=8080) in {"refused", "lost"}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_by_their_source_connections_lead_to_one_guest_or_another_or_nowhere(place: Site, protocol: str) -> None:
    web, db = (place.guests[name].directory for name in ("web", "db"))
    assert web != db
    place.outside.run(["ip", "address", "replace", "198.51.100.5/32", "dev", "lo"])
    place.outside.run(["ip", "address", "replace", "198.51.101.5/32", "dev", "lo"])
    found = {
        source: ask(place.outside, protocol, UPLINK[4], port=8200, source=(source, 0)).split()[0]
        for source in ("198.51.100.5", "198.51.101.5", "192.0.2.1")
    }
    assert found == {"198.51.100.5": "198.51.100.5", "198.51.101.5": "refused", "192.0.2.1": "192.0.2.1"}
    # who answered is seen by who no longer does
    place.guests["db"].run(["ip", "address", "delete", "10.51.0.11/24", "dev", "eth0"])
    try:
        assert " " in ask(place.outside, protocol, UPLINK[4], port=8200, source=("198.51.100.5", 0))
        assert " " not in ask(place.outside, protocol, UPLINK[4], port=8200, source=("192.0.2.1", 0))
    finally:
        place.guests["db"].run(["ip", "address", "add", "10.51.0.11/24", "dev", "eth0"])
        place.guests["db"].run(["ip", "route", "replace", "default", "via", "10.51.0.1"])


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_two_networks_have_one_port_on_two_addresses_of_the_host(place: Site, protocol: str) -> None:
    for version in (4, 6):
        assert ask(place.outside, protocol, SECOND[version], port=8300).split()[0] == OUTSIDE[version]
    assert _seen(place, protocol, 4, port=8300) == OUTSIDE[4]
    assert _seen(place, protocol, 6, port=8300) == "refused"
    place.guests["far"].run(["ip", "address", "delete", "10.52.0.12/24", "dev", "eth0"])
    try:
        assert " " in ask(place.outside, protocol, SECOND[4], port=8300)
        assert " " not in ask(place.outside, protocol, UPLINK[4], port=8300)
    finally:
        place.guests["far"].run(["ip", "address", "add", "10.52.0.12/24", "dev", "eth0"])
        place.guests["far"].run(["ip", "route", "replace", "default", "via", "10.52.0.1"])


@pytest.mark.parametrize(("protocol", "version"), BOTH)
def test_what_is_for_somebody_else_is_not_captured(place: Site, protocol: str, version: int) -> None:
    """CVE-2025-67499."""
    there = WWW_4 if version == 4 else WWW_6
    assert ask(place.host, protocol, there, port=8080).split()[0] in {UPLINK[version], SECOND[version]}
    for guest in ("web", "far"):
        seen = UPLINK[4] if version == 4 else place.address(guest, 6)
        assert ask(place.guests[guest], protocol, there, port=8080).split()[0] == seen


def test_names_and_addresses_are_still_had_from_the_host(place: Site) -> None:
    web = place.guests["web"]
    for version in (4, 6):
        assert web.resolve("www.example.test", server=place.gateway("web", version)) == [WWW_4]
    assert place.host.run(["dig", "+short", "@10.51.0.1", "www.example.test"]).stdout.split() == [WWW_4]
    assert ask(place.outside, "tcp", UPLINK[4], port=53).split()[0] == OUTSIDE[4]


@pytest.mark.parametrize(("protocol", "version"), BOTH)
def test_in_mode_route_the_guests_own_address_is_reached_at_that_port(place: Site, protocol: str, version: int) -> None:
    assert _seen(place, protocol, version, port=8400) == OUTSIDE[version]
    assert ask(place.outside, protocol, place.address("direct", version)).split()[0] == OUTSIDE[version]
    assert " " not in ask(place.outside, protocol, place.address("direct", version), port=8400)
    assert " " not in ask(place.outside, protocol, place.address("web", version))


def test_the_loopback_of_the_host_is_not_for_guests_nor_for_the_outside(place: Site) -> None:
    """CVE-2020-8558: where loopback addresses are routed, a neighbour could send to them."""
    Witness(place.host, 7777)
    routed = place.host.run(["sysctl", "-n", "net.ipv4.conf.vnbr51.route_localnet"]).stdout.strip()
    assert routed == "1"
    assert " " in ask(place.host, "tcp", "127.0.0.1", port=7777)
    guest = place.guests["db"]
    for gateway in (place.gateway("db"), place.address("web")):
        guest.run(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"])
        guest.run(["ip", "route", "flush", "table", "local", "127.0.0.0/8"], check=False)
        guest.run(["ip", "route", "replace", "127.0.0.0/8", "via", gateway])
        for protocol in ("tcp", "udp"):
            said = ask(guest, protocol, "127.0.0.1", port=7777, source=(place.address("db"), 0))
            assert said in {"lost", "refused"}
            assert " " not in ask(guest, protocol, place.gateway("db"), port=7777)


FORWARD = "<allow port='{}' to='7000' address='10.56.0.{}'{}/>"
CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.connect(("192.0.2.2", int(sys.argv[1])))
for line in sys.stdin:
    try:
        client.send(line.encode())
        print(client.recv(100).decode().split()[0], flush=True)
    except OSError:
        print("none", flush=True)
"""


def _says(talk: Popen[str], word: str = "hello") -> str:
    """What comes back of a line."""
    talk.stdin.write(f"{word}\n")
    talk.stdin.flush()
    return talk.stdout.readline().strip()


def _put(place: Site, *forwards: str) -> None:
    place.define("lab", 56, NAT, more=f"<forwarding><incoming>{''.join(forwards)}</incoming></forwarding>")
    on(place.host, lambda here: changes.apply(here, "lab") and None)


def test_what_a_forward_has_led_ends_with_it_and_nothing_else_does() -> None:
    with site() as place:
        place.define("lab", 56, NAT)
        guests = [place.plug("lab", name) for name in ("one", "two")]
        for guest in guests:
            Witness(guest)
        _put(place, FORWARD.format(8080, 10, ""), FORWARD.format(8081, 10, ""))
        kept, ended = (
            place.outside.popen(
                [PYTHON, "-IS", "-c", TALK, UPLINK[4], port], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
            )
            for port in ("8081", "8080")
        )
        datagrams = place.outside.popen([PYTHON, "-IS", "-c", CLIENT, "8080"], stdin=PIPE, stdout=PIPE, text=True)
        assert [talk.stdout.readline().split()[0] for talk in (kept, ended)] == ["192.0.2.1"] * 2
        assert _says(datagrams) == "192.0.2.1"
        _put(place, FORWARD.format(8080, 11, ""), FORWARD.format("8081", 10, " from='192.0.2.0/24'"))
        guests[0].run(["ip", "address", "add", "10.56.0.99/24", "dev", "eth0"])
        assert _says(kept) == "hello"
        assert _says(datagrams) == "192.0.2.1"
        flows = place.host.run(["cat", "/proc/net/nf_conntrack"]).stdout
        assert [
            line for line in flows.splitlines() if "udp" in line and "dport=8080" in line and "src=10.56.0.11" in line
        ]
        assert _says(ended) == ""
        assert "ConnectionResetError" in ended.stderr.read()
        on(place.host, lambda here: bringup.stop(here, "lab", force=True))
        flows = place.host.run(["cat", "/proc/net/nf_conntrack"]).stdout
        assert not [line for line in flows.splitlines() if "dport=808" in line and "src=10.56.0." in line]


def test_datagrams_that_went_to_the_host_go_to_the_guest_as_soon_as_there_is_a_forward() -> None:
    with site() as place:
        place.define("lab", 56, NAT)
        Witness(place.plug("lab", "one"))
        datagrams = place.outside.popen([PYTHON, "-IS", "-c", CLIENT, "8080"], stdin=PIPE, stdout=PIPE, text=True)
        with place.host.listening(tcp=8080, udp=8080) as came:
            assert _says(datagrams) == "none"
            assert came() == ["udp 192.0.2.1"]
            _put(place, FORWARD.format(8080, 10, ""))
            assert _says(datagrams) == "192.0.2.1"


def test_a_changed_forward_holds_at_once_and_a_stop_takes_all_of_it_away() -> None:
    with site() as place:
        forward = "<forwarding><incoming><allow port='8080' to='{}' address='10.55.0.10'/></incoming></forwarding>"
        before = on(place.host, lambda here: here.sysctls.read("net/ipv4/conf/uplink0/route_localnet"))
        place.define("lab", 55, NAT, more=forward.format(PORT))
        Witness(place.plug("lab"), PORT + 1)
        assert ask(place.outside, "tcp", UPLINK[4], port=8080) == "refused"
        place.define("lab", 55, NAT, more=forward.format(PORT + 1))
        on(place.host, lambda here: changes.apply(here, "lab") and None)
        assert " " in ask(place.outside, "tcp", UPLINK[4], port=8080)
        place.define("lab", 55, NAT)
        on(place.host, lambda here: changes.apply(here, "lab") and None)
        assert ask(place.outside, "tcp", UPLINK[4], port=8080) == "refused"
        assert place.host.run(["sysctl", "-n", "net.ipv4.conf.vnbr55.route_localnet"]).stdout.strip() == "0"
        on(place.host, lambda here: bringup.stop(here, "lab", force=True))
        left = place.host.run(["nft", "list", "ruleset"]).stdout  # iptables-nft leaves tables of its own, without rules
        assert not [word for word in ("vnethook", "vnbr", "VN") if word in left]
        assert on(place.host, lambda here: here.sysctls.read("net/ipv4/conf/uplink0/route_localnet")) == before
