"""The kernel's word on names in directories that appear, go and are written: inotify(7), which Python does not bring.

One `Inotify` watches several directories; what it says comes in the order in which it happened, in all of them.
"""

import ctypes
import os
from errno import EAGAIN, EINTR, EINVAL, EMFILE, ENOENT, ENOSPC, ENOTDIR
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from vnethook.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/inotify.h
CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, OVERFLOW, IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLYDIR = 0x01000000
_CLOEXEC, _NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_EVENT = Struct("=iIII")
_BUFFER = 1 << 16
"""Bytes of one read; an event takes 16 and its name, at most 272."""
_HINTS = {
    EMFILE: "raise fs.inotify.max_user_instances with sysctl",
    ENOSPC: "raise fs.inotify.max_user_watches with sysctl",
}

_libc = ctypes.CDLL(None, use_errno=True)


class Change(NamedTuple):
    """What the kernel says: of which watch, which of the bits above, of which name (empty: the directory itself)."""

    watch: int
    mask: int
    name: str


class Inotify:
    """Watches of directories. Raises HostError where the kernel gives no more of them."""

    def __init__(self) -> None:
        self._fd: int = _libc.inotify_init1(_CLOEXEC | _NONBLOCK)
        if self._fd < 0:
            raise _refusal(ctypes.get_errno(), "inotify: open")

    def fileno(self) -> int:
        """The descriptor to poll: readable when there are changes."""
        return self._fd

    def close(self) -> None:
        """Forget all watches."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def watch(self, directory: str, mask: int) -> int | None:
        """Watch a directory; the number of the watch, the same one for the same directory; None if there is none."""
        number: int = _libc.inotify_add_watch(self._fd, os.fsencode(directory), mask | _ONLYDIR)
        if number >= 0:
            return number
        error = ctypes.get_errno()
        if error in {ENOENT, ENOTDIR}:
            return None
        raise _refusal(error, f"directory {directory!r}: watch")

    def forget(self, watch: int) -> None:
        """Watch a directory no longer; nothing if the kernel has let go of it already."""
        if _libc.inotify_rm_watch(self._fd, watch) < 0 and ctypes.get_errno() != EINVAL:
            raise _refusal(ctypes.get_errno(), "inotify: forget a watch")

    def changes(self) -> "Iterator[Change]":
        """What has happened and was not read yet; does not wait."""
        while True:
            try:
                data = os.read(self._fd, _BUFFER)
            except OSError as error:
                if error.errno == EINTR:
                    continue
                if error.errno == EAGAIN:
                    return
                raise _refusal(error.errno or 0, "inotify: read") from error
            at = 0
            while at < len(data):
                watch, mask, _cookie, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size + size
                yield Change(watch, mask, os.fsdecode(data[at - size : at].rstrip(b"\0")))


def _refusal(error: int, what: str) -> HostError:
    return HostError(f"{what}: {os.strerror(error)}", hint=_HINTS.get(error, ""))
