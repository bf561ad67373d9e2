"""IP addresses and subnets as numbers, without `ipaddress`.

The hook's cold way reads definitions and routes; `ipaddress` imports functools and re for that. Text is parsed by the
C library (inet_pton(3)), so what is accepted is what the kernel and dnsmasq accept.
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from vnethook.errors import DefinitionError
from vnethook.names import refuse, shown
from vnethook.value import Value

BITS = {4: 32, 6: 128}
_FAMILY = {4: AF_INET, 6: AF_INET6}


class Subnet(Value):
    """A block of addresses: IP version (4 or 6), its first address as a number, and its prefix length in bits."""

    version: int
    first: int
    prefix: int

    @property
    def last(self) -> int:
        """Its last address, as a number."""
        return self.first | ((1 << (BITS[self.version] - self.prefix)) - 1)

    def overlaps(self, other: "Subnet") -> bool:
        """Whether the two share an address, in either direction."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def has_address(self, text: str) -> bool:
        """Whether `text` ("192.0.2.7") is one of its addresses."""
        version, number = parse_ip(text)
        return version == self.version and self.first <= number <= self.last

    def __str__(self) -> str:
        return f"{format_ip(self.version, self.first)}/{self.prefix}"


def parse_ip(text: str) -> tuple[int, int]:
    """("192.0.2.1") -> (4, number); raise DefinitionError for what is no IP address. Source: inet_pton(3)."""
    version = 6 if ":" in text else 4
    try:
        packed = inet_pton(_FAMILY[version], text)
    except (OSError, ValueError, UnicodeError):
        msg = f"address {shown(text)}: neither an IPv4 nor an IPv6 address"
        raise DefinitionError(msg) from None
    return version, int.from_bytes(packed, "big")


def is_ipv4(text: str) -> bool:
    """Whether `text` is an IPv4 address."""
    try:
        return parse_ip(text)[0] == 4
    except DefinitionError:
        return False


def format_ip(version: int, number: int) -> str:
    """(4, number) -> "192.0.2.1"; IPv6 in its canonical short form."""
    return inet_ntop(_FAMILY[version], number.to_bytes(BITS[version] // 8, "big"))


def canonical_ip(text: str) -> str:
    """The same address as the kernel writes it: lower case, zeros shortened."""
    return format_ip(*parse_ip(text))


def check_canonical(what: str, ip: str) -> None:
    """Raise DefinitionError unless `ip` is an address in the form in which the kernel writes it."""
    if canonical_ip(ip) != ip:
        refuse(f"{what}: address {shown(ip)}: write it as {canonical_ip(ip)}")


def subnet_of(address: str, prefix: int) -> Subnet:
    """The subnet that `address` lies in, given its prefix length; raise DefinitionError for an impossible length."""
    known = _subnets.get((address, prefix))
    if known is not None:
        return known
    version, number = parse_ip(address)
    bits = BITS[version]
    if not 0 <= prefix <= bits:
        msg = f"prefix {prefix!r} of {address!r}: must be 0 to {bits}"
        raise DefinitionError(msg)
    host = bits - prefix
    subnet = Subnet(version, number >> host << host, prefix)
    if len(_subnets) >= _SUBNETS_MAX:
        _subnets.clear()
    _subnets[address, prefix] = subnet
    return subnet


_SUBNETS_MAX = 1024
_subnets: dict[tuple[str, int], Subnet] = {}
"""What was asked for lately: a definition asks for its few subnets again and again while it is read and checked."""


def parse_subnet(text: str) -> Subnet:
    """("192.0.2.0/24") -> Subnet; without a slash, one address; raise DefinitionError for anything else."""
    address, slash, length = text.partition("/")
    version, _ = parse_ip(address)
    if slash and not (length.isascii() and length.isdigit() and len(length) <= 3):
        msg = f"subnet {shown(text)}: {shown(length)} is not a prefix length"
        raise DefinitionError(msg)
    return subnet_of(address, int(length) if slash else BITS[version])


def class_prefix(address: str) -> int:
    """The prefix length of an address that has none: 8, 16 or 24 by its class (RFC 791, section 3.2), IPv6 64."""
    version, number = parse_ip(address)
    if version == 6:
        return 64
    first_octet = number >> 24
    return 8 if first_octet < 128 else 16 if first_octet < 192 else 24


def prefix_of_netmask(netmask: str) -> int:
    """("255.255.255.0") -> 24; raise DefinitionError for a mask with holes or of another family."""
    version, number = parse_ip(netmask)
    inverted = number ^ 0xFFFFFFFF
    if version != 4 or inverted & (inverted + 1):
        msg = f"netmask {shown(netmask)}: must be ones followed by zeros, as in 255.255.255.0"
        raise DefinitionError(msg)
    return 32 - inverted.bit_length()


def netmask_of_prefix(prefix: int) -> str:
    """(24) -> "255.255.255.0"."""
    return format_ip(4, (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF)
