"""Reads the links of a network with others: `<listen>` and `<connection>` of the 2007 dialect."""

from vnethook.address import canonical_ip
from vnethook.definition.node import Node
from vnethook.definition.peers import Connection, Listen
from vnethook.names import is_domain_name


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


def _transport(node: Node) -> str:
    return node.attributes.get("transport", "tls")
