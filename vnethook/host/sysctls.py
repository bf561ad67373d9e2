"""The sysctls of this host, as the steps see them."""

import posix

from vnethook.live import sysctl


class Sysctls:
    """The sysctls of this network namespace."""

    def read(self, path: str) -> str | None:
        """A value, None if the kernel does not have it."""
        return sysctl.read(path)

    def write(self, path: str, value: str) -> None:
        """Set a value; raise HostError if the host does not let us."""
        sysctl.write(path, value)

    def interfaces(self, family: str) -> list[str]:
        """The names that have settings of their own for "ipv4" or "ipv6", with `all` and `default`."""
        try:
            return sorted(posix.listdir(f"/proc/sys/net/{family}/conf"))
        except FileNotFoundError:
            return []
