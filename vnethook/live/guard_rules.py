"""What a guest may not send by its port: frames that claim to be another's. Pure; the rules are netdev.py's.

A chain drops whatever its parts (`nics.PARTS`) speak of, and only then accepts by source, so that nothing is let
through before its sender is known (CVE-2025-52889). A packet whose transport header the kernel cannot find is accepted
by no rule: RFC 7113, section 2, says why.
"""

from _socket import AF_INET, AF_INET6, inet_pton
from _struct import Struct

from vnethook.live import netdev
from vnethook.live.netdev import ACCEPT, DROP, LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER, UNEQUAL, masked, payload
from vnethook.live.nics import STRICT, UNTAGGED
from vnethook.mac import interface_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.netdev import Message
    from vnethook.live.nics import Nic
    from vnethook.live.record import LiveNetwork

_PROTOCOL, _IN_INDEX, _IN_KIND, _TRANSPORT = 1, 4, 8, 16
"""Keys of `meta`."""
_ETHER = netdev.meta(_IN_KIND, Struct("=H").pack(1))
_IPV4, _ARP, _RARP, _IPV6 = (netdev.meta(_PROTOCOL, bytes.fromhex(kind)) for kind in ("0800", "0806", "8035", "86dd"))
_UDP, _ICMPV6 = netdev.meta(_TRANSPORT, b"\x11"), _IPV6 + netdev.meta(_TRANSPORT, b"\x3a")
_SOLICITATION = netdev.meta(_TRANSPORT, b"\x3a") + payload(TRANSPORT_HEADER, 0, bytes([135]))
_HAS_TRANSPORT = netdev.meta(_TRANSPORT, b"\xff", UNEQUAL)
"""True of every packet whose transport protocol is found: none has the number 255, which is reserved."""
_DROP, _ACCEPT = netdev.verdict(DROP), netdev.verdict(ACCEPT)
_SOURCE = {4: (_IPV4, 12, AF_INET), 6: (_IPV6, 8, AF_INET6)}
"""What matches a family, where the source is in its header, and how its addresses are read."""
_BITS = {4: 32, 6: 128}
_EXTENSIONS = (0, 43, 51, 60)
"""IPv6 headers that may stand before the transport header: RFC 8200, section 4.1."""


def rules(live: "LiveNetwork", nic: "Nic", index: int, sets: "list[Message]") -> list[bytes]:
    """The rules that guard a NIC's port, in order; the sets that they look into are added to `sets`."""
    held = frozenset(nic.held)
    claim = Claim(live, nic)
    found = [netdev.meta(_IN_INDEX, netdev.NATIVE.pack(index), UNEQUAL) + _ACCEPT]
    found += _of_frames(claim, held, is_trunk=_is_trunk(nic))
    if "arp" in held:
        found += _of_arp(claim)
    if "dhcp" in held:
        found += _of_dhcp(claim)
    if "ra" in held:
        found += [_icmpv6(kind) + _DROP for kind in (130, 134, 137)]
        # by a query for members a bridge knows a multicast router, and sends to its port: RFC 4541, section 2.1.1
        found.append(_IPV4 + netdev.meta(_TRANSPORT, b"\2") + payload(TRANSPORT_HEADER, 0, b"\x11") + _DROP)
    if "nd" in held:
        found += _of_neighbours(claim, sets)
        if "ipv6" not in held:  # else nothing comes from there
            found += [_from(6, gateway) + _SOLICITATION + _DROP for gateway in claim.gateways[6]]
    if not held.isdisjoint({"dhcp", "ra", "nd"}):
        found += _of_fragments()
    found += _sources(claim, 4, is_held="ipv4" in held)
    found += _sources(claim, 6, is_held="ipv6" in held)
    found += _arp_senders(claim) if "arp" in held else [_ARP + _ACCEPT]
    if "ethertypes" in held:
        found += [_RARP + _ACCEPT, _DROP]  # QEMU announces a guest that has moved by RARP
    return found


class Claim:
    """Who a guest may say that it is, and who not."""

    def __init__(self, live: "LiveNetwork", nic: "Nic") -> None:
        mac = nic.mac if "mac" in nic.held else ""
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.subnets = live.subnets
        self.is_open = live.guard.is_open
        self.sources = live.subnets + tuple(
            (version, first, first + (1 << _BITS[version] - prefix) - 1) for version, first, prefix, *_ in live.routes
        )
        gateways = [address.partition("/")[0] for address in live.addresses]
        self.gateways = _by_version([*gateways, *filter(None, [live.guard.link_local])])
        self.own = _by_version(nic.addresses)
        self.link_local = b""
        self.is_strict = STRICT in nic.held
        self.unknown = _unknown(live, self.own, mac) if self.is_strict else ()
        self.asked = {6 if ":" in address else 4 for address in nic.asked} & {v for v in self.own if self.own[v]}
        if mac and (self.is_strict or 6 in self.asked):
            self._make_up(interface_id(mac))

    def _make_up(self, suffix: bytes) -> None:
        """What a guest makes up of its MAC is its own, too: RFC 4862, section 5.3."""
        self.link_local = b"\xfe\x80" + bytes(6) + suffix
        for version, first, last in self.subnets:
            if version == 6 and last - first == (1 << 64) - 1:
                self.own[6].append((first >> 64).to_bytes(8, "big") + suffix)

    def is_own_known(self, version: int) -> bool:
        """Whether a guest is held to its own addresses, and not to all of its network's."""
        return version not in self.unknown if self.is_strict else version in self.asked


