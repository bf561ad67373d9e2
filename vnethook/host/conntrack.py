"""The kernel's table of flows, as far as it keeps what a network's guests were once translated to.

Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h.
"""

from _struct import Struct
from errno import ENOENT

from vnethook.address import Subnet, parse_subnet
from vnethook.host import log
from vnethook.live.netlink import DUMP, NETFILTER, Netlink, NetlinkError, attributes, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
