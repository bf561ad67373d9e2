"""Keeps what the kernel masquerades to an address beyond the address's move to another link.

As an address goes from a link, the kernel forgets what it masquerades to it, by the link's index, which masquerading
alone notes of a flow (nf_nat_masquerade.c). So each such flow is ended and made anew, right after, as one that has been
given this source for good. What comes in between would meet no flow, and be refused by the host itself: it is dropped,
by a table that the kernel takes back with the socket that made it, whatever becomes of this process.

Source of the formats: linux/netfilter/nfnetlink_conntrack.h, nf_tables.h, nf_conntrack_tcp.h; what a new flow must
say: ctnetlink_create_conntrack() of the kernel.
"""

from _struct import Struct
from errno import EEXIST, ENOENT

from vnethook.live import flows, netdev
from vnethook.live.netlink import (
    CREATE,
    DUMP,
    EXCLUSIVE,
    NETFILTER,
    NETFILTER_HEAD,
    Netlink,
    attributes,
    nested,
    pack,
    text,
)
from vnethook.live.nftables import INET, SUBSYSTEM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    Found = dict[int, bytes]
    """The attributes of a flow."""

_TABLE = "vnethook-moving"
_NEW_FLOW, _GET_FLOW, _DELETE_FLOW = 1 << 8, 1 << 8 | 1, 1 << 8 | 2
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = (SUBSYSTEM << 8 | kind for kind in (0, 3, 6))
_ORIGINAL, _REPLY, _STATUS, _STATE, _HELPER, _SOURCE_TO, _TIMEOUT, _MARK, _ID, _TARGET_TO = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    12,
    13,
)
_SHIFT_THERE, _SHIFT_BACK, _ZONE, _LABELS, _STATUS_MASK = 15, 16, 18, 22, 26
_CARRIED = (_TIMEOUT, _MARK, _ZONE)
_MORE = (_LABELS,)
_MORE_NESTED = (_HELPER, _SHIFT_THERE, _SHIFT_BACK)
"""What a kernel may refuse to take, so that without them is tried, too."""
_IP, _PROTOCOL = 1, 2
_ANSWERED, _ASSURED, _CONFIRMED, _SOURCE_CHANGED, _TARGET_CHANGED = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
_TCP, _TCP_FLAGS, _ANY_WINDOW = 1, (4, 5), 1 << 3
_U32 = Struct("!I")
_NEW_STATE, _LAYER_4, _FLAGS_AT, _SYN = 8, 16, 13, 2
_IS_OWNED, _LOCAL_IN, _EARLY = 2, 1, -250


def keep(addresses: "Collection[bytes]") -> int:
    """Let all TCP and UDP flows that go out by one of these addresses outlive its move; how many could not.

    Raises OSError where the kernel has no such interface.
    """
    netlink = Netlink(NETFILTER)
    try:
        meant = [found for found in _translated(netlink) if _to(*found) in addresses]
        if not meant:
            return 0
        guard = _guard()
        try:
            return sum(not _is_made_anew(netlink, *found) for found in meant)
        finally:
            if guard:
                guard.close()
    finally:
        netlink.close()


def _translated(netlink: Netlink) -> "Iterable[tuple[int, Found]]":
    """IP version and attributes of each flow whose source was made another."""
    status = _U32.pack(_SOURCE_CHANGED)
    only = pack(_STATUS, status) + pack(_STATUS_MASK, status)  # known since Linux 5.18
    for answer in netlink.request(_GET_FLOW, DUMP, NETFILTER_HEAD.pack(0, 0, 0) + only):
        found = dict(attributes(answer, NETFILTER_HEAD.size))
        version = {2: 4, 10: 6}.get(answer[0], 0)
        is_meant = _U32.unpack(found[_STATUS])[0] & _SOURCE_CHANGED and _REPLY in found
        if version and is_meant and _ends(found[_ORIGINAL])[1][1][0] in {flows.TCP, flows.UDP}:
            yield version, found


def _to(version: int, found: "Found") -> bytes:
    """The address that answers come to."""
    return _ends(found[_REPLY])[0][flows.DESTINATION[version]]


def _ends(data: bytes) -> "tuple[Found, Found]":
    """The parts of one direction: of the IP header, and of the protocol's."""
    halves = dict(attributes(data))
    return dict(attributes(halves[_IP])), dict(attributes(halves[_PROTOCOL]))


