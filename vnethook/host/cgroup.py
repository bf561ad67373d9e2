"""Keep daemons out of the control group of whoever started the first guest.

A guest that is a systemd unit starts our hook in its own control group, and systemd ends all that is in it with the
guest (systemd.kill(5), KillMode=control-group): the network's dnsmasq would go with the first guest that stops.
A group of our own at the top is not systemd's, so nothing ends what is in it. Source: cgroups(7).
"""

import posix
from errno import EBUSY, EEXIST, ENOENT, EROFS

from vnethook.host import log
from vnethook.live import files, paths

MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
NAME = "vnethook"


def take_out(pid: int) -> None:
    """Move a process to our own group if it is in somebody's; a host that forbids it is warned in the log.

    A user's groups are the user's systemd's, and end when it says so.
    """
    mount = _mount()
    if mount is None or _is_users() or _group_of(pid) in {"/", f"/{NAME}", ""}:
        return
    try:
        try:
            posix.mkdir(f"{mount}/{NAME}", 0o755)
        except FileExistsError:
            pass
        with open(f"{mount}/{NAME}/cgroup.procs", "wb", buffering=0) as procs:
            procs.write(b"%d\n" % pid)
    except OSError as error:
        log.warning(f"process {pid}: move to control group {NAME!r}: {posix.strerror(error.errno or 0)}")


def tidy() -> None:
    """Remove our group if nothing is in it."""
    mount = _mount()
    if mount is None or _is_users():
        return
    try:
        posix.rmdir(f"{mount}/{NAME}")
    except OSError as error:
        if error.errno not in {EBUSY, EEXIST, ENOENT, EROFS}:
            log.warning(f"control group {NAME!r}: remove: {posix.strerror(error.errno or 0)}")


def _is_users() -> bool:
    """Whether this process is an ordinary user's, in the user's namespace or outside of it."""
    return bool(posix.geteuid() or paths.mapped_user())


def _mount() -> str | None:
    """Where the unified hierarchy is mounted, None if it is not."""
    return next((path for path in MOUNTS if files.exists(f"{path}/cgroup.procs")), None)


def _group_of(pid: int) -> str:
    """The process's group in the unified hierarchy, empty if that is not in use."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    return next((line[3:] for line in lines if line.startswith("0::")), "")
