"""A client of DHCP as data: which program with which words looks after a link, and where it keeps what it knows."""

from vnethook.live import files
from vnethook.value import Value


class DhcpClient(Value):
    """A client that looks after a link's addresses of one IP version.

    `kind`: whose it is, "dhclient"; `program`: its path, with what follows before the arguments ("udhcpc" of busybox);
    `environment`: what of it counts; `leases`, `pid_file`: its files; `made`: what is there for it alone.
    `pid`, `since`: the process that was found, and its start time; 0 for one that is still to be started.
    """

    kind: str
    link: str
    version: int
    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    leases: str = ""
    pid_file: str = ""
    made: tuple[str, ...] = ()
    pid: int = 0
    since: int = 0

    @property
    def name(self) -> str:
        """Its program's name."""
        return files.base_name(self.program[-1])

    def __str__(self) -> str:
        return f"{self.name} of {self.link}" if self.version == 4 else f"{self.name} of {self.link} for IPv6"
