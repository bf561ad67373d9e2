"""Reads what network XML says of bandwidth, VLANs, classes of NICs, and what is kept for libvirt's sake."""

from vnethook.definition.element import Element
from vnethook.definition.guard import DEFAULT, Guard
from vnethook.definition.node import Node, agreed
from vnethook.definition.traffic import Bandwidth, PortGroup, Rate, Vlan, VlanTag
from vnethook.live.nics import GUARDS, PARTS


def bandwidth(node: Node) -> Bandwidth | None:
    """The limits of `<bandwidth>`; None for an empty one."""
    inbound, outbound = (agreed(node.all(tag), _rate) for tag in ("inbound", "outbound"))
    return None if inbound is outbound is None else node.build(lambda: Bandwidth(inbound, outbound))


def vlan(node: Node) -> Vlan:
    """The VLANs of `<vlan>`; several tags or a nativeMode make a trunk, as in libvirt, unless trunk='no' is written."""
    tags = tuple(_tag(child) for child in node.all("tag"))
    is_trunk = node.boolean("trunk", default=len(tags) > 1 or any(tag.native for tag in tags))
    return node.build(lambda: Vlan(tags, is_trunk))


def portgroup(node: Node) -> PortGroup:
    """The class of NICs of `<portgroup>`."""
    name = node.need("name")
    is_default = node.boolean("default", default=False)
    limits, tags = agreed(node.all("bandwidth"), bandwidth), agreed(node.all("vlan"), vlan)
    virtual = agreed(node.all("virtualport"), element)
    trusts, guarded = node.optional_boolean("trustGuestRxFilters"), agreed(node.all("guard"), guard)
    return node.build(lambda: PortGroup(name, is_default, limits, tags, virtual, trusts, guarded))


def guard(node: Node) -> Guard:
    """The guard of `<guard>`."""
    mode = node.choice("mode", {mode: mode for mode in GUARDS}, default=DEFAULT)
    parts = {part: node.optional_boolean(part) for part in (*PARTS, "flows")}
    open_at_once, per_second = node.number("connections"), node.number("newConnections")
    return node.build(lambda: Guard(mode, **parts).replace(connections=open_at_once, new_connections=per_second))


def element(node: Node) -> Element:
    """An element that is kept as it is; what a running libvirt adds to it is left out."""
    attributes = tuple((name, value) for name, value in node.attributes.items() if name != "connections")
    return node.build(lambda: Element(node.tag, attributes, tuple(element(child) for child in node.children)))


def _rate(node: Node) -> Rate:
    node.number("classID")  # of a running libvirt
    number = node.number
    return node.build(lambda: Rate(number("average"), number("peak"), number("burst"), number("floor")))


def _tag(node: Node) -> VlanTag:
    node.need("id")
    return node.build(lambda: VlanTag(node.number("id") or 0, node.attributes.get("nativeMode")))
