"""Which elements and attributes network XML may have, which come later, and which are libvirt's alone.

A capability that adds an element adds its line here, in network.rng and in a reader.
"""

from vnethook.definition.node import Node
from vnethook.names import shown


class Shape:
    """What an element may hold: attributes and children by name; `later_…`: what libvirt knows and we do not yet."""

    def __init__(
        self, attributes: str = "", children: str = "", *, later_attributes: str = "", later_children: str = ""
    ) -> None:
        self.attributes = frozenset(attributes.split())
        self.children = frozenset(children.split())
        self.later_attributes = frozenset(later_attributes.split())
        self.later_children = frozenset(later_children.split())


ELEMENTS = {
    "network": Shape(
        "id connections",
        "name uuid forward forwarding bridge mtu mac domain dns ip dhcp",
        later_attributes="ipv6",
        later_children="title description metadata vlan bandwidth port route portgroup listen connections",
    ),
    "network/name": Shape(),
    "network/uuid": Shape(),
    "network/forward": Shape("mode", "nat", later_attributes="dev", later_children="interface"),
    "network/forward/nat": Shape("", "port", later_attributes="ipv6", later_children="address"),
    "network/forward/nat/port": Shape("start end"),
    "network/forwarding": Shape("enabled", "", later_children="incoming outgoing"),
    "network/bridge": Shape("name stp delay", later_attributes="zone macTableManager"),
    "network/mtu": Shape("size"),
    "network/mac": Shape("address"),
    "network/domain": Shape("name", later_attributes="localOnly register"),
    "network/dns": Shape("enable", "forwarder host", later_attributes="forwardPlainNames", later_children="txt srv"),
    "network/dns/forwarder": Shape("addr domain", later_attributes="port"),
    "network/dns/host": Shape("ip", "hostname"),
    "network/dns/host/hostname": Shape(),
    "network/ip": Shape("family address netmask prefix", "dhcp", later_attributes="localPtr", later_children="tftp"),
    "network/ip/dhcp": Shape("enabled", "range host", later_children="bootp"),
    "network/ip/dhcp/range": Shape("start end", later_children="lease"),
    "network/ip/dhcp/host": Shape("mac id name ip", later_children="lease"),
    "network/dhcp": Shape("enabled", "ip host", later_children="bootp"),
    "network/dhcp/ip": Shape("address netmask prefix start end"),
    "network/dhcp/host": Shape("mac id name ip", later_children="lease"),
}
WITH_TEXT = frozenset({"network/name", "network/uuid", "network/dns/host/hostname"})
NEVER = frozenset({
    "network/@trustGuestRxFilters",
    "network/virtualport",
    "network/forward/@managed",
    "network/forward/address",
    "network/forward/driver",
    "network/forward/pf",
})  # fmt: skip
"""Of SR-IOV, macvtap and 802.1Qbg, which have no bridge of the host's."""
LATER_NAMESPACES = ("{http://libvirt.org/schemas/network/dnsmasq/1.0}",)


def check_shape(root: Node) -> None:
    """Raise DefinitionError for the first element, attribute or text, in document order, that does not belong there."""
    if root.tag != "network":
        root.refuse(f"the outermost element is {shown(root.tag)}: must be 'network'")
    waiting = [root]
    while waiting:
        node = waiting.pop()
        _check(node, ELEMENTS[node.path])
        waiting.extend(reversed(node.children))


def _check(node: Node, shape: Shape) -> None:
    for name in node.attributes:
        if name not in shape.attributes:
            why = _refused("attribute", name, f"{node.path}/@{name}", is_later=name in shape.later_attributes)
            node.refuse(f"{node.path}: {why}")
    if node.text and node.path not in WITH_TEXT:
        node.refuse(f"{node.path}: unexpected text {shown(node.text)}")
    for child in node.children:
        if child.tag not in shape.children:
            is_later = child.tag in shape.later_children or child.tag.startswith(LATER_NAMESPACES)
            child.refuse(f"{node.path}: {_refused('element', child.tag, child.path, is_later=is_later)}")


def _refused(kind: str, name: str, path: str, *, is_later: bool) -> str:
    if path in NEVER:
        return f"{kind} {shown(name)} is not supported: it is libvirt's for SR-IOV and macvtap"
    return f"{kind} {shown(name)} is not supported yet" if is_later else f"unknown {kind} {shown(name)}"
