"""A user's own host: one user and network namespace in which all networks of an ordinary user are.

In it the user is root, and the kernel obeys in what the namespace owns, so that all that needs root elsewhere runs here
unchanged. A process of ours that does nothing holds it. Where that was killed and another process is still in there (a
dnsmasq, a guest), the namespace is entered by that one and held again; where nobody is, all networks are down, as after
a reboot. Source: user_namespaces(7), network_namespaces(7), setns(2).
"""

import posix

from vnethook.errors import HostError
from vnethook.host import daemons, namespace_calls, outside, programs, trees, uplink
from vnethook.host.shared import Shared
from vnethook.live import files, process, record
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
        found = _read(paths)
        if found and not _is_there(found):
            _forget(paths)
            found = {}
        if not (found or is_made):
            lock.finish()
            return False
        agent = _agent(found) or outside.start(paths)
        is_joined = found and _join(found)
        try:
            if not is_joined:
                namespace_calls.make(paths.user)
        except HostError:
            daemons.end(agent[0])
            _forget_agent(paths)
            raise
        if not (is_joined and _holder(found) and _agent(found)):
            _hold(paths, agent, _holder(found) if is_joined else 0)
    return True


def require_inside(paths: "Paths", *, writes: bool) -> None:
    """Raise HostError for a program that is not where its user's networks are, and is not to be moved there unasked.

    What is defined it may read while there is no namespace.
    """
    if is_outside(paths) and (writes or files.exists(_record(paths))):
        msg = "user's networks: this program is outside of the namespace in which they are"
        raise HostError(msg, hint="run it by `vnet run -- PROGRAM`")


def hold(paths: "Paths") -> None:
    """Have the namespace that this process is in outlive it; nothing if it is held already."""
    with _lock(paths):
        found = _read(paths)
        is_ours = bool(found) and namespace_calls.identity() == _identity(found)
        if is_ours and _holder(found):
            return
        if not is_ours:
            msg = "user's networks: this process is in a user namespace of its own, and not in theirs"
            raise HostError(msg, hint="call vnet outside of it, or by `vnet run`")
        _hold(paths, (found["outside"][0], found["outside"][1]))


def is_held(paths: "Paths") -> bool:
    """Whether the namespace that this process is in is held."""
    found = _read(paths)
    return bool(found) and _holder(found) != 0 and namespace_calls.identity() == _identity(found)


def holder(paths: "Paths") -> int:
    """The pid of what holds the namespace, 0 if nothing does."""
    found = _read(paths)
    return _holder(found) if found else 0


def agent(paths: "Paths") -> "tuple[int, int] | None":
    """What is outside, pid and start time; None if it is gone."""
    found = _read(paths)
    return _agent(found) if found else None


def end_unused(paths: "Paths", *, stays: bool = False) -> None:
    """Let go of the namespace if no network is in it. `stays`: this process goes on in it, as another program."""
    with Shared(paths).lock():
        if not Shared(paths).is_managed(KEY):
            end(paths, stays=stays)


def end(paths: "Paths", *, stays: bool = False) -> None:
    """Let go of the namespace, in which no network is any more; it ends with the last process in it.

    As long as another one is, what is outside stays, too, and looks after it.
    """
    with _lock(paths) as lock:
        found = _read(paths)
        holding = _holder(found) if found else 0
        if holding:
            daemons.end(holding)
        if found and not stays and not _others(found):
            agent = _agent(found)
            if agent:
                daemons.end(agent[0])
            _forget_agent(paths)
            lock.finish()


def is_over(paths: "Paths") -> bool:
    """Whether nobody is in the namespace any more, or somebody else is outside of it. For who is outside of it.

    What is known of one that is over is forgotten.
    """
    with _lock(paths) as lock:
        found = _read(paths)
        if not found or found["outside"][0] != posix.getpid():
            return True
        if _is_there(found):
            return False
        _forget(paths)
        lock.finish()
    return True


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


