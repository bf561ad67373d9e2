"""`<outgoing>` and `<incoming>`: which connections guests open outside, and which are opened to them from there."""

from collections.abc import Iterator
from subprocess import PIPE

import pytest

from tests.lab import Host, wait_for
from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW, WWW_4, WWW_6
from tests.lab.site import Site, site
from tests.lab.witness import PORT, TALK, Witness, ask
from vnethook.lifecycle import attach, bringup, changes
from vnethook.live import nics

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy", "iptables-nft")
OTHER = PORT + 1
INSTALLED = {
    "nft": "one transaction",
    "iptables-legacy": "iptables-legacy, table by table",
    "iptables-nft": "iptables-nft, table by table",
}
MOST = f"""<forwarding><outgoing>
  <allow port='{OTHER}' protocol='udp'/><deny port='{OTHER}-{OTHER + 9}'/><deny port='80'/></outgoing></forwarding>"""
FEW = f"""<forwarding><incoming default='allow'/><outgoing default='deny'>
  <deny port='{OTHER}' protocol='udp'/><allow port='{OTHER}'/></outgoing></forwarding>"""
NETWORKS = {
    "most": ("<forward mode='nat'/>", MOST),
    "few": ("<forward mode='nat'/>", FEW),
    "routed": ("<forward mode='route'/>", "<forwarding><incoming/></forwarding>"),
}


@pytest.fixture(scope="module")
def place(firewall: str) -> Iterator[Site]:
    with site() as place:
        for number, (name, (forward, rules)) in enumerate(NETWORKS.items(), 41):
            assert place.define(name, number, forward, more=rules) == []
            Witness(place.plug(name))
        Witness(place.plug("most", "same"), OTHER)
        for port in (PORT, OTHER):
            Witness(place.outside, port)
        yield place


def _reaches(place: Site, name: str) -> dict[str, str]:
    """What comes of a guest's connections: "4 tcp 7001": "yes", "refused" or "lost"."""
    found = {}
    for version, address in ((4, WWW_4), (6, WWW_6)):
        for protocol in ("tcp", "udp"):
            for port in (PORT, OTHER):
                said = ask(place.guests[name], protocol, address, port=port)
                found[f"{version} {protocol} {port}"] = "yes" if " " in said else said
    return found


def test_the_first_rule_that_matches_counts_and_then_the_default(place: Site) -> None:
    assert _reaches(place, "most") == {
        f"{version} {protocol} {port}": "refused" if (protocol, port) == ("tcp", OTHER) else "yes"
        for version in (4, 6)
        for protocol in ("tcp", "udp")
        for port in (PORT, OTHER)
    }
    assert ask(place.guests["most"], "tcp", WWW_4, port=80) == "refused"


def test_where_the_default_is_to_deny_only_what_is_allowed_goes_out(place: Site) -> None:
    found = _reaches(place, "few")
    assert [what for what, said in found.items() if said == "yes"] == [f"4 tcp {OTHER}", f"6 tcp {OTHER}"]
    assert [found[f"{version} tcp {PORT}"] for version in (4, 6)] == ["refused", "refused"]
    for address in (WWW_4, WWW_6):
        assert not place.guests["few"].pings(address)


def test_guests_of_the_network_and_the_host_are_not_outside(place: Site) -> None:
    for version in (4, 6):
        assert " " in ask(place.guests["most"], "tcp", place.address("same", version), port=OTHER)
        for name in ("most", "few"):
            assert place.guests[name].resolve(WWW, server=place.gateway(name, version)) == [WWW_4]
            assert place.guests[name].pings(place.gateway(name, version))


def test_answers_go_out_whatever_is_denied(place: Site) -> None:
    assert " " in ask(place.outside, "udp", place.address("few"))
    assert " " in ask(place.outside, "tcp", place.address("few", 6))


@pytest.mark.parametrize("version", [4, 6])
def test_connections_come_in_as_incoming_says(place: Site, version: int) -> None:
    found = {name: ask(place.outside, "tcp", place.address(name, version)) for name in NETWORKS}
    assert {name: " " in said for name, said in found.items()} == {"most": False, "few": True, "routed": False}
    assert " " in ask(place.guests["routed"], "tcp", WWW_4 if version == 4 else WWW_6)


