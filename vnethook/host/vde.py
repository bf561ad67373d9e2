"""VDE switches: as whom they run, the directories that are theirs, who is connected. Source: vde_switch(1), datasock.c.

A switch has no privilege: its tap is made beforehand, for its user. It runs as the one whom Debian's package makes for
it, else as nobody; where only root may open /dev/net/tun (by udev's rules all may), as root without capabilities;
inside of an ordinary user's namespace, where there is no other, as that user.
"""

import posix

from vnethook.errors import HostError
from vnethook.host import programs, trees
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork

USERS = ("vde2-net", "nobody")
NOBODY = 65534
UPLINK = "uplink"
"""What connects to a switch and is no guest."""
_READ_AND_WRITE = 0o006
"""What all may. Source: inode(7)."""
_TYPE_AND_MODE = 0o7777


def account() -> tuple[int, int]:
    """The user and group as which switches run."""
    if is_alone():
        return posix.geteuid(), posix.getegid()
    if not _may_all_open_taps():
        return 0, 0
    import pwd  # noqa: PLC0415 (only for networks with a switch)

    for name in USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    return NOBODY, NOBODY


def _may_all_open_taps() -> bool:
    """Whether a switch that is not root's could open its tap; so it is said where there are no taps at all."""
    try:
        return posix.stat("/dev/net/tun").st_mode & _READ_AND_WRITE == _READ_AND_WRITE
    except FileNotFoundError:
        return True


def is_roots() -> bool:
    """Whether a switch would be a process of the machine's root."""
    return not is_alone() and account()[0] == 0


def is_alone() -> bool:
    """Whether this process cannot be another user: it is not root, or root of a namespace that holds one user."""
    if posix.geteuid() != 0:
        return True
    lines = (files.read_text("/proc/self/uid_map") or "").split("\n")
    return lines[0].split()[-1:] == ["1"]


def group_id(name: str) -> int | None:
    """The number of a group, None if there is none of that name."""
    import grp  # noqa: PLC0415 (only for networks with a switch)

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def as_account(group: str) -> list[str]:
    """The words before a program and its arguments that make it run as a switch, in a group if one is named.

    Its group is the one that its files get, which it could not give them otherwise.
    """
    user, own = account()
    if posix.geteuid() != 0:
        return []
    setpriv = programs.require("setpriv")
    less = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    if is_alone():
        return [setpriv, *less, "--"]
    at = group_id(group) if group else own
    return [
        setpriv,
        f"--reuid={user}",
        f"--regid={own if at is None else at}",
        "--clear-groups",
        *less,
        "--",
    ]


def has_slirp() -> bool:
    """Whether vde_plug has libslirp, which leads outside."""
    below = [f"/usr/lib/{name}" for name in posix.listdir("/usr/lib")] if files.is_directory("/usr/lib") else []
    return any(files.exists(f"{place}/vdeplug/libvdeplug_slirp.so") for place in ("/usr/lib", "/usr/lib64", *below))


def require_slirp() -> None:
    """Raise HostError if vde_plug has no libslirp."""
    if not has_slirp():
        msg = "vde_plug: plug slirp: not found"
        hint = (
            "install it: apt-get install libvdeplug-slirp; or <backend type='namespace'/>; or `slirpvde = true` in "
            "[users] of vnethook.toml, if guests may reach what listens on this machine's loopback"
        )
        raise HostError(msg, hint=hint)


def is_directory(path: str, mode: int, group: str) -> bool:
    """Whether a directory is the switch's, with this mode and group."""
    try:
        found = posix.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (found.st_uid, found.st_gid, found.st_mode & _TYPE_AND_MODE & 0o777) == (*_owner(group), mode)


def make_directory(path: str, mode: int, group: str) -> None:
    """Make a directory that is the switch's."""
    files.make_directory(files.directory_of(path))
    trees.remove_tree(path)
    try:
        posix.mkdir(path, 0o700)
        posix.chown(path, *_owner(group))
        posix.chmod(path, mode)
    except OSError as error:
        raise files.refusal(path, "make", error) from error


def forget_sockets(path: str) -> None:
    """Remove what a switch that was killed has left in its directory: nothing of it leads anywhere."""
    for name in files.names(path):
        files.remove(f"{path}/{name}")


def guests(paths: "Paths", live: "LiveNetwork") -> int:
    """How many guests are connected to the switch of a network: it has a socket for each in its directory, "002.7"."""
    if live.bridge and not live.own_ports:
        return 0
    count = sum(name[:3].isdigit() and name[3:4] == "." for name in files.names(paths.vde(live.name)))
    return max(count - sum(program == UPLINK for program, _, _ in live.daemons), 0)


def _owner(group: str) -> tuple[int, int]:
    user, own = account()
    if not group or is_alone():
        return user, own
    at = group_id(group)
    if at is None:
        msg = f"group {group!r}: no such group"
        raise HostError(msg, hint=f"groupadd --system {group}, or name another in <vde group='…'/>")
    return user, at
