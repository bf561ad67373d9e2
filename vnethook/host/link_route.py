"""A route that leads by a link, with all that the kernel says of it, so that it can lead by another link.

Source of the format: rtnetlink(7), linux/rtnetlink.h.
"""

from _socket import AF_INET, AF_INET6, inet_ntop
from _struct import Struct

from vnethook.live.netlink import attributes, number, pack
from vnethook.live.rtnl import ROUTE_HEAD
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_U32 = Struct("=I")
_CACHE = Struct("=IIiIIIII")
_HOP = Struct("=HBBi")
_DESTINATION, _SOURCE, _OUT, _GATEWAY, _METRIC, _PREFERRED = 1, 2, 4, 5, 6, 7
_METRICS, _HOPS, _FLOW, _CACHED, _TABLE = 8, 9, 11, 12, 15
_VIA, _PREFERENCE, _ENCAPSULATION_KIND, _ENCAPSULATION, _EXPIRES, _NEXTHOP = 18, 20, 21, 22, 23, 30
_SAME = (_DESTINATION, _SOURCE, _GATEWAY, _METRIC, _PREFERRED, _TABLE, _VIA)
"""What makes it the same route on another link, beside the fixed fields."""
_CARRIED = (*_SAME, _METRICS, _FLOW, _PREFERENCE, _ENCAPSULATION_KIND, _ENCAPSULATION)
_UNICAST = 1
_ON_LINK, _CLONED = 0x4, 0x200
_KERNEL, _STATIC, _ROUTER = 2, 4, 9
"""Who made it: RTPROT_KERNEL, along with an address; an administrator; RTPROT_RA, after a router's advertisement."""
_TICKS = 100
"""The unit of the kernel's answer is 1/USER_HZ."""


class LinkRoute(Value):
    """A unicast route: family, lengths of destination and source, its fixed fields; attributes as (kind, hexadecimal).

    `expires_s`: what is left of it, 0 for one that stays; `is_behind`: another of its kind, by another link, goes
    before it; `is_joint`: it leads by several links, or by a nexthop of its own, and cannot be moved.
    """

    family: int
    prefix: int
    source: int
    tos: int
    protocol: int
    scope: int
    flags: int
    attributes: tuple[tuple[int, str], ...]
    expires_s: int = 0
    is_behind: bool = False
    is_joint: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same route on another link."""
        same = tuple((kind, value) for kind, value in self.attributes if kind in _SAME)
        return self.family, self.prefix, self.source, self.tos, self.protocol, self.scope, same

    @property
    def place(self) -> tuple[object, ...]:
        """What routes have in common of which the first counts."""
        found = dict(self.attributes)
        same = tuple(found.get(kind, "") for kind in (_DESTINATION, _SOURCE, _METRIC, _TABLE))
        return self.family, self.prefix, self.source, self.tos, same

    @property
    def subnet(self) -> tuple[int, int, int]:
        """Family, prefix and first address of where it leads."""
        return (
            self.family,
            self.prefix,
            int.from_bytes(bytes.fromhex(dict(self.attributes).get(_DESTINATION, "")), "big"),
        )

    @property
    def gateway(self) -> str:
        """The gateway's address, empty for none."""
        value = dict(self.attributes).get(_GATEWAY)
        return inet_ntop(self.family, bytes.fromhex(value)) if value else ""

    @property
    def is_default(self) -> bool:
        """Whether it leads everywhere."""
        return self.prefix == 0

    @property
    def is_kernels(self) -> bool:
        """Whether the kernel made it along with an address."""
        return self.protocol == _KERNEL

    @property
    def is_of_router(self) -> bool:
        """Whether an advertisement of a router's made it."""
        return self.family == AF_INET6 and self.protocol == _ROUTER

    def standing_in(self) -> "LinkRoute":
        """What leads there until the router is heard again.

        With the metric of the kernel's own route it would make the kernel ignore the whole of the next advertisement,
        lifetimes of addresses included: ndisc_router_discovery() in net/ipv6/ndisc.c.
        """
        found = dict(self.attributes)
        metric = _U32.unpack(bytes.fromhex(found.get(_METRIC, "00000000")))[0]
        found[_METRIC] = _U32.pack(metric + 1).hex()
        return self.replace(protocol=_STATIC, attributes=tuple(found.items()))

    def aged(self, seconds: int) -> "LinkRoute | None":
        """The same that much later; None if it has ended by then."""
        if not self.expires_s:
            return self
        return self.replace(expires_s=self.expires_s - seconds) if self.expires_s > seconds else None

    def body(self, index: int) -> bytes:
        """The message that makes it lead by a link, or no longer."""
        head = (self.family, self.prefix, self.source, self.tos, 0, self.protocol, self.scope, _UNICAST, self.flags)
        data = number(_OUT, index) + b"".join(pack(kind, bytes.fromhex(value)) for kind, value in self.attributes)
        return ROUTE_HEAD.pack(*head) + data + (number(_EXPIRES, self.expires_s) if self.expires_s else b"")

    def __str__(self) -> str:
        found = dict(self.attributes)
        packed = bytes.fromhex(found.get(_DESTINATION, "")) or bytes(4 if self.family == AF_INET else 16)
        where = "default" if self.is_default else f"{inet_ntop(self.family, packed)}/{self.prefix}"
        return f"{where} by {self.gateway}" if self.gateway else where


def parse(answer: bytes) -> "Iterator[tuple[int, LinkRoute]]":
    """The (index of the link, route) in an answer of the kernel: none but unicast routes that somebody made.

    IPv6 tells routes that share the traffic as one with several hops, and takes them one by one.
    """
    family, prefix, source, tos, _, protocol, scope, kind, flags = ROUTE_HEAD.unpack_from(answer)
    found = dict(attributes(answer, 12))
    if kind != _UNICAST or flags & _CLONED or (family == AF_INET6 and found.get(_DESTINATION, b"")[:1] == b"\xff"):
        return
    carried = {kind: found[kind] for kind in _CARRIED if kind in found}
    expires_s = 0
    if _CACHED in found and len(found[_CACHED]) >= _CACHE.size:
        ticks = _CACHE.unpack_from(found[_CACHED])[2]
        expires_s = max(ticks // _TICKS, 1) if ticks else 0
    hops = list(_hops(found[_HOPS])) if _HOPS in found else []
    is_joint = _NEXTHOP in found or (family == AF_INET and len({device for device, _ in hops}) > 1)
    if _OUT in found:
        hops = [(_U32.unpack(found[_OUT])[0], {})]
    for device, more in hops:
        plain = tuple((kind, value.hex()) for kind, value in (carried | more).items())
        fields = (family, prefix, source, tos, protocol, scope, flags & _ON_LINK, plain)
        yield device, LinkRoute(*fields, expires_s=expires_s, is_joint=is_joint or (family == AF_INET and bool(more)))


def _hops(data: bytes) -> "Iterator[tuple[int, dict[int, bytes]]]":
    """The (index of the link, attributes) of the hops of a route that has several."""
    offset = 0
    while offset + _HOP.size <= len(data):
        length, _, _, device = _HOP.unpack_from(data, offset)
        if length < _HOP.size:
            return
        found = dict(attributes(data[offset + _HOP.size : offset + length]))
        yield device, {kind: value for kind, value in found.items() if kind in _CARRIED}
        offset += (length + 3) & ~3
