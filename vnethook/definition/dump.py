"""Writes a network as XML in the one canonical form: libvirt's order of elements and attributes.

Every character that the model lets through is harmless in XML; values are escaped all the same.
"""

from vnethook.address import netmask_of_prefix
from vnethook.definition.model import Dns, Ip, Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Attributes = Mapping[str, str | int | None]

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("'"): "&apos;"}


class _Lines:
    """The document as it grows, and how deep inside it we are."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.depth = 0

    def empty(self, tag: str, attributes: "Attributes") -> None:
        """Write an element without children; an attribute that is None is left out."""
        self._line(f"<{_tag(tag, attributes)}/>")

    def leaf(self, tag: str, text: str) -> None:
        """Write an element that holds text."""
        self._line(f"<{tag}>{text.translate(_ESCAPES)}</{tag}>")

    def start(self, tag: str, attributes: "Attributes") -> None:
        """Write a start tag; what follows is inside."""
        self._line(f"<{_tag(tag, attributes)}>")
        self.depth += 1

    def end(self, tag: str) -> None:
        """Write the end tag that belongs to `start`."""
        self.depth -= 1
        self._line(f"</{tag}>")

    def _line(self, text: str) -> None:
        self.text.append(f"{'  ' * self.depth}{text}\n")


def dump(network: Network, *, with_automatic: bool = True) -> str:
    """The definition as XML; `with_automatic=False` leaves out addresses that were chosen, to ask for them again."""
    if not with_automatic:
        network = network.without_automatic()
    lines = _Lines()
    lines.start("network", {})
    lines.leaf("name", network.name)
    if network.uuid:
        lines.leaf("uuid", network.uuid)
    if network.forward != "none":
        lines.empty("forward", {"mode": network.forward})
    bridge = network.bridge
    lines.empty("bridge", {"name": bridge.name, "stp": "on" if bridge.stp else "off", "delay": bridge.delay_s})
    for tag, attribute, value in (
        ("mtu", "size", network.mtu),
        ("mac", "address", network.mac),
        ("domain", "name", network.domain),
    ):
        if value is not None:
            lines.empty(tag, {attribute: value})
    _dns(lines, network.dns)
    for ip in network.ips:
        _ip(lines, ip)
    lines.end("network")
    return "".join(lines.text)


def _dns(lines: _Lines, dns: Dns) -> None:
    if dns == Dns():
        return
    if not dns.enable:
        lines.empty("dns", {"enable": "no"})
        return
    lines.start("dns", {})
    for forwarder in dns.forwarders:
        lines.empty("forwarder", {"domain": forwarder.domain, "addr": forwarder.address})
    for host in dns.hosts:
        lines.start("host", {"ip": host.ip})
        for name in host.names:
            lines.leaf("hostname", name)
        lines.end("host")
    lines.end("dns")


def _ip(lines: _Lines, ip: Ip) -> None:
    attributes: dict[str, str | int | None] = {}
    if ip.address and ip.version == 6:
        attributes = {"family": "ipv6", "address": ip.address, "prefix": ip.prefix}
    elif ip.address:
        attributes = {"address": ip.address, "netmask": netmask_of_prefix(ip.prefix)}
    lines.start("ip", attributes)
    _dhcp(lines, ip)
    lines.end("ip")


def _dhcp(lines: _Lines, ip: Ip) -> None:
    enabled: dict[str, str | int | None] = {} if ip.dhcp else {"enabled": "no"}
    if not ip.ranges and not ip.hosts:
        if ip.whole_range or not ip.dhcp:
            lines.empty("dhcp", enabled)
        return
    lines.start("dhcp", enabled)
    for item in ip.ranges:
        lines.empty("range", {"start": item.start, "end": item.end})
    for host in ip.hosts:
        lines.empty("host", {"mac": host.mac, "id": host.id, "name": host.name, "ip": host.ip})
    lines.end("dhcp")


def _tag(tag: str, attributes: "Attributes") -> str:
    written = [f" {name}='{str(value).translate(_ESCAPES)}'" for name, value in attributes.items() if value is not None]
    return f"{tag}{''.join(written)}"
