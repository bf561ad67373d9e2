"""Netlink messages on a raw socket: requests, acknowledgements, dumps; attributes packed and unpacked.

Stands on `_socket`, because importing `socket` takes longer than everything that a warm hook does.
Source of the formats: netlink(7), linux/netlink.h.
"""

import posix
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket
from _struct import Struct
from errno import EINTR, EMSGSIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTE, NETFILTER = 0, 12
REQUEST, ACK, DUMP, EXCLUSIVE, CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
_ERROR, _DONE = 2, 3
_BATCH_BEGIN, _BATCH_END = 16, 17
_DUMP_INTERRUPTED = 0x10
_ACK_TLVS, _CAPPED = 0x200, 0x100
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT_CHECK = 270, 10, 11, 12
_SNDBUFFORCE = 32
"""asm-generic/socket.h"""
_HEADER = Struct("=IHHII")
_ATTRIBUTE = Struct("=HH")
_INT = Struct("=i")
NETFILTER_HEAD = Struct("!BBH")
"""What begins each message of netfilter: family, version, and for a batch the subsystem. Source: nfnetlink.h."""
_NESTED = 0x8000
_RECEIVE_BYTES = 1 << 15
"""The most that the kernel puts into one answer to a dump (af_netlink.c, netlink_dump()).

More is memory that malloc maps anew for each answer, a tenth of a warm hook's own work.
"""


class NetlinkError(OSError):
    """What the kernel answered: `errno`, and in `strerror` its own words where it gave any."""


def pack(kind: int, data: bytes) -> bytes:
    """One attribute: length, kind, data, padding to four bytes."""
    length = 4 + len(data)
    return _ATTRIBUTE.pack(length, kind) + data + b"\0" * (-length % 4)


def nested(kind: int, data: bytes) -> bytes:
    """One attribute that holds attributes."""
    return pack(_NESTED | kind, data)


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a NUL-terminated string."""
    return pack(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute that holds an unsigned 32-bit number in the host's byte order."""
    return pack(kind, value.to_bytes(4, "little" if _INT.pack(1)[0] else "big"))


def attributes(data: bytes, offset: int = 0) -> "Iterator[tuple[int, bytes]]":
    """The (kind, data) of the attributes in `data` from `offset` on; flags in the kind are taken off."""
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            return
        yield kind & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


