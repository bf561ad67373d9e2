"""Reads the addresses and the DHCP of network XML, in both dialects, into one list of `Ip`.

libvirt: `<ip address netmask><dhcp><range/><host/></dhcp></ip>`. The proposal of 2007: `<dhcp enabled><ip address
netmask start end/></dhcp>`, where the address is the bridge's too. Elements with one address are one address.
"""

from vnethook.address import canonical_ip, class_prefix, netmask_of_prefix, parse_ip, prefix_of_netmask, subnet_of
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
_UNITS_S = {"seconds": 1, "minutes": 60, "hours": 3600}


class _Dhcp(Value):
    """The DHCP of one element: on or off; `whole`: every address; each range and host with its element.

    `bootp`: (file, server), empty where nothing is said.
    """

    enabled: bool
    whole: bool = False
    ranges: tuple[tuple[DhcpRange, Node], ...] = ()
    hosts: tuple[tuple[DhcpHost, Node], ...] = ()
    bootp: tuple[str | None, ...] = ()

    @property
    def pool(self) -> tuple[object, ...]:
        """What is handed out to anybody, to compare; empty where nothing is said of it."""
        return (self.whole, *(item for item, _ in self.ranges)) if self.whole or self.ranges else ()

    @property
    def said(self) -> tuple[object, ...]:
        """All it says, to compare, whatever elements say it."""
        return (self.enabled, self.pool, self.bootp, *(host for host, _ in self.hosts))


class _Found(Value):
    """What one element says of one address; None: nothing."""

    node: Node
    address: str | None = None
    prefix: int | None = None
    dhcp: _Dhcp | None = None
    tftp_root: str | None = None
    local_ptr: bool | None = None
    said: tuple[str, ...] = ()


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
    check_family(node, address)
    dhcps = node.all("dhcp")
    agreed(dhcps, lambda child: _libvirt_dhcp(child).said)
    dhcp = _libvirt_dhcp(dhcps[0]) if dhcps else None
    tftp_root = agreed(node.all("tftp"), lambda child: child.need("root"))
    said = node.said("family", "prefix", "localPtr")
    return _Found(node, address, prefix, dhcp, tftp_root, node.optional_boolean("localPtr"), said)


def _libvirt_dhcp(node: Node) -> _Dhcp:
    enabled = node.boolean("enabled", default=True)
    ranges, hosts = _unlike(node.all("range"), read_range), _unlike(node.all("host"), read_host)
    return _Dhcp(enabled, enabled and not ranges and not hosts, ranges, hosts, _bootp(node))


def _bootp(node: Node) -> tuple[str | None, ...]:
    found = agreed(node.all("bootp"), lambda child: (child.need("file"), child.attributes.get("server")))
    return found or ()


def _dhcp_of_2007(node: Node, *, has_ips: bool) -> "Iterable[_Found]":
    enabled = node.boolean("enabled", default=True)
    hosts = _unlike(node.all("host"), read_host)
    if not node.all("ip"):
        if has_ips:
            node.refuse(
                "dhcp: lacks its <ip>: the network has addresses, and it does not say which of them it is for",
                hint="put <dhcp> into the <ip> that it is for",
            )
        return [_Found(node, dhcp=_Dhcp(enabled, enabled, hosts=hosts, bootp=_bootp(node)))]
    found = []
    for ip in node.all("ip"):
        address, prefix = _address(ip)
        start, end = ip.attributes.get("start"), ip.attributes.get("end")
        if (start is None) != (end is None):
            ip.refuse("dhcp ip: start= and end= go together")
        ranges = () if start is None else ((read_range(ip), ip),)
        found.append(
            _Found(
                ip,
                address,
                prefix,
                _Dhcp(
                    enabled,
                    enabled and not ranges,
                    ranges,
                    bootp=_bootp(node) if address is None or ":" not in address else (),
                ),
                said=ip.said("prefix"),
            )
        )
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
    """The address and prefix length of a bridge that an element says."""
    address, prefix = read_address(node)
    if prefix is not None and prefix < 8:
        node.refuse(f"ip {address}/{prefix}: the prefix is too short, 8 is the least")
    return address, prefix


def read_address(node: Node) -> tuple[str | None, int | None]:
    """The address and prefix length that an element says, None what it does not."""
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
    return address, prefix


def check_family(node: Node, address: str | None) -> None:
    """Raise DefinitionError for a family= that is not the address's; of one that is to be chosen: IPv4."""
    family = node.choice("family", _FAMILIES, default=0)
    if family and family != (parse_ip(address)[0] if address else 4):
        what = f"{address} is no IPv{family} address" if address else "only an IPv4 subnet can be chosen automatically"
        node.refuse(f"{node.tag}: family=: {what}")


def read_range(node: Node) -> DhcpRange:
    """The range that an element says."""
    start, end = node.need("start"), node.need("end")
    lease_s, said = _lease(node)
    return node.build(lambda: DhcpRange(canonical_ip(start), canonical_ip(end), lease_s, said))


