"""What serves a user's namespace that nobody can find any more, since its run directory is gone.

logind removes /run/user/UID when its user has logged out for good, and by default lets processes go on. Who logs in
again gets another directory, and other networks. So what is left ends: as soon as no guest has a NIC in there.
Source: logind.conf(5), KillUserProcesses=; pam_systemd(8), XDG_RUNTIME_DIR.
"""

import posix

from vnethook.host import daemons, namespace_calls
from vnethook.live import files, process
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = "vnethook-"
"""Begins the word by which a program of our own is recognised."""
_INSIDE, _OUTSIDE = ("dnsmasq",), ("pasta", "passt", "slirp4netns")


class Seen(Value):
    """A user's namespace as it was when it was last found: the pid of what held it, and its inodes."""

    holder: int = 0
    places: tuple[int, int] = (0, 0)


def end(seen: Seen, user: int) -> bool:
    """End what serves a user's namespace, unless a guest uses it; whether it did. Call it outside.

    By the namespace, and not by the run directory: that may be there again, for another namespace.
    """
    ours, guests = [], []
    for pid in _of_user(user):
        is_inside = seen.places != (0, 0) and namespace_calls.places(pid) == seen.places
        words = process.command_line(pid)
        if (
            is_inside
            and (pid == seen.holder or _is_of(words, _INSIDE) or any(word.startswith(_WORD) for word in words))
        ) or (seen.holder and _is_of(words, _OUTSIDE) and str(seen.holder) in words[1:]):
            ours.append(pid)
        elif is_inside or _has_tap(pid):
            guests.append(pid)
    if guests:
        return False
    for pid in ours:
        daemons.end(pid)
    return True


def _of_user(user: int) -> "Iterator[int]":
    """All processes of a user but this one."""
    own = posix.getpid()
    return (pid for pid in process.running() if pid != own and process.user(pid) == user)


def _is_of(words: list[str], programs: tuple[str, ...]) -> bool:
    return bool(words) and files.base_name(words[0]) in programs


def _has_tap(pid: int) -> bool:
    """Whether a process has a tap. Source: tun_chr_show_fdinfo()."""
    try:
        names = posix.listdir(f"/proc/{pid}/fdinfo")
    except OSError:
        return False
    return any("\niff:" in (files.read_text(f"/proc/{pid}/fdinfo/{name}") or "") for name in names)
