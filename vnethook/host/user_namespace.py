"""A user's own host: one user and network namespace in which all networks of an ordinary user are.

In it the user is root, and the kernel obeys in what the namespace owns, so that all that needs root elsewhere runs here
unchanged. A process of ours that does nothing holds it. Where that was killed and another process is still in there (a
dnsmasq, a guest), the namespace is entered by that one and held again; where nobody is, all networks are down, as after
a reboot. Source: user_namespaces(7), network_namespaces(7), setns(2).
"""

import posix

from vnethook.errors import HostError
from vnethook.host import daemons, namespace_calls, programs, trees
from vnethook.live import files, process
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths

BOOT_ID = "/proc/sys/kernel/random/boot_id"
KEY = "namespace"
"""What networks hold the namespace by (host/shared.py)."""
PRIVATE = 0o700
_FOREVER = "2147483647"
"""Seconds that every `sleep` takes."""
_KEPT = "locks"
"""What of the run directory outlives a namespace."""


def is_outside(paths: "Paths") -> bool:
    """Whether these are a user's paths and this process is not in the user's namespace."""
    return bool(paths.user) and posix.geteuid() != 0


def enter(paths: "Paths", *, is_made: bool) -> bool:
    """Move this process into its user's namespace; whether it is in there now.

    `is_made`: make one if there is none. What an earlier one left in the run directory is removed. Raises HostError,
    with what forbids it, if there can be none.
    """
    if not is_outside(paths):
        return bool(paths.user)
    if not is_made and not files.exists(_record(paths)):
        return False
    for path in (paths.run, paths.state):
        require_private(path, paths.user)
    with _lock(paths) as lock:
        found = files.read_json(_record(paths))
        if found and _enter_again(paths, found):
            return True
        if found:
            _forget(paths)
        if not is_made:
            lock.finish()
            return False
        namespace_calls.make(paths.user)
        _hold(paths)
    return True


def hold(paths: "Paths") -> None:
    """Have the namespace that this process is in outlive it; nothing if it is held already."""
    with _lock(paths):
        if not is_held(paths):
            _hold(paths)


def is_held(paths: "Paths") -> bool:
    """Whether the namespace that this process is in is held."""
    found = files.read_json(_record(paths)) or {}
    return bool(found) and _holder(found) != 0 and namespace_calls.identity() == _identity(found)


def end(paths: "Paths") -> None:
    """Let go of the namespace, in which no network is any more; it ends with the last process in it."""
    with _lock(paths) as lock:
        found = files.read_json(_record(paths))
        if not found:
            return
        holder = _holder(found)
        if holder:
            daemons.end(holder)
        if not [pid for pid in _inside(found) if pid != posix.getpid()]:
            files.remove(_record(paths))
            lock.finish()


def require_private(path: str, user: int) -> None:
    """Make a directory that is the user's alone; raise HostError if it is, or can become, another's."""
    if not files.is_directory(path):
        files.make_directory(path, mode=PRIVATE)
    status = posix.stat(path)
    if status.st_uid != user:
        msg = f"directory {path!r}: is not that of user {user}"
        raise HostError(
            msg, hint="see that HOME and the XDG_… variables are this user's: `su -` and `sudo -i` set them"
        )
    if status.st_mode & 0o077:
        posix.chmod(path, PRIVATE)


def _record(paths: "Paths") -> str:
    return f"{paths.run}/namespace.json"


def _lock(paths: "Paths") -> Lock:
    return Lock(paths.lock(".namespace"))


def _enter_again(paths: "Paths", found: "dict[str, Any]") -> bool:
    """Enter a namespace by its holder, or by whoever else is in it; whether that was possible."""
    if found.get("boot") != _boot():
        return False
    holder = _holder(found)
    if holder and namespace_calls.join(holder, _identity(found)):
        return True
    for pid in _inside(found):
        if namespace_calls.join(pid, _identity(found)):
            _hold(paths)
            return True
    return False


def _inside(found: "dict[str, Any]") -> "list[int]":
    """The processes in a namespace."""
    return [pid for pid in process.running() if namespace_calls.places(pid) == _identity(found)[:2]]


def _identity(found: "dict[str, Any]") -> tuple[int, int, int]:
    return found["user"], found["net"], found["cookie"]


def _holder(found: "dict[str, Any]") -> int:
    """The pid of what holds a namespace, 0 if it is gone."""
    pid: int = found["pid"]
    is_same = process.start_time(pid) == found["start"] and namespace_calls.places(pid) == _identity(found)[:2]
    return pid if is_same else 0


def _hold(paths: "Paths") -> None:
    """Start what holds the namespace that this process is in, and write down which one it is."""
    pid = _sleeper()
    user, net, cookie = namespace_calls.identity()
    files.write_json(
        _record(paths),
        {"pid": pid, "start": process.start_time(pid), "user": user, "net": net, "cookie": cookie, "boot": _boot()},
    )


def _sleeper() -> int:
    """A process that does nothing, of no session and with nothing of ours open; its pid."""
    path = programs.require("sleep")
    reader, writer = posix.pipe()
    child = posix.fork()
    if not child:
        posix.setsid()
        grandchild = posix.fork()
        if not grandchild:
            _become(path)
        posix.write(writer, b"%d" % grandchild)
        posix._exit(0)  # noqa: SLF001 (os has it by another name, and hooks go without os)
    posix.close(writer)
    posix.waitpid(child, 0)
    text = posix.read(reader, 16)
    posix.close(reader)
    return int(text)


def _become(path: str) -> None:
    try:
        posix.chdir("/")
        null = posix.open("/dev/null", posix.O_RDWR)
        for fd in (0, 1, 2):
            posix.dup2(null, fd)
        posix.closerange(3, 1 << 16)
        posix.execve(path, ["sleep", _FOREVER], {})
    finally:
        posix._exit(127)  # noqa: SLF001 (see above)


def _forget(paths: "Paths") -> None:
    """Remove what says what is up: all of it has ended with its namespace, as in a reboot."""
    files.remove(_record(paths))
    for name in posix.listdir(paths.run):
        if name != _KEPT:
            path = f"{paths.run}/{name}"
            trees.remove_tree(path) if files.is_directory(path) else files.remove(path)


def _boot() -> str:
    return (files.read_text(BOOT_ID) or "").strip()
