"""Pings that go on while something is done: which were lost, by their numbers, and how long it was silent in between."""

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
    pings = Pings()
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in ways]  # a pipe would be full some time
        programs = [
            machine.popen([*words, address], stdout=file, stderr=subprocess.STDOUT)
            for (machine, address), file in zip(ways, said, strict=True)
        ]
        for program in programs:
            stack.callback(program.kill)
        yield pings
        for program, file in zip(programs, said, strict=True):
            if not count:
                program.send_signal(signal.SIGINT)
            program.wait()
            file.seek(0)
            pings.seen.append(_seen(file.read()))


def _seen(text: str) -> Seen:
    found = [(float(one["time"]), int(one["number"])) for one in _REPLY.finditer(text)]
    assert found, text
    last = max(number for _, number in found)
    times = sorted(time for time, _ in found)
    silence_ms = max((later - earlier) * 1000 for earlier, later in zip(times, times[1:], strict=False))
    return Seen(last, sorted(set(range(1, last + 1)) - {number for _, number in found}), silence_ms)
