"""The devices of which links between networks are made: bridges with a spanning tree, cables (veth).

Source of the formats: linux/if_link.h, linux/if_bridge.h, linux/veth.h.
"""

import posix
from _struct import Struct

from vnethook.live import bridge_port, sysctl
from vnethook.live.netlink import CREATE, EXCLUSIVE, attributes, nested, number, pack, text
from vnethook.live.rtnl import LINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.live.rtnl import Links

_NEW_LINK, _GET_LINK = 16, 18
_NAME, _PEER, _INFO = 3, 5, 18
_KIND, _DATA, _PORT_DATA = 1, 2, 5
_DELAY, _HELLO, _MAX_AGE, _STP = 1, 2, 3, 5
_VETH_PEER = 1
_U32 = Struct("=I")
_CENTISECONDS = 100
TREE = {_DELAY: 2 * _CENTISECONDS, _HELLO: 1 * _CENTISECONDS, _MAX_AGE: 6 * _CENTISECONDS}
"""The shortest timers that the kernel has: br_private_stp.h, IEEE 802.1D table 17-1."""


def info(links: "Links", name: str, kind: str) -> "dict[int, bytes] | None":
    """The attributes of a link of that kind; None if it is none, or of another."""
    link = links.link(name)
    if link is None or link.kind != kind:
        return None
    return dict(attributes(_info(links, link.index).get(_DATA, b"")))


def tree(links: "Links", name: str) -> "tuple[bool, dict[int, int]] | None":
    """Whether a bridge has a spanning tree, and its timers; None where there is no such bridge."""
    found = info(links, name, "bridge")
    if found is None:
        return None
    return found[_STP] != bytes(4), {kind: _U32.unpack(found[kind])[0] for kind in TREE}


def create_bridge(links: "Links", name: str, *, has_tree: bool) -> None:
    """Create a bridge with a MAC of its own, by which a tree knows it among all hosts; or change it if it is there."""
    if links.link(name) is None:
        mac = bytes([2, *posix.urandom(5)]).hex(":")
        links.create_bridge(name, mac=mac, stp=False, delay_s=0)
    data = b"".join(number(kind, value) for kind, value in TREE.items()) + number(_STP, int(has_tree))
    _new(links, f"bridge {name!r}", "set", (name, 0), _kind("bridge", data))


def create_cable(links: "Links", one: str, other: str) -> None:
    """Create a cable with two ends, both down; HostError if a link has one of the names."""
    peer = pack(_VETH_PEER, LINK.pack(0, 0, 0, 0, 0) + text(_NAME, other))
    _new(links, f"cable {one!r}", "create", (one, CREATE | EXCLUSIVE), _kind("veth", peer))


def is_cable(links: "Links", one: str, other: str) -> bool:
    """Whether both links are the ends of one cable."""
    first, second = links.link(one), links.link(other)
    if first is None or second is None or first.kind != "veth":
        return False
    found = dict(attributes(_read(links, first.index), LINK.size))
    return found.get(_PEER) == _U32.pack(second.index)


def is_isolated(links: "Links", index: int) -> bool:
    """Whether a port reaches no other isolated one."""
    found = dict(attributes(_info(links, index).get(_PORT_DATA, b"")))
    return found.get(bridge_port.ISOLATED, b"\0") != b"\0"


def set_port_flags(links: "Links", name: str, index: int, flags: "Mapping[int, bool]") -> None:
    """Set flags of a port of a bridge; raise HostError."""
    links.ask(f"link {name!r}", "set port flags", _NEW_LINK, 0, bridge_port.flags_message(index, flags))


def put_on(links: "Links", name: str, bridge: str, *, mtu: int, isolated: bool = False) -> None:
    """Make a link a port of a bridge, up, without an address of the host's; raise HostError."""
    master, link = links.link(bridge), links.link(name)
    sysctl.set_ipv6(name, enabled=False)
    links.set_link(name, mtu=mtu, master=master.index if master else 0)
    if link is not None:
        set_port_flags(links, name, link.index, {bridge_port.ISOLATED: isolated})
    links.set_link(name, up=True)


def is_on(links: "Links", name: str, bridge: str, *, mtu: int, isolated: bool = False) -> bool:
    """Whether a link is such a port."""
    master, link = links.link(bridge), links.link(name)
    if master is None or link is None or (link.master, link.mtu, link.is_up) != (master.index, mtu, True):
        return False
    return is_isolated(links, link.index) == isolated


def _kind(kind: str, data: bytes) -> bytes:
    return pack(_INFO, text(_KIND, kind) + nested(_DATA, data))


def _new(links: "Links", what: str, verb: str, link: tuple[str, int], body: bytes) -> None:
    name, flags = link
    links.ask(what, verb, _NEW_LINK, flags, LINK.pack(0, 0, 0, 0, 0) + text(_NAME, name) + body)


def _read(links: "Links", index: int) -> bytes:
    body = LINK.pack(0, 0, index, 0, 0) + number(29, 1 << 3)
    [answer] = links.ask(f"link {index}", "read", _GET_LINK, 0, body)
    return answer


def _info(links: "Links", index: int) -> "dict[int, bytes]":
    return dict(attributes(dict(attributes(_read(links, index), LINK.size)).get(_INFO, b"")))