def _read(paths: "Paths") -> "dict[str, Any]":
    """What is known of the namespace; nothing if there is none, or it was of before the machine's last boot."""
    found: dict[str, Any] = files.read_json(_record(paths)) or {}
    return found


def _is_there(found: "dict[str, Any]") -> bool:
    """Whether somebody is in the namespace, its holder or another."""
    return found["boot"] == _boot() and bool(_holder(found) or _inside(found))


def _join(found: "dict[str, Any]") -> bool:
    """Enter the namespace by its holder, or by whoever else is in it; whether that was possible."""
    pids = [_holder(found)] if _holder(found) else _inside(found)
    return any(namespace_calls.join(pid, _identity(found)) for pid in pids)


def _agent(found: "dict[str, Any]") -> "tuple[int, int] | None":
    """What is outside, pid and start time; None if it is gone."""
    pid, start = found.get("outside", (0, 0))
    return (pid, start) if pid and process.start_time(pid) == start else None


def _inside(found: "dict[str, Any]") -> "list[int]":
    """The processes in the namespace."""
    return [pid for pid in process.running() if namespace_calls.places(pid) == _identity(found)[:2]]


def _others(found: "dict[str, Any]") -> "list[int]":
    """The processes in the namespace but for this one."""
    return [pid for pid in _inside(found) if pid != posix.getpid()]


def _identity(found: "dict[str, Any]") -> tuple[int, int, int]:
    return found["user"], found["net"], found["cookie"]


def _holder(found: "dict[str, Any]") -> int:
    """The pid of what holds a namespace, 0 if it is gone."""
    pid: int = found["pid"]
    is_same = process.start_time(pid) == found["start"] and namespace_calls.places(pid) == _identity(found)[:2]
    return pid if is_same else 0


def _hold(paths: "Paths", agent: tuple[int, int], pid: int = 0) -> None:
    """Start what holds the namespace that this process is in, and write down which one it is.

    `agent`: what is outside, pid and start time; `pid`: what holds the namespace already.
    """
    is_new = not pid
    pid = pid or programs.start_detached([programs.require("sleep"), _FOREVER], {})
    user, net, cookie = namespace_calls.identity()
    found = {
        "pid": pid,
        "start": process.start_time(pid),
        "user": user,
        "net": net,
        "cookie": cookie,
        "boot": _boot(),
        "outside": agent,
    }
    try:
        files.write_json(_record(paths), found)
    except HostError:
        if is_new:  # nobody would find it
            daemons.end(pid)
        raise


def _forget(paths: "Paths") -> None:
    """Remove what says what is up: it has ended with its namespace, as in a reboot; a switch alone is outside of it."""
    agent = _agent(_read(paths))
    if agent and agent[0] != posix.getpid():
        daemons.end(agent[0])
    uplink.stop(daemons.Daemons(), uplink.directory(paths))
    _forget_agent(paths)
    outside_of_it = [name for name in record.names(paths) if (live := record.read(paths, name)) and not live.bridge]
    for place in [name for name in posix.listdir(paths.run) if name != _KEPT]:
        path = f"{paths.run}/{place}"
        if not files.is_directory(path):
            _forget_file(path, outside_of_it)
            continue
        for name in posix.listdir(path):
            _forget_file(f"{path}/{name}", outside_of_it)


def _forget_file(path: str, kept: "list[str]") -> None:
    """Remove what is not of one of some networks, by its name."""
    name = files.base_name(path).removeprefix("idle-")
    if any(name == network or name.startswith(f"{network}.") for network in kept):
        return
    trees.remove_tree(path) if files.is_directory(path) else files.remove(path)


def _forget_agent(paths: "Paths") -> None:
    for path in (_record(paths), outside.path(paths)):
        files.remove(path)


def _boot() -> str:
    return (files.read_text(BOOT_ID) or "").strip()
