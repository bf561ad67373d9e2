"""Many processes of one lab host at the same work, each with its own view of the host."""

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from vnethook.host import host as machine

PROCESSES = 8
Work = Callable[[machine.Host, int], object]


def fork(here: machine.Host, work: Work, number: int, said: Path) -> int:
    """The pid of a process of its own that does `work` on a lab host; what it fails with is written to the file `said`."""
    return _apart(lambda: work(machine.Host(here.paths), number), said)


def each_apart(functions: list[Callable[[], object]], place: Path) -> list[str]:
    """What fails of these, done at once, each by a process of its own that may have hosts of its own."""
    pids = [_apart(function, place / str(number)) for number, function in enumerate(functions)]
    try:
        while pids:
            os.waitpid(pids[-1], 0)
            pids.pop()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return [path.read_text() for path in sorted(place.iterdir())]


def _apart(function: Callable[[], object], said: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function()
        status = 0
    except BaseException:  # noqa: BLE001 (whatever it is, the test shows it)
        said.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def at_once(here: machine.Host, works: list[Work], watch: Work | None = None) -> list[str]:
    """What fails of these, done at once, each by a process; `watch` is done again and again by two more meanwhile."""
    place = Path(f"{here.paths.run}-said")
    place.mkdir(exist_ok=True)
    end = place / "end"

    def watching(mine: machine.Host, number: int) -> None:
        while not end.exists():
            assert watch is not None
            watch(mine, number)

    watchers = [fork(here, watching, number, place / f"watcher{number}") for number in range(2 if watch else 0)]
    pids = [fork(here, work, number, place / str(number)) for number, work in enumerate(works)]
    for pid in pids:
        os.waitpid(pid, 0)
    end.touch()
    for pid in watchers:
        os.waitpid(pid, 0)
    return [path.read_text() for path in sorted(place.iterdir()) if path != end]