class Netlink:
    """A socket to one of the kernel's netlink families: one of this process's network namespace, or an open one."""

    def __init__(self, family: int, descriptor: int = -1) -> None:
        if descriptor < 0:
            self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)
            self._socket.bind((0, 0))
        else:
            self._socket = socket(fileno=descriptor)
        self._sequence = 0
        for option in (_CAP_ACK, _EXT_ACK, _STRICT_CHECK):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:
                continue  # an older kernel: answers are longer, without words, filtered by us

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def request(self, kind: int, flags: int, payload: bytes) -> list[bytes]:
        """Send one message and give the payloads of its answers; raise NetlinkError if the kernel refuses it.

        Without DUMP in `flags` an acknowledgement is asked for. An interrupted dump is repeated.
        """
        is_dump = flags & DUMP == DUMP
        for _ in range(8):
            self._sequence += 1
            flags |= REQUEST if is_dump else REQUEST | ACK
            self._socket.sendto(_HEADER.pack(16 + len(payload), kind, flags, self._sequence, 0) + payload, (0, 0))
            answers: list[bytes] = []
            if self._receive(answers):
                return answers
        raise NetlinkError(EINTR, "the kernel's table changed faster than it could be read")

    def transact(self, subsystem: int, messages: "list[tuple[int, int, bytes]]") -> None:
        """Send (kind, flags, payload) to a subsystem of netfilter as one batch: all or nothing; raise NetlinkError.

        Source: linux/netfilter/nfnetlink.h, NFNL_MSG_BATCH_BEGIN. The kernel reports what it refuses, and then, or at
        the end, acknowledges the last message.
        """
        frame = NETFILTER_HEAD.pack(0, 0, subsystem)
        batch = [(_BATCH_BEGIN, 0, frame), *messages, (_BATCH_END, 0, frame)]
        last = len(messages)
        data = b""
        first = self._sequence + 1
        for number, (kind, flags, payload) in enumerate(batch):
            asked = REQUEST | flags | (ACK if number == last else 0)
            data += _HEADER.pack(16 + len(payload), kind, asked, first + number, 0) + payload
        self._sequence = first + last + 1
        self._send(data)
        while True:
            heard = self._socket.recv(_RECEIVE_BYTES)
            offset, end = 0, len(heard)
            while offset < end:
                length, kind, flags, sequence, _ = _HEADER.unpack_from(heard, offset)
                if kind == _ERROR and first <= sequence <= self._sequence:
                    _raise_unless_acknowledged(heard[offset + 16 : offset + length], flags)
                    if sequence == first + last:
                        return
                offset += (length + 3) & ~3

    def in_turn(self, messages: "list[tuple[int, int, bytes]]") -> list[int]:
        """Send (kind, flags, payload) at once, which the kernel does one right after the other; each errno, or 0."""
        first = self._sequence + 1
        data = b""
        for number, (kind, flags, payload) in enumerate(messages, first):
            data += _HEADER.pack(16 + len(payload), kind, REQUEST | ACK | flags, number, 0) + payload
        self._sequence += len(messages)
        self._send(data)
        codes: dict[int, int] = {}
        while len(codes) < len(messages):
            heard = self._socket.recv(_RECEIVE_BYTES)
            offset, end = 0, len(heard)
            while offset < end:
                length, kind, _, sequence, _ = _HEADER.unpack_from(heard, offset)
                if kind == _ERROR and sequence >= first:
                    codes[sequence] = -_INT.unpack_from(heard, offset + 16)[0]
                offset += (length + 3) & ~3
        return [codes[number] for number in sorted(codes)]

    def _send(self, data: bytes) -> None:
        """Send what may be more than the socket takes by default, as hundreds of elements are."""
        try:
            self._socket.sendto(data, (0, 0))
        except OSError as error:
            if error.errno != EMSGSIZE:
                raise
            self._socket.setsockopt(SOL_SOCKET, _SNDBUFFORCE, len(data))
            self._socket.sendto(data, (0, 0))

    def _receive(self, answers: list[bytes]) -> bool:
        """Collect the answers to the last request; False if a dump was interrupted by a change."""
        is_whole = True
        while True:
            data = self._socket.recv(_RECEIVE_BYTES)
            offset, end = 0, len(data)
            while offset < end:
                length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
                body = data[offset + 16 : offset + length]
                offset += (length + 3) & ~3
                if sequence != self._sequence:
                    continue  # the rest of an answer that an earlier error cut short
                if flags & _DUMP_INTERRUPTED:
                    is_whole = False
                if kind == _ERROR:
                    _raise_unless_acknowledged(body, flags)
                    return is_whole
                if kind == _DONE:
                    _raise_unless_told(body)
                    return is_whole
                answers.append(body)


def _raise_unless_told(body: bytes) -> None:
    """Raise what kept the kernel from telling all of a dump: the number that ends it. netlink_dump() of the kernel."""
    code = -_INT.unpack_from(body)[0] if body else 0
    if code > 0:
        raise NetlinkError(code, posix.strerror(code))


def _raise_unless_acknowledged(body: bytes, flags: int) -> None:
    code = -_INT.unpack_from(body)[0]
    if code == 0:
        return
    words = ""
    if flags & _ACK_TLVS:
        request_length = 16 if flags & _CAPPED else (_HEADER.unpack_from(body, 4)[0] + 3) & ~3
        for kind, data in attributes(body, 4 + request_length):
            if kind == 1:  # NLMSGERR_ATTR_MSG
                words = data.rstrip(b"\0").decode(errors="replace")
    reason = posix.strerror(code)
    raise NetlinkError(code, f"{reason} ({words})" if words else reason)
