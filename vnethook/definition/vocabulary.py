"""Which elements and attributes network XML may have: libvirt's, later ones than 9.0 too, and the 2007 dialect's.

A capability that adds an element adds its line here, in network.rng and in a reader.
"""

from vnethook.definition.node import Node
from vnethook.names import shown


class Shape:
    """What an element may hold: attributes and children by name."""

    def __init__(self, attributes: str = "", children: str = "") -> None:
        self.attributes = frozenset(attributes.split())
        self.children = frozenset(children.split())


_INBOUND = Shape("average peak burst floor classID")
_OUTBOUND = Shape("average peak burst")
_BANDWIDTH = Shape("", "inbound outbound")
_VLAN = Shape("trunk", "tag")
_TAG = Shape("id nativeMode")
_PCI = "type domain bus slot function"
_PARAMETERS = "managerid typeid typeidversion instanceid profileid interfaceid"
_LEASE = Shape("expiry unit")
_PARTS = "mode mac ipv4 ipv6 arp nd dhcp ra ethertypes vlan"

ELEMENTS = {
    "network": Shape(
        "id connections ipv6 trustGuestRxFilters",
        "name uuid title description metadata forward forwarding bridge mtu mac domain dns vlan bandwidth port guard "
        "vde ip dhcp route virtualport portgroup host listen connections dnsmasq:options",
    ),
    "network/name": Shape(),
    "network/uuid": Shape(),
    "network/title": Shape(),
    "network/description": Shape(),
    "network/metadata": Shape(),
    "network/forward": Shape("dev mode managed proxyarp", "interface nat driver pf address backend"),
    "network/forward/interface": Shape("dev connections"),
    "network/forward/backend": Shape("type"),
    "network/forward/nat": Shape("ipv6", "address port"),
    "network/forward/nat/address": Shape("start end"),
    "network/forward/nat/port": Shape("start end"),
    "network/forward/driver": Shape("name model"),
    "network/forward/pf": Shape("dev"),
    "network/forward/address": Shape(_PCI),
    "network/forwarding": Shape("enabled", "incoming outgoing"),
    "network/forwarding/incoming": Shape("default", "allow deny"),
    "network/forwarding/incoming/allow": Shape("port protocol to destport domain address from on"),
    "network/forwarding/incoming/deny": Shape("port protocol"),
    "network/forwarding/outgoing": Shape("default", "allow deny"),
    "network/forwarding/outgoing/allow": Shape("port protocol destination domain from"),
    "network/forwarding/outgoing/deny": Shape("port protocol destination domain from"),
    "network/bridge": Shape("name zone stp delay macTableManager"),
    "network/mtu": Shape("size"),
    "network/mac": Shape("address"),
    "network/domain": Shape("name localOnly register"),
    "network/dns": Shape("enable forwardPlainNames", "forwarder txt srv host"),
    "network/dns/forwarder": Shape("domain addr port"),
    "network/dns/txt": Shape("name value"),
    "network/dns/srv": Shape("service protocol domain target port priority weight"),
    "network/dns/host": Shape("ip", "hostname"),
    "network/dns/host/hostname": Shape(),
    "network/vlan": _VLAN,
    "network/vlan/tag": _TAG,
    "network/bandwidth": _BANDWIDTH,
    "network/bandwidth/inbound": _INBOUND,
    "network/bandwidth/outbound": _OUTBOUND,
    "network/port": Shape("isolated"),
    "network/guard": Shape(f"{_PARTS} flows connections newConnections"),
    "network/vde": Shape("group mode"),
    "network/ip": Shape("family address netmask prefix localPtr", "tftp dhcp"),
    "network/ip/tftp": Shape("root"),
    "network/ip/dhcp": Shape("enabled", "range host bootp"),
    "network/ip/dhcp/range": Shape("start end", "lease"),
    "network/ip/dhcp/range/lease": _LEASE,
    "network/ip/dhcp/host": Shape("mac id name ip", "lease"),
    "network/ip/dhcp/host/lease": _LEASE,
    "network/ip/dhcp/bootp": Shape("file server"),
    "network/dhcp": Shape("enabled", "ip host bootp"),
    "network/dhcp/ip": Shape("address netmask prefix start end"),
    "network/dhcp/host": Shape("mac id name ip", "lease"),
    "network/dhcp/host/lease": _LEASE,
    "network/dhcp/bootp": Shape("file server"),
    "network/route": Shape("family address netmask prefix gateway metric"),
    "network/virtualport": Shape("type", "parameters"),
    "network/virtualport/parameters": Shape(_PARAMETERS),
    "network/portgroup": Shape("name default trustGuestRxFilters", "bandwidth vlan virtualport guard"),
    "network/portgroup/bandwidth": _BANDWIDTH,
    "network/portgroup/bandwidth/inbound": _INBOUND,
    "network/portgroup/bandwidth/outbound": _OUTBOUND,
    "network/portgroup/guard": Shape(_PARTS),
    "network/portgroup/vlan": _VLAN,
    "network/portgroup/vlan/tag": _TAG,
    "network/portgroup/virtualport": Shape("type", "parameters"),
    "network/portgroup/virtualport/parameters": Shape(_PARAMETERS),
    "network/host": Shape("allow"),
    "network/listen": Shape("local transport address port", "peer"),
    "network/listen/peer": Shape("name"),
    "network/connections": Shape("fabric vni address dev port as", "connection peer"),
    "network/connections/connection": Shape("transport address port network peer user"),
    "network/connections/peer": Shape("address client"),
    "network/dnsmasq:options": Shape("", "dnsmasq:option"),
    "network/dnsmasq:options/dnsmasq:option": Shape("value"),
}
PORT_ELEMENTS = {
    "networkport": Shape("", "uuid owner group mac virtualport bandwidth vlan port rxfilters plug"),
    "networkport/uuid": Shape(),
    "networkport/owner": Shape("", "name uuid"),
    "networkport/owner/name": Shape(),
    "networkport/owner/uuid": Shape(),
    "networkport/group": Shape(),
    "networkport/mac": Shape("address"),
    "networkport/virtualport": Shape("type", "parameters"),
    "networkport/virtualport/parameters": Shape(_PARAMETERS),
    "networkport/bandwidth": _BANDWIDTH,
    "networkport/bandwidth/inbound": _INBOUND,
    "networkport/bandwidth/outbound": _OUTBOUND,
    "networkport/vlan": _VLAN,
    "networkport/vlan/tag": _TAG,
    "networkport/port": Shape("isolated"),
    "networkport/rxfilters": Shape("trustGuest"),
    "networkport/plug": Shape("type bridge macTableManager dev mode managed", "driver address"),
    "networkport/plug/driver": Shape("name model"),
    "networkport/plug/address": Shape(_PCI),
}
"""Those of a network's port, which is a document of its own (port.py)."""
WITH_TEXT = frozenset({
    "network/name",
    "network/uuid",
    "network/title",
    "network/description",
    "network/dns/host/hostname",
})  # fmt: skip
PORT_TEXT = frozenset(f"networkport/{name}" for name in ("uuid", "owner/name", "owner/uuid", "group"))
OPAQUE = "network/metadata"
"""What is inside is other programs' and is kept as it is."""
NAMESPACES = {"http://libvirt.org/schemas/network/dnsmasq/1.0": "dnsmasq"}
"""Those of which we know elements, and the prefix that they have in paths and dumps."""


def check_shape(root: Node, path: str = "network") -> None:
    """Raise DefinitionError for the first element, attribute or text, in document order, that does not belong there.

    `path`: what the outermost element has to be.
    """
    if root.path != path:
        root.refuse(f"the outermost element is {shown(root.tag)}: must be {shown(path.rpartition('/')[2])}")
    waiting = [root]
    while waiting:
        node = waiting.pop()
        _check(node, ELEMENTS.get(node.path) or PORT_ELEMENTS[node.path])
        waiting.extend(reversed(node.children))


def _check(node: Node, shape: Shape) -> None:
    for name in node.attributes:
        if name not in shape.attributes:
            node.refuse(f"{node.path}: unknown attribute {shown(name)}")
    if node.text and node.path not in WITH_TEXT | PORT_TEXT:
        node.refuse(f"{node.path}: unexpected text {shown(node.text)}")
    for child in node.children:
        if child.tag not in shape.children:
            child.refuse(f"{node.path}: unknown element {shown(child.tag)}")
