"""Reads the links of a network with others: `<listen>` and `<connection>` of the 2007 dialect, and fabrics."""

from vnethook.address import canonical_ip, parse_subnet
from vnethook.definition.fabric import KINDS, Fabric, Peer
from vnethook.definition.node import Node
from vnethook.definition.peers import Connection, Listen
from vnethook.names import is_domain_name, shown


def listen(node: Node) -> Listen:
    """What `<listen>` says; `local='no'` says nothing but is read."""
    address, port = node.attributes.get("address"), node.number("port")
    if node.boolean("local", default=False):
        for name in node.attributes:
            if name != "local":
                node.refuse(f"listen: {name}= is for other hosts, local= for networks of this one: write two <listen>")
        return Listen(is_local=True)
    return node.build(lambda: Listen(_transport(node), None if address is None else canonical_ip(address), port))


def connection(node: Node) -> Connection:
    """What `<connection>` says."""
    said = node.attributes.get
    address, port = said("address"), node.number("port")
    if address is not None and not is_domain_name(address):
        address = node.build(lambda: canonical_ip(address or ""))
    return node.build(lambda: Connection(_transport(node), address, port, said("network")))


def fabric(node: Node) -> Fabric | None:
    """What `<connections>` says of a fabric, None if it says nothing of one."""
    said = node.attributes.get
    kind, peers = said("fabric"), [_peer(child) for child in node.all("peer")]
    if kind is None:
        if node.attributes or peers:
            node.refuse("connections: without fabric= it has no attributes and no peers")
        return None
    if kind not in KINDS:
        node.refuse(f"connections: fabric {shown(kind)}: must be {' or '.join(KINDS)}")
    node.need("vni")
    address, numbers = said("address"), (node.number("vni") or 0, node.number("port"), node.number("as"))
    vni, port, as_number = numbers
    return node.build(
        lambda: Fabric(
            vni, None if address is None else canonical_ip(address), said("dev"), port, as_number, tuple(peers)
        )
    )


def _peer(node: Node) -> Peer:
    text = node.need("address")
    address = node.build(lambda: str(parse_subnet(text)) if "/" in text else canonical_ip(text))
    return node.build(lambda: Peer(address, node.boolean("client", default=False)))


def _transport(node: Node) -> str:
    return node.attributes.get("transport", "tls")
