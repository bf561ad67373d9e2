"""The kernel's table of flows: only those of the given sources are forgotten, and no connection."""

import re
from ipaddress import ip_address

import pytest

from tests.lab import Host
from tests.lab.library import on
from tests.lab.outside import WWW_4, WWW_6
from tests.lab.site import Site, site
from tests.lab.witness import Witness, ask
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.host import log

pytestmark = pytest.mark.netns


def _flows(place: Site) -> set[str]:
    """Protocol and source of each flow to the witness."""
    listed = place.host.run(["cat", "/proc/net/nf_conntrack"]).stdout
    found = re.findall(r" (tcp|udp) .*?src=(\S+) dst=\S+ sport=\d+ dport=7000", listed)
    return {f"{protocol} {ip_address(source)}" for protocol, source in found}


def test_addresses_that_cannot_be_read_are_logged_and_stop_nobody() -> None:
    def settled(here: machine.Host) -> list[str]:
        said: list[str] = []
        log.listen(said.append)

        def refuse() -> list[tuple[int, str]]:
            msg = "addresses: list: refused by the test"
            raise HostError(msg)

        here.links.all_addresses = refuse  # type: ignore[method-assign]
        here.conntrack.settle((), ((4, 17, 53, 53, "0.0.0.0/0", "", "10.37.0.9", 53),))
        return said

    with Host() as host:
        assert on(host, settled) == [
            "flows of forwards: end: addresses: list: refused by the test: they end by themselves"
        ]


def test_flows_without_a_connection_are_forgotten_by_their_source() -> None:
    with site() as place:
        Witness(place.outside)
        for number, name in ((37, "one"), (38, "two")):
            place.define(name, number, "<forward mode='nat'/>")
            guest = place.plug(name)
            for protocol in ("tcp", "udp"):
                for address in (WWW_4, WWW_6):
                    assert " " in ask(guest, protocol, address)
        before = _flows(place)
        assert len(before) == 8
        on(place.host, lambda here: here.conntrack.forget(("10.37.0.0/24", "fd00:38::/80", "192.0.2.0/24")))
        assert before - _flows(place) == {f"udp {place.address('one')}", f"udp {place.address('two', 6)}"}
