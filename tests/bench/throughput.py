"""How much of a TCP stream gets through what joins two guests: Mbit/s by iperf3, as ratios to two taps on a bridge.

Guests are namespaces behind a tap that a program serves frame by frame, as QEMU does, so that nothing is measured that
only the kernel could do. All ways are there at once and are measured in turns.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.tap_guest import TapGuest
from tests.lab import Client, Host, Machine, Outside
from tests.lab.machine import SYSTEM_PATH, wait_for
from tests.lab.outside import WWW_4
from tests.lab.table import table

PORT = 5201
Ends = tuple[Machine, Machine, str]
"""Who connects, who serves, and by which address."""


@dataclass
class Way:
    """Something that joins two guests, what programs it needs, and what got through: Mbit/s there, and back."""

    name: str
    make: Callable[[], AbstractContextManager[Ends]]
    programs: tuple[str, ...] = ()
    against: str = ""
    """The way that it is compared with; empty: it is one of those."""
    there: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)

    @property
    def missing(self) -> str:
        """Why it cannot be measured here; empty if it can."""
        absent = [name for name in ("iperf3", *self.programs) if not shutil.which(name, path=SYSTEM_PATH)]
        return f"{' and '.join(absent)}: not installed" if absent else ""


def define(host: Host, name: str, number: int, more: str = "<forward mode='nat'/>") -> None:
    """Have a network up, 10.NUMBER.0.0/24."""
    ip = f"<ip address='10.{number}.0.1' prefix='24'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.99'/></dhcp></ip>"
    host.define(f"<network><name>{name}</name>{more}{ip}</network>")
    host.vnet("net-start", name)


def plug(guest: Client, network: str) -> str:
    """Put a guest on a network; its address."""
    guest.host.vnet("attach", guest.port, "--network", network)
    return guest.lease()["ip"]


@contextmanager
def _taps(kind: type[Client]) -> Iterator[Ends]:
    with Host() as host:
        define(host, "lab", 71)
        with kind(host, "one", port="tap1") as one, kind(host, "two", port="tap2") as two:
            plug(one, "lab")
            yield one, two, plug(two, "lab")


@contextmanager
def _outside() -> Iterator[Ends]:
    with Host() as host, Outside() as outside:
        outside.plug(host)
        define(host, "lab", 71)
        with TapGuest(host, "one", port="tap1") as one:
            plug(one, "lab")
            yield one, outside, WWW_4


BASE, OUT = "tap + bridge", "tap + bridge, outside by NAT"
WAYS = (
    Way(BASE, lambda: _taps(TapGuest)),
    Way("veth + bridge", lambda: _taps(Client), against=BASE),
    Way(OUT, _outside),
)


def measure(ways: tuple[Way, ...], rounds: int, seconds: int) -> None:
    """Let each way carry a stream there and one back, in turns; the first round does not count where there are more."""
    with ExitStack() as stack:
        ready = [(way, stack.enter_context(way.make())) for way in ways]
        for _, (_, server, _) in ready:
            server.popen(["iperf3", "--server", "--port", str(PORT)], stdout=subprocess.DEVNULL)
        for number in range(rounds + (rounds > 1)):
            for way, ends in ready:
                found = [_stream(ends, seconds, *words) for words in ((), ("--reverse",))]
                if number or rounds == 1:
                    way.there.append(found[0])
                    way.back.append(found[1])


def _stream(ends: Ends, seconds: int, *words: str) -> float:
    """Mbit/s that arrived."""
    client, server, address = ends
    wait_for(lambda: _is_listening(server), "iperf3 to listen")
    done = client.run(["iperf3", "--client", address, "--port", str(PORT), "--time", str(seconds), "--json", *words])
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e6


def _is_listening(server: Machine) -> bool:
    return bool(server.run(["ss", "-Hltn", f"sport = :{PORT}"]).stdout)


def rows(ways: tuple[Way, ...]) -> list[list[str]]:
    """The table: Mbit/s there and back, and how much that is of what it is compared with."""
    named = {way.name: way for way in ways}
    lines = [["what", "Mbit/s there", "x", "back", "x", ""]]
    for way in ways:
        if not way.there:
            lines.append([way.name, "-", "", "-", "", way.missing])
            continue
        base = named.get(way.against, way)
        ratios = [median(way.there) / median(base.there), median(way.back) / median(base.back)] if base.there else []
        there, back = (f"{ratio:.2f}" for ratio in ratios) if ratios else ("", "")
        lines.append([way.name, f"{median(way.there):.0f}", there, f"{median(way.back):.0f}", back, way.against])
    return lines


def run(say: Callable[[str], None], *, rounds: int, seconds: int, word: str = "") -> list[dict[str, Any]]:
    """Measure those that can be and have this word in their names, and say it; the numbers as JSON has them."""
    chosen = tuple(way for way in WAYS if word in way.name)
    measure(tuple(way for way in chosen if not way.missing), rounds, seconds)
    say(f"TCP through what joins two guests, {seconds} s each, median of {rounds}; x: of what stands beside it\n")
    for line in table(rows(chosen)):
        say(line)
    return [
        {
            "name": way.name,
            "compared_with": way.against or None,
            "there_mbit": way.there,
            "back_mbit": way.back,
            "missing": way.missing,
        }
        for way in chosen
    ]
