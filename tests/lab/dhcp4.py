"""A DHCP client that only ever asks to keep an address, as one does that comes from another network.

Source: RFC 2131, section 4.3.2: INIT-REBOOT and REBINDING.
"""

import socket
import struct

ACK, NAK = 5, 6
_REQUEST, _MESSAGE, _WANTED, _END = 3, 53, 50, 255
_COOKIE = bytes.fromhex("63825363")
_TRANSACTION = 0xABCDE053
_BROADCAST = 0x8000  # the answer is to come by broadcast


def ask_to_keep(interface: str, address: str, *, mac: str = "", is_ours: bool = False) -> int | None:
    """Say once that we had `address`, or with `is_ours` that we have it and renew it; ACK, NAK, or None for silence.

    `mac`: as whom, else as the interface. Silence are five seconds.
    """
    if not mac:
        with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
            mac = file.read().strip()
    packed = socket.inet_aton(address)
    own = packed if is_ours else bytes(4)
    head = struct.pack("!BBBBIHH4s12x", 1, 1, 6, 0, _TRANSACTION, 0, _BROADCAST, own)
    head += bytes.fromhex(mac.replace(":", "")).ljust(16 + 64 + 128, b"\0")
    wanted = b"" if is_ours else bytes([_WANTED, 4, *packed])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        client.bind(("", 68))
        client.settimeout(5)
        client.sendto(head + _COOKIE + bytes([_MESSAGE, 1, _REQUEST]) + wanted + bytes([_END]), ("255.255.255.255", 67))
        try:
            while True:
                data = client.recv(2048)
                if struct.unpack_from("!I", data, 4) == (_TRANSACTION,) and data[236:240] == _COOKIE:
                    return data[242] if data[240] == _MESSAGE else None  # dnsmasq has it first
        except TimeoutError:
            return None
