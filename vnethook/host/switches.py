"""Starts VDE switches, which go into the background before they serve, and say nothing of why they do not."""

from time import monotonic, sleep

from vnethook.host import programs, vde
from vnethook.host.daemons import Daemons
from vnethook.live import files, process

START_S = 5.0
_LOOK_S = 0.1
"""After this time it is looked for among all processes: one that failed would be waited for in vain."""


class Switches(Daemons):
    """A daemon with a directory of sockets, of which `ctl` is there when it serves, and a pid file."""

    def __init__(self, sockets: str, pid_file: str) -> None:
        self._sockets = sockets
        self._pid_file = pid_file

    def _run(self, argv: list[str], word: str) -> programs.Finished:
        """Start it and wait until it serves. Our locks are none of its business, and it would keep them."""
        vde.forget_sockets(self._sockets)
        finished = programs.run(argv, shares_locks=False)
        begun, pause_s = monotonic(), 0.0005
        while finished.status == 0 and not self._is_serving():
            waited_s = monotonic() - begun
            if waited_s > START_S or (waited_s > _LOOK_S and not _is_there(word)):
                break
            sleep(pause_s)
            pause_s = min(pause_s * 2, 0.02)
        return finished

    def _is_serving(self) -> bool:
        return bool(files.read_text(self._pid_file)) and files.exists(f"{self._sockets}/ctl")


def _is_there(word: str) -> bool:
    return any(word in process.command_line(pid) for pid in process.running())
