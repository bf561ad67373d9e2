"""Which programs listen on a port, on which address and interface. Source: sock_diag(7), linux/inet_diag.h, proc(5).

Asked of the kernel, since /proc/net does not show that a server is bound to an interface (many a DHCP server listens on
all addresses of its own bridge, which is nobody else's matter), nor that one on all addresses of IPv6 takes IPv4 too.
"""

import posix
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP
from _struct import Struct

from vnethook.address import format_ip
from vnethook.live import process
from vnethook.live.netlink import DUMP, Netlink, NetlinkError, attributes
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SOCK_DIAG, _BY_FAMILY = 4, 20
_REQUEST = Struct("=BBBBI48s")
_ANSWER = Struct("=BBBBHH16s16sI8sIIIII")
_NO_ID = b"\0" * 48
_ONLY_IPV6 = 11
_TCP_LISTENS, _UDP_IS_UNCONNECTED = 1 << 10, 1 << 7
_BIG_PORT = Struct("!H")
_MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins where a socket of IPv6 is bound to it. Source: RFC 4291, 2.5.5.2."""
_QUESTIONS = tuple(
    (family, *question)
    for family in (AF_INET, AF_INET6)
    for question in (("tcp", IPPROTO_TCP, _TCP_LISTENS), ("udp", IPPROTO_UDP, _UDP_IS_UNCONNECTED))
)


class Listener(Value):
    """A socket: "tcp" or "udp", its address ("0.0.0.0": all), the index of its interface (0: any), its process.

    `is_ipv6_only`: on "::", that it does not take what comes by IPv4.
    """

    protocol: str
    address: str
    port: int
    interface: int = 0
    pid: int = 0
    program: str = ""
    is_ipv6_only: bool = False

    @property
    def is_on_all_addresses(self) -> bool:
        """Whether it takes what comes to any address of its interface."""
        return self.address in {"0.0.0.0", "::"}  # noqa: S104 (asked, not bound)

    @property
    def is_everywhere(self) -> bool:
        """Whether it takes what comes to any address of any interface."""
        return self.is_on_all_addresses and not self.interface

    @property
    def versions(self) -> tuple[int, ...]:
        """The IP versions of what it takes."""
        if self.address == "::" and not self.is_ipv6_only:
            return (4, 6)
        return (6,) if ":" in self.address else (4,)


def listeners(is_meant: "Callable[[Listener], bool]") -> tuple[Listener, ...]:
    """The sockets that are meant, by all but their processes; none where the kernel does not tell."""
    wanted = [(listener, inode) for listener, inode in _all() if is_meant(listener)]
    owners = _owners({inode for _, inode in wanted}) if wanted else {}
    return tuple(_owned(listener, owners.get(inode, 0)) for listener, inode in wanted)


def _all() -> "Iterator[tuple[Listener, int]]":
    """Each socket, and the inode by which its process is found."""
    try:
        netlink = Netlink(_SOCK_DIAG)
    except OSError:
        return
    try:
        for family, protocol, number, states in _QUESTIONS:
            try:
                answers = netlink.request(_BY_FAMILY, DUMP, _REQUEST.pack(family, number, 0, 0, states, _NO_ID))
            except NetlinkError:
                continue  # a kernel without this one
            for answer in answers:
                yield _listener(protocol, family, answer)
    finally:
        netlink.close()


def _listener(protocol: str, family: int, answer: bytes) -> tuple[Listener, int]:
    told = _ANSWER.unpack_from(answer)
    (port,) = _BIG_PORT.unpack(answer[4:6])
    source = told[6]
    version, packed = (4, source[:4]) if family == AF_INET else (6, source)
    if version == 6 and source.startswith(_MAPPED):
        version, packed = 4, source[12:]
    is_ipv6_only = dict(attributes(answer, _ANSWER.size)).get(_ONLY_IPV6, b"\0") != b"\0"
    address = format_ip(version, int.from_bytes(packed, "big"))
    return Listener(protocol, address, port, told[8], is_ipv6_only=is_ipv6_only), told[14]


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
        for link in _descriptors(pid):
            if link.startswith("socket:[") and int(link[8:-1]) in inodes:
                found.setdefault(int(link[8:-1]), pid)
        if len(found) == len(inodes):
            break
    return found


def _descriptors(pid: int) -> "Iterator[str]":
    """What a process has open; nothing of one that is gone, or another user's."""
    try:
        names = posix.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        try:
            yield posix.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue  # closed meanwhile