def _unknown(live: "LiveNetwork", own: dict[int, list[bytes]], mac: str) -> tuple[int, ...]:
    """The IP versions of which a guest has addresses that nobody has told."""
    versions = {version for version, _, _ in live.subnets} or {4}
    found = [4] if not own[4] and 4 in versions else []
    if not mac or (6 in live.guard.leased and not own[6]):
        found.append(6)
    return tuple(found)


def _of_frames(claim: Claim, held: frozenset[str], *, is_trunk: bool) -> list[bytes]:
    """Source MAC and VLAN tags. Group addresses are no sources: IEEE 802.3, clause 3.2.3."""
    group = b"\1\0\0\0\0\0"
    found = [_ETHER + masked(LINK_HEADER, 6, group, group) + _DROP]
    if "mac" in held and claim.mac:
        found = [_ETHER + payload(LINK_HEADER, 6, claim.mac, UNEQUAL) + _DROP]
    if "vlan" in held and not is_trunk:
        found += [_ETHER + payload(LINK_HEADER, 12, bytes.fromhex(tag)) + _DROP for tag in ("8100", "88a8")]
    return found


def _of_arp(claim: Claim) -> list[bytes]:
    """ARP of another kind than IPv4's on Ethernet, by another MAC, or by who would be the gateway: RFC 826."""
    kinds = ((0, b"\0\1"), (2, b"\x08\0"), (4, b"\6"), (5, b"\4"))
    found = [_ARP + payload(NETWORK_HEADER, at, value, UNEQUAL) + _DROP for at, value in kinds]
    if claim.mac:
        found.append(_ARP + payload(NETWORK_HEADER, 8, claim.mac, UNEQUAL) + _DROP)
    return found + [_ARP + payload(NETWORK_HEADER, 14, gateway) + _DROP for gateway in claim.gateways[4]]


def _of_dhcp(claim: Claim) -> list[bytes]:
    """Answers of a server, and questions in the name of another. What would hide the latter in fragments goes, too.

    A server knows a guest by its hardware address with its kind and length: RFC 2131, section 2. Of an IPv6 fragment
    that is not the first the kernel takes the packet's own start for the transport header: where a port could be read
    there, only others are looked at.
    """
    found = [_UDP + payload(TRANSPORT_HEADER, 0, bytes(own)) + _DROP for own in ([0, 67], [2, 35])]
    found.append(_IPV4 + _UDP + payload(TRANSPORT_HEADER, 2, bytes([0, 68])) + _DROP)
    answer = _UDP + payload(TRANSPORT_HEADER, 2, bytes([2, 34]))
    found.append(_IPV6 + payload(NETWORK_HEADER, 6, b"\x2c", UNEQUAL) + answer + _DROP)
    found.append(_IPV6 + netdev.first_fragment() + answer + _DROP)
    port = _UDP + payload(TRANSPORT_HEADER, 2, bytes([0, 67]))
    question = _IPV4 + port
    found.append(port + _IPV4 + netdev.has_bits(NETWORK_HEADER, 6, b"\x3f\xff") + _DROP)
    found.append(question + payload(TRANSPORT_HEADER, 8, b"\1\1\6", UNEQUAL) + _DROP)
    if claim.mac:
        found.append(question + payload(TRANSPORT_HEADER, 36, claim.mac, UNEQUAL) + _DROP)
    return found


def _of_neighbours(claim: Claim, sets: "list[Message]") -> list[bytes]:
    """Neighbour advertisements for the gateway's addresses, or for any but a guest's own: RFC 4861, section 4.4."""
    advertised = _icmpv6(136)
    if not claim.is_own_known(6):
        return [advertised + payload(TRANSPORT_HEADER, 8, target) + _DROP for target in claim.gateways[6]]
    own = [*claim.own[6], *([claim.link_local] if claim.link_local else [])]
    if len(own) == 1:
        return [advertised + payload(TRANSPORT_HEADER, 8, own[0], UNEQUAL) + _DROP]
    name = len(sets) + 1
    sets += netdev.set_of(name, own, base=TRANSPORT_HEADER, offset=8)
    return [advertised + netdev.load(TRANSPORT_HEADER, 8, 16) + netdev.is_none_of(name) + _DROP]


