"""File locks: one for each network and one for what they share, with a deadline and the name of who holds it.

A lock file is removed by whoever holds it last, so a lock counts only if its file is still the one at its path.
Children that change the host inherit the locks (see host/programs.py): a killed hook's `nft` still holds its network.
"""

import posix
from _thread import _local
from errno import EACCES, EAGAIN, EPERM
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from time import monotonic, sleep

from vnethook.errors import BusyError, HostError
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

DEADLINE_S = 30.0


class _Held(_local):
    """Made anew by each thread at its first use."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []


_held = _Held()


def held() -> list[int]:
    """The descriptors of the locks that this thread holds; another's may be closed at any time."""
    return _held.descriptors


class Lock:
    """A lock on `path`, for `with`: shared or exclusive; waits up to `deadline_s`, then raises BusyError."""

    def __init__(self, path: str, *, shared: bool = False, deadline_s: float = DEADLINE_S) -> None:
        self._path = path
        self._shared = shared
        self._deadline_s = deadline_s
        self._fd = -1
        self._is_finished = False

    def __enter__(self) -> "Self":
        deadline = 0.0
        pause_s = 0.001
        while True:
            self._fd = self._open()
            if self._try():
                held().append(self._fd)
                return self
            holder = self._holder()
            posix.close(self._fd)
            now = monotonic()
            deadline = deadline or now + self._deadline_s
            if now >= deadline:
                msg = f"{self._path!r}: lock: held for over {self._deadline_s:.0f} s{holder}"
                raise BusyError(msg, hint="wait for the other command to end, or end it")
            sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.02)

    def __exit__(self, *_: object) -> None:
        if self._is_finished:
            files.remove(self._path)
        held().remove(self._fd)
        posix.close(self._fd)

    def finish(self) -> None:
        """Remove the lock file on release: nothing is left that it guards. Only for an exclusive lock."""
        self._is_finished = True

    def _open(self) -> int:
        flags = posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
        try:
            try:
                return posix.open(self._path, flags, 0o600)
            except FileNotFoundError:
                files.make_directory(files.directory_of(self._path), mode=0o700)
                return posix.open(self._path, flags, 0o600)
        except OSError as error:
            hint = "run it as root" if error.errno in {EACCES, EPERM} else "the run directory has to be writable"
            msg = f"lock {self._path!r}: open: {posix.strerror(error.errno or 0)}"
            raise HostError(msg, hint=hint) from error

    def _try(self) -> bool:
        try:
            flock(self._fd, (LOCK_SH if self._shared else LOCK_EX) | LOCK_NB)
        except OSError as error:
            if error.errno not in {EAGAIN, EACCES}:
                raise
            return False
        mine = posix.fstat(self._fd)
        try:
            now = posix.stat(self._path)
        except FileNotFoundError:
            return False
        if (mine.st_ino, mine.st_dev) != (now.st_ino, now.st_dev):
            return False
        if not self._shared:
            self._sign()
        return True

    def _sign(self) -> None:
        """Write who holds the lock, for the message of who waits in vain; a full disk is no reason not to hold it."""
        try:
            posix.ftruncate(self._fd, 0)
            posix.pwrite(self._fd, str(posix.getpid()).encode(), 0)
        except OSError:
            return

    def _holder(self) -> str:
        try:
            pid = posix.pread(self._fd, 16, 0).decode()
        except (OSError, UnicodeDecodeError):
            return ""
        return f" by process {pid}" if pid.isdigit() and files.exists(f"/proc/{pid}") else ""
