"""Reads the elements of network XML into the model: libvirt's dialect and that of the 2007 proposal, also mixed."""

from vnethook.address import canonical_ip
from vnethook.definition.ip_reader import read_ips
from vnethook.definition.model import Bridge, Dns, DnsHost, Forwarder, Network
from vnethook.definition.node import Node, agreed, build_all
from vnethook.definition.vocabulary import check_shape
from vnethook.mac import canonical_mac
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.definition.model import Ip

_MODES = ("nat", "route", "none")
_LATER_MODES = ("open", "bridge")
_NEVER_MODES = ("private", "vepa", "passthrough", "hostdev")
_DEFAULT_NAT_PORTS = {"start": "1024", "end": "65535"}
"""What libvirt's dump of a running network always shows; it asks for nothing."""


def read(root: Node) -> tuple[Network, tuple[str, ...]]:
    """The network that `<network>` defines, and one line per warning; raise DefinitionError with file and line."""
    check_shape(root)
    warnings: list[str] = []
    root.number("connections")  # of libvirt's dump of a running network: how many guests are attached
    if root.number("id") is not None:
        warnings.append(root.located("network id= is not kept: networks have a name and a uuid"))
    name = agreed(root.all("name"), lambda node: node.text)
    if name is None:
        root.refuse("network: lacks its <name>")
    network = root.all("name")[0].build(lambda: Network(name))
    network = network.replace(
        bridge=agreed(root.all("bridge"), _bridge) or Bridge(),
        forward=_forward(root),
        dns=agreed(root.all("dns"), _dns) or Dns(),
    )
    network = _with(network, "uuid", root.all("uuid"), _uuid)
    network = _with(network, "mac", root.all("mac"), _mac)
    network = _with(network, "domain", root.all("domain"), lambda node: node.need("name"))
    network = _with_ips(network, root, read_ips(root, warnings))
    return _with(network, "mtu", root.all("mtu"), _mtu), tuple(warnings)


def _with(network: Network, field: str, nodes: list[Node], value_of: "Callable[[Node], object]") -> Network:
    """The network with one field as the elements say, if there is any; a refusal by the model gets their line."""
    value = agreed(nodes, value_of)
    return network if value is None else nodes[0].build(lambda: network.replace(**{field: value}))


def _with_ips(network: Network, root: Node, found: "list[tuple[Ip, Node]]") -> Network:
    ips = tuple(ip for ip, _ in found)
    return build_all([node for _, node in found], root, lambda count: network.replace(ips=ips[:count]))


def _uuid(node: Node) -> str:
    """The uuid with dashes and in lower case; libvirt reads it without them too. Its version bits are not checked."""
    text = node.text.lower()
    if "-" in text or len(text) != 32:
        return text
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _mac(node: Node) -> str:
    text = node.need("address")
    return node.build(lambda: canonical_mac(text))


def _mtu(node: Node) -> int | None:
    node.need("size")
    return node.number("size")


def _bridge(node: Node) -> Bridge:
    stp = node.choice("stp", {"on": True, "off": False}, default=False)
    delay_s = node.number("delay") or 0
    return node.build(lambda: Bridge(node.attributes.get("name"), stp, delay_s))


def _forward(root: Node) -> str:
    """The forward mode: of `<forward>`, of the 2007 `<forwarding>`, or "none" without both."""
    mode = agreed(root.all("forward"), _mode)
    is_on = agreed(root.all("forwarding"), lambda node: node.boolean("enabled", default=True))
    if is_on is None or mode is None:
        return mode or ("nat" if is_on else "none")
    if is_on is (mode == "none"):
        forward, forwarding = root.all("forward")[0], root.all("forwarding")[0]
        word = "on" if is_on else "off"
        forwarding.refuse(
            f"forwarding: is {word} here, and line {forward.line} says mode {shown(mode)}",
            hint="<forwarding> without children is not needed beside <forward>; remove it",
        )
    return mode


def _mode(node: Node) -> str:
    mode = node.attributes.get("mode", "nat")
    if mode in _LATER_MODES:
        node.refuse(f"{node.path}: mode {shown(mode)} is not supported yet")
    if mode in _NEVER_MODES:
        node.refuse(f"{node.path}: mode {shown(mode)} is not supported: it is libvirt's for SR-IOV and macvtap")
    if mode not in _MODES:
        node.refuse(f"{node.path}: unknown mode {shown(mode)}: must be {', '.join(_MODES[:-1])} or {_MODES[-1]}")
    for nat in node.all("nat"):
        if mode != "nat":
            nat.refuse(f"{nat.path}: only for mode 'nat', not {shown(mode)}")
        for port in nat.all("port"):
            if port.attributes != _DEFAULT_NAT_PORTS:
                port.refuse(f"{port.path}: a port range other than 1024 to 65535 is not supported yet")
    return mode


def _dns(node: Node) -> Dns:
    hosts: dict[str, DnsHost] = {}
    for host_node in node.all("host"):
        host = _dns_host(host_node)
        known = hosts.get(host.ip)
        names = (*(known.names if known else ()), *host.names)
        hosts[host.ip] = DnsHost(host.ip, tuple(dict.fromkeys(names)))
    forwarders = tuple(dict.fromkeys(_forwarder(child) for child in node.all("forwarder")))
    enable = node.boolean("enable", default=True)
    return node.build(lambda: Dns(enable, tuple(hosts.values()), forwarders))


def _dns_host(node: Node) -> DnsHost:
    ip, names = node.need("ip"), tuple(dict.fromkeys(child.text for child in node.all("hostname")))
    return node.build(lambda: DnsHost(canonical_ip(ip), names))


def _forwarder(node: Node) -> Forwarder:
    address = node.attributes.get("addr")
    return node.build(
        lambda: Forwarder(None if address is None else canonical_ip(address), node.attributes.get("domain"))
    )
