"""How much of a TCP stream gets through what joins two guests: Mbit/s by iperf3, as ratios to two taps on a bridge.

Guests are namespaces behind a tap that a program serves frame by frame, as QEMU does, so that nothing is measured that
only the kernel could do. All ways are there at once and are measured in turns.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

from tests.bench.ways import WAYS, Ends, Way
from tests.lab import Machine
from tests.lab.machine import wait_for
from tests.lab.table import table

PORT = 5201


def measure(ways: tuple[Way, ...], rounds: int, seconds: int) -> None:
    """Let each way carry a stream there and one back, in turns; the first round does not count where there are more."""
    with ExitStack() as stack:
        ready = [(way, stack.enter_context(way.make())) for way in ways]
        for _, (_, server, _) in ready:
            server.popen(
                ["iperf3", "--server", "--port", str(PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
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
        base = named[way.against or way.name]
        ratios = [median(way.there) / median(base.there), median(way.back) / median(base.back)] if base.there else []
        there, back = (f"{ratio:.2f}" for ratio in ratios) if ratios else ("", "")
        lines.append([way.name, f"{median(way.there):.0f}", there, f"{median(way.back):.0f}", back, way.against])
    return lines


def run(say: Callable[[str], None], *, rounds: int, seconds: int, word: str = "") -> list[dict[str, Any]]:
    """Measure those that can be and have this word in their names, and what they are compared with, and say it.

    The numbers as JSON has them.
    """
    bases = {way.against for way in WAYS if word in way.name}
    chosen = tuple(way for way in WAYS if word in way.name or way.name in bases)
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
