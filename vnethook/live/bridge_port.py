"""A port that differs from one that a bridge simply learns from and sends to: isolated, listed, in VLANs.

Only for networks that ask for it: the warm way of a hook to any other does not load this module.
Source of the formats: linux/if_link.h, linux/if_bridge.h, linux/neighbour.h; bridge(8).
"""

from _struct import Struct
from errno import EEXIST, ENOENT, EOPNOTSUPP

from vnethook.errors import HostError, StateError, UnsupportedError, UsageError, VnetError
from vnethook.live.netlink import CREATE, DUMP, EXCLUSIVE, NetlinkError, attributes, number, pack, text
from vnethook.live.nics import GUARDS, PVID, UNTAGGED, Traits, mtu_of
from vnethook.live.rtnl import LINK
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vnethook.live.nics import Nic, NicClass
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links

NEW_LINK, DELETE_LINK, SET_LINK = 16, 17, 19
_GET_LINK = 18
_NEW_NEIGHBOUR, _DELETE_NEIGHBOUR, _GET_NEIGHBOUR = 28, 29, 30
_NEIGHBOUR = Struct("=BxxxiHBB")
_VLAN = Struct("=HH")
_U16 = Struct("=H")
_AF_BRIDGE = 7
_REPLACE = 0x100
_IFLA_INFO, _IFLA_AF_SPEC, _IFLA_EXT_MASK = 18, 26, 29
_INFO_KIND, _INFO_DATA, _SLAVE_KIND, _SLAVE_DATA = 1, 2, 4, 5
_BRIDGE_VLAN_FILTERING, _BRIDGE_VLAN_PROTOCOL, _BRIDGE_VLAN_DEFAULT = 7, 8, 39
"""The second is told only by a kernel that can: br_fill_info() in net/bridge/br_netlink.c."""
LEARNING, UNICAST_FLOOD, ISOLATED = 8, 9, 33
_BRIDGE_FLAGS, _BRIDGE_VLAN_INFO = 0, 2
_BRIDGE_MASTER, _BRIDGE_SELF = 1, 2
_WITH_VLANS, _SKIP_STATISTICS = 1 << 1, 1 << 3
_NDA_ADDRESS = 2
STATIC = 0x40
_SELF, MASTER, STICKY = 0x02, 0x04, 0x40
DEFAULT_VLANS = ((1, PVID | UNTAGGED),)
"""Of a bridge that is new, and of its ports that are told nothing else."""


def traits(live: "LiveNetwork", nic: "Nic") -> Traits | None:
    """What is special about the port of a NIC, None if nothing is: what its portgroup has, and in its place its own.

    Raises UsageError for a portgroup that the network does not have, UnsupportedError for one that is not done.
    """
    found = _class_of(live, nic.portgroup)
    if found is not None and found.refusal:
        msg = f"interface {nic.interface!r}: attach to network {live.name!r}: {found.refusal}"
        raise UnsupportedError(msg, hint="name another portgroup")
    common = found or Traits()
    limits = nic.limits or common.limits
    special = Traits(
        isolated=common.isolated if nic.isolated is None else nic.isolated,
        is_listed=common.is_listed and not nic.is_paired,
        vlans=nic.vlans or common.vlans,
        limits=limits if any(limits) else (),
    )
    return None if special == Traits() else special


def held(live: "LiveNetwork", nic: "Nic") -> tuple[str, ...]:
    """What a NIC's port is to be held to, see GUARDS: what it says itself, else its portgroup, else its network.

    Raises UsageError for an unknown portgroup.
    """
    if nic.guard:
        return GUARDS[nic.guard]
    found = _class_of(live, nic.portgroup)
    return live.guard.parts if found is None or found.guard is None else found.guard