def _is_made_anew(netlink: Netlink, version: int, found: "Found") -> bool:
    """End a flow and make it again; whether it is there afterwards."""
    head = NETFILTER_HEAD.pack({4: 2, 6: 10}[version], 0, 0)
    of_flow = nested(_ORIGINAL, found[_ORIGINAL]) + b"".join(
        pack(kind, found[kind]) for kind in (_ID, _ZONE) if kind in found
    )
    least = _new(version, found)
    more = b"".join(pack(kind, found[kind]) for kind in _MORE if kind in found)
    more += b"".join(nested(kind, found[kind]) for kind in _MORE_NESTED if kind in found)
    is_gone, refused = netlink.in_turn(
        [(_DELETE_FLOW, 0, head + of_flow), (_NEW_FLOW, CREATE | EXCLUSIVE, head + least + more)]
    )
    if is_gone == ENOENT or refused in {0, EEXIST}:
        return True  # it has ended by itself, or its next packet was faster
    return netlink.in_turn([(_NEW_FLOW, CREATE | EXCLUSIVE, head + least)])[0] in {0, EEXIST}


def _new(version: int, found: "Found") -> bytes:
    """What makes a flow with the same ends, and the translation by which it has them."""
    ip, protocol = _ends(found[_ORIGINAL])
    back, answering = _ends(found[_REPLY])
    source, destination = flows.SOURCE[version], flows.DESTINATION[version]
    inverse = pack(source, ip[destination]) + pack(destination, ip[source])
    ports = pack(1, protocol[1]) + pack(2, protocol[3]) + pack(3, protocol[2])
    status = _U32.unpack(found[_STATUS])[0]
    made = nested(_ORIGINAL, found[_ORIGINAL]) + nested(_REPLY, nested(_IP, inverse) + nested(_PROTOCOL, ports))
    made += nested(_SOURCE_TO, _range(version, back[destination], answering[3]))
    if status & _TARGET_CHANGED:
        made += nested(_TARGET_TO, _range(version, back[source], answering[2]))
    made += pack(_STATUS, _U32.pack(status & (_ANSWERED | _ASSURED) | _CONFIRMED))
    made += b"".join(pack(kind, found[kind]) for kind in _CARRIED if kind in found)
    return made + (nested(_STATE, _state(found[_STATE])) if found.get(_STATE) else b"")


def _range(version: int, address: bytes, port: bytes) -> bytes:
    """The one address and port that a side gets."""
    first, last = {4: (1, 2), 6: (4, 5)}[version]
    return pack(first, address) + pack(last, address) + nested(3, pack(1, port) + pack(2, port))


def _state(data: bytes) -> bytes:
    """The state of a TCP connection, its flags with the mask by which the kernel takes them.

    Its windows cannot be told, and those of what is on its way would look wrong, so that the host refused it: none is
    judged any more.
    """
    tcp = dict(attributes(dict(attributes(data)).get(_TCP, b"")))
    flags = {kind: bytes([tcp[kind][0] | _ANY_WINDOW, 0xFF]) for kind in _TCP_FLAGS if kind in tcp}
    return nested(_TCP, b"".join(pack(kind, value) for kind, value in (tcp | flags).items()))


def _guard() -> Netlink | None:
    """Drop what comes to the host itself of connections that it does not know; closed, it has gone.

    None on kernels before 5.12 or without nf_tables.
    """
    try:
        netlink = Netlink(NETFILTER)
    except OSError:
        return None
    head = NETFILTER_HEAD.pack(INET, 0, 0)
    table = text(1, _TABLE)
    hook = nested(4, pack(1, _U32.pack(_LOCAL_IN)) + pack(2, _U32.pack(_EARLY & 0xFFFFFFFF)))
    tcp = netdev.meta(_LAYER_4, bytes([flows.TCP])) + netdev.masked(
        netdev.TRANSPORT_HEADER, _FLAGS_AT, b"\0", bytes([_SYN])
    )
    udp = netdev.meta(_LAYER_4, bytes([flows.UDP]))
    end = netdev.state(_NEW_STATE) + netdev.verdict(netdev.DROP)
    rules = [text(2, "input") + nested(4, rule + end) for rule in (tcp, udp)]
    try:
        netlink.transact(
            SUBSYSTEM,
            [
                (_NEW_TABLE, CREATE, head + table + pack(2, _U32.pack(_IS_OWNED))),
                (_NEW_CHAIN, CREATE, head + table + text(3, "input") + hook + text(7, "filter")),
                *((_NEW_RULE, CREATE | 0x800, head + table + rule) for rule in rules),
            ],
        )
    except OSError:
        netlink.close()
        return None
    return netlink