def _of_fragments() -> list[bytes]:
    """Fragments that hide what is inside: neighbour discovery (RFC 6980), headers before the transport's (RFC 7112)."""
    echo = [payload(TRANSPORT_HEADER, 0, bytes([kind]), UNEQUAL) for kind in (128, 129)]
    found = [_IPV6 + netdev.first_fragment() + netdev.meta(_TRANSPORT, b"\x3a") + b"".join(echo) + _DROP]
    found.append(_IPV6 + netdev.fragment_header() + payload(NETWORK_HEADER, 6, b"\x2c", UNEQUAL) + _DROP)
    return found + [_IPV6 + netdev.fragment_header(kind) + _DROP for kind in _EXTENSIONS]


def _sources(claim: Claim, version: int, *, is_held: bool) -> list[bytes]:
    """Accept IP packets by their source, and drop the others."""
    family, at, _ = _SOURCE[version]
    found = [family + payload(NETWORK_HEADER, at + 4 if version == 4 else 24, loop) + _DROP for loop in _LOOP[version]]
    accepted = family + _HAS_TRANSPORT
    if not is_held:
        return [*found, accepted + _ACCEPT, family + _DROP]
    if claim.is_own_known(version):
        found += [_from(version, address) + _HAS_TRANSPORT + _ACCEPT for address in claim.own[version]]
    else:
        found += [_from(version, gateway) + _DROP for gateway in claim.gateways[version]]
        blocks = [(first, last) for family, first, last in claim.sources if family == version]
        blocks = [] if not any(family == version for family, _, _ in claim.subnets) else blocks
        if claim.is_open or not blocks or any(last - first + 1 >= 1 << _BITS[version] - 1 for first, last in blocks):
            found += [_among(version, first, last) + _DROP for first, last in _NEVER[version]]
            return [*found, accepted + _ACCEPT, family + _DROP]
        found += [_among(version, first, last) + _HAS_TRANSPORT + _ACCEPT for first, last in blocks]
    found += _without_address(claim, version)
    return [*found, family + _DROP]


def _without_address(claim: Claim, version: int) -> list[bytes]:
    """What a guest sends before it has an address of the network: it asks by DHCP, or looks for its neighbours."""
    if version == 4:
        asks = _UDP + payload(TRANSPORT_HEADER, 2, bytes([0, 67])) + _ACCEPT
        found = [_from(4, bytes(4)) + asks]
        if not claim.is_own_known(4):
            # by the address that it had elsewhere, to be told that it is none here: RFC 2131, section 4.3.2
            found.append(_IPV4 + payload(NETWORK_HEADER, 16, b"\xff" * 4) + asks)
        return found
    nobody = _from(6, bytes(16)) + netdev.meta(_TRANSPORT, b"\x3a") + _ACCEPT
    if claim.link_local:
        local = [_from(6, claim.link_local) + _HAS_TRANSPORT + _ACCEPT]
    else:
        local = [_among(6, 0xFE80 << 112, (0xFEC0 << 112) - 1) + _HAS_TRANSPORT + _ACCEPT]
    return [*local, nobody]


def _arp_senders(claim: Claim) -> list[bytes]:
    """Accept ARP by its sender. A probe for an address has none: RFC 5227, section 2.1.1."""
    if not claim.is_own_known(4):
        return [_ARP + _ACCEPT]
    senders = [bytes(4), *claim.own[4]]
    return [*(_ARP + payload(NETWORK_HEADER, 14, sender) + _ACCEPT for sender in senders), _ARP + _DROP]


def _icmpv6(kind: int) -> bytes:
    return _ICMPV6 + payload(TRANSPORT_HEADER, 0, bytes([kind]))


def _from(version: int, address: bytes) -> bytes:
    family, at, _ = _SOURCE[version]
    return family + payload(NETWORK_HEADER, at, address)


def _among(version: int, first: int, last: int) -> bytes:
    """Match packets from a block of addresses, of which these are the first and the last."""
    family, at, _ = _SOURCE[version]
    size = _BITS[version] // 8
    mask = ((1 << _BITS[version]) - 1) ^ (last - first)
    return family + masked(NETWORK_HEADER, at, first.to_bytes(size, "big"), mask.to_bytes(size, "big"))


def _by_version(addresses: "list[str] | tuple[str, ...]") -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {4: [], 6: []}
    for address in addresses:
        version = 6 if ":" in address else 4
        found[version].append(inet_pton(_SOURCE[version][2], address))
    return found


def _is_trunk(nic: "Nic") -> bool:
    """Whether a port's guest sees the tags of its VLANs."""
    vlans = nic.traits.vlans if nic.traits is not None else ()
    return len(vlans) > 1 or any(not flags & UNTAGGED for _, flags in vlans)


_LOOP = {4: [b"\x7f"], 6: [bytes(15) + b"\1"]}
"""Destinations that are never on a link: loopback (RFC 6890)."""
_NEVER = {
    4: ((127 << 24, (128 << 24) - 1), (224 << 24, (1 << 32) - 1)),
    6: ((1, 1), (0xFF << 120, (1 << 128) - 1), (0xFFFF << 32, (0x10000 << 32) - 1)),
}
"""Sources that are never right: loopback, groups, and IPv4 addresses as IPv6 ones."""
