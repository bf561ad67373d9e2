"""Subnets behind a guest: who reaches them, and what comes from them, in each mode that guards its guests."""

import pytest

from tests.lab.outside import WWW_4
from tests.lab.site import site
from tests.lab.witness import Witness, ask

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy")
BEHIND, ELSEWHERE = "10.98.0.1", "10.97.0.1"


@pytest.mark.parametrize("mode", ["nat", "route", "none"])
def test_the_host_reaches_what_is_behind_a_guest_and_the_outside_in_mode_route(mode: str) -> None:
    with site() as place:
        route = "<route address='10.98.0.0' prefix='16' gateway='10.65.0.10'/>"
        assert place.define("lab", 65, f"<forward mode='{mode}'/>", more=route) == []
        guest = place.plug("lab")
        for address in (BEHIND, ELSEWHERE):
            guest.run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
        for machine in (guest, place.outside):
            Witness(machine)
        assert ask(place.host, "tcp", BEHIND).split()[0] == place.gateway("lab")
        assert (" " in ask(place.outside, "tcp", BEHIND)) is (mode == "route")
        seen = ask(guest, "udp", WWW_4, source=(BEHIND, 0))
        assert seen.split()[0] == (BEHIND if mode == "route" else "lost")
        assert ask(guest, "udp", WWW_4, source=(ELSEWHERE, 0)) == "lost"
        assert ask(guest, "udp", "192.0.2.2", source=(ELSEWHERE, 0), port=53) == "lost"
