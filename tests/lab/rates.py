"""How fast a host reaches its guests and they reach it: numbers to compare with each other, never with a clock."""

from contextlib import ExitStack
from functools import partial

from tests.lab.client import Client
from tests.lab.host import Host
from tests.lab.machine import PYTHON, wait_for

VOLUME = 200_000
PORT, FLOODED = 5001, 9

# Reads all that comes by one connection, and says how long that took from the first byte on.
_RECEIVE = """
import socket, sys, time
server = socket.create_server(("", int(sys.argv[2])))
open(sys.argv[1], "w").close()
stream = server.accept()[0]
count = len(stream.recv(1 << 16))
begun = time.monotonic()
while data := stream.recv(1 << 16):
    count += len(data)
print(count, time.monotonic() - begun)
"""
_SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as stream:
    stream.sendall(bytes(int(sys.argv[3])))
"""


def times(host: Host, clients: dict[Client, str], volume: int = VOLUME) -> list[float]:
    """How long each client, by its address, takes to receive so many bytes from the host, all of them at once."""
    with ExitStack() as stack:
        receivers = []
        for client in clients:
            ready = client.directory / "ready"
            ready.unlink(missing_ok=True)
            words = [PYTHON, "-IS", "-c", _RECEIVE, str(ready), str(PORT)]
            receivers.append(stack.enter_context(client.popen(words, stdout=-1, text=True)))
            wait_for(ready.exists, "the receiver")
        for address in clients.values():
            words = [PYTHON, "-IS", "-c", _SEND, address, str(PORT), str(volume)]
            stack.enter_context(host.popen(words))
        found = [receiver.communicate(timeout=60)[0].split() for receiver in receivers]
    assert [int(count) for count, _ in found] == [volume] * len(found)
    return [float(seconds) for _, seconds in found]


def came(host: Host, client: Client, gateway: str) -> int:
    """How many bytes come through to the gateway of what a client sends there: two megabytes, as fast as they go."""
    rule = (
        f"table inet seen {{ chain seen {{ type filter hook input priority -400; udp dport {FLOODED} counter; }}; }}\n"
    )
    host.run(["nft", "-f", "-"], stdin=f"table inet seen\ndelete table inet seen\n{rule}")
    client.call(partial(_flood, gateway))
    words = host.run(["nft", "list", "chain", "inet", "seen", "seen"]).stdout.split()
    host.run(["nft", "delete", "table", "inet", "seen"])
    return int(words[words.index("bytes") + 1])


def _flood(address: str) -> None:
    """Send two megabytes in datagrams."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(2000):
            sender.sendto(bytes(1000), (address, FLOODED))
