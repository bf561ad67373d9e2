"""Which programs listen on a port, on which address and interface. Source: sock_diag(7), linux/inet_diag.h, proc(5).

Asked of the kernel, since /proc/net does not show that a server is bound to an interface: many a DHCP server listens on
all addresses of its own bridge, which is nobody else's matter.
"""

import os
import socket
from struct import Struct

from vnethook.live import process
from vnethook.live.netlink import DUMP, Netlink, NetlinkError
from vnethook.value import Value

_SOCK_DIAG, _BY_FAMILY = 4, 20
_REQUEST = Struct("=BBBBI48s")
_ANSWER = Struct("=BBBBHH16s16sI8sIIIII")
_NO_ID = b"\0" * 48
_TCP_LISTENS, _UDP_IS_UNCONNECTED = 1 << 10, 1 << 7
_BIG_PORT = Struct("!H")


class Listener(Value):
    """A socket: "tcp" or "udp", its address ("0.0.0.0": all), the index of its interface (0: any), its process."""

    protocol: str
    address: str
    port: int
    interface: int = 0
    pid: int = 0
    program: str = ""

    @property
    def is_everywhere(self) -> bool:
        """Whether it takes what comes to any address of any interface."""
        return self.address in {"0.0.0.0", "::"} and not self.interface  # noqa: S104 (asked, not bound)


def listeners(ports: frozenset[int]) -> tuple[Listener, ...]:
    """The sockets on these ports; none where the kernel does not tell."""
    found: list[tuple[Listener, int]] = []
    try:
        netlink = Netlink(_SOCK_DIAG)
    except OSError:
        return ()
    try:
        for family in (socket.AF_INET, socket.AF_INET6):
            for protocol, number, states in (
                ("tcp", socket.IPPROTO_TCP, _TCP_LISTENS),
                ("udp", socket.IPPROTO_UDP, _UDP_IS_UNCONNECTED),
            ):
                body = _REQUEST.pack(family, number, 0, 0, states, _NO_ID)
                found += [_listener(protocol, family, answer) for answer in netlink.request(_BY_FAMILY, DUMP, body)]
    except NetlinkError:
        pass  # a kernel without the one or the other
    finally:
        netlink.close()
    wanted = [(listener, inode) for listener, inode in found if listener.port in ports]
    owners = _owners({inode for _, inode in wanted}) if wanted else {}
    return tuple(_owned(listener, owners.get(inode, 0)) for listener, inode in wanted)


def _listener(protocol: str, family: int, answer: bytes) -> tuple[Listener, int]:
    """A socket, and the inode by which its process is found."""
    told = _ANSWER.unpack_from(answer)
    (port,) = _BIG_PORT.unpack(answer[4:6])
    address = socket.inet_ntop(family, told[6][: 4 if family == socket.AF_INET else 16])
    return Listener(protocol, address, port, told[8]), told[14]


def _owned(listener: Listener, pid: int) -> Listener:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return listener.replace(pid=pid, program=file.read().rstrip("\n"))
    except OSError:
        return listener.replace(pid=pid)


def _owners(inodes: set[int]) -> dict[int, int]:
    """The process that has each of these sockets, as far as we may see it."""
    found: dict[int, int] = {}
    for pid in process.running():
        try:
            links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
        except OSError:
            continue  # gone, or another user's
        for link in links:
            if link.startswith("socket:[") and int(link[8:-1]) in inodes:
                found.setdefault(int(link[8:-1]), pid)
        if len(found) == len(inodes):
            break
    return found
