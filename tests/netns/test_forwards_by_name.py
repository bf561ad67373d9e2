"""Forwards to a guest by its name: its address is fixed, kept or chosen, and the rules come and go with it."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from tests.lab.client import Client
from tests.lab.library import on
from tests.lab.site import Site, site
from tests.lab.witness import PORT, Witness, ask
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, catalog, changes
from vnethook.live import elements, guest_rules, nics, pinned, port, record

pytestmark = pytest.mark.netns
MAC, OTHER_MAC = "52:54:00:00:61:01", "52:54:00:00:61:02"
UPLINK = {4: "192.0.2.2", 6: "2001:db8:1::2"}
IPS = """
  <ip address='10.{number}.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.{number}.0.100' end='10.{number}.0.103'/>HOSTS</dhcp></ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='64'>
    <dhcp><range start='fd00:{number}::100' end='fd00:{number}::103'/></dhcp></ip>"""
RULES = f"""<forwarding><incoming><allow port='8080' to='{PORT}' domain='web-server'/>
  <allow port='{PORT}' domain='web-server'/></incoming></forwarding>"""
DUID = "00:03:00:01"


@pytest.fixture
def place() -> Iterator[Site]:
    with site() as place:
        yield place


def _define(place: Site, *, hosts: str = "", forward: str = "<forward mode='nat'/>", more: str = RULES) -> None:
    place.define("lab", 61, forward, more=more, ips=IPS.replace("HOSTS", hosts))


def _attach(place: Site, interface: str, guest: str, mac: str) -> list[str]:
    nic = nics.Nic(interface=interface, network="lab", mac=mac, guest=guest)
    return on(place.host, lambda here: attach.attach(here, "lab", nic))


@contextmanager
def _guest(place: Site, name: str = "web", mac: str = MAC, *, guest: str = "web-server") -> Iterator[Client]:
    """A guest on the network, by a link that has `v` before its name."""
    with Client(place.host, name, port=f"v{name}", mac=mac) as client:
        assert _attach(place, f"v{name}", guest, mac) == []
        yield client


def _start(place: Site) -> None:
    on(place.host, lambda here: bringup.start(here, "lab") and None)


def _start_with_taps(place: Site, *names: str) -> None:
    """Start a network that keeps 10.61.0.50 for the guest; its links are without a machine behind."""
    _define(place, hosts="<host name='web-server' ip='10.61.0.50'/>")
    _start(place)
    for name in names:
        place.host.make_tap(name)


def _stop(place: Site) -> None:
    on(place.host, lambda here: bringup.stop(here, "lab", force=True))


def _apply(place: Site) -> None:
    on(place.host, lambda here: changes.apply(here, "lab") and None)


def _detach(place: Site, interface: str = "vweb") -> None:
    on(place.host, lambda here: attach.detach(here, interface) and None)


def _rules(place: Site) -> str:
    return place.host.run(["nft", "list", "ruleset"]).stdout


def _led(address: str) -> str:
    """How nft lists what leads to an address."""
    return f"8080 . 0.0.0.0/0 . 0.0.0.0/0 : {address}"


def _seen(place: Site, protocol: str = "tcp", *, version: int = 4, port: int = 8080) -> str:
    return ask(place.outside, protocol, UPLINK[version], port=port).split()[0]


def _lease(client: Client) -> str:
    return client.lease().get("ip", "")


def _nic(place: Site, interface: str) -> nics.Nic:
    return on(place.host, lambda here: nics.read(here.paths, interface))


def test_a_guest_has_the_address_that_is_kept_for_it_and_is_reached_while_it_is_there(place: Site) -> None:
    _define(place)
    _start(place)
    assert _seen(place) == "refused"
    with _guest(place, guest="Web Server") as web:
        assert _nic(place, "vweb").addresses == ("10.61.0.103", "fd00:61::103")
        assert _lease(web) == "10.61.0.103"
        Witness(web)
        for protocol in ("tcp", "udp"):
            for port in (8080, PORT):
                assert _seen(place, protocol, port=port) == "192.0.2.1"
        web.run(["ip", "-6", "address", "replace", "fe80::61/64", "dev", "eth0", "nodad"])
        lease = web.lease6(f"{DUID}:{MAC}")
        assert lease
        assert lease.ip == "fd00:61::103"
        web.run(["ip", "-6", "address", "add", f"{lease.ip}/64", "dev", "eth0", "nodad"])
        web.run(["ip", "-6", "route", "replace", "default", "via", "fd00:61::1"])
        for protocol in ("tcp", "udp"):
            assert _seen(place, protocol, version=6) == "2001:db8:1::1"
        assert ask(place.host, "tcp", "127.0.0.1", port=8080).split()[0] == "10.61.0.1"
        _detach(place)
        assert _seen(place) == "refused"
        assert _attach(place, "vweb", "Web Server", MAC) == []
        assert _seen(place) == "192.0.2.1"


def test_its_address_stays_with_its_name_whatever_happens_meanwhile(place: Site) -> None:
    _define(place)
    with _guest(place) as web:
        assert _lease(web) == "10.61.0.103"
    _detach(place)
    _stop(place)
    with _guest(place, "one", "52:54:00:00:61:11", guest="one") as one:
        assert {_lease(one)} < {"10.61.0.100", "10.61.0.101", "10.61.0.102"}
        others = [f"52:54:00:00:61:2{number}" for number in range(3)]
        assert "10.61.0.103" not in {one.lease(mac=mac, tries=2).get("ip") for mac in others}
        with _guest(place, mac=OTHER_MAC) as web:
            assert _lease(web) == "10.61.0.103"
            Witness(web)
            assert _seen(place) == "192.0.2.1"


def test_an_address_that_it_has_by_its_lease_is_kept(place: Site) -> None:
    _define(place, more="")
    with _guest(place) as web:
        leased = _lease(web)
        Witness(web)
        _define(place)
        _apply(place)
        assert _nic(place, "vweb").addresses[0] == leased
        assert _seen(place) == "192.0.2.1"
        assert _lease(web) == leased


def test_forwards_follow_a_guest_whose_fixed_address_changes(place: Site) -> None:
    entry = f"<host mac='{MAC}' ip='10.61.0.{{}}'/>"
    _define(place, hosts=entry.format(50))
    with _guest(place) as web:
        assert _lease(web) == "10.61.0.50"
        Witness(web)
        assert _seen(place) == "192.0.2.1"
        _define(place, hosts=entry.format(51))
        _apply(place)
        assert _seen(place) in {"lost", "refused"}
        assert _lease(web) == "10.61.0.51"
        assert _seen(place) == "192.0.2.1"


def test_a_network_that_comes_up_again_has_the_rules_of_the_guests_that_are_there(place: Site) -> None:
    _define(place)
    with _guest(place) as web:
        _lease(web)
        Witness(web)
        _stop(place)
        _start(place)
        assert _seen(place) == "192.0.2.1"
        place.host.run(["nft", "flush", "ruleset"])
        assert _seen(place) == "refused"
        _start(place)
        assert _seen(place) == "192.0.2.1"


def test_the_first_of_two_nics_counts_until_it_is_gone(place: Site) -> None:
    _define(place)
    with (
        Client(place.host, "web", port="vweb", mac=MAC) as web,
        Client(place.host, "spare", port="vspare", mac=OTHER_MAC) as spare,
    ):
        assert _attach(place, "vweb", "web-server", MAC) == []
        _attach(place, "vspare", "web-server", OTHER_MAC)
        assert (_lease(web), _nic(place, "vspare").is_led_to) == ("10.61.0.103", False)
        Witness(web)
        Witness(spare)
        assert _seen(place) == "192.0.2.1"
        _detach(place)
        assert _nic(place, "vspare").is_led_to
        assert _lease(spare) == "10.61.0.103"
        assert _seen(place) == "192.0.2.1"


def test_datagrams_go_to_whoever_has_the_name_by_then(place: Site) -> None:
    entries = "".join(f"<host mac='{mac}' ip='10.61.0.{last}'/>" for mac, last in ((MAC, 50), (OTHER_MAC, 51)))
    _define(place, hosts=entries)
    source = ("192.0.2.1", 4000)
    with (
        Client(place.host, "web", port="vweb", mac=MAC) as web,
        Client(place.host, "spare", port="vspare", mac=OTHER_MAC) as spare,
    ):
        for client, interface in ((web, "vweb"), (spare, "vspare")):
            assert ask(place.outside, "udp", UPLINK[4], port=8080, source=source) == "refused"
            assert _attach(place, interface, "web-server", client.mac) == []
            assert _lease(client)
            Witness(client)
            assert ask(place.outside, "udp", UPLINK[4], port=8080, source=source) == "192.0.2.1 4000"
            _detach(place, interface)


def test_in_mode_route_its_own_address_is_reached_at_that_port(place: Site) -> None:
    _define(place, forward="<forward mode='route'/>")
    with _guest(place) as web:
        address = _lease(web)
        Witness(web)
        Witness(web, 22)
        for protocol in ("tcp", "udp"):
            assert _seen(place, protocol) == "192.0.2.1"
            assert ask(place.outside, protocol, address).split()[0] == "192.0.2.1"
        assert " " not in ask(place.outside, "tcp", address, port=22)


def _killed_at(module: ModuleType, name: str, *, is_after: bool) -> Callable[[machine.Host], None]:
    """Attach the guest in a process that is killed at a function, before it or after it."""

    def attach_and_die(here: machine.Host) -> None:
        def die(*words: object, **named: object) -> None:
            if is_after:
                original(*words, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        original = getattr(module, name)
        setattr(module, name, die)
        attach.attach(here, "lab", nics.Nic(interface="vweb", network="lab", mac=MAC, guest="web-server"))

    return attach_and_die


PLACES = [(pinned, "_write"), (nics, "write"), (elements, "change"), (guest_rules, "publish"), (port, "join")]


@pytest.mark.parametrize("is_after", [False, True])
def test_an_attach_killed_anywhere_is_finished_by_the_next_and_taken_back_by_a_detach(
    place: Site, *, is_after: bool
) -> None:
    _define(place)
    _start(place)
    with Client(place.host, "web", port="vweb", mac=MAC) as web:
        Witness(web)
        for module, name in PLACES:
            with pytest.raises(AssertionError, match="ended with -9"):
                on(place.host, _killed_at(module, name, is_after=is_after))
            assert _attach(place, "vweb", "web-server", MAC) == []
            assert _lease(web) == "10.61.0.103"
            assert _seen(place) == "192.0.2.1"
            _detach(place)
            assert _seen(place) in {"refused", "lost"}
            ruleset = _rules(place)
            assert "10.61.0.103" not in ruleset
            assert not place.host.call(lambda: list(place.host.root.glob("run/vnethook/published/*")))


def test_nothing_is_left_of_a_network_and_its_guests(place: Site) -> None:
    before = place.host.snapshot()
    _define(place)
    with _guest(place):
        _detach(place)
        on(place.host, lambda here: bringup.stop(here, "lab"))
        on(place.host, lambda here: catalog.undefine(here, "lab"))
    ignored = [r"\.host ", "tcp_fastopen_key", r"^. file d", "locks/", "compiled/", "link vweb"]
    assert before.changes_to(place.host.snapshot(), ignoring=ignored) == []


@pytest.mark.parametrize("by", ["another guest on its link", "a mend"])
def test_a_record_of_a_link_that_is_gone_takes_nothing_from_the_guest_that_is_back(place: Site, by: str) -> None:
    _start_with_taps(place, "tap0", "tap1")
    _attach(place, "tap1", "web-server", "")  # whose MAC is not known has no name by which its record would be found
    place.host.run(["ip", "link", "delete", "tap1"])
    _attach(place, "tap0", "web-server", "")
    before = _rules(place)
    assert _led("10.61.0.50") in before
    if by == "a mend":
        _start(place)
    else:
        place.host.make_tap("tap1")
        _attach(place, "tap1", "other", "")
    assert _led("10.61.0.50") in _rules(place)
    _detach(place, "tap0")
    assert ": 10.61.0.50" not in _rules(place)


WITHOUT_DAEMON = f"""
  <ip address='10.{{number}}.0.1' netmask='255.255.255.0'><dhcp enabled='no'>
    <host mac='{MAC}' name='web-server' ip='10.61.0.50'/>
    <host mac='{OTHER_MAC}' name='spare' ip='10.61.0.51'/></dhcp></ip>"""
"""Nobody has a name in DNS here, by which the record of a link that is gone would be found."""


def test_a_network_is_mended_beside_the_record_of_a_link_that_is_gone(place: Site) -> None:
    forward = "<forward mode='nat'/><dns enable='no'/>"
    place.define("lab", 61, forward, more=RULES, ips=WITHOUT_DAEMON)
    _start(place)
    for interface in ("tap0", "tap1"):
        place.host.make_tap(interface)
    _attach(place, "tap0", "web-server", MAC)
    place.host.run(["ip", "link", "delete", "tap0"])
    _attach(place, "tap1", "web-server", OTHER_MAC)
    place.host.run(["nft", "flush", "ruleset"])
    _start(place)
    rules = _rules(place)
    assert _led("10.61.0.51") in rules
    assert ": 10.61.0.50" not in rules


def test_a_guest_with_hundreds_of_forwards_is_in_the_rules_at_once_whoever_takes_it_out_meanwhile(place: Site) -> None:
    allowed = "".join(f"<allow port='{port}' domain='web-server'/>" for port in range(2000, 3200, 2))
    _define(
        place,
        hosts="<host name='web-server' ip='10.61.0.50'/>",
        more=f"<forwarding><incoming>{allowed}</incoming></forwarding>",
    )
    _start(place)
    place.host.make_tap("tap0")
    assert _attach(place, "tap0", "web-server", MAC) == []
    assert _rules(place).count(": 10.61.0.50") == 1200

    def act(here: machine.Host) -> None:
        live, nic = record.read(here.paths, "lab"), nics.read(here.paths, "tap0")
        assert live
        assert nic
        items = guest_rules.elements(live.named, nic)
        seen, asked = elements.has_element, []

        def late(*words: Any) -> bool:
            asked.append(seen(*words))
            if len(asked) == len(items):
                elements.has_element = seen
                elements.change(delete=items)
            return asked[-1]

        elements.has_element = late
        elements.change(add=items)

    on(place.host, act)
    assert _rules(place).count(": 10.61.0.50") == 1200


@pytest.mark.parametrize("meanwhile", ["deleted", "added"])
def test_elements_that_another_hook_changes_meanwhile_are_changed_all_the_same(place: Site, meanwhile: str) -> None:
    _start_with_taps(place, "tap0")
    _attach(place, "tap0", "web-server", MAC)

    def act(here: machine.Host) -> None:
        live, nic = record.read(here.paths, "lab"), nics.read(here.paths, "tap0")
        assert live
        assert nic
        items = guest_rules.elements(live.named, nic)
        seen = elements.has_element

        def asked(*words: Any) -> bool:
            found = seen(*words)
            elements.has_element = seen
            elements.change(add=items if meanwhile == "added" else (), delete=items)
            return found

        if meanwhile == "added":
            elements.change(delete=items)
        elements.has_element = asked
        elements.change(add=[(holder, element.replace("10.61.0.50", "10.61.0.51")) for holder, element in items])

    on(place.host, act)
    rules = _rules(place)
    assert _led("10.61.0.51") in rules
    assert ": 10.61.0.50" not in rules


def test_a_flush_in_the_middle_of_an_attach_is_mended_by_it(place: Site) -> None:
    _start_with_taps(place, "tap0")

    def act(here: machine.Host) -> list[str]:
        publish = guest_rules.publish

        def flushed(*words: Any) -> None:
            guest_rules.publish = publish
            subprocess.run(["nft", "flush", "ruleset"], check=True)
            publish(*words)

        guest_rules.publish = flushed
        return attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=MAC, guest="web-server"))

    assert on(place.host, act) == []
    assert _led("10.61.0.50") in _rules(place)
    place.host.vnet("net-check", "lab")


def test_a_nic_that_cannot_be_another_guests_stays_in_the_rules_as_it_was(place: Site) -> None:
    _start_with_taps(place, "tap0")
    _attach(place, "tap0", "web-server", MAC)
    before = _nic(place, "tap0")

    def act(here: machine.Host) -> None:
        def refuse(*_: object) -> None:
            port.naming.take = take
            msg = "refused by the test"
            raise HostError(msg)

        take, port.naming.take = port.naming.take, refuse  # type: ignore[assignment]
        with pytest.raises(HostError, match="refused by the test"):
            attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=OTHER_MAC, guest="other"))

    on(place.host, act)
    assert _nic(place, "tap0") == before
    assert _led("10.61.0.50") in _rules(place)
    place.host.vnet("net-check", "lab")
