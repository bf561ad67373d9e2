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
        for name in (*node.attributes, *(["peer"] if node.all("peer") else [])):
            if name != "local":
                node.refuse(f"listen: {name}= is for other hosts, local= for networks of this one: write two <listen>")
        return Listen(is_local=True)
    peers = tuple(_name(child, child.need("name")) for child in node.all("peer"))
    place = None if address is None else node.build(lambda: canonical_ip(address))
    return node.build(lambda: Listen(_transport(node), place, port, peers=peers))


def connection(node: Node) -> Connection:
    """What `<connection>` says."""
    said = node.attributes.get
    address, port = said("address"), node.number("port")
    address = None if address is None else _name(node, address)
    peer = None if said("peer") is None else _name(node, said("peer") or "")
    return node.build(lambda: Connection(_transport(node), address, port, said("network"), peer, said("user")))


def _name(node: Node, text: str) -> str:
    """A host's name, or its address as it is written everywhere."""
    return text if is_domain_name(text) else node.build(lambda: canonical_ip(text))


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
