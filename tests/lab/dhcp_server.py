"""A DHCP server with leases of seconds, which writes down what clients send: dnsmasq has none under two minutes.

Run as a program: INTERFACE ADDRESS FIRST LOG, where FIRST ends the first address that it gives. Clients are told apart by their identifier, else by their MAC.
Source: RFC 2131, 4.3; RFC 2132.
"""

import json
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, Self

from tests.lab.machine import CHECKOUT, PYTHON, Machine, wait_for

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = 1, 2, 3, 4, 5, 6, 7
LEASE_S, RENEWAL_S = 20, 5
_COOKIE = bytes.fromhex("63825363")
_HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s192x")


class DhcpServer:
    """`with DhcpServer(router) as server: server.messages(REQUEST)`, on the router's link `lan0`."""

    def __init__(self, router: Machine, *, first: int = 20) -> None:
        self._router = router
        self._log = router.directory / f"dhcp-{first}.log"
        self._words = ["lan0", "192.0.2.1", str(first), str(self._log)]
        self._program: Any = None

    def __enter__(self) -> Self:
        self._program = self._router.popen([PYTHON, "-m", "tests.lab.dhcp_server", *self._words], cwd=CHECKOUT)
        wait_for(self._log.exists, "the DHCP server")
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Answer no more."""
        with self._program as program:
            program.kill()

    def messages(self, *kinds: int) -> list[dict[str, Any]]:
        """What clients have sent, of these kinds or of all, oldest first."""
        found = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [one for one in found if not kinds or one["kind"] in kinds]

    def renewals_after(self, time_s: float) -> list[dict[str, Any]]:
        """Renewals that came after a time on the clock of `at_s`."""
        return [one for one in self.messages(REQUEST) if one["is_renewal"] and one["at_s"] > time_s]


def _serve(interface: str, address: str, first: int, log: Path) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    server.bind(("", 67))
    given: dict[str, str] = {}
    with log.open("w", buffering=1) as file:
        while True:
            data = server.recv(2048)
            message = _message(data)
            print(json.dumps(message), file=file)
            ours = given.setdefault(message["who"], f"{address.rpartition('.')[0]}.{first + len(given)}")
            kind = {DISCOVER: OFFER, REQUEST: ACK if message["asked"] == ours else NAK}.get(message["kind"])
            if kind is not None:
                to = message["asked"] if message["is_renewal"] and kind == ACK else "255.255.255.255"
                server.sendto(_answer(data, kind, ours, address), (to, 68))


def _message(data: bytes) -> dict[str, Any]:
    """What is written down of a client's message; `at_s`: on the clock of time.monotonic()."""
    options = _options(data)
    fields = _HEAD.unpack_from(data)
    current, hardware = fields[7], fields[11][:6]
    return {
        "kind": options[53][0],
        "who": options.get(61, b"").hex() or hardware.hex(),
        "mac": hardware.hex(":"),
        "asked": socket.inet_ntoa(options.get(50, current)),
        "name": options.get(12, b"").decode(),
        "is_renewal": any(current),
        "at_s": time.monotonic(),
    }


def _answer(data: bytes, kind: int, ours: str, address: str) -> bytes:
    fields = _HEAD.unpack_from(data)
    packed, own = socket.inet_aton(address), socket.inet_aton(ours) if kind != NAK else bytes(4)
    answer = _HEAD.pack(2, 1, 6, 0, fields[4], 0, fields[6], fields[7], own, packed, bytes(4), fields[11])
    options = [(53, bytes([kind])), (54, packed)]
    if kind != NAK:
        options += [(1, socket.inet_aton("255.255.255.0")), (3, packed)]
        options += [(51, _number(LEASE_S)), (58, _number(RENEWAL_S)), (59, _number(LEASE_S - 2))]
    answer += _COOKIE + b"".join(bytes([code, len(value)]) + value for code, value in options)
    return (answer + b"\xff").ljust(300, b"\0")


def _number(value: int) -> bytes:
    return struct.pack("!I", value)


def _options(data: bytes) -> dict[int, bytes]:
    found = {}
    rest = data[_HEAD.size + 4 :]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        found[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return found


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
