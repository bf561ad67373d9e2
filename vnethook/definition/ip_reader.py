"""Reads the addresses and the DHCP of network XML, in both dialects, into one list of `Ip`.

libvirt: `<ip address netmask><dhcp><range/><host/></dhcp></ip>`. The proposal of 2007: `<dhcp enabled><ip address
netmask start end/></dhcp>`, where the address is the bridge's too. Elements with one address are one address.
"""

from vnethook.address import (
    canonical_ip,
    class_prefix,
    netmask_of_prefix,
    parse_ip,
    parse_subnet,
    prefix_of_netmask,
    subnet_of,
)
from vnethook.definition.blocks import Blocks
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip, every_range
from vnethook.definition.ip_elements import DhcpSaid, IpSaid, merged
from vnethook.definition.node import Node, agreed, build_all
from vnethook.mac import canonical_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

_FAMILIES = {"ipv4": 4, "ipv6": 6}
_UNITS_S = {"seconds": 1, "minutes": 60, "hours": 3600}


def read_ips(root: Node, warnings: list[str]) -> list[tuple[Ip, Node]]:
    """All addresses of the network, each with its first element, in their order; appends to `warnings`."""
    nodes = root.all("ip")
    found = [_libvirt_ip(node) for node in nodes]
    for node in root.all("dhcp"):
        found += _dhcp_of_2007(node, has_ips=bool(nodes))
    alike: dict[str | None, list[IpSaid]] = {}
    for item in found:
        alike.setdefault(item.address, []).append(item)
    return [(_ip(merged(items), warnings), items[0].node) for items in alike.values()]


def _libvirt_ip(node: Node) -> IpSaid:
    address, prefix = _address(node)
    check_family(node, address)
    dhcps = node.all("dhcp")
    agreed(dhcps, lambda child: _libvirt_dhcp(child).said)
    dhcp = _libvirt_dhcp(dhcps[0]) if dhcps else None
    tftp_root = agreed(node.all("tftp"), lambda child: child.need("root"))
    said = node.said("family", "prefix", "localPtr")
    return IpSaid(node, address, prefix, dhcp, tftp_root, node.optional_boolean("localPtr"), said)


def _libvirt_dhcp(node: Node) -> DhcpSaid:
    enabled = node.boolean("enabled", default=True)
    ranges, hosts = _unlike(node.all("range"), read_range), _unlike(node.all("host"), read_host)
    return DhcpSaid(enabled, enabled and not ranges and not hosts, ranges, hosts, _bootp(node))


def _bootp(node: Node) -> tuple[str | None, ...]:
    found = agreed(node.all("bootp"), lambda child: (child.need("file"), child.attributes.get("server")))
    return found or ()


def _dhcp_of_2007(node: Node, *, has_ips: bool) -> "Iterable[IpSaid]":
    enabled = node.boolean("enabled", default=True)
    hosts = _unlike(node.all("host"), read_host)
    if not node.all("ip"):
        if has_ips:
            node.refuse(
                "dhcp: lacks its <ip>: the network has addresses, and it does not say which of them it is for",
                hint="put <dhcp> into the <ip> that it is for",
            )
        return [IpSaid(node, dhcp=DhcpSaid(enabled, enabled, hosts=hosts, bootp=_bootp(node)))]
    bootp = _bootp(node)
    found = []
    for ip in node.all("ip"):
        address, prefix = _address(ip)
        start, end = ip.attributes.get("start"), ip.attributes.get("end")
        if (start is None) != (end is None):
            ip.refuse("dhcp ip: start= and end= go together")
        ranges = () if start is None else ((read_range(ip), ip),)
        is_boot = address is None or ":" not in address
        dhcp = DhcpSaid(enabled, enabled and not ranges, ranges, bootp=bootp if is_boot else ())
        found.append(IpSaid(ip, address, prefix, dhcp, said=ip.said("prefix")))
    return [
        item.replace(dhcp=item.dhcp.replace(hosts=tuple(mine))) if item.dhcp and mine else item
        for item, mine in zip(found, _at_home(hosts, found), strict=True)
    ]


def _at_home(hosts: "tuple[tuple[DhcpHost, Node], ...]", found: list[IpSaid]) -> "list[list[tuple[DhcpHost, Node]]]":
    """For each address the hosts that lie in its subnet, or in the subnet of none if it is the first."""
    homes: list[list[tuple[DhcpHost, Node]]] = [[] for _ in found]
    blocks, known = Blocks(), set()
    for index, item in enumerate(found):
        if item.address and (subnet := subnet_of(item.address, _prefix(item))) not in known:
            known.add(subnet)
            blocks.add((subnet.version, subnet.first, subnet.prefix), str(index))
    for host in hosts:
        holders = blocks.overlapping(parse_subnet(host[0].ip)) if host[0].ip else ()
        homes[min((int(owner) for _, owner in holders), default=0)].append(host)
    return homes


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
        node.refuse(f"{node.tag}: netmask= and prefix= say the same; write one of them")
    if text is None:
        if netmask is not None or prefix is not None:
            node.refuse("ip: netmask= or prefix= without address=", hint="without all three a subnet is chosen")
        return None, None
    address = node.build(lambda: canonical_ip(text))
    if netmask is not None and ":" in address:
        node.refuse(f"{node.tag} {address}: an IPv6 address has a prefix=, not a netmask=")
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


def _ip(found: IpSaid, warnings: list[str]) -> Ip:
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


def _with_services(ip: Ip, found: IpSaid) -> Ip:
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


def _with_dhcp(ip: Ip, dhcp: DhcpSaid | None, node: Node) -> Ip:
    if dhcp is None:
        return ip
    ranges, hosts = tuple(item for item, _ in dhcp.ranges), tuple(host for host, _ in dhcp.hosts)
    if ranges:
        ip = build_all([node for _, node in dhcp.ranges], node, lambda count: ip.replace(ranges=ranges[:count]))
    return build_all([node for _, node in dhcp.hosts], node, lambda count: ip.replace(hosts=hosts[:count]))


def _prefix(found: IpSaid) -> int:
    """The prefix length that was said, else the one of the address's family and class (RFC 791, section 3.2)."""
    if found.prefix is not None:
        return found.prefix
    return class_prefix(found.address or "0.0.0.0")  # noqa: S104 (not bound to)
