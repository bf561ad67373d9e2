"""Reads where a network leads: `<forward>` of libvirt, `<forwarding>` of the 2007 dialect."""

from vnethook.address import canonical_ip, parse_subnet
from vnethook.definition.element import Element
from vnethook.definition.forwarding import Forwarding, Incoming, Outgoing, PortForward, PortRule
from vnethook.definition.model import FORWARD_MODES
from vnethook.definition.node import Node, agreed
from vnethook.definition.routes import NAT_PORTS, Nat
from vnethook.definition.traffic_reader import element
from vnethook.names import shown
from vnethook.value import Value

_PCI = {"domain": (0xFFFFFFFF, 4), "bus": (0xFF, 2), "slot": (0x1F, 2), "function": (7, 1)}
"""The most that each part of an address can be, and how many digits of it are written."""


class Forward(Value):
    """What one `<forward>` says."""

    mode: str
    backend: str | None = None
    uplinks: tuple[str, ...] = ()
    proxied: bool = False
    nat: Nat = Nat()
    managed: bool | None = None
    foreign: tuple[Element, ...] = ()


def read(node: Node) -> Forward:
    """What `<forward>` says; raise DefinitionError with its line."""
    named = node.attributes.get("mode", "nat")
    if named not in FORWARD_MODES:
        node.refuse(
            f"{node.path}: unknown mode {shown(named)}: must be {', '.join(FORWARD_MODES[:-1])} or {FORWARD_MODES[-1]}"
        )
    uplinks = [node.attributes["dev"]] if "dev" in node.attributes else []
    for child in node.all("interface"):
        child.number("connections")  # of a running libvirt
        uplinks.append(child.need("dev"))
    for nat in node.all("nat"):
        if named != "nat":
            nat.refuse(f"{nat.path}: only for mode 'nat', not {shown(named)}")
    foreign = (element(child) for tag in ("driver", "pf") for child in node.all(tag))
    return Forward(
        named,
        agreed(node.all("backend"), lambda backend: backend.need("type")),
        tuple(dict.fromkeys(uplinks)),
        node.boolean("proxyarp", default=False),
        agreed(node.all("nat"), _nat) or Nat(),
        node.optional_boolean("managed"),
        (*foreign, *(_pci(child) for child in node.all("address"))),
    )


def mode(root: Node, forward: str | None) -> str:
    """The forward mode: of `<forward>`, of the 2007 `<forwarding>`, or "none" without both."""
    is_on = agreed(root.all("forwarding"), _is_on)
    if is_on is None or forward is None:
        return forward or ("nat" if is_on else "none")
    if is_on is (forward == "none"):
        first, forwarding = root.all("forward")[0], root.all("forwarding")[0]
        word = "on" if is_on else "off"
        forwarding.refuse(
            f"forwarding: is {word} here, and line {first.line} says mode {shown(forward)}",
            hint="<forwarding> without children is not needed beside <forward>; remove it",
        )
    return forward


def rules(node: Node) -> Forwarding | None:
    """The rules of `<forwarding>`; None where it only says that there is a network outside, or that there is none."""
    incoming, outgoing = agreed(node.all("incoming"), _incoming), agreed(node.all("outgoing"), _outgoing)
    if incoming is None and outgoing is None:
        return None
    return node.build(lambda: Forwarding(_is_on(node), incoming, outgoing))


def _is_on(node: Node) -> bool:
    return node.boolean("enabled", default=True)


def _nat(node: Node) -> Nat:
    addresses = agreed(node.all("address"), _addresses)
    ports = agreed(node.all("port"), _ports)
    is_ipv6 = node.boolean("ipv6", default=False)
    said = (*node.said("ipv6"), *(["port"] if ports else []))
    return node.build(lambda: Nat(addresses, None if ports == NAT_PORTS else ports, is_ipv6, said))


def _addresses(node: Node) -> tuple[str, str]:
    start, end = node.need("start"), node.need("end")
    return node.build(lambda: (canonical_ip(start), canonical_ip(end)))


def _ports(node: Node) -> tuple[int, int]:
    node.need("start")
    node.need("end")
    return (node.number("start") or 0, node.number("end") or 0)


def _pci(node: Node) -> Element:
    """The place of a PCI device; what is not written is 0. Source: virPCIDeviceAddressParseXML() in device_conf.c."""
    if node.need("type") != "pci":
        node.refuse(f"{node.path}: unknown type {shown(node.attributes['type'])}: must be pci")
    numbers = [(name, f"0x{_place(node, name, most):0{digits}x}") for name, (most, digits) in _PCI.items()]
    return node.build(lambda: Element(node.tag, (("type", "pci"), *numbers)))


def _place(node: Node, name: str, most: int) -> int:
    """A number as strtoul(3) reads it: hexadecimal after 0x, octal after 0."""
    text = node.attributes.get(name, "0")
    base = 16 if text[:2] in {"0x", "0X"} else 8 if text[:1] == "0" else 10
    try:
        number = int(text, base) if text.isascii() and (text.isalnum() if base == 16 else text.isdigit()) else -1
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        node.refuse(f"address {name}={shown(text)}: must be a number from 0 to {most:#x}")
    return number


def _incoming(node: Node) -> Incoming:
    for child in node.all("deny"):
        child.refuse(f"{child.path}: what comes in is denied unless it is allowed: remove it")
    forwards = tuple(dict.fromkeys(_forward(child) for child in node.all("allow")))
    return node.build(lambda: Incoming(node.attributes.get("default", "deny"), forwards))


def _outgoing(node: Node) -> Outgoing:
    found = tuple(dict.fromkeys(_rule(child) for child in node.children))
    return node.build(lambda: Outgoing(node.attributes.get("default", "allow"), found))


def _forward(node: Node) -> PortForward:
    said = node.attributes.get
    ports, to, destination = node.ports("port"), node.ports("to"), node.ports("destport")
    if to and destination and to != destination:
        node.refuse("allow: to= and destport= say the same; write one of them")
    if ports is None:
        node.refuse("element 'allow' lacks port=")
    target = to or destination
    address, source, on = said("address"), said("from"), said("on")
    return node.build(
        lambda: PortForward(
            ports,
            said("protocol", "both"),
            None if target == ports else target,
            said("domain"),
            None if address is None else canonical_ip(address),
            None if source is None else str(parse_subnet(source)),
            None if on is None else canonical_ip(on),
        )
    )


def _rule(node: Node) -> PortRule:
    said = node.attributes.get
    ports, destination, source = node.ports("port"), said("destination"), said("from")
    return node.build(
        lambda: PortRule(
            node.tag,
            ports,
            said("protocol", "both" if ports else "any"),
            None if destination is None else str(parse_subnet(destination)),
            said("domain"),
            None if source is None else str(parse_subnet(source)),
        )
    )
