"""The system calls that make and join a user's namespaces, which Python has from 3.12 on, and who is in which.

A host that forbids it is told by what it forbids it. Source: user_namespaces(7), setns(2), unshare(2).
"""

import posix
from _socket import AF_INET, SOCK_DGRAM, SOL_SOCKET, socket
from errno import EACCES, EINVAL, ENOSPC, EPERM, EUSERS

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.rtnl import Links

NEW_USER, NEW_NET = 0x10000000, 0x40000000
"""CLONE_NEWUSER, CLONE_NEWNET of linux/sched.h."""
_NETNS_COOKIE = 71
"""SO_NETNS_COOKIE of asm-generic/socket.h: of no other network namespace until the next boot; since Linux 5.14."""
APPARMOR = "kernel/apparmor_restrict_unprivileged_userns"
_FORBID = {
    "kernel/unprivileged_userns_clone": "0",
    "user/max_user_namespaces": "0",
    "user/max_net_namespaces": "0",
    APPARMOR: "1",
}
"""Sysctls, and with which value no user gets a namespace of use. Source: namespaces(7), Debian, Ubuntu."""
_HINT = "or use a network of kind vde: <forward mode='user'><backend type='vde'/></forward>"


class ForbiddenError(HostError):
    """The machine lets this user have no namespace."""


def make(user: int) -> None:
    """Move this process into a new user namespace, in which it is root, and a new network namespace.

    Raises HostError with what forbids it; then the process is where it was: a child has tried it before.
    """
    child = posix.fork()
    if not child:
        posix._exit(_errno_of_trial(user))  # noqa: SLF001 (os has it by another name, and hooks go without os)
    errno = posix.waitstatus_to_exitcode(posix.waitpid(child, 0)[1])
    if errno > 0:  # one that was killed tells nothing
        raise forbidden(errno)
    try:
        _make(user)
    except OSError as error:
        raise forbidden(error.errno or 0) from error


def _errno_of_trial(user: int) -> int:
    try:
        _make(user)
    except OSError as error:
        return error.errno or EPERM
    except HostError:
        return EPERM  # AppArmor lets it be made, and nothing be done in it
    return 0


def _make(user: int) -> None:
    group = posix.getegid()
    _call("unshare", NEW_USER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(text.encode())
    _call("unshare", NEW_NET)
    links = Links()
    try:
        links.set_link("lo", up=True)
    finally:
        links.close()


def join(pid: int, wanted: tuple[int, int, int]) -> bool:
    """Move this process into the namespaces of another if they are those that are meant; whether it did."""
    found: list[int] = []
    try:
        found += [posix.open(f"/proc/{pid}/ns/{kind}", posix.O_RDONLY | posix.O_CLOEXEC) for kind in ("user", "net")]
        if tuple(posix.fstat(fd).st_ino for fd in found) != wanted[:2]:
            return False
        if posix.fstat(found[0]).st_ino == posix.stat("/proc/self/ns/user").st_ino:
            return False
        for fd, kind in zip(found, (NEW_USER, NEW_NET), strict=True):
            _call("setns", fd, kind)
    except OSError:
        return False  # it has ended
    finally:
        for fd in found:
            posix.close(fd)
    return identity()[2] == wanted[2]


def identity() -> tuple[int, int, int]:
    """Which user and network namespace this process is in, and the latter's cookie, 0 where the kernel has none."""
    own = places(posix.getpid())
    with_cookie = socket(AF_INET, SOCK_DGRAM)
    try:
        cookie = int.from_bytes(with_cookie.getsockopt(SOL_SOCKET, _NETNS_COOKIE, 8), "little")
    except OSError:
        cookie = 0
    finally:
        with_cookie.close()
    return (*own, cookie)


def places(pid: int) -> tuple[int, int]:
    """The inodes of a process's user and network namespace; 0 for one that is gone or not ours to see."""
    try:
        return posix.stat(f"/proc/{pid}/ns/user").st_ino, posix.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0, 0


def _call(name: str, *arguments: int) -> None:
    """Make a system call by the name that it has in libc; raise OSError."""
    own = getattr(posix, name, None)
    if own is not None:
        own(*arguments)
        return
    import ctypes  # noqa: PLC0415 (Python 3.11 has no other way, and only users outside their namespace need it)

    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        raise OSError(ctypes.get_errno(), posix.strerror(ctypes.get_errno()))


def forbidden(errno: int) -> ForbiddenError:
    """Why a user gets no namespace here, and what would help."""
    found = [name for name, value in _FORBID.items() if (files.read_text(f"/proc/sys/{name}") or "").strip() == value]
    if found:
        sysctl = found[0].replace("/", ".")
        allowed = {"1": "0"}.get(_FORBID[found[0]], "1" if found[0].startswith("kernel/") else "10000")
        help_ = f"an AppArmor profile for vnet with `userns,`, or sysctl -w {sysctl}=0" if found[0] == APPARMOR else ""
        reason = f"sysctl {sysctl} is {_FORBID[found[0]]}"
        hint = f"ask for {help_ or f'sysctl -w {sysctl}={allowed}'}, {_HINT}"
    elif errno in {ENOSPC, EUSERS}:
        reason, hint = "there are too many already", f"ask for a higher sysctl user.max_user_namespaces, {_HINT}"
    elif errno == EINVAL:
        reason, hint = (
            "the kernel has none, or this process has several threads",
            f"a kernel with CONFIG_USER_NS, {_HINT}",
        )
    else:
        reason = posix.strerror(errno if errno else EACCES)
        hint = f"a container or a security module forbids it: run it outside, {_HINT}"
    return ForbiddenError(f"user namespace: make: {reason}", hint=hint)
