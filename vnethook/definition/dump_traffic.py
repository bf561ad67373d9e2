"""Writes bandwidth, VLANs, classes of NICs, and what is kept for libvirt's sake."""

from vnethook.definition.document import yes, yes_only
from vnethook.live.nics import PARTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.document import Document
    from vnethook.definition.element import Element
    from vnethook.definition.guard import Guard
    from vnethook.definition.traffic import Bandwidth, PortGroup, Vlan


def bandwidth(document: "Document", limits: "Bandwidth | None") -> None:
    """Write `<bandwidth>`, if there is any."""
    if limits is None:
        return
    document.start("bandwidth", {})
    for tag, rate in (("inbound", limits.inbound), ("outbound", limits.outbound)):
        if rate is not None:
            document.empty(tag, rate.to_plain())
    document.end("bandwidth")


def vlan(document: "Document", tags: "Vlan | None") -> None:
    """Write `<vlan>`, if there is any."""
    if tags is None:
        return
    document.start("vlan", {"trunk": yes_only(tags.trunk)})
    for tag in tags.tags:
        document.empty("tag", {"id": tag.id, "nativeMode": tag.native})
    document.end("vlan")


def portgroup(document: "Document", group: "PortGroup") -> None:
    """Write a `<portgroup>`."""
    attributes = {
        "name": group.name,
        "default": yes_only(group.is_default),
        "trustGuestRxFilters": yes(group.trusts_filters),
    }
    if not (group.bandwidth or group.vlan or group.virtualport or group.guard):
        document.empty("portgroup", attributes)
        return
    document.start("portgroup", attributes)
    vlan(document, group.vlan)
    if group.virtualport is not None:
        element(document, group.virtualport)
    bandwidth(document, group.bandwidth)
    guard(document, group.guard)
    document.end("portgroup")


def guard(document: "Document", kept: "Guard | None") -> None:
    """Write `<guard>`, if there is any."""
    if kept is None:
        return
    parts = {part: yes(getattr(kept, part)) for part in (*PARTS, "flows")}
    numbers = {"connections": kept.connections, "newConnections": kept.new_connections}
    document.empty("guard", {"mode": kept.mode, **parts, **numbers})


def element(document: "Document", kept: "Element") -> None:
    """Write an element that is kept as it is."""
    attributes = dict(kept.attributes)
    if not kept.children:
        document.empty(kept.tag, attributes)
        return
    document.start(kept.tag, attributes)
    for child in kept.children:
        element(document, child)
    document.end(kept.tag)
