"""Pings that go on while something is done: which were lost, by their numbers, and how long it was silent in between."""

import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.lab.machine import Machine

PAUSE_S = "0.01"
_REPLY = re.compile(r"^\[(?P<time>[0-9.]+)\] .*icmp_seq=(?P<number>\d+) ttl", re.MULTILINE)


class Seen(NamedTuple):
    """What came of the pings to one address: how many went out, those that were lost, the longest silence in ms."""

    sent: int
    lost: list[int]
    silence_ms: float


class Pings:
    """Pings from machines to addresses; `seen` is there once they have ended."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    @property
    def sent(self) -> int:
        """All that went out."""
        return sum(one.sent for one in self.seen)

    @property
    def lost(self) -> int:
        """All that were not answered."""
        return sum(len(one.lost) for one in self.seen)

    @property
    def silence_ms(self) -> float:
        """The longest silence on any of the ways."""
        return max(one.silence_ms for one in self.seen)


@contextmanager
def pinging(ways: Sequence[tuple[Machine, str]], *, count: int = 0) -> Iterator[Pings]:
    """Ping all the time by these ways, or `count` times."""
    words = ["ping", "-n", "-D", f"-i{PAUSE_S}", *([f"-c{count}"] if count else [])]
    programs = [
        machine.popen([*words, address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for machine, address in ways
    ]
    pings = Pings()
    try:
        yield pings
        for program in programs:
            if not count:
                program.send_signal(signal.SIGINT)
            pings.seen.append(_seen(program.communicate()[0]))
    finally:
        for program in programs:
            program.kill()


def _seen(text: str) -> Seen:
    found = [(float(one["time"]), int(one["number"])) for one in _REPLY.finditer(text)]
    assert found, text
    last = max(number for _, number in found)
    times = sorted(time for time, _ in found)
    silence_ms = max((later - earlier) * 1000 for earlier, later in zip(times, times[1:], strict=False))
    return Seen(last, sorted(set(range(1, last + 1)) - {number for _, number in found}), silence_ms)
