"""What a network costs that is one of many definitions: to define it, list it, find it. No more than one of few."""

import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.growth import FIXED, GROWTH
from tests.bench.sample import Caller, Case, Sample
from tests.lab import CHECKOUT, Host
from tests.lab.host import VNET
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import catalog

WHAT = ("define", "list", "find by name", "find by uuid")
LISTED, LIST_GROWTH = 200, 1.5
DISK = "/var/tmp"
PROGRAM = CHECKOUT / "tests/bench/storing.py"


class Place:
    """Roots in the file system `note`, a new one for each measurement, and what the last one found.

    New, since ext4 is slow to make files for seconds after others were removed: recently_deleted() in its ialloc.c.
    """

    def __init__(self, host: Host, directory: Path) -> None:
        self.caller = Caller(host)
        self.note = host.run(["stat", "--file-system", "--format=%T", directory]).stdout.strip()
        self._host = host
        self._directory = directory
        self._count = 0
        self._found: dict[str, tuple[float, float]] = {}

    def measure(self, networks: int) -> None:
        """Define so many networks in one process, list them and look them up."""
        self._count += 1
        root = self._directory / str(self._count)
        self._host.run(["mkdir", "-p", *(root / part for part in ("etc", "run", "var/lib"))])
        self._host.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "run"])  # as /run is
        said = self.caller.run(sys.executable, PROGRAM, networks, env={"VNETHOOK_ROOT": str(root)}).stdout
        self._found = json.loads(said)

    def sample(self, what: str) -> Sample:
        """What that took for each network."""
        cpu_ms, wall_ms = self._found[what]
        return Sample(cpu_ms, wall_ms)


def per_network(stack: ExitStack, few: int, many: int) -> list[Case]:
    """What each network costs where there are few and many, in memory and on the disk that /var/tmp is on."""
    memory, disk = stack.enter_context(Host()), stack.enter_context(Host())
    memory.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", memory.root])
    directory = Path(tempfile.mkdtemp(prefix="vnethook-bench-", dir=DISK))
    stack.callback(shutil.rmtree, directory)
    found = []
    for where, place in (("in memory", Place(memory, memory.root)), ("on disk", Place(disk, directory))):
        small: dict[str, Case] = {}
        for count in (few, many):
            for what in WHAT:
                name = f"{what}: one of {count}, {where}"
                case = Case(name, place.caller, partial(place.sample, what), note=place.note)
                if what == WHAT[0]:
                    case.prepare = partial(place.measure, count)
                if what in small:
                    case.small, case.growth = small[what], GROWTH
                small.setdefault(what, case)
                found.append(case)
    return found


def whole(stack: ExitStack) -> list[Case]:
    """The command that lists networks, of which there is one, and are many."""
    found: list[Case] = []
    for count in (1, LISTED):
        host = stack.enter_context(Host())
        on(host, partial(_define, count=count))
        caller = Caller(host)
        case = Case(f"vnet net-list --all, {count} defined", caller, partial(caller.run, VNET, "net-list", "--all"))
        if found:
            case.small, case.growth = found[0], LIST_GROWTH
        found.append(case)
    return found


def _define(here: machine.Host, *, count: int) -> None:
    for number in range(count):
        catalog.define(here, FIXED.format(name=f"net{number}", high=99, low=number), source="bench")