def _lease(node: Node) -> tuple[int | None, tuple[str, ...]]:
    """How many seconds a lease lasts, 0: for ever, and the unit in which it says so; None where nothing is said."""
    leases = node.all("lease")
    return agreed(leases, _lease_s), tuple(lease.attributes.get("unit", "minutes") for lease in leases[:1])


def _lease_s(node: Node) -> int:
    node.need("expiry")
    return (node.number("expiry") or 0) * node.choice("unit", _UNITS_S, default=_UNITS_S["minutes"])


def read_host(node: Node) -> DhcpHost:
    """The fixed host that an element says."""
    said = node.attributes.get
    mac, ip, (lease_s, unit) = said("mac"), said("ip"), _lease(node)
    return node.build(
        lambda: DhcpHost(
            mac=None if mac is None else canonical_mac(mac),
            id=said("id"),
            name=said("name"),
            ip=None if ip is None else canonical_ip(ip),
            lease_s=lease_s,
            said=unit,
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
    what = f"ip {one.address}"
    prefix = _either(one, two, one.prefix, two.prefix, f"{what}: has another netmask")
    tftp_root = _either(one, two, one.tftp_root, two.tftp_root, f"{what}: has another tftp root")
    local_ptr = _either(one, two, one.local_ptr, two.local_ptr, f"{what}: has another localPtr=")
    if one.dhcp is None or two.dhcp is None:
        dhcp = one.dhcp or two.dhcp
    else:
        if one.dhcp.enabled != two.dhcp.enabled:
            here, there = ("on", "off") if two.dhcp.enabled else ("off", "on")
            two.node.refuse(f"{what}: DHCP is {here} here and {there} in line {one.node.line}")
        _either(one, two, one.dhcp.pool or None, two.dhcp.pool or None, f"{what}: DHCP hands out other addresses")
        bootp = _either(one, two, one.dhcp.bootp or None, two.dhcp.bootp or None, f"{what}: has another bootp")
        ranges, hosts = one.dhcp.ranges or two.dhcp.ranges, dict((*one.dhcp.hosts, *two.dhcp.hosts))
        whole = one.dhcp.whole or two.dhcp.whole
        dhcp = _Dhcp(one.dhcp.enabled, whole, ranges, tuple(hosts.items()), bootp or ())
    return _Found(one.node, one.address, prefix, dhcp, tftp_root, local_ptr, one.said or two.said)


def _either(one: _Found, two: _Found, first: "T | None", second: "T | None", what: str) -> "T | None":
    """What one of two elements says, or both alike; raise DefinitionError with both lines where they differ."""
    if first is not None and second is not None and first != second:
        two.node.refuse(f"{what} than in line {one.node.line}")
    return second if first is None else first


def _ip(found: _Found, warnings: list[str]) -> Ip:
    """The model's form of one address; a refusal names the line of the range or host that brings it about."""
    dhcp, node = found.dhcp, found.node
    if found.address is None:
        bare = Ip(dhcp=dhcp.enabled, whole_range=True) if dhcp else Ip()
        return _with_dhcp(_with_services(bare, found), dhcp, node)
    prefix = _prefix(found)
    if found.prefix is None and ":" not in found.address:
        mask = netmask_of_prefix(prefix)
        warnings.append(node.located(f"ip {found.address}: no netmask: {mask} is taken, the default of its class"))
    bare = _with_services(node.build(lambda: Ip(found.address, prefix)), found)
    if dhcp is None:
        return bare
    whole = node.build(lambda: every_range(bare.address or "", prefix)) if dhcp.whole else ()
    return _with_dhcp(bare.replace(ranges=whole, dhcp=dhcp.enabled), dhcp, node)


def _with_services(ip: Ip, found: _Found) -> Ip:
    bootp = (found.dhcp.bootp if found.dhcp else ()) or (None, None)
    return found.node.build(
        lambda: ip.replace(
            bootp_file=bootp[0],
            bootp_server=bootp[1],
            tftp_root=found.tftp_root,
            local_ptr=bool(found.local_ptr),
            said=found.said,
        )
    )


def _with_dhcp(ip: Ip, dhcp: _Dhcp | None, node: Node) -> Ip:
    if dhcp is None:
        return ip
    ranges, hosts = tuple(item for item, _ in dhcp.ranges), tuple(host for host, _ in dhcp.hosts)
    if ranges:
        ip = build_all([node for _, node in dhcp.ranges], node, lambda count: ip.replace(ranges=ranges[:count]))
    return build_all([node for _, node in dhcp.hosts], node, lambda count: ip.replace(hosts=hosts[:count]))


def _prefix(found: _Found) -> int:
    """The prefix length that was said, else the one of the address's family and class (RFC 791, section 3.2)."""
    if found.prefix is not None:
        return found.prefix
    return class_prefix(found.address or "0.0.0.0")  # noqa: S104 (not bound to)
