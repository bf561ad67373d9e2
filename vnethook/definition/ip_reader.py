"""Reads the addresses and the DHCP of network XML, in both dialects, into one list of `Ip`.

libvirt: `<ip address netmask><dhcp><range/><host/></dhcp></ip>`. The proposal of 2007: `<dhcp enabled><ip address
netmask start end/></dhcp>`, where the address is the bridge's too. Elements with one address are one address.
"""

from vnethook.address import canonical_ip, netmask_of_prefix, parse_ip, prefix_of_netmask, subnet_of
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip, every_range
from vnethook.definition.node import Node, agreed, build_all
from vnethook.mac import canonical_mac
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

_FAMILIES = {"ipv4": 4, "ipv6": 6}


class _Dhcp(Value):
    """The DHCP of one element: on or off; `whole`: every address; each range and host with its element."""

    enabled: bool
    whole: bool = False
    ranges: tuple[tuple[DhcpRange, Node], ...] = ()
    hosts: tuple[tuple[DhcpHost, Node], ...] = ()

    @property
    def pool(self) -> tuple[object, ...]:
        """What is handed out to anybody, to compare; empty where nothing is said of it."""
        return (self.whole, *(item for item, _ in self.ranges)) if self.whole or self.ranges else ()

    @property
    def said(self) -> tuple[object, ...]:
        """All it says, to compare, whatever elements say it."""
        return (self.enabled, self.pool, *(host for host, _ in self.hosts))


class _Found(Value):
    """What one element says of one address; None: nothing."""

    node: Node
    address: str | None = None
    prefix: int | None = None
    dhcp: _Dhcp | None = None


def read_ips(root: Node, warnings: list[str]) -> list[tuple[Ip, Node]]:
    """All addresses of the network, each with its first element, in their order; appends to `warnings`."""
    found = [_libvirt_ip(node) for node in root.all("ip")]
    for node in root.all("dhcp"):
        found += _dhcp_of_2007(node, has_ips=bool(root.all("ip")))
    merged: dict[str | None, _Found] = {}
    for item in found:
        known = merged.get(item.address)
        merged[item.address] = item if known is None else _merged(known, item)
    return [(_ip(item, warnings), item.node) for item in merged.values()]


def _libvirt_ip(node: Node) -> _Found:
    address, prefix = _address(node)
    family = node.choice("family", _FAMILIES, default=0)
    if family and family != (parse_ip(address)[0] if address else 4):
        what = f"{address} is no IPv{family} address" if address else "only an IPv4 subnet can be chosen automatically"
        node.refuse(f"ip: family=: {what}")
    dhcps = node.all("dhcp")
    agreed(dhcps, lambda child: _libvirt_dhcp(child).said)
    return _Found(node, address, prefix, _libvirt_dhcp(dhcps[0]) if dhcps else None)


def _libvirt_dhcp(node: Node) -> _Dhcp:
    enabled = node.boolean("enabled", default=True)
    ranges, hosts = _unlike(node.all("range"), _range), _unlike(node.all("host"), _host)
    return _Dhcp(enabled, enabled and not ranges and not hosts, ranges, hosts)


def _dhcp_of_2007(node: Node, *, has_ips: bool) -> "Iterable[_Found]":
    enabled = node.boolean("enabled", default=True)
    hosts = _unlike(node.all("host"), _host)
    if not node.all("ip"):
        if has_ips:
            node.refuse(
                "dhcp: lacks its <ip>: the network has addresses, and it does not say which of them it is for",
                hint="put <dhcp> into the <ip> that it is for",
            )
        return [_Found(node, dhcp=_Dhcp(enabled, enabled, hosts=hosts))]
    found = []
    for ip in node.all("ip"):
        address, prefix = _address(ip)
        start, end = ip.attributes.get("start"), ip.attributes.get("end")
        if (start is None) != (end is None):
            ip.refuse("dhcp ip: start= and end= go together")
        ranges = () if start is None else ((_range(ip), ip),)
        found.append(_Found(ip, address, prefix, _Dhcp(enabled, enabled and not ranges, ranges)))
    for host in hosts:
        index = _home(host[0], found)
        dhcp = found[index].dhcp or _Dhcp(enabled)
        found[index] = found[index].replace(dhcp=dhcp.replace(hosts=(*dhcp.hosts, host)))
    return found


def _home(host: DhcpHost, found: list[_Found]) -> int:
    """The index of the address whose subnet a host's address lies in; the first where none has it."""
    for index, item in enumerate(found):
        if item.address and host.ip and subnet_of(item.address, _prefix(item)).has_address(host.ip):
            return index
    return 0


