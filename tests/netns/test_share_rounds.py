"""The host is on the network while its NIC is shared and given back, again and again.

VNETHOOK_ROUNDS=20 makes as many rounds in each layout as one may want to see.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import GATEWAY, GATEWAY6, OURS, OURS6, RICH, connect, layer3
from tests.lab.library import on
from tests.lab.pings import pinging
from vnethook.lifecycle.share import sharing

pytestmark = pytest.mark.netns
ROUNDS = int(os.environ.get("VNETHOOK_ROUNDS", "10"))
IDLE_PINGS = 50
LOST_MAX = 0.001
"""Of all pings; of few one may be lost."""
SILENCE_MAX = 25
"""How much longer than on the idle host the longest silence may be: the machine has other things to do."""


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router, RICH)
        host.run(["ip", "rule", "add", "iif", "eth0", "lookup", "100"])
        host.run(["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"])
        yield host


@pytest.mark.parametrize("layout", ["bridge", "proposal"])
def test_rounds_of_sharing_lose_no_ping_and_no_connection(host: Host, router: Machine, layout: str) -> None:
    ways = [(host, GATEWAY), (host, GATEWAY6), (router, OURS), (router, OURS6)]
    before, picture = layer3(host), host.snapshot()
    with pinging(ways, count=IDLE_PINGS) as idle:
        pass
    with _talking(host, router) as say, pinging(ways) as pings:
        for number in range(ROUNDS):
            on(host, lambda here: sharing.start(here, "eth0", sharing.Terms(layout=layout)) and None)
            say(f"shared {number}")
            on(host, lambda here: sharing.stop(here, "eth0") and None)
            say(f"given back {number}")
    sys.stdout.write(f"{layout}: {pings.seen}, idle: {idle.seen}\n")
    assert pings.lost <= max(1, pings.sent * LOST_MAX)
    assert pings.silence_ms <= idle.silence_ms * SILENCE_MAX
    assert layer3(host) == before
    assert picture.changes_to(host.snapshot(), ignoring=["locks/", r"file d\S+ run/vnethook"]) == []


@contextmanager
def _talking(host: Host, router: Machine) -> Iterator[Callable[[str], None]]:
    """A connection that stays open; what is given says a line by it, which must come back."""
    with router.popen(["busybox", "nc", "-ll", "-p", "7", "-e", "cat"]) as echo:
        wait_for(lambda: host.connects(GATEWAY, 7), "the echo service")
        words = ["busybox", "nc", GATEWAY, "7"]
        with host.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as talk:

            def say(line: str) -> None:
                talk.stdin.write(f"{line}\n")
                assert talk.stdout.readline() == f"{line}\n"

            try:
                yield say
            finally:
                talk.kill()
                echo.kill()
