"""Frames byte by byte, honest and forged, sent from one machine and seen on another."""

import socket
import struct
import subprocess
from collections.abc import Sequence

from tests.lab.machine import PYTHON, Machine, wait_for

EVERYONE = "ff:ff:ff:ff:ff:ff"
_END = b"the last of them"

# Writes each frame that comes in by a link as a line of hexadecimal digits, until it is killed.
_SNIFFER = """
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.bind((sys.argv[2], 0))
log = open(sys.argv[1], "w", buffering=1)
print("ready", file=log)
while True:
    data, (_, _, kind, *_) = raw.recvfrom(65535)
    if kind != 4:
        print(data.hex(), file=log)
"""


class Sniffer:
    """What comes to a guest's NIC, or another link."""

    def __init__(self, machine: Machine, link: str = "eth0") -> None:
        self._log = machine.directory / f"frames-{id(self)}"
        machine.popen([PYTHON, "-IS", "-c", _SNIFFER, self._log, link], stdin=subprocess.DEVNULL)
        wait_for(lambda: self._log.exists() and self._log.read_text().startswith("ready"), "the sniffer")

    def frames(self) -> set[bytes]:
        """The frames so far; a tag of a VLAN is the kernel's to take out."""
        return {bytes.fromhex(line) for line in self._log.read_text().split("\n")[1:-1]}

    def count(self, mark: bytes) -> int:
        """How many frames have come in which these bytes are."""
        return sum(mark.hex() in line for line in self._log.read_text().split("\n")[1:-1])

    def wait_for(self, frame: bytes) -> None:
        """Wait until this frame has come."""
        wait_for(lambda: frame in self.frames(), "the last frame")


def send(machine: Machine, frames: Sequence[bytes], *, link: str = "eth0") -> None:
    """Send frames by a link, in order."""

    def act() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((link, 0))
            for frame in frames:
                raw.send(frame)

    machine.call(act)


def packed(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def address(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def ether(source: str, to: str, kind: int, payload: bytes) -> bytes:
    return packed(to) + packed(source) + struct.pack("!H", kind) + payload


def tagged(frame: bytes, vlan: int, kind: int = 0x8100) -> bytes:
    return frame[:12] + struct.pack("!HH", kind, vlan) + frame[12:]


def arp(operation: int, mac: str, ip: str, *, target: str, hardware: int = 1) -> bytes:
    head = struct.pack("!HHBBH", hardware, 0x0800, 6, 4, operation)
    return head + packed(mac) + address(ip) + bytes(6) + address(target)


def ip4(source: str, to: str, protocol: int, payload: bytes, *, fragment: int = 0, more: int = 0) -> bytes:
    """An IPv4 packet; `fragment`: offset (in 8 bytes) and flags; `more`: bytes that its length claims and it lacks."""
    length = 20 + len(payload) + more
    ends = address(source) + address(to)
    without = struct.pack("!BBHHHBBH", 0x45, 0, length, 7, fragment, 64, protocol, 0) + ends
    total = sum(struct.unpack("!10H", without))
    checksum = 0xFFFF - (total + (total >> 16) & 0xFFFF)
    return without[:10] + struct.pack("!H", checksum) + ends + payload


def ip6(source: str, to: str, protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + address(source) + address(to) + payload


def extension(following: int, data: bytes = bytes(6)) -> bytes:
    """A hop-by-hop or destination options header, of padding."""
    return bytes([following, (len(data) + 2) // 8 - 1, 1, len(data) - 2]) + data[2:]


def fragment6(following: int, offset: int = 0, *, more: bool = False) -> bytes:
    return struct.pack("!BBHI", following, 0, offset | more, 99)


def udp(source: int, to: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, to, 8 + len(payload), 0) + payload


def dhcp(
    mac: str, *, operation: int = 1, kind: int = 1, length: int = 6, tail: bytes = b"", options: bytes = b""
) -> bytes:
    """A DHCP message; `tail`: what follows the MAC in chaddr."""
    head = struct.pack("!BBBBIHH16x", operation, kind, length, 0, 0xABCD, 0, 0x8000)
    found = head + (packed(mac) + tail).ljust(16, b"\0") + bytes(192) + bytes.fromhex("63825363")
    return found + (options or bytes([53, 1, 1 if operation == 1 else 2])) + b"\xff"


def neighbour(kind: int, target: str) -> bytes:
    """A neighbour solicitation (135) or advertisement (136)."""
    return struct.pack("!BBHI", kind, 0, 0, 0x20000000 if kind == 136 else 0) + address(target)
