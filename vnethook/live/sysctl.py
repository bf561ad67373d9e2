"""Sysctls, by their path below /proc/sys ("net/ipv4/ip_forward"). Source: ip-sysctl.rst of the kernel."""

import posix
from errno import ENOENT

from vnethook.errors import HostError


def read(path: str) -> str | None:
    """A value, None if the kernel does not have it."""
    try:
        fd = posix.open(f"/proc/sys/{path}", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        return posix.read(fd, 256).decode().strip()
    except OSError:
        return None
    finally:
        posix.close(fd)


def write(path: str, value: str) -> None:
    """Set a value; raise HostError if the host does not let us."""
    try:
        fd = posix.open(f"/proc/sys/{path}", posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            posix.write(fd, value.encode())
        finally:
            posix.close(fd)
    except OSError as error:
        hint = "the kernel lacks it" if error.errno == ENOENT else "/proc/sys has to be writable for root"
        msg = f"sysctl {path!r}: set to {value}: {posix.strerror(error.errno or 0)}"
        raise HostError(msg, hint=hint) from error


def has_ipv6(interface: str) -> bool:
    """Whether the host may take IPv6 addresses on a link."""
    return read(_ipv6(interface)) == "0"


def set_ipv6(interface: str, *, enabled: bool) -> None:
    """Let the host take IPv6 addresses on a link, or not; a guest's frames are for the guest."""
    value = "0" if enabled else "1"
    if read(_ipv6(interface)) not in {value, None}:  # None: a kernel without IPv6
        write(_ipv6(interface), value)


def _ipv6(interface: str) -> str:
    return f"net/ipv6/conf/{interface}/disable_ipv6"