def test_a_change_holds_at_once_and_other_connections_go_on(firewall: str) -> None:
    with site() as place:
        place.define("lab", 45, "<forward mode='nat'/>")
        guest = place.plug("lab")
        talks = []
        for port in (PORT, OTHER):
            Witness(place.outside, port)
            words = [PYTHON, "-IS", "-c", TALK, WWW_4, str(port)]
            talk = guest.popen(words, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
            assert talk.stdout.readline().startswith("192.0.2.2 ")
            talks.append(talk)
        place.define("lab", 45, "<forward mode='nat'/>", more=MOST)
        [change] = [str(change) for change in on(place.host, lambda here: changes.apply(here, "lab"))]
        assert change.endswith(f" firewall rules for network lab in {INSTALLED[firewall]}")
        for talk in talks:
            talk.stdin.write("hello\n")
            talk.stdin.flush()
        assert talks[0].stdout.readline() == "hello\n"
        assert talks[1].stderr.read().splitlines()[-1] == "ConnectionResetError: [Errno 104] Connection reset by peer"
        talks[0].stdin.close()
        assert wait_for(lambda: talks[0].poll() is not None, "the end of the talk")


GUESTS = f"""<forwarding><outgoing>
  <allow protocol='icmp' destination='{WWW_4}'/><deny protocol='icmp'/>
  <allow port='{OTHER}' domain='trusted' destination='203.0.113.0/24'/>
  <deny port='{OTHER}' domain='trusted'/>
  <deny from='10.47.0.11'/><deny from='fd00:47::11'/>
  <deny port='{PORT}' protocol='tcp' domain='Watched-One'/>
  <deny port='{OTHER}'/></outgoing></forwarding>"""


def _name(place: Site, name: str, guest: str) -> str:
    """Attach a guest's NIC again with its MAC and a name; the MAC."""
    [link] = place.guests[name].json(["ip", "-json", "link", "show", "eth0"])
    nic = nics.Nic(interface=f"v{name}", network="lab", mac=link["address"], guest=guest)
    on(place.host, lambda here: attach.attach(here, "lab", nic) and None)
    return str(link["address"])


def test_a_rule_is_for_a_guest_a_destination_or_a_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Host, "firewall", "")  # by a guest's name: nftables alone does that
    with site() as place:
        assert place.define("lab", 47, "<forward mode='nat'/>", more=GUESTS) == []
        for port in (PORT, OTHER):
            Witness(place.outside, port)
        for name in ("one", "two"):
            place.plug("lab", name)
        one, two = (place.guests[name] for name in ("one", "two"))
        assert (one.pings(WWW_4), one.pings("192.0.2.1"), one.pings(WWW_6)) == (True, False, False)
        assert " " not in ask(one, "tcp", WWW_4, port=OTHER)
        assert " " in ask(one, "tcp", WWW_4)
        for protocol, address in (("tcp", WWW_4), ("udp", WWW_6)):
            assert " " not in ask(two, protocol, address)  # from its address nothing goes out
        assert two.resolve(WWW, server=place.gateway("two")) == [WWW_4]
        _name(place, "one", "trusted")
        for protocol in ("tcp", "udp"):
            assert " " in ask(one, protocol, WWW_4, port=OTHER)
            assert ask(one, protocol, "192.0.2.1", port=OTHER) == "refused"
        mac = _name(place, "one", "watched-one")
        assert ask(one, "tcp", WWW_4) == "refused"
        assert " " not in ask(one, "tcp", WWW_6)
        assert " " in ask(one, "udp", WWW_4)
        assert " " not in ask(one, "udp", WWW_4, port=OTHER)
        on(place.host, lambda here: bringup.restart(here, "lab") and None)
        assert ask(one, "tcp", WWW_4) == "refused"
        assert f"elements = {{ {mac} }}" in place.host.run(["nft", "list", "ruleset"]).stdout
        on(place.host, lambda here: attach.detach(here, "vone") and None)
        assert f"elements = {{ {mac} }}" not in place.host.run(["nft", "list", "ruleset"]).stdout
