"""Reads `<dns>` of network XML."""

from vnethook.address import canonical_ip
from vnethook.definition.dns import Dns, DnsHost, DnsSrv, DnsTxt, Forwarder
from vnethook.definition.node import Node


def read(node: Node) -> Dns:
    """The DNS server that the element defines; raise DefinitionError with its line."""
    names: dict[str, dict[str, None]] = {}
    for host in map(read_host, node.all("host")):
        names.setdefault(host.ip, {}).update(dict.fromkeys(host.names))
    hosts = tuple(DnsHost(ip, tuple(known)) for ip, known in names.items())
    forwarders = tuple(dict.fromkeys(_forwarder(child) for child in node.all("forwarder")))
    txts = tuple(dict.fromkeys(read_txt(child) for child in node.all("txt")))
    srvs = tuple(dict.fromkeys(read_srv(child) for child in node.all("srv")))
    enable = node.boolean("enable", default=True)
    plain_names = node.boolean("forwardPlainNames", default=True)
    said = node.said("enable", "forwardPlainNames")
    return node.build(lambda: Dns(enable, plain_names, forwarders, txts, srvs, hosts, said))


def read_host(node: Node) -> DnsHost:
    """The names of an address that `<host>` says."""
    ip, names = node.need("ip"), tuple(dict.fromkeys(child.text for child in node.all("hostname")))
    return node.build(lambda: DnsHost(canonical_ip(ip), names))


def _forwarder(node: Node) -> Forwarder:
    address, port = node.attributes.get("addr"), node.number("port")
    return node.build(
        lambda: Forwarder(None if address is None else canonical_ip(address), node.attributes.get("domain"), port)
    )


def read_txt(node: Node) -> DnsTxt:
    """The record that `<txt>` says."""
    name = node.need("name")
    return node.build(lambda: DnsTxt(name, node.attributes.get("value", "")))


def read_srv(node: Node) -> DnsSrv:
    """The record that `<srv>` says."""
    service, protocol = node.need("service"), node.need("protocol")
    said, number = node.attributes.get, node.number
    return node.build(
        lambda: DnsSrv(
            service, protocol, said("domain"), said("target"), number("port"), number("priority"), number("weight")
        )
    )