def _class_of(live: "LiveNetwork", portgroup: str) -> "NicClass | None":
    """The portgroup of that name; for an empty one the default, or what the NICs have that are in none."""
    for group in live.classes:
        if group.name == portgroup if portgroup else group.is_default:
            return group
    if not portgroup:
        return None
    known = [group.name for group in live.classes if group.name]
    msg = f"network {live.name!r}: portgroup {shown(portgroup)}: no such portgroup"
    raise UsageError(msg, hint=f"its portgroups: {', '.join(known)}" if known else "the network has none")


def join(links: "Links", live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> None:
    """Make a link a port of the network's bridge that is as `nic.traits` say; no frame passes before it is.

    `before`: the record with which it is a port of that bridge now, if it is. May be called again. Raises HostError for
    what the kernel cannot do, StateError for a MAC that is another port's.
    """
    is_port = link.master == live.index
    if not is_port:
        if link.is_up:
            links.set_link(link.name, up=False)
        links.set_link(link.name, master=live.index)
    try:
        _configure(links, live, link, nic, before if is_port else None)
    except VnetError as error:
        now = links.link(link.name)
        if now is None or now.master != live.index:  # another hook has it: nothing of it is ours to take back
            msg = f"interface {link.name!r}: make it a port: it has been taken off the bridge meanwhile"
            raise StateError(msg) from error
        if not is_port:
            links.set_link(link.name, up=link.is_up, master=0)
        raise
    links.set_link(link.name, up=True, mtu=mtu_of(live, nic, link))


def _configure(links: "Links", live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> None:
    wanted, earlier = nic.traits or Traits(), (before.traits if before is not None else None) or Traits()
    if wanted.vlans or earlier.vlans:
        found = wanted.vlans or _default_vlans(links, live.index)
        set_vlans(links, f"interface {link.name!r}", link.index, found)
    listed = nic.mac if wanted.is_listed else ""
    if before is not None and earlier.is_listed and before.mac not in {"", listed}:
        _strike(links, link, before.mac)
    if listed:
        _list(links, live, link, listed)
    flags = flags_message(link.index, _flags_of(wanted, listed))
    links.ask(f"interface {link.name!r}", "set port flags", NEW_LINK, 0, flags)


def faults(links: "Links", live: "LiveNetwork", nic: "Nic", link: "Link") -> list[str]:
    """What of a port is not as its record says, a line each. Reads, changes nothing."""
    wanted = nic.traits or Traits()
    listed = nic.mac if wanted.is_listed else ""
    flags = port_flags(links, link)
    words = {
        ISOLATED: ("is isolated", "is not isolated"),
        LEARNING: ("learns MACs", "does not learn MACs"),
        UNICAST_FLOOD: ("gets frames for unknown MACs", "gets no frames for unknown MACs"),
    }
    found = [
        words[flag][0 if flags[flag] else 1]
        for flag, value in _flags_of(wanted, listed).items()
        if flags.get(flag, value) != value
    ]
    if listed and _place(links, live, listed)[0] != link.index:
        found.append(f"MAC {listed} is not told to the bridge")
    if wanted.vlans and vlans(links, link.index) != wanted.vlans:
        found.append("is in other VLANs")
    return found


def vlans(links: "Links", index: int) -> tuple[tuple[int, int], ...]:
    """The VLANs of a port, or of a bridge itself, as (id, flags); none where the kernel does not know any."""
    body = LINK.pack(_AF_BRIDGE, 0, 0, 0, 0) + number(_IFLA_EXT_MASK, _WITH_VLANS)
    found: list[tuple[int, int]] = []
    for answer in links.ask("bridge ports", "list", _GET_LINK, DUMP, body):
        if LINK.unpack_from(answer)[2] != index:
            continue
        for kind, data in attributes(dict(attributes(answer, LINK.size)).get(_IFLA_AF_SPEC, b"")):
            if kind == _BRIDGE_VLAN_INFO:
                flags, vlan = _VLAN.unpack(data)
                found.append((vlan, flags & (PVID | UNTAGGED)))
    return tuple(sorted(found))


def filters_vlans(links: "Links", index: int) -> bool | None:
    """Whether a bridge tells VLANs apart; None where the kernel cannot."""
    found = dict(attributes(_info(links, index).get(_INFO_DATA, b"")))
    return found[_BRIDGE_VLAN_FILTERING] != b"\0" if _BRIDGE_VLAN_PROTOCOL in found else None


def _default_vlans(links: "Links", index: int) -> tuple[tuple[int, int], ...]:
    """The VLANs of a bridge's port that is told nothing else: vlan_default_pvid, none where that is 0."""
    found = dict(attributes(_info(links, index).get(_INFO_DATA, b"")))
    vlan = _U16.unpack(found.get(_BRIDGE_VLAN_DEFAULT, b"\1\0"))[0]
    return ((vlan, PVID | UNTAGGED),) if vlan else ()


def filter_vlans(links: "Links", name: str, index: int, *, enabled: bool) -> None:
    """Have a bridge tell VLANs apart, or not; raise HostError where the kernel cannot."""
    data = pack(_BRIDGE_VLAN_FILTERING, bytes([enabled]))
    info = text(_INFO_KIND, "bridge") + pack(_INFO_DATA, data)
    what = f"bridge {name!r}"
    try:
        links.ask(what, "filter VLANs", NEW_LINK, 0, LINK.pack(0, 0, index, 0, 0) + pack(_IFLA_INFO, info))
    except HostError as error:
        if _errno(error) != EOPNOTSUPP:
            raise
        raise no_vlans(what) from error


def set_vlans(
    links: "Links", what: str, index: int, wanted: tuple[tuple[int, int], ...], *, is_bridge: bool = False
) -> None:
    """Put a port, or a bridge itself, into these VLANs and no other; `what` begins the HostError if that cannot be."""
    earlier = vlans(links, index)
    kept = {vlan for vlan, _ in wanted}
    leaving = [(vlan, flags) for vlan, flags in earlier if vlan not in kept]
    coming = [item for item in wanted if item not in earlier]
    try:
        for kind, changed in ((DELETE_LINK, leaving), (SET_LINK, coming)):
            if changed:
                links.ask(what, "set VLANs", kind, 0, vlan_message(index, changed, is_bridge=is_bridge))
    except HostError as error:
        if _errno(error) != EOPNOTSUPP:
            raise
        raise no_vlans(what) from error


def no_vlans(what: str) -> HostError:
    """The error for a kernel that knows no VLANs on bridges."""
    msg = f"{what}: set VLANs: the kernel cannot filter VLANs on a bridge"
    return HostError(msg, hint="it needs CONFIG_BRIDGE_VLAN_FILTERING; without it take <vlan> out")


def vlan_message(index: int, items: "Iterable[tuple[int, int]]", *, is_bridge: bool = False) -> bytes:
    """The body of RTM_SETLINK and RTM_DELLINK of AF_BRIDGE, for VLANs of a port or of a bridge itself."""
    target = pack(_BRIDGE_FLAGS, _U16.pack(_BRIDGE_SELF if is_bridge else _BRIDGE_MASTER))
    info = b"".join(pack(_BRIDGE_VLAN_INFO, _VLAN.pack(flags, vlan)) for vlan, flags in items)
    return LINK.pack(_AF_BRIDGE, 0, index, 0, 0) + pack(_IFLA_AF_SPEC, target + info)


def flags_message(index: int, flags: "Mapping[int, bool]") -> bytes:
    """The body of RTM_NEWLINK, for flags of a port."""
    data = b"".join(pack(flag, bytes([is_on])) for flag, is_on in flags.items())
    info = text(_SLAVE_KIND, "bridge") + pack(_SLAVE_DATA, data)
    return LINK.pack(0, 0, index, 0, 0) + pack(_IFLA_INFO, info)


def neighbour_message(index: int, mac: str, flags: int, *, state: int = STATIC) -> bytes:
    """The body of RTM_NEWNEIGH, RTM_DELNEIGH and (with state 0) RTM_GETNEIGH, for a MAC in the table of a bridge."""
    head = _NEIGHBOUR.pack(_AF_BRIDGE, index, state, flags, 0)
    return head + pack(_NDA_ADDRESS, bytes.fromhex(mac.replace(":", "")))


def _flags_of(wanted: Traits, listed: str) -> dict[int, bool]:
    """The flags of a port; one whose MAC nobody told goes on learning it, or nothing would ever reach it."""
    return {ISOLATED: wanted.isolated, LEARNING: not listed, UNICAST_FLOOD: not wanted.is_listed}


def port_flags(links: "Links", link: "Link") -> dict[int, bool]:
    """The flags of a port as they are; none of a link that is no port."""
    return {kind: data != b"\0" for kind, data in attributes(_info(links, link.index).get(_SLAVE_DATA, b""))}


def kind_data(links: "Links", index: int) -> dict[int, bytes]:
    """What the kernel says of a link of its kind: of a bridge IFLA_BR_*, of a VXLAN IFLA_VXLAN_*."""
    return dict(attributes(_info(links, index).get(_INFO_DATA, b"")))


def _info(links: "Links", index: int) -> dict[int, bytes]:
    """What the kernel says of a link's kind, and of the port that it is."""
    body = LINK.pack(0, 0, index, 0, 0) + number(_IFLA_EXT_MASK, _SKIP_STATISTICS)
    [answer] = links.ask(f"link {index}", "read", _GET_LINK, 0, body)
    return dict(attributes(dict(attributes(answer, LINK.size)).get(_IFLA_INFO, b"")))


def _list(links: "Links", live: "LiveNetwork", link: "Link", mac: str) -> None:
    """Tell the bridge that a MAC is behind a port: sticky, so that no frame from another port moves it there."""
    what, body = f"interface {link.name!r}", neighbour_message(link.index, mac, MASTER | STICKY)
    try:
        links.ask(what, f"list MAC {mac}", _NEW_NEIGHBOUR, CREATE | EXCLUSIVE, body)
    except HostError as error:
        if _errno(error) != EEXIST:
            raise
        index, is_static = _place(links, live, mac)
        if is_static and index != link.index:
            other = links.link_at(index)
            msg = (
                f"{what}: attach to network {live.name!r}: MAC {mac} is that of {other.name if other else 'another'!r}"
            )
            raise StateError(msg, hint="give each NIC a MAC of its own") from None
        links.ask(what, f"list MAC {mac}", _NEW_NEIGHBOUR, CREATE | _REPLACE, body)  # learned, or listed before


def _strike(links: "Links", link: "Link", mac: str) -> None:
    """Take a MAC out of the bridge's table; nothing if it is gone."""
    try:
        body = neighbour_message(link.index, mac, MASTER)
        links.ask(f"interface {link.name!r}", f"strike MAC {mac}", _DELETE_NEIGHBOUR, 0, body)
    except HostError as error:
        if _errno(error) != ENOENT:
            raise


def _place(links: "Links", live: "LiveNetwork", mac: str) -> tuple[int, bool]:
    """Behind which port the bridge has a MAC (0: none), and whether it was told and has not learned it."""
    try:
        body = neighbour_message(live.index, mac, _SELF, state=0)
        [answer] = links.ask(f"bridge {live.bridge!r}", "look MAC up", _GET_NEIGHBOUR, 0, body)
    except HostError as error:
        if _errno(error) != ENOENT:
            raise
        return 0, False
    _, index, state, _, _ = _NEIGHBOUR.unpack_from(answer)
    return index, bool(state & STATIC)


def _errno(error: HostError) -> int | None:
    """The kernel's number of what it refused."""
    return error.__cause__.errno if isinstance(error.__cause__, NetlinkError) else None
