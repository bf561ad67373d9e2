"""A real firewalld, asked over D-Bus, and by its own slow program where busctl is not installed: the same answers."""

import pytest

from tests.lab import Host
from tests.lab.firewalls import Firewalls
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine

pytestmark = [pytest.mark.netns, pytest.mark.firewalls]


def _look(here: machine.Host) -> list[object]:
    firewalld = here.firewalld
    seen: list[object] = [firewalld.is_running(), firewalld.has_ours(), "home" in firewalld.zones()]
    for zone in ("home", "trusted"):
        firewalld.join("virbr7", zone)
        seen.append(firewalld.zone_of("virbr7"))
    firewalld.leave("virbr7", "trusted")
    seen.append(firewalld.zone_of("virbr7"))
    try:
        firewalld.join("virbr7", "lan")
    except HostError as error:
        seen.append(str(error))
    return seen


def test_firewalld_is_told_of_a_link_with_and_without_busctl() -> None:
    refusal = "firewalld: changeZoneOfInterface lan virbr7: INVALID_ZONE: lan"
    with Host() as host, Firewalls(host) as firewalls:
        assert on(host, lambda here: here.firewalld.is_running()) is False
        firewalls.start_firewalld()
        for _ in range(2):
            assert on(host, _look) == [True, False, True, "home", "trusted", "", refusal]
            host.run(["sh", "-euc", "! program=$(command -v busctl) || rm $program"])
        firewalls.stop_firewalld()
        assert on(host, lambda here: here.firewalld.is_running()) is False