def _address(node: Node) -> tuple[str | None, int | None]:
    """The address and prefix length that an element says."""
    text, netmask, prefix = node.attributes.get("address"), node.attributes.get("netmask"), node.number("prefix")
    if netmask is not None and prefix is not None:
        node.refuse("ip: netmask= and prefix= say the same; write one of them")
    if text is None:
        if netmask is not None or prefix is not None:
            node.refuse("ip: netmask= or prefix= without address=", hint="without all three a subnet is chosen")
        return None, None
    address = node.build(lambda: canonical_ip(text))
    if netmask is not None and ":" in address:
        node.refuse(f"ip {address}: an IPv6 address has a prefix=, not a netmask=")
    if netmask is not None:
        prefix = node.build(lambda: prefix_of_netmask(netmask))
    if prefix is not None:
        length = prefix
        node.build(lambda: subnet_of(address, length))
        if prefix < 8:
            node.refuse(f"ip {address}/{prefix}: the prefix is too short, 8 is the least")
    return address, prefix


def _range(node: Node) -> DhcpRange:
    start, end = node.need("start"), node.need("end")
    return node.build(lambda: DhcpRange(canonical_ip(start), canonical_ip(end)))


def _host(node: Node) -> DhcpHost:
    said = node.attributes.get
    mac, ip = said("mac"), said("ip")
    return node.build(
        lambda: DhcpHost(
            mac=None if mac is None else canonical_mac(mac),
            id=said("id"),
            name=said("name"),
            ip=None if ip is None else canonical_ip(ip),
        )
    )


def _unlike(nodes: list[Node], read: "Callable[[Node], T]") -> "tuple[tuple[T, Node], ...]":
    """What the elements say, each thing once, with the element that says it first."""
    found: dict[T, Node] = {}
    for node in nodes:
        found.setdefault(read(node), node)
    return tuple(found.items())


def _merged(one: _Found, two: _Found) -> _Found:
    """What two elements say of one address together; raise DefinitionError naming both lines where they differ."""
    differs = f"than in line {one.node.line}"
    if one.prefix is not None and two.prefix is not None and one.prefix != two.prefix:
        two.node.refuse(f"ip {one.address}: has another netmask {differs}")
    if one.dhcp is None or two.dhcp is None:
        dhcp = one.dhcp or two.dhcp
    else:
        if one.dhcp.enabled != two.dhcp.enabled:
            here, there = ("on", "off") if two.dhcp.enabled else ("off", "on")
            two.node.refuse(f"ip {one.address}: DHCP is {here} here and {there} in line {one.node.line}")
        if one.dhcp.pool and two.dhcp.pool and one.dhcp.pool != two.dhcp.pool:
            two.node.refuse(f"ip {one.address}: DHCP hands out other addresses {differs}")
        ranges, hosts = one.dhcp.ranges or two.dhcp.ranges, dict((*one.dhcp.hosts, *two.dhcp.hosts))
        dhcp = _Dhcp(one.dhcp.enabled, one.dhcp.whole or two.dhcp.whole, ranges, tuple(hosts.items()))
    return _Found(one.node, one.address, two.prefix if one.prefix is None else one.prefix, dhcp)


def _ip(found: _Found, warnings: list[str]) -> Ip:
    """The model's form of one address; a refusal names the line of the range or host that brings it about."""
    dhcp = found.dhcp
    if found.address is None:
        return _with_dhcp(Ip(dhcp=dhcp.enabled, whole_range=True), dhcp, found.node) if dhcp else Ip()
    prefix = _prefix(found)
    if found.prefix is None and ":" not in found.address:
        mask = netmask_of_prefix(prefix)
        warnings.append(
            found.node.located(f"ip {found.address}: no netmask: {mask} is taken, the default of its class")
        )
    bare = found.node.build(lambda: Ip(found.address, prefix))
    if dhcp is None:
        return bare
    whole = found.node.build(lambda: every_range(bare.address or "", prefix)) if dhcp.whole else ()
    return _with_dhcp(bare.replace(ranges=whole, dhcp=dhcp.enabled), dhcp, found.node)


def _with_dhcp(ip: Ip, dhcp: _Dhcp, node: Node) -> Ip:
    ranges, hosts = tuple(item for item, _ in dhcp.ranges), tuple(host for host, _ in dhcp.hosts)
    if ranges:
        ip = build_all([node for _, node in dhcp.ranges], node, lambda count: ip.replace(ranges=ranges[:count]))
    return build_all([node for _, node in dhcp.hosts], node, lambda count: ip.replace(hosts=hosts[:count]))


def _prefix(found: _Found) -> int:
    """The prefix length that was said, else the one of the address's family and class (RFC 791, section 3.2)."""
    if found.prefix is not None:
        return found.prefix
    version, number = parse_ip(found.address or "0.0.0.0")  # noqa: S104 (not bound to)
    if version == 6:
        return 64
    first_octet = number >> 24
    return 8 if first_octet < 128 else 16 if first_octet < 192 else 24
