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
