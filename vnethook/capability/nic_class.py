"""What the NICs of a network have in common, by portgroup: isolation, place in the bridge, VLANs, rates, guards."""

from vnethook.definition.traffic import Vlan, VlanTag
from vnethook.live.nics import PVID, UNTAGGED, NicClass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.definition.traffic import PortGroup

_NATIVE = {None: 0, "tagged": PVID, "untagged": PVID | UNTAGGED}


def classes(network: "Network") -> tuple[NicClass, ...]:
    """The class of the NICs in no portgroup, and the portgroups; none where nothing is special about any NIC."""
    plain = NicClass(
        isolated=bool(network.isolated),
        is_listed=network.bridge.mac_table == "libvirt",
        vlans=vlans(network.vlan),
        is_default=not any(group.is_default for group in network.portgroups),
    )
    if not network.portgroups and plain == NicClass(is_default=True):
        return ()
    return (plain, *(_of_group(plain, group) for group in network.portgroups))


def vlans(vlan: "Vlan | None") -> tuple[tuple[int, int], ...]:
    """VLANs as a port of a bridge takes them: (id, flags), by id."""
    if vlan is None:
        return ()
    if not vlan.trunk:
        return ((vlan.tags[0].id, PVID | UNTAGGED),)
    return tuple(sorted((tag.id, _NATIVE[tag.native]) for tag in vlan.tags))


def vlan(found: tuple[tuple[int, int], ...]) -> "Vlan | None":
    """The inverse of `vlans`."""
    if not found:
        return None
    natives = {flags: native for native, flags in _NATIVE.items()}
    if len(found) == 1 and found[0][1] == PVID | UNTAGGED:
        return Vlan((VlanTag(found[0][0]),))
    return Vlan(tuple(VlanTag(number, natives[flags]) for number, flags in found), trunk=True)


def _of_group(plain: NicClass, group: "PortGroup") -> NicClass:
    """A portgroup: what it does not say, the network does."""
    return plain.replace(
        name=group.name,
        is_default=group.is_default,
        vlans=vlans(group.vlan) or plain.vlans,
        limits=group.bandwidth.numbers if group.bandwidth else (),
        guard=group.guard.parts if group.guard else None,
        refusal=f"portgroup {group.name!r}: its virtualport is not done" if group.virtualport else "",
    )
