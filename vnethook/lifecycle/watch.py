"""Keep networks that are up as they are defined: see at once what others undo, and mend it. A service, and optional.

Without it the next hook or command mends. It sleeps in the kernel until something happens that may concern a network,
waits for a quiet moment, looks at every network that is up, and mends those that have drifted. Whoever undoes that
again and again is met with patience, not with a loop. A network that is down stays down: who stopped it meant it.
"""

import os
from contextlib import closing
from fcntl import LOCK_EX, LOCK_NB, flock
from time import monotonic
from typing import TYPE_CHECKING

from vnethook.errors import BusyError, StateError, VnetError
from vnethook.host import service_manager
from vnethook.host.host import Host
from vnethook.host.notices import Notices
from vnethook.lifecycle import health
from vnethook.lifecycle.patience import Patience
from vnethook.live import files, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from vnethook.live.paths import Paths

QUIET_S, QUIET_MAX_S = 0.05, 0.5
"""So long nothing has to happen before we look, and so long we wait for that."""
SLOW_S = 60.0
"""We look at least so often: the kernel does not tell of legacy iptables, nor of a route."""
REST = 20
"""A look is followed by so many times its own time without one, so that a busy host is not kept busier."""
RETRY_S = 2.0
"""After a repair that failed there is another, though nothing happens; then less and less often."""
LOCK_S = 2.0
"""How long to wait for whoever is changing a network; he leaves it whole, or is seen the next time."""
SHOWN = 3
"""So many of the things that were mended are named in a line."""


class Watch:
    """The networks below some paths; `say` gets a line for whatever is worth one."""

    def __init__(self, paths: "Paths", say: "Callable[[str], None]") -> None:
        self._paths = paths
        self._say = say
        self._patience: dict[str, Patience] = {}
        self._refusals: dict[str, str] = {}
        self._looked_s = 0.0

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT. Raises StateError if another one does, HostError where the kernel refuses."""
        with _OnlyOne(self._paths), Notices(self._paths.live) as notices, closing(Host(self._paths)) as host:
            next_s = self._look(host, notices)
            service_manager.tell(service_manager.READY)
            while not notices.is_over:
                if notices.wait(next_s - monotonic()):
                    self._await_quiet(notices)
                if not notices.is_over:
                    next_s = self._look(host, notices)
            service_manager.tell(service_manager.STOPPING)

    def _await_quiet(self, notices: Notices) -> None:
        """Wait until what has begun is over, as a reload of rules, and until we have rested from the last look."""
        began_s = monotonic()
        notices.pause(QUIET_S)
        while notices.wait(0) and monotonic() - began_s < QUIET_MAX_S:
            notices.pause(QUIET_S)
        notices.pause(self._looked_s * REST - (monotonic() - began_s))

    def _look(self, host: Host, notices: Notices) -> float:
        """Look at every network that is up and mend what has drifted; when to look again, if nothing happens."""
        self._looked_s = 0.0
        next_s = monotonic() + SLOW_S
        names = record.names(self._paths)
        self._watch_daemons(notices, names)  # first: one that ends while we look is told of
        for name in names:
            if notices.is_over:
                return next_s
            next_s = min(next_s, self._look_at(host, name))
        self._patience = {name: self._patience[name] for name in names if name in self._patience}
        self._refusals = {name: self._refusals[name] for name in names if name in self._refusals}
        self._watch_daemons(notices, names)
        return next_s

    def _watch_daemons(self, notices: Notices, names: list[str]) -> None:
        lives = [live for name in names if (live := record.read(self._paths, name))]
        notices.watch_processes((pid, start) for live in lives for _, pid, start in live.daemons)

    def _look_at(self, host: Host, name: str) -> float:
        """Look at one network; when to look at it again, if nothing happens."""
        began_s = monotonic()
        patience = self._patience.setdefault(name, Patience())
        if began_s < patience.next_s:
            return patience.next_s
        try:
            is_due = self._has_drifted(host, name) and patience.see_fault(monotonic())
            found = health.repair_drift(host, name, deadline_s=LOCK_S) if is_due else []
        except BusyError:
            return monotonic() + LOCK_S
        except Exception as error:  # noqa: BLE001 (one network's trouble must not leave the others alone)
            self._tell_refusal(name, error)
            patience.see_repair(monotonic())
            return max(patience.next_s, monotonic() + RETRY_S)
        self._refusals.pop(name, None)
        if found:
            self._tell(name, found, patience)
        return patience.next_s if patience.is_fight else began_s + SLOW_S

    def _has_drifted(self, host: Host, name: str) -> bool:
        began_s = monotonic()
        try:
            return bool(health.drift(host, name))
        finally:
            self._looked_s += monotonic() - began_s

    def _tell(self, name: str, found: list[str], patience: Patience) -> None:
        """Say what was mended; of a fight only that there is one."""
        begins = patience.see_repair(monotonic())
        if patience.is_fight and not begins:
            return
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        self._say(f"network {name!r}: repaired: {'; '.join(found[:SHOWN])}{more}")
        if begins:
            self._say(
                f"network {name!r}: another program undoes it again and again: from now on it is mended less often"
            )

    def _tell_refusal(self, name: str, error: Exception) -> None:
        """Say why a network could not be mended, once for as long as it is the same."""
        words = str(error) if isinstance(error, VnetError) else f"internal error: {type(error).__name__}: {error}"
        if self._refusals.get(name) != words:
            self._refusals[name] = words
            self._say(f"network {name!r}: repair: {words.removeprefix(f'network {name!r}: ')}")


class _OnlyOne:
    """For `with`: one watch below these paths. Not a Lock of ours: programs that we start would hold it on."""

    def __init__(self, paths: "Paths") -> None:
        self._path = f"{paths.locks}/.watch"
        self._fd = -1

    def __enter__(self) -> "Self":
        files.make_directory(files.directory_of(self._path), mode=0o700)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            flock(self._fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 16, 0).decode(errors="replace").strip()
            os.close(self._fd)
            msg = "watch: is running already" + (f": process {pid}" if pid.isdigit() else "")
            raise StateError(msg, hint="one is enough for all networks of a host") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
