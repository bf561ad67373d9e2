"""Reads the elements of network XML into the model: libvirt's dialect and that of the 2007 proposal, also mixed."""

from vnethook.address import canonical_ip
from vnethook.definition import dns_reader, forward_reader, peer_reader, traffic_reader, vde_reader
from vnethook.definition.ip_reader import check_family, read_address, read_ips
from vnethook.definition.model import Bridge, Network
from vnethook.definition.node import Node, agreed, build_all
from vnethook.definition.offers import Offers, read_offers
from vnethook.definition.routes import Route, default_prefix
from vnethook.definition.text import canonical_uuid
from vnethook.definition.vocabulary import check_shape
from vnethook.errors import NoNameError
from vnethook.mac import canonical_mac
from vnethook.names import is_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.definition.model import Ip

_STP = {"on": True, "off": False}


def read(root: Node) -> tuple[Network, tuple[str, ...]]:
    """The network that `<network>` defines, and one line per warning; raise DefinitionError with file and line."""
    check_shape(root)
    warnings: list[str] = []
    root.number("connections")  # of libvirt's dump of a running network: how many guests are attached
    if root.number("id") is not None:
        warnings.append(root.located("network id= is not kept: networks have a name and a uuid"))
    name = agreed(root.all("name"), lambda node: node.text)
    if name is None:
        raise NoNameError(root.located("network: lacks its <name>"))
    network = root.all("name")[0].build(lambda: Network(name))
    network = _with_forward(network, root)
    network = _with_identity(network, root)
    network = _with(network, "dns", root.all("dns"), dns_reader.read)
    network = _with_ips(network, root, read_ips(root, warnings))
    network = _with(network, "mtu", root.all("mtu"), _mtu)
    network = _with_domain(network, root)
    network = _with_many(network, "routes", root.all("route"), _route)
    network = _with_traffic(network, root)
    network = _with_peers(network, root)
    return network, tuple(warnings)


def _with_forward(network: Network, root: Node) -> Network:
    """Bridge and forward mode together: which bridge a mode has no use for depends on it."""
    bridge = agreed(root.all("bridge"), _bridge) or Bridge()
    found = agreed(root.all("forward"), forward_reader.read)
    mode = forward_reader.mode(root, found.mode if found else None)
    first = (*root.all("forward"), *root.all("bridge"), root)[0]
    if found is None:
        return first.build(lambda: network.replace(forward=mode, bridge=bridge))
    return first.build(
        lambda: network.replace(
            forward=mode,
            bridge=bridge,
            backend=found.backend,
            uplinks=found.uplinks,
            proxied=found.proxied,
            nat=found.nat,
            managed=found.managed,
            foreign=found.foreign,
        )
    )


def _with_identity(network: Network, root: Node) -> Network:
    network = _with(network, "uuid", root.all("uuid"), lambda node: canonical_uuid(node.text))
    network = _with(network, "title", root.all("title"), lambda node: node.text or None)
    network = _with(network, "description", root.all("description"), lambda node: node.text or None)
    metadata = tuple(dict.fromkeys(item for node in root.all("metadata") for item in node.inside))
    return _with(network.replace(metadata=metadata), "mac", root.all("mac"), _mac)


def _with_domain(network: Network, root: Node) -> Network:
    nodes = root.all("domain")
    found = agreed(nodes, _domain)
    if found is None:
        return network
    name, is_local, is_registered = found
    said = nodes[0].said("localOnly", "register")
    return nodes[0].build(
        lambda: network.replace(domain=name, domain_local=is_local, domain_register=is_registered, said=said)
    )


def _with_traffic(network: Network, root: Node) -> Network:
    network = _with(network, "vlan", root.all("vlan"), traffic_reader.vlan)
    network = _with(network, "bandwidth", root.all("bandwidth"), traffic_reader.bandwidth)
    network = _with(network, "isolated", root.all("port"), lambda node: node.optional_boolean("isolated"))
    network = _with(network, "guard", root.all("guard"), traffic_reader.guard)
    network = _with(network, "vde", root.all("vde"), vde_reader.vde)
    network = _with(network, "virtualport", root.all("virtualport"), traffic_reader.element)
    network = _with_many(network, "portgroups", root.all("portgroup"), traffic_reader.portgroup)
    options = [child for node in root.all("dnsmasq:options") for child in node.all("dnsmasq:option")]
    network = _with_many(network, "options", options, lambda node: node.need("value"))
    return root.build(
        lambda: network.replace(
            ipv6_between_guests=root.boolean("ipv6", default=False),
            trusts_filters=root.optional_boolean("trustGuestRxFilters"),
        )
    )


def _with_peers(network: Network, root: Node) -> Network:
    network = _with(network, "forwarding", root.all("forwarding"), forward_reader.rules)
    network = _with(network, "offers", root.all("host"), _offers)
    network = _with_many(network, "listens", root.all("listen"), peer_reader.listen)
    connections = [child for node in root.all("connections") for child in node.all("connection")]
    network = _with_many(network, "connections", connections, peer_reader.connection)
    return _with(network, "fabric", root.all("connections"), peer_reader.fabric)


def _with(network: Network, field: str, nodes: list[Node], value_of: "Callable[[Node], object]") -> Network:
    """The network with one field as the elements say, if there is any; a refusal by the model gets their line."""
    value = agreed(nodes, value_of)
    return network if value is None else nodes[0].build(lambda: network.replace(**{field: value}))


def _with_many(network: Network, field: str, nodes: list[Node], value_of: "Callable[[Node], object]") -> Network:
    """The network with a field of several, each once; a refusal by the model gets the line of the first bad one."""
    found: dict[object, Node] = {}
    for node in nodes:
        found.setdefault(value_of(node), node)
    values = tuple(found)
    return build_all(
        list(found.values()), nodes[0] if nodes else None, lambda count: network.replace(**{field: values[:count]})
    )


def _with_ips(network: Network, root: Node, found: "list[tuple[Ip, Node]]") -> Network:
    ips = tuple(ip for ip, _ in found)
    return build_all([node for _, node in found], root, lambda count: network.replace(ips=ips[:count]))


def _mac(node: Node) -> str:
    text = node.need("address")
    return node.build(lambda: canonical_mac(text))


def _mtu(node: Node) -> int | None:
    node.need("size")
    return node.number("size")


def _domain(node: Node) -> tuple[str, bool, bool]:
    return (
        node.need("name"),
        node.boolean("localOnly", default=False),
        node.boolean("register", default=False),
    )


def _bridge(node: Node) -> Bridge:
    said = node.attributes.get
    return node.build(
        lambda: Bridge(
            None if _asks_for_a_name(said("name")) else said("name"),
            node.choice("stp", _STP, default=False),
            node.number("delay") or 0,
            said("zone"),
            said("macTableManager"),
        )
    )


def _asks_for_a_name(name: str | None) -> bool:
    """Whether a bridge's name leaves it open, as in libvirt's own templates: it is empty, or has a place for a number.

    Source: networkBridgeNameValidate() in bridge_driver.c.
    """
    return name == "" or (name is not None and "%d" in name and is_link_name(name.replace("%d", "0")))


def _offers(node: Node) -> Offers:
    text = node.need("allow")
    return node.build(lambda: read_offers(text))


def _route(node: Node) -> Route:
    node.need("address")
    address, prefix = read_address(node)
    check_family(node, address)
    gateway, metric, said = node.need("gateway"), node.number("metric"), node.said("family", "netmask")
    length = default_prefix(address) if address and prefix is None else prefix
    return node.build(lambda: Route(address or "", length or 0, canonical_ip(gateway), metric, said))
