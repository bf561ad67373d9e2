"""Two networks that would lead one connection to two guests, and programs of the host at ports that are forwarded."""

import socket
from collections.abc import Iterator

import pytest

from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.site import Site, site
from vnethook.definition import port_claims
from vnethook.errors import CollisionError, HostError
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, changes, definitions, health, host_ports

pytestmark = pytest.mark.netns
NAT = "<forward mode='nat'/>"


@pytest.fixture
def place() -> Iterator[Site]:
    with site() as place:
        yield place


def _define(place: Site, number: int, *allows: str) -> list[str]:
    rules = "".join(f"<allow address='10.{number}.0.9' {allow}/>" for allow in allows)
    more = f"<forwarding><incoming>{rules}</incoming></forwarding>" if rules else ""
    return place.define(f"n{number}", number, NAT, more=more)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("port='80'", "port='80'"),
        ("port='80' protocol='tcp'", "port='1-1000'"),
        ("port='80' from='192.0.2.0/24'", "port='80'"),
        ("port='80' from='192.0.2.0/24'", "port='79-81' from='192.0.2.7'"),
        ("port='80' on='192.0.2.2'", "port='80'"),
        ("port='80' on='192.0.2.2' from='198.51.100.0/24'", "port='80' on='192.0.2.2'"),
    ],
)
def test_what_could_mean_one_connection_is_refused_naming_both(place: Site, one: str, other: str) -> None:
    _define(place, 71, one)
    with pytest.raises(CollisionError) as caught:
        _define(place, 72, other)
    [port] = [word.split("'")[1] for word in other.split() if word.startswith("port=")]
    assert caught.value.message == f"network 'n72': incoming port {port}: is forwarded by network 'n71' already"


def test_what_cannot_stands_side_by_side(place: Site) -> None:
    _define(place, 71, "port='80' protocol='tcp'", "port='90' from='192.0.2.0/25'", "port='100' on='192.0.2.2'")
    for number, allow in enumerate(("port='80' protocol='udp'", "port='90' from='192.0.2.128/25'", "port='101'"), 72):
        _define(place, number, allow)
    _define(place, 75, "port='100' on='192.0.2.1'")
    for number in range(71, 76):
        on(place.host, lambda here, number=number: bringup.start(here, f"n{number}") and None)
        assert on(place.host, lambda here, number=number: health.check(here, f"n{number}")) == []


def test_a_network_that_is_up_by_an_earlier_definition_keeps_its_ports_until_it_is_changed(place: Site) -> None:
    _define(place, 71, "port='80'")
    on(place.host, lambda here: bringup.start(here, "n71") and None)
    _define(place, 71)
    _define(place, 72, "port='80'")
    before = place.host.snapshot()
    with pytest.raises(
        HostError, match=r"^network 'n72': incoming port 80: is forwarded by network 'n71', which is up$"
    ):
        on(place.host, lambda here: bringup.start(here, "n72") and None)
    ignored = ["locks/", "tcp_fastopen_key"]
    assert before.changes_to(place.host.snapshot(), ignoring=ignored) == []
    on(place.host, lambda here: changes.apply(here, "n71") and None)
    on(place.host, lambda here: bringup.start(here, "n72") and None)


def test_a_port_that_a_program_of_the_host_serves_is_told_with_its_name(place: Site) -> None:
    with place.host.listening(tcp=8080, udp=8081):
        said = _define(place, 71, "port='8080'", "port='8081' protocol='tcp'", "port='8082' on='203.0.113.1'")
    program = PYTHON.rpartition("/")[2]
    assert said[1] == (
        f"network 'n71': incoming port 8080/tcp: {program} on the host listens there: what comes goes to the guest"
    )
    assert said[0] == (
        "network 'n71': incoming on 203.0.113.1: the host has no such address: nothing comes in by it until it has"
    )
    assert len(said) == 2


def test_a_program_on_all_addresses_of_ipv6_is_in_the_way_of_ipv4_too(place: Site) -> None:
    _define(place, 71, "port='8080'")

    def said(here: machine.Host, *, of_both: bool) -> list[str]:
        with socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=of_both):
            return host_ports.warnings(here, port_claims.plain(definitions.load(here, "n71")))

    told = on(place.host, lambda here: said(here, of_both=True))
    assert [line.partition(": ")[0] for line in told] == ["incoming port 8080/tcp"]
    assert on(place.host, lambda here: said(here, of_both=False)) == []


def _ours(here: machine.Host) -> None:
    bringup.start(here, "n71")


def test_our_own_servers_are_no_programs_of_the_host(place: Site) -> None:
    on(place.host, lambda here: bringup.start(here, "default") and None)
    assert _define(place, 71, "port='53'", "port='67'") == []
    on(place.host, _ours)
    assert _define(place, 71, "port='53'", "port='67'") == []
