"""Have a network's dnsmasq end a lease before its time: the DHCPRELEASE of a guest that is gone and cannot send it.

dnsmasq takes a lease back only from the lease's own client, or so it seems: the message is sent on the host, through a
socket bound to the bridge, and arrives on the bridge (dhcp_release(1) of dnsmasq's lease-tools does the same).
Source of the format: RFC 2131, section 2 and table 5; RFC 2132, sections 9.6, 9.7 and 9.14.
"""

from _socket import AF_INET, SO_BINDTODEVICE, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET, inet_aton, socket
from _struct import Struct

from vnethook.address import parse_ip, parse_subnet
from vnethook.errors import HostError
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork

_MESSAGE = Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_REQUEST, _ETHERNET, _MAC_BYTES = 1, 1, 6
_COOKIE = bytes((99, 130, 83, 99))
_MESSAGE_TYPE, _SERVER, _CLIENT_ID, _END = 53, 54, 61, 255
_RELEASE = 7
_PORT = 67
_NOTHING = bytes(4)


def end_leases(paths: "Paths", live: "LiveNetwork", mac: str) -> None:
    """End the IPv4 leases of a MAC; raise HostError if the host does not let us."""
    for address, client_id in _leases(paths, live.name, mac):
        server = _server(live, address)
        if server:
            _send(live.bridge, server, _release(mac, address, server, client_id))


def _leases(paths: "Paths", network: str, mac: str) -> "Iterator[tuple[str, bytes]]":
    """(address, client id) of each lease; a line: expiry, MAC, address, host name or *, client id or *."""
    for line in (files.read_text(f"{paths.leases}/{network}") or "").splitlines():
        words = line.split(" ")
        if len(words) != 5 or words[1] != mac or ":" in words[2]:
            continue
        try:
            client_id = bytes.fromhex(words[4].replace("*", "").replace(":", ""))
        except ValueError:
            continue  # a line that was not written to its end
        yield words[2], client_id


def _server(live: "LiveNetwork", address: str) -> str:
    """The bridge's address in the lease's subnet, by which dnsmasq knows that the message is for itself."""
    number = parse_ip(address)[1]
    for own in live.addresses:
        subnet = parse_subnet(own)
        if subnet.version == 4 and subnet.first <= number <= subnet.last:
            return own.partition("/")[0]
    return ""


def _release(mac: str, address: str, server: str, client_id: bytes) -> bytes:
    packed = bytes.fromhex(mac.replace(":", ""))
    head = (_REQUEST, _ETHERNET, _MAC_BYTES, 0, 0, 0, 0, inet_aton(address), _NOTHING, _NOTHING, _NOTHING)
    options = bytes((_MESSAGE_TYPE, 1, _RELEASE, _SERVER, 4)) + inet_aton(server)
    if client_id:
        options += bytes((_CLIENT_ID, len(client_id))) + client_id
    return _MESSAGE.pack(*head, packed, b"", b"", _COOKIE) + options + bytes((_END,))


def _send(bridge: str, server: str, message: bytes) -> None:
    try:
        sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC)
        try:
            sender.setsockopt(SOL_SOCKET, SO_BINDTODEVICE, bridge.encode())
            sender.sendto(message, (server, _PORT))
        finally:
            sender.close()
    except OSError as error:
        msg = f"bridge {bridge!r}: end a lease: {error.strerror}"
        raise HostError(msg) from error
