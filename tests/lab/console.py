"""The serial console of a test guest: what it said, and a line of shell that it runs."""

import os
import re
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

BOOT_LIMIT_S = 60


class Line(NamedTuple):
    """What the guest said: `VNG 2.59 lease eth0 ip=…` is at_s 2.59, word "lease", rest; else word is empty."""

    at_s: float
    word: str
    rest: str


class Console(ABC):
    """What is asked of a guest over its console; a subclass starts the guest and connects the console."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[Line] = []
        self._unread = b""

    @abstractmethod
    def fileno(self) -> int:
        """The console, for select(2)."""

    @abstractmethod
    def type(self, line: str) -> None:
        """Write a line to the console."""

    @abstractmethod
    def on_end(self) -> None:
        """See to a guest whose console was closed: raise, or start it again."""

    def on_silence(self) -> None:  # noqa: B027 (most guests need nothing)
        """See to a guest that says nothing at the moment."""

    def clear(self) -> None:
        """Forget what it said, for one that starts again."""
        self.lines, self._unread = [], b""

    def read(self, *, timeout_s: float = 0) -> list[Line]:
        """The lines that came meanwhile, none after `timeout_s`; RefusedError if the guest ended."""
        if not select.select([self], [], [], timeout_s)[0]:
            self.on_silence()
            return []
        data = os.read(self.fileno(), 65536)
        if not data:
            self.on_end()
            return []
        *whole, self._unread = (self._unread + data).split(b"\n")
        new = [parsed(line.decode(errors="replace").rstrip("\r")) for line in whole]
        self.lines += new
        return new

    def said(self, word: str) -> Line | None:
        """The last line of this kind."""
        return next((line for line in reversed(self.lines) if line.word == word), None)

    def wait(self, word: str = "ready", *, timeout_s: float = 3 * BOOT_LIMIT_S) -> Line:
        """The first line of this kind, as soon as it is there; AssertionError with the console if it does not come."""
        deadline = time.monotonic() + timeout_s
        while not (line := self.said(word)):
            assert time.monotonic() < deadline, f"{self.name}: no {word!r} within {timeout_s} s:\n{self.console()}"
            self.read(timeout_s=0.2)
        return line

    def console(self) -> str:
        """All that the guest said, for a message."""
        return "\n".join(f"{line.at_s} {line.word} {line.rest}".strip() for line in self.lines)

    @property
    def lease(self) -> dict[str, str]:
        """The lease that it booted with: ip, mask, router, dns, domain, server, lease_s, mtu; empty if none."""
        line = self.said("lease")
        return dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line.rest)) if line else {}

    @property
    def ip(self) -> str:
        """Its address."""
        return self.lease["ip"]

    @property
    def seconds_to_lease(self) -> float:
        """From the NIC's first question to the lease, by the guest's own clock."""
        asks, lease = self.said("asks"), self.said("lease")
        assert asks, self.console()
        assert lease, self.console()
        return round(lease.at_s - asks.at_s, 2)

    def run(self, command: str, *, timeout_s: float = 60) -> tuple[int, str]:
        """Run a line of shell in the guest; its exit status and what it printed."""
        self.wait()
        first = len(self.lines)
        self.type(command)
        deadline = time.monotonic() + timeout_s
        while not (ends := [line for line in self.lines[first:] if line.word == "status"]):
            assert time.monotonic() < deadline, (
                f"{self.name}: {command}: no end within {timeout_s} s:\n{self.console()}"
            )
            self.read(timeout_s=0.2)
        return int(ends[0].rest), "\n".join(line.rest for line in self.lines[first:] if not line.word)

    def resolve(self, name: str) -> str:
        """The IPv4 address that its resolver has for `name`, empty if none."""
        status, text = self.run(f"nslookup -type=a {name}")
        found = re.findall(r"^Address(?: \d+)?: ([\d.]+)$", text, re.MULTILINE)
        return found[-1] if status == 0 and found else ""

    def pings(self, target: str) -> bool:
        """Whether an address, or the host with a name, answers within two seconds."""
        return self.run(f"ping -c 1 -W 2 {target}")[0] == 0

    def connects(self, address: str, port: int) -> bool:
        """Whether a TCP connection opens within two seconds."""
        return self.run(f"nc -w 2 {address} {port} -e true")[0] == 0

    def send_udp(self, address: str, port: int) -> None:
        """Send a datagram; nobody needs to answer."""
        self.run(f"timeout 2 nslookup -port={port} name.example.test {address}")

    def fetch(self, host: str, port: int = 80) -> str:
        """The body that a web server answers to GET /, empty if there is none."""
        _, text = self.run(
            f"printf 'GET / HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n' | nc -w 3 {host} {port} | tr -d '\\r'"
        )
        head, _, body = text.partition("\n\n")
        return body if " 200 " in head else ""

    def serve(self, port: int) -> None:
        """Listen on a TCP port from now on."""
        self.run(f"nc -ll -p {port} -e echo here >/dev/null 2>&1 &")
        self.run(f"until netstat -ltn | grep -q ':{port} '; do usleep 20000; done")


def parsed(text: str) -> Line:
    if match := re.match(r"VNG ([\d.]+) (\S+) ?(.*)", text):
        return Line(float(match[1]), match[2], match[3])
    return Line(0.0, "", text)


def wait_for_guests(guests: Sequence[Console], word: str = "ready") -> None:
    """Wait until each of the guests has said `word`."""
    for guest in guests:
        guest.wait(word)
