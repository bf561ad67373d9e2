"""What a machine sees of those who come: their addresses and ports by TCP and UDP, where their ICMP comes from."""

import subprocess
from typing import Any

from tests.lab.machine import PYTHON, Machine, wait_for

PORT = 7000

# Answers each TCP connection and UDP datagram with the peer's address and port; writes each echo request's source.
_WITNESS = """
import select, socket, sys
port, log = int(sys.argv[1]), open(sys.argv[2], "w", buffering=1)
def plain(peer): return peer[0].removeprefix("::ffff:") + " " + str(peer[1])
stream = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
datagrams.bind(("", port))
icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
icmp6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
kept = []
print("ready", file=log)
while True:
    for ready in select.select([stream, datagrams, icmp, icmp6, *kept], [], [])[0]:
        if ready is stream:
            client, peer = stream.accept()
            kept.append(client)
            client.sendall(plain(peer).encode())
        elif ready is datagrams:
            _, [(level, kind, to)], _, peer = datagrams.recvmsg(2048, 1024)
            answer = [(level, kind, to[:16] + bytes(4))]  # in6_pktinfo: from the address that was asked
            datagrams.sendmsg([plain(peer).encode()], answer, 0, peer)
        elif ready in kept:
            try:
                data = ready.recv(2048)
                ready.sendall(data) if data else kept.remove(ready)
            except OSError:
                kept.remove(ready)
        else:
            packet, peer = ready.recvfrom(2048)
            kind = packet[(packet[0] & 15) * 4] if ready is icmp else packet[0]
            if kind in (8, 128):
                print("echo", peer[0].partition("%")[0], file=log)
"""

# A program that prints what the witness at ADDRESS PORT sees of its connection, then has it echo each line of stdin.
TALK = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
print(client.recv(100).decode(), flush=True)
for line in sys.stdin:
    client.send(line.encode())
    print(client.recv(100).decode(), end="", flush=True)
"""


class Witness:
    """A witness on a machine, at `PORT` or another one."""

    def __init__(self, machine: Machine, port: int = PORT) -> None:
        self._log = machine.directory / f"witness-{port}"
        machine.popen([PYTHON, "-IS", "-c", _WITNESS, str(port), self._log], stdin=subprocess.DEVNULL)
        wait_for(lambda: self._log.exists() and self._log.read_text().startswith("ready"), "the witness")

    def pinged(self) -> list[str]:
        """From where echo requests have come so far."""
        return [line.split()[1] for line in self._log.read_text().splitlines() if line.startswith("echo ")]


def ask(
    machine: Machine, protocol: str, address: str, *, port: int = PORT, source: tuple[str, int] | None = None
) -> str:
    """What the witness at `address` sees of us, "ADDRESS PORT"; "refused", or "lost" after a second without answer."""

    def answer() -> str:
        with _socket(protocol, address) as client:
            try:
                if source:
                    client.bind(source)
                client.connect((address, port))
                if protocol == "udp":
                    client.send(b"who")
                return client.recv(100).decode()  # type: ignore[no-any-return]
            except ConnectionError:
                return "refused"
            except OSError:
                return "lost"

    return machine.call(answer)


def _socket(protocol: str, address: str) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    client.settimeout(1)
    return client
