"""Starts VDE's programs, which go into the background before they serve, and say nothing of why they do not."""

import posix
from time import monotonic, sleep

from vnethook.host import programs, vde
from vnethook.host.daemons import Daemons
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

START_S = 5.0
_LOOK_S = 0.1
"""After this time it is looked for among all processes: one that failed would be waited for in vain."""


class Background(Daemons):
    """A daemon that serves when its pid file is there and, for a switch, its socket in the directory `sockets`.

    `is_outside`: of a user's namespace, where its guests are and where the way out is.
    """

    def __init__(self, paths: "Paths", pid_file: str, sockets: str = "", *, is_outside: bool = True) -> None:
        self._paths = paths
        self._is_outside = is_outside
        self._pid_file = pid_file
        self._sockets = sockets

    def _run(self, argv: list[str], word: str) -> programs.Finished:
        """Start it and wait until it serves. Our locks are none of its business, and it would keep them."""
        if self._sockets:
            vde.forget_sockets(self._sockets)
        if self._is_outside and self._paths.user and posix.geteuid() == 0:
            from vnethook.host import outside  # noqa: PLC0415 (only for ordinary users)

            outside.run(self._paths, [files.base_name(argv[0]), *argv[1:]])
            finished = programs.Finished(0, "", "")
        else:
            if files.base_name(argv[0]) == "slirpvde":
                from vnethook.host import slirpvde  # noqa: PLC0415 (few users have it)

                argv = slirpvde.command(argv)
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
        return bool(files.read_text(self._pid_file)) and (not self._sockets or files.exists(f"{self._sockets}/ctl"))


def _is_there(word: str) -> bool:
    return any(word in process.command_line(pid) for pid in process.running())
