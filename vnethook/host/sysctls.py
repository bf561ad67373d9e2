"""Sysctls, by their path below /proc/sys ("net/ipv4/ip_forward"). Source: ip-sysctl.rst of the kernel."""

import os
from errno import ENOENT

from vnethook.errors import HostError
from vnethook.live import record


class Sysctls:
    """The sysctls of this network namespace."""

    def read(self, path: str) -> str | None:
        """A value, None if the kernel does not have it."""
        return record.sysctl(path)

    def write(self, path: str, value: str) -> None:
        """Set a value; raise HostError if the host does not let us."""
        try:
            fd = os.open(f"/proc/sys/{path}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, value.encode())
            finally:
                os.close(fd)
        except OSError as error:
            hint = "the kernel lacks it" if error.errno == ENOENT else "/proc/sys has to be writable for root"
            msg = f"sysctl {path!r}: set to {value}: {os.strerror(error.errno or 0)}"
            raise HostError(msg, hint=hint) from error

    def interfaces(self, family: str) -> list[str]:
        """The names that have settings of their own for "ipv4" or "ipv6", with `all` and `default`."""
        try:
            return sorted(os.listdir(f"/proc/sys/net/{family}/conf"))
        except FileNotFoundError:
            return []
