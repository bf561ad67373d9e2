"""The processes that carry a link: they end with their parent, however that ends, and have no rights of root's.

Source: prctl(2), PR_SET_PDEATHSIG; credentials(7). Only for processes with one thread, since a thread's end counts.
"""

import ctypes
import os
import signal
import stat
import traceback
from collections.abc import Callable, Iterable
from typing import NoReturn

from vnethook.host import log

NOBODY = 65534
_DEATH_SIGNAL, _SUBREAPER = 1, 36
_NEW_MOUNTS, _PRIVATE, _BIND = 0x20000, 0x44000, 0x1000
"""CLONE_NEWNS; MS_PRIVATE with MS_REC; MS_BIND. Source: linux/sched.h, linux/mount.h."""
_libc = ctypes.CDLL(None, use_errno=True)


def fork(work: Callable[[], None], *, keep: Iterable[int] = (), is_restricted: bool = False) -> int:
    """Do `work` in a child, which ends with it and has of our descriptors only those of `keep`; its pid.

    `is_restricted`: as the user nobody, for what reads what strangers send.
    """
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _close_others({0, 1, 2, *keep})
            if is_restricted:
                restrict()
            end_with(parent)
            work()
            status = 0
        except Exception:  # noqa: BLE001 (it is not to run what the parent has to do after this)
            log.error(f"a link's process: internal error, please report it:\n{traceback.format_exc()}")
        finally:
            os._exit(status)
    return child


def spawn(argv: list[str], streams: tuple[int, int, int], *, is_restricted: bool = False) -> int:
    """Run a program as a child that ends with us, with these descriptors as its 0, 1 and 2; its pid."""

    def execute() -> NoReturn:
        for number, fd in enumerate([os.dup(fd) for fd in streams]):
            os.dup2(fd, number)
        os.closerange(3, 3 + 2 * len(streams) + max(streams))
        os.execve(  # noqa: S606 (words, and no shell)
            argv[0], argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
        )

    return fork(execute, keep=streams, is_restricted=is_restricted)


def end_with(parent: int) -> None:
    """Be killed when `parent` ends, which is at once if it has."""
    _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of what our children leave behind."""
    _libc.prctl(_SUBREAPER, 1)


def end_children() -> None:
    """Kill all children, and theirs once they are ours, and wait until none is left."""
    while True:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def restrict() -> None:
    """Be nobody, where there is such a user: in a user's own namespace there is not, and nothing of root's either."""
    if os.getuid() != 0 or not has_nobody():
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def ask_by(resolv_conf: str) -> None:
    """Look names up by the name servers of this file, in a mount namespace of our own; raise OSError.

    For a process in a user's own namespace, where a name server on the machine itself is not reached. Source:
    unshare(2), mount(2).
    """
    target = os.path.realpath("/etc/resolv.conf").encode()
    _check(_libc.unshare(_NEW_MOUNTS))
    _check(_libc.mount(None, b"/", None, _PRIVATE, None))
    _check(_libc.mount(resolv_conf.encode(), target, None, _BIND, None))


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def has_nobody() -> bool:
    """Whether the number of nobody is one in this user namespace. Source: user_namespaces(7)."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        ranges = [line.split() for line in file]
    return any(int(first) <= NOBODY < int(first) + int(count) for first, _, count in ranges)


def may_nobody_use_taps() -> bool:
    """Whether a tap of nobody's can be attached to by nobody: by udev's rules it can."""
    wanted = stat.S_IROTH | stat.S_IWOTH
    return has_nobody() and os.stat("/dev/net/tun").st_mode & wanted == wanted


def _close_others(kept: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:
                continue  # that of the listing itself
