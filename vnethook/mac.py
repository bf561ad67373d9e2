"""MAC addresses as canonical text. Apart from address.py, since every hook reads its caller's command line."""

from vnethook.errors import DefinitionError
from vnethook.names import shown

_HEX = frozenset("0123456789abcdef")


def canonical_mac(text: str) -> str:
    """("52:54:00:AB:CD:EF") -> lower case; also reads dashes and single digits; raise DefinitionError for the rest."""
    parts = text.lower().replace("-", ":").split(":")
    if len(parts) != 6 or not all(0 < len(part) <= 2 and _HEX.issuperset(part) for part in parts):
        msg = f"MAC address {shown(text)}: must be six pairs of hexadecimal digits, as in 52:54:00:12:34:56"
        raise DefinitionError(msg)
    return ":".join(part.zfill(2) for part in parts)


def is_multicast_mac(mac: str) -> bool:
    """Whether a canonical MAC has its group bit set (IEEE 802, I/G bit)."""
    return bool(int(mac[:2], 16) & 1)


def interface_id(mac: str) -> bytes:
    """The second half of the IPv6 addresses that a NIC makes of its canonical MAC (RFC 4291, appendix A)."""
    raw = bytes.fromhex(mac.replace(":", ""))
    return bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]
