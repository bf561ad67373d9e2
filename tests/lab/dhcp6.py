"""A DHCPv6 client as small as RFC 8415 lets it be: Solicit and Request for one address, with a DUID of the test's."""

import socket
import struct
from typing import NamedTuple

SOLICIT, ADVERTISE, REQUEST, REPLY = 1, 2, 3, 7
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, WANTED, DNS_SERVERS, DOMAINS = 1, 2, 3, 5, 6, 23, 24
ALL_SERVERS, SERVER_PORT, CLIENT_PORT = "ff02::1:2", 547, 546
TRIES = 5


class Lease6(NamedTuple):
    """What was leased: the address, how long it is valid in seconds, the DNS servers."""

    ip: str
    valid_s: int
    dns: list[str]


def ask_for_address(interface: str, duid: str) -> Lease6 | None:
    """Solicit, request, and read the answer; None if no server offers an address."""
    identity = _option(CLIENT_ID, bytes.fromhex("".join(f"{int(byte, 16):02x}" for byte in duid.split(":"))))
    wish = _option(IA_NA, struct.pack("!III", 1, 0, 0)) + _option(WANTED, struct.pack("!HH", DNS_SERVERS, DOMAINS))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        index = socket.if_nametoindex(interface)
        client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        client.bind(("::", CLIENT_PORT))
        client.settimeout(1)
        offer = _exchange(client, index, SOLICIT, identity + wish)
        if offer is None or _lease(offer) is None:
            return None
        answer = _exchange(client, index, REQUEST, identity + _option(SERVER_ID, offer[SERVER_ID]) + wish)
        return None if answer is None else _lease(answer)


def _exchange(client: socket.socket, index: int, kind: int, options: bytes) -> dict[int, bytes] | None:
    """The options of the first answer."""
    head = struct.pack("!I", kind << 24 | 0xABCDE0 | kind)
    for _ in range(TRIES):
        client.sendto(head + options, (ALL_SERVERS, SERVER_PORT, 0, index))
        try:
            data = client.recv(2048)
        except TimeoutError:
            continue
        if data[1:4] == head[1:] and data[0] in {ADVERTISE, REPLY}:
            return _options(data[4:])
    return None


def _lease(options: dict[int, bytes]) -> Lease6 | None:
    address = _options(options.get(IA_NA, b"")[12:]).get(IA_ADDRESS)
    if address is None:
        return None
    servers = options.get(DNS_SERVERS, b"")
    dns = [socket.inet_ntop(socket.AF_INET6, servers[at : at + 16]) for at in range(0, len(servers), 16)]
    return Lease6(socket.inet_ntop(socket.AF_INET6, address[:16]), struct.unpack_from("!I", address, 20)[0], dns)


def _option(kind: int, data: bytes) -> bytes:
    return struct.pack("!HH", kind, len(data)) + data


def _options(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        kind, length = struct.unpack_from("!HH", data)
        found[kind] = data[4 : 4 + length]
        data = data[4 + length :]
    return found
