"""A call that is killed at any change leaves the host on the network, and is taken back, by its guard or by the next call."""

from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.kills import is_killed
from tests.lab.lan import OURS, OURS6, RICH, connect, layer3
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle.share import sharing

pytestmark = [pytest.mark.netns, pytest.mark.slow]
GUARD_S = 60
STRIDE = 3
"""Each guard takes its time to start: every third change will do, since a step has many."""


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router, RICH)
        host.run(["ip", "rule", "add", "iif", "eth0", "lookup", "100"])
        host.run(["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"])
        yield host


def _require_reached(router: Machine, number: int) -> None:
    """Of two pings one may be lost, where a guard is at work at that moment."""
    for address in (OURS, OURS6):
        assert router.run(["ping", "-c2", "-i0.05", "-W5", address], check=False).returncode == 0, (number, address)


def _start(here: machine.Host) -> None:
    sharing.start(here, "eth0", sharing.Terms(antispoof=True))


def _stop(here: machine.Host) -> None:
    sharing.stop(here, "eth0")


def test_a_start_that_is_killed_is_mended_by_the_next_call(host: Host, router: Machine) -> None:
    before = layer3(host)
    on(host, _start)
    whole = layer3(host)
    on(host, _stop)
    number = 0
    while is_killed(host, number, _start):
        _require_reached(router, number)
        if number % 2:
            on(host, _start)
            assert layer3(host) == whole, number
        on(host, _stop)
        assert layer3(host) == before, number
        number += 1
    assert number > 40


def test_a_stop_that_is_killed_is_mended_by_the_next_call(host: Host, router: Machine) -> None:
    before = layer3(host)
    on(host, _start)
    whole = layer3(host)
    number = 0
    while is_killed(host, number, _stop):
        _require_reached(router, number)
        if number % 2:
            on(host, _stop)
            assert layer3(host) == before, number
        on(host, _start)
        assert layer3(host) == whole, number
        number += 1
    assert number > 40


def _start_guarded(here: machine.Host) -> None:
    sharing.start(here, "eth0", sharing.Terms(layout="proposal", guard_s=GUARD_S, is_kept=True))


def _stop_guarded(here: machine.Host) -> None:
    sharing.stop(here, "eth0", guard_s=GUARD_S)


def _wait_for_guard(host: Host) -> None:
    wait_for(lambda: not any("share-guard" in line for line in host.processes()), "the guard to end")


def test_a_start_that_is_killed_is_taken_back_or_kept_by_its_guard(host: Host, router: Machine) -> None:
    before = layer3(host)
    on(host, _start_guarded)
    whole = layer3(host)
    on(host, _stop)
    number = 0
    while is_killed(host, number, _start_guarded):
        _require_reached(router, number)
        _wait_for_guard(host)
        assert layer3(host) in (before, whole), number
        on(host, _stop)
        assert layer3(host) == before, number
        number += STRIDE
    assert number > 40


def test_a_stop_that_is_killed_is_finished_by_its_guard(host: Host, router: Machine) -> None:
    before = layer3(host)
    on(host, _start_guarded)
    whole = layer3(host)
    number = 0
    while is_killed(host, number, _stop_guarded):
        _require_reached(router, number)
        _wait_for_guard(host)
        assert layer3(host) in (before, whole), number
        on(host, _stop)
        on(host, _start_guarded)
        assert layer3(host) == whole, number
        number += STRIDE
    assert number > 40
