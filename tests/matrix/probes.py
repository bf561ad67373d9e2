"""Real packets, sent and received by one process that has a socket in every machine.

It keeps to one CPU, on which the kernel does all that a packet needs between two of these machines, in the order in which
packets were sent. So when a later packet has gone back and forth often enough, an earlier one that has not arrived never will.
"""

import ctypes
import errno
import os
import select
import socket
import struct
from typing import NamedTuple

from tests.matrix.oracle import LOST, PASSES, REFUSED, Packet
from tests.matrix.places import PORTS

CLONE_NEWNET = 0x40000000
IPV6_RECVPKTINFO, IP_PKTINFO = 49, 8  # linux/in6.h, linux/in.h
BARRIER_PORT, BARRIER_TRIPS, BARRIER_WAIT_S = 7, 8, 10
_RESET = struct.pack("ii", 1, 0)
_libc = ctypes.CDLL(None, use_errno=True)


class Seen(NamedTuple):
    """What became of a packet: whether it arrived and its answer too, and what its receiver saw."""

    verdict: str
    source: str = ""
    port: int = 0
    is_answered: bool = False


class Flow:
    """A packet on its way, with the socket that it left by."""

    def __init__(self, packet: Packet, number: int, sock: socket.socket) -> None:
        self.packet = packet
        self.number = number
        self.socket = sock
        self.seen = Seen(LOST)
        self.last: tuple[socket.socket, list[tuple[int, int, bytes]], tuple[str, int]] | None = None
        """What its receiver answers it by."""


class Prober:
    """Sockets in all machines; `namespaces` are open files of their network namespaces."""

    def __init__(self, namespaces: dict[str, int]) -> None:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        self._namespaces = namespaces
        self._number = 0
        self._poll = select.epoll()
        self._datagrams: dict[int, socket.socket] = {}
        self._streams: dict[int, socket.socket] = {}
        self._here = ""
        self._accepted: list[socket.socket] = []
        for place in namespaces:
            for family in (socket.AF_INET, socket.AF_INET6):
                for port in PORTS:
                    self._listen(place, family, port)
        self._barrier = [
            self._bound(place, socket.SOCK_DGRAM, socket.AF_INET, BARRIER_PORT) for place in ("host", "outside")
        ]
        for sock in self._barrier:
            sock.settimeout(BARRIER_WAIT_S)
        self._enter("host")

    def probe(self, packets: list[Packet]) -> list[Flow]:
        """Send these and see what becomes of them; the sockets stay open."""
        flows = [self._begin(packet) for packet in packets]
        self._enter("host")
        return self._finish(flows)

    def again(self, flows: list[Flow]) -> list[Flow]:
        """Send another datagram of each of these flows, and see what becomes of it."""
        for flow in flows:
            self._number += 1
            flow.number, flow.seen, flow.last = self._number, Seen(LOST), None
            flow.socket.sendto(struct.pack("!Q", flow.number), (flow.packet.to, flow.packet.port))
        return self._finish(flows)

    def answers(self, flows: list[Flow]) -> list[bool]:
        """Let the receiver of each of these flows send another answer; whether it comes."""
        for flow in flows:
            _drain(flow.socket)
            assert flow.last
            sock, control, peer = flow.last
            sock.sendmsg([b"again"], control, 0, peer)
        self._wait()
        return [_drain(flow.socket) for flow in flows]

    def close(self, flows: list[Flow]) -> None:
        """Forget these flows."""
        for sock in (*(flow.socket for flow in flows), *self._accepted):
            sock.close()
        self._accepted.clear()

    def _finish(self, flows: list[Flow]) -> list[Flow]:
        """See what becomes of what was sent, there and back."""
        self._wait()
        self._receive({flow.number: flow for flow in flows})
        self._wait()
        for flow in flows:
            self._conclude(flow)
        return flows

    def _enter(self, place: str) -> None:
        if place != self._here:
            if _libc.setns(self._namespaces[place], CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            self._here = place

    def _bound(self, place: str, kind: int, family: int, port: int) -> socket.socket:
        self._enter(place)
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("", port))
        return sock

    def _listen(self, place: str, family: int, port: int) -> None:
        datagrams = self._bound(place, socket.SOCK_DGRAM, family, port)
        if family == socket.AF_INET:
            datagrams.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            datagrams.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        streams = self._bound(place, socket.SOCK_STREAM, family, port)
        streams.listen(256)
        self._datagrams[datagrams.fileno()] = datagrams
        self._streams[streams.fileno()] = streams
        for sock in (datagrams, streams):
            self._poll.register(sock, select.EPOLLIN)

    def _begin(self, packet: Packet) -> Flow:
        self._enter(packet.place)
        self._number += 1
        family = socket.AF_INET6 if packet.version == 6 else socket.AF_INET
        if packet.protocol == "icmp":
            protocol = socket.IPPROTO_ICMPV6 if packet.version == 6 else socket.IPPROTO_ICMP
            sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        else:
            kind = socket.SOCK_STREAM if packet.protocol == "tcp" else socket.SOCK_DGRAM
            sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        if packet.source_port:  # else the kernel may choose a port that another flow has, who would get the answers
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((packet.source, packet.source_port))
        flow = Flow(packet, self._number, sock)
        if packet.protocol == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            error = sock.connect_ex((packet.to, packet.port))
            assert error in {errno.EINPROGRESS, errno.ECONNREFUSED, 0}, (packet, os.strerror(error))
        else:
            data = _echo(packet.version, flow.number) if packet.protocol == "icmp" else struct.pack("!Q", flow.number)
            sock.sendto(data, (packet.to, packet.port))
        return flow

    def _wait(self) -> None:
        """Wait until all that was sent has arrived, or never will."""
        for _ in range(BARRIER_TRIPS):
            for sock, other, address in (
                (self._barrier[0], self._barrier[1], "192.0.2.1"),
                (self._barrier[1], self._barrier[0], "192.0.2.2"),
            ):
                sock.sendto(b"barrier", (address, BARRIER_PORT))
                other.recv(16)

    def _receive(self, flows: dict[int, Flow]) -> None:
        """Take what has come to all listeners, and answer datagrams from the address that they were sent to."""
        while ready := self._poll.poll(0, 1024):
            for file, _ in ready:
                if file in self._streams:
                    stream, peer = self._streams[file].accept()
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    try:
                        stream.send(f"{peer[0]} {peer[1]}".encode())
                    except OSError:
                        pass  # its client has been told otherwise meanwhile
                    self._accepted.append(stream)
                    continue
                sock = self._datagrams[file]
                data, control, _, peer = sock.recvmsg(64, 256)
                flow = flows.get(struct.unpack("!Q", data)[0])
                if flow:
                    flow.last = (sock, _back(control), peer)
                    flow.seen = Seen(PASSES, peer[0], peer[1])
                    sock.sendmsg([b"answer"], flow.last[1], 0, peer)

    def _conclude(self, flow: Flow) -> None:
        if flow.packet.protocol == "tcp":
            flow.seen = _connection(flow.socket)
        elif flow.packet.protocol == "icmp":
            if _is_echoed(flow):
                flow.seen = Seen(PASSES, is_answered=True)
        else:
            flow.seen = flow.seen._replace(is_answered=_drain(flow.socket))


