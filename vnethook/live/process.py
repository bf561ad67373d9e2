"""Who a process is: a pid alone can be anybody's tomorrow, with its start time it is one process. Source: proc(5)."""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_CHUNK, _MOST = 1 << 14, 1 << 20
"""Bytes that are read at once, and in all."""


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none or it is a zombie."""
    fields = _fields(pid)
    return None if not fields or fields[0] in {b"Z", b"X"} else int(fields[19])


def state(pid: int) -> str:
    """What a process does, by its letter: "T" for one that a signal stopped; empty if it is gone."""
    return "".join(field.decode() for field in _fields(pid)[:1])


def _fields(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the third on; none if the process is gone."""
    stat = _read(pid, "stat")
    return stat[stat.rindex(b")") + 2 :].split() if stat else []


def _read(pid: int, name: str) -> bytes:
    """What /proc tells of a process, empty if it is gone; of what a user can make long, so much as anybody means."""
    try:
        fd = posix.open(f"/proc/{pid}/{name}", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        found = part = posix.read(fd, _CHUNK)
        while len(part) == _CHUNK and len(found) < _MOST:
            part = posix.read(fd, _CHUNK)
            found += part
    except OSError:
        return b""
    finally:
        posix.close(fd)
    return found


def command_line(pid: int) -> list[str]:
    """The arguments of a process, the first one its name; empty if it is gone or not ours to read."""
    words = _read(pid, "cmdline").split(b"\0")
    return [word.decode("utf-8", "surrogateescape") for word in words[:-1]]


def parent(pid: int) -> int:
    """The parent's pid; 0 if there is none to be seen."""
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def user(pid: int) -> int | None:
    """The number of the user who has a process, whatever set-id program it runs; None if it is gone."""
    lines = _read(pid, "status").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(b"Uid:")), None)


def running() -> "Iterator[int]":
    """The pids of all processes."""
    for name in posix.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def is_in_our_network(pid: int) -> bool:
    """Whether a process is in this process's network namespace."""
    try:
        return posix.stat(f"/proc/{pid}/ns/net").st_ino == network_namespace()
    except OSError:
        return False


def network_namespace() -> int:
    """The inode of this process's network namespace. Source: namespaces(7)."""
    return posix.stat("/proc/self/ns/net").st_ino


def fill_standard_descriptors() -> None:
    """Open /dev/null where the caller closed 0, 1 or 2, so that no file of ours gets their number."""
    for fd in range(3):
        try:
            posix.fstat(fd)
        except OSError:
            posix.open("/dev/null", posix.O_RDWR)  # the lowest free number is this one
