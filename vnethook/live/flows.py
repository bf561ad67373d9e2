"""The kernel's table of flows, and ending some of them: a flow goes on as it began until then.

Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h; of the flags of a filter:
ctnetlink's nf_internals.h. A kernel that does not know a filter tells all flows, which are looked at here.
"""

from _struct import Struct
from errno import ENOENT

from vnethook.live.netlink import (
    DUMP,
    NETFILTER,
    NETFILTER_HEAD,
    Netlink,
    NetlinkError,
    attributes,
    nested,
    number,
    pack,
)
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Led = tuple[int, int, int, int, str, str, str, int]
    """What a forward leads: IP version, protocol, first and last port, source, address of the host (empty: any), the
    guest's address or label, and its port for the first one."""

TCP, UDP = 6, 17
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_PORT = Struct("!H")
_FAMILY = {0: 0, 4: 2, 6: 10}
_ORIGINAL, _REPLY, _STATUS, _ID, _ZONE, _FILTER, _STATUS_MASK = 1, 2, 3, 12, 18, 25, 26
_IP, _PROTOCOL = 1, 2
SOURCE, DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_BY_PROTOCOL = 1 << 3
_ORIGINAL_FLAGS, _REPLY_FLAGS = 1, 2
_TRANSLATED = 1 << 5
"""IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h."""


class Flow(Value):
    """A flow: who began it, by which port of whom, and who answers by which port; addresses as numbers.

    `is_led`: the destination was made another one.
    """

    version: int
    protocol: int
    source: int
    to: int
    port: int
    answerer: int
    answering_port: int
    is_led: bool

    @property
    def has_ports(self) -> bool:
        """Whether it is of a protocol that forwards are for."""
        return self.protocol in {TCP, UDP}


def end(is_meant: "Callable[[Flow], bool]", *, version: int = 0, only: bytes = b"") -> None:
    """End the flows that are meant; their next packet begins one anew. Raises NetlinkError, OSError.

    `version`: of IP, 0: both. `only`: a filter, see `led` and `of_udp`. The kernel walks all of its table for
    the question, however few flows there are: it takes milliseconds, so one question is better than two.
    """
    netlink = Netlink(NETFILTER)
    try:
        for answer in netlink.request(_GET, DUMP, NETFILTER_HEAD.pack(_FAMILY[version], 0, 0) + only):
            found = dict(attributes(answer, NETFILTER_HEAD.size))
            flow = _flow(4 if answer[0] == _FAMILY[4] else 6, found)
            if is_meant(flow):
                _delete(netlink, answer[: NETFILTER_HEAD.size], found)
    finally:
        netlink.close()


def led() -> bytes:
    """The filter of flows whose destination was made another one; known since Linux 5.18."""
    status = _TRANSLATED.to_bytes(4, "big")
    return pack(_STATUS, status) + pack(_STATUS_MASK, status)


def of_udp() -> bytes:
    """The filter of UDP flows; for one IP version only."""
    protocol = nested(_PROTOCOL, pack(_NUMBER, bytes((UDP,))))
    flags = number(_ORIGINAL_FLAGS, _BY_PROTOCOL) + number(_REPLY_FLAGS, 0)
    return nested(_ORIGINAL, protocol) + nested(_FILTER, flags)


def _flow(version: int, found: "dict[int, bytes]") -> Flow:
    original, reply = (_ends(version, found.get(kind, b"")) for kind in (_ORIGINAL, _REPLY))
    is_led = bool(int.from_bytes(found.get(_STATUS, b""), "big") & _TRANSLATED)
    return Flow(version, original[0], original[1], original[2], original[4], reply[1], reply[3], is_led)


def _ends(version: int, data: bytes) -> tuple[int, int, int, int, int]:
    """Protocol, source, destination, source port, destination port."""
    halves = dict(attributes(data))
    ip, protocol = dict(attributes(halves.get(_IP, b""))), dict(attributes(halves.get(_PROTOCOL, b"")))
    numbers = (
        protocol.get(_NUMBER, b""),
        ip.get(SOURCE[version], b""),
        ip.get(DESTINATION[version], b""),
        protocol.get(_SOURCE_PORT, b""),
        protocol.get(_DESTINATION_PORT, b""),
    )
    first, second, third, fourth, fifth = (int.from_bytes(value, "big") for value in numbers)
    return first, second, third, fourth, fifth


def _delete(netlink: Netlink, head: bytes, found: "dict[int, bytes]") -> None:
    kinds: Iterable[int] = (_ORIGINAL, _ID, _ZONE)
    parts = ((nested if kind == _ORIGINAL else pack)(kind, found[kind]) for kind in kinds if kind in found)
    try:
        netlink.request(_DELETE, 0, head + b"".join(parts))
    except NetlinkError as error:
        if error.errno != ENOENT:  # else it has ended meanwhile
            raise