def _drain(sock: socket.socket) -> bool:
    """Whether a datagram has come, and all others with it."""
    found = False
    while True:
        try:
            sock.recv(64)
        except BlockingIOError:
            return found
        found = True


def _connection(sock: socket.socket) -> Seen:
    """What became of a connection, and what its server has said of its source."""
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error == errno.ECONNREFUSED:
        return Seen(REFUSED)
    try:
        address, port = sock.recv(64).decode().split()
    except OSError:
        return Seen(LOST)
    return Seen(PASSES, address, int(port), is_answered=True)


def _back(control: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """What lets an answer leave from the address that was asked."""
    [(level, kind, data)] = control
    if level == socket.IPPROTO_IPV6:
        return [(level, kind, data[:16] + bytes(4))]  # in6_pktinfo
    return [(level, kind, bytes(4) + data[8:12] + bytes(4))]  # in_pktinfo


def _echo(version: int, number: int) -> bytes:
    """An echo request (RFC 792, RFC 4443); the kernel fills in IPv6's checksum."""
    data = struct.pack("!BBHHHQ", 128 if version == 6 else 8, 0, 0, 1, 1, number)
    if version == 6:
        return data
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:2] + struct.pack("!H", ~total & 0xFFFF) + data[4:]


def _is_echoed(flow: Flow) -> bool:
    found = False
    while True:
        try:
            data = flow.socket.recv(256)
        except BlockingIOError:
            return found
        if flow.packet.version == 4:
            data = data[(data[0] & 15) * 4 :]
        found = found or (data[0] in {0, 129} and data[8:16] == struct.pack("!Q", flow.number))
