"""Whether a gateway answers on a link: by ARP or neighbour discovery, and by ping.

Source: RFC 826, RFC 4861 (7.2.2), RFC 792, RFC 4443 (4.1); packet(7), icmp(7).
"""

import posix
from _socket import (
    AF_INET,
    AF_INET6,
    AF_PACKET,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_IPV6,
    IPV6_MULTICAST_HOPS,
    SO_BINDTODEVICE,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_RAW,
    SOL_SOCKET,
    htons,
    inet_pton,
    socket,
)
from _struct import Struct
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vnethook.live.rtnl import Link

ADDRESS, PING = "its hardware address", "ping"
"""What a gateway may answer, in words."""
_ARP = 0x0806
_ARP_PACKET = Struct("!HHBBH6s4s6s4s")
_ECHO = Struct("!BBHHH")
_SOLICIT, _ADVERTISE = 135, 136
_TURN_S = 0.2
"""After so long a question is asked again."""


def answers(
    link: "Link", gateway: str, source: str, *, deadline_s: float, wanted: "Iterable[str]" = (ADDRESS, PING)
) -> frozenset[str]:
    """What of `wanted` the gateway answers on the link, each before a deadline.

    `source`: an IPv4 address of ours to ask from. A question that the host may not ask counts as not answered.
    """
    address_asked, pinged = (_discover, _ping6) if ":" in gateway else (_arp, _ping)
    found = set()
    for what, ask in ((ADDRESS, address_asked), (PING, pinged)):
        try:
            if what in wanted and ask(link, gateway, source, monotonic() + deadline_s):
                found.add(what)
        except OSError:
            continue  # the link is down, or has no address of that family
    return frozenset(found)


def _arp(link: "Link", gateway: str, source: str, deadline: float) -> bool:
    asker = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(_ARP))
    mac, ours, theirs = (
        bytes.fromhex(link.mac.replace(":", "")),
        inet_pton(AF_INET, source),
        inet_pton(AF_INET, gateway),
    )
    question = _ARP_PACKET.pack(1, 0x0800, 6, 4, 1, mac, ours, bytes(6), theirs)
    try:
        asker.bind((link.name, _ARP))

        def is_answer(data: bytes) -> bool:
            if len(data) < _ARP_PACKET.size:
                return False
            fields = _ARP_PACKET.unpack_from(data)
            return bool(fields[4] == 2 and fields[6] == theirs)

        return _asked(asker, question, (link.name, _ARP, 0, 0, b"\xff" * 6), is_answer, deadline)
    finally:
        asker.close()


def _discover(link: "Link", gateway: str, source: str, deadline: float) -> bool:
    del source  # the kernel chooses one
    target = inet_pton(AF_INET6, gateway)
    mac = bytes.fromhex(link.mac.replace(":", ""))
    question = bytes([_SOLICIT, 0, 0, 0, 0, 0, 0, 0]) + target + b"\x01\x01" + mac
    asker = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6)
    try:
        asker.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, link.name.encode())
        asker.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255)
        group = f"ff02::1:ff{target[13]:02x}:{target[14]:02x}{target[15]:02x}"
        return _asked(
            asker,
            question,
            (group, 0, 0, link.index),
            lambda data: data[:1] == bytes([_ADVERTISE]) and data[8:24] == target,
            deadline,
        )
    finally:
        asker.close()


def _ping(link: "Link", gateway: str, source: str, deadline: float) -> bool:
    del source
    identity = posix.getpid() & 0xFFFF
    question = _ECHO.pack(8, 0, 0, identity, 1)
    total = sum(int.from_bytes(question[at : at + 2], "big") for at in range(0, len(question), 2))
    question = _ECHO.pack(8, 0, 0xFFFF - (total % 0xFFFF), identity, 1)
    asker = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)
    try:
        asker.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, link.name.encode())

        def is_answer(data: bytes) -> bool:
            message = data[(data[0] & 15) * 4 :]
            return message[:1] == b"\0" and message[4:6] == identity.to_bytes(2, "big")

        return _asked(asker, question, (gateway, 0), is_answer, deadline)
    finally:
        asker.close()


def _ping6(link: "Link", gateway: str, source: str, deadline: float) -> bool:
    del source
    identity = posix.getpid() & 0xFFFF
    asker = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6)
    try:
        asker.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, link.name.encode())
        return _asked(
            asker,
            _ECHO.pack(128, 0, 0, identity, 1),  # the kernel puts the checksum in
            (gateway, 0, 0, link.index),
            lambda data: data[:1] == b"\x81" and data[4:6] == identity.to_bytes(2, "big"),
            deadline,
        )
    finally:
        asker.close()


def _asked(
    asker: socket, question: bytes, whom: "tuple[object, ...]", is_answer: "Callable[[bytes], bool]", deadline: float
) -> bool:
    """Ask again and again until there is an answer or the deadline has come."""
    while (now := monotonic()) < deadline:
        turn = min(now + _TURN_S, deadline)
        try:
            asker.sendto(question, whom)
        except OSError:
            if turn >= deadline:
                raise
        while (left_s := turn - monotonic()) > 0:
            asker.settimeout(left_s)
            try:
                if is_answer(asker.recv(2048)):
                    return True
            except TimeoutError:
                break
    return False
