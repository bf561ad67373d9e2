"""The kernel's table of flows, as far as it keeps what a network's guests were once translated to.

Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h.
"""

from _struct import Struct
from errno import ENOENT

from vnethook.address import Subnet, parse_ip, parse_subnet
from vnethook.host import log
from vnethook.live import flows
from vnethook.live.netlink import DUMP, NETFILTER, Netlink, NetlinkError, attributes, pack
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vnethook.live.flows import Led

    _Forward = tuple[tuple[int, int], tuple[int, int], Subnet, int | None, int | None, int]
    """IP version and protocol, ports, source, address of the host, guest's (None: any), by how much the port grows."""

_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_GENERIC = Struct("!BBH")
_FAMILY = {4: 2, 6: 10}
_NESTED = 0x8000
_ORIGINAL, _ID, _ZONE = 1, 12, 18
_IP, _PROTOCOL, _PROTOCOL_NUMBER = 1, 2, 1
_SOURCE = {4: 1, 6: 3}
CONNECTED = (6, 33, 132)
"""TCP, DCCP, SCTP: a connection does not outlive a change of its addresses."""


class Conntrack:
    """The flows of this network namespace."""

    def forget(self, subnets: "Iterable[str]") -> None:
        """Forget the flows that sources in these subnets have begun, but for those of protocols with connections.

        Their next packet begins a flow anew. A kernel without this interface keeps them; that is logged.
        """
        by_version: dict[int, list[Subnet]] = {}
        for subnet in map(parse_subnet, subnets):
            by_version.setdefault(subnet.version, []).append(subnet)
        try:
            netlink = Netlink(NETFILTER)
            try:
                for version, found in by_version.items():
                    _forget(netlink, version, found)
            finally:
                netlink.close()
        except OSError as error:
            log.warning(f"flows of {', '.join(subnets)}: forget: {error.strerror}: they end by themselves")

    def settle(self, before: "tuple[Led, ...]", now: "tuple[Led, ...]") -> None:
        """End the flows that forwards of `before` have led and none of `now` does, connections too.

        And what went to the host itself by UDP and is led to a guest `now`. A label in place of a guest's address means
        any guest. Failures are logged.
        """
        own = {parse_ip(text.partition("/")[0])[1] for _, text in Links().all_addresses()} if now else set()
        try:
            flows.end(_over(own, [_parsed(item) for item in before], [_parsed(item) for item in now]))
        except OSError as error:
            log.warning(f"flows of forwards: end: {error.strerror}: they end by themselves")


def _parsed(item: "Led") -> "_Forward":
    version, protocol, first, last, source, on, target, to = item
    numbers = [parse_ip(text)[1] if ":" in text or "." in text else None for text in (on, target)]
    return (version, protocol), (first, last), parse_subnet(source), numbers[0], numbers[1], to - first


def _over(own: set[int], olds: "list[_Forward]", news: "list[_Forward]") -> "Callable[[flows.Flow], bool]":
    def is_over(flow: "flows.Flow") -> bool:
        if flow.is_led:
            return any(_leads(item, flow) for item in olds) and not any(_leads(item, flow) for item in news)
        return flow.protocol == flows.UDP and flow.to in own and any(_is_meant(item, flow) for item in news)

    return is_over


def _is_meant(item: "_Forward", flow: "flows.Flow") -> bool:
    kind, (first, last), source, on, _, _ = item
    is_there = kind == (flow.version, flow.protocol) and first <= flow.port <= last and on in {None, flow.to}
    return is_there and source.first <= flow.source <= source.last


def _leads(item: "_Forward", flow: "flows.Flow") -> bool:
    target, by = item[4], item[5]
    return _is_meant(item, flow) and target in {None, flow.answerer} and flow.answering_port == flow.port + by


def _forget(netlink: Netlink, version: int, subnets: list[Subnet]) -> None:
    head = _GENERIC.pack(_FAMILY[version], 0, 0)
    for flow in _flows(netlink.request(_GET, DUMP, head), version, subnets):
        try:
            netlink.request(_DELETE, 0, head + flow)
        except NetlinkError as error:
            if error.errno != ENOENT:  # else it has ended meanwhile
                raise


def _flows(answers: list[bytes], version: int, subnets: list[Subnet]) -> "Iterator[bytes]":
    """The attributes by which the kernel finds each flow that such a source has begun without a connection."""
    for answer in answers:
        found = dict(attributes(answer, _GENERIC.size))
        original = dict(attributes(found.get(_ORIGINAL, b"")))
        source = int.from_bytes(dict(attributes(original.get(_IP, b""))).get(_SOURCE[version], b""), "big")
        protocol = dict(attributes(original.get(_PROTOCOL, b""))).get(_PROTOCOL_NUMBER, b"\0")[0]
        if protocol not in CONNECTED and any(subnet.first <= source <= subnet.last for subnet in subnets):
            yield b"".join(
                pack(kind | (_NESTED if kind == _ORIGINAL else 0), found[kind])
                for kind in (_ORIGINAL, _ID, _ZONE)
                if kind in found
            )
