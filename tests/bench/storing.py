"""Defines so many networks, lists them and looks them up, in one process, and prints what each network cost.

Run as `python storing.py COUNT` below an empty VNETHOOK_ROOT; prints {WHAT: [CPU ms, wall ms]} for each network.
"""

import json
import os
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.getcwd())

from tests.bench.growth import FIXED
from vnethook.host.host import Host
from vnethook.lifecycle import catalog
from vnethook.live import paths

LOOKUPS = 100


def main(count: int) -> None:
    """Measure once the first network is defined and found: what is loaded then, and made once, does not count."""
    here = Host(paths.current())
    catalog.define(here, FIXED.format(name="first", high=99, low=0), source="bench")
    catalog.states(here)
    texts = [FIXED.format(name=f"net{n}", high=100 + n // 250, low=n % 250) for n in range(count)]
    found = {
        "define": _cost(lambda: [catalog.define(here, text, source="bench") for text in texts], count),
        "list": _cost(lambda: catalog.states(here), count),
    }
    uuids = [state.uuid for state in catalog.states(here) if state.name.startswith("net")]
    asked = [number * count // LOOKUPS for number in range(LOOKUPS)]
    found["find by name"] = _cost(lambda: [catalog.find(here, f"net{number}") for number in asked], LOOKUPS)
    found["find by uuid"] = _cost(lambda: [catalog.find(here, uuids[number]) for number in asked], LOOKUPS)
    sys.stdout.write(json.dumps(found))


def _cost(act: Callable[[], object], count: int) -> list[float]:
    """CPU and wall time in ms of each of so many."""
    cpu, wall = time.process_time(), time.monotonic()
    act()
    return [(time.process_time() - cpu) * 1e3 / count, (time.monotonic() - wall) * 1e3 / count]


if __name__ == "__main__":
    main(int(sys.argv[1]))
