"""Changes one part of a network's definition, as libvirt's net-update does: pure, from a network to a network.

Source: virNetworkUpdate() in libvirt-network.h, virNetworkDefUpdateSection() in network_conf.c: what is matched by
which attributes, and what is an error.
"""

from vnethook.address import canonical_ip
from vnethook.definition import dns_reader, ip_reader, traffic_reader
from vnethook.definition.node import Node
from vnethook.errors import StateError, UnsupportedOperationError, UsageError
from vnethook.mac import canonical_mac
from vnethook.names import shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, TypeVar

    from vnethook.definition.dns import DnsHost, DnsSrv, DnsTxt
    from vnethook.definition.ip import DhcpHost, Ip
    from vnethook.definition.model import Network

    T = TypeVar("T")

MODIFY, DELETE, ADD_LAST, ADD_FIRST = "modify", "delete", "add-last", "add-first"
COMMANDS = {1: MODIFY, 2: DELETE, 3: ADD_LAST, 4: ADD_FIRST}
"""By the numbers of VIR_NETWORK_UPDATE_COMMAND_…."""
SECTIONS = {
    1: "bridge",
    2: "domain",
    3: "ip",
    4: "ip-dhcp-host",
    5: "ip-dhcp-range",
    6: "forward",
    7: "forward-interface",
    8: "forward-pf",
    9: "portgroup",
    10: "dns-host",
    11: "dns-txt",
    12: "dns-srv",
}
"""By the numbers of VIR_NETWORK_SECTION_…."""
PATHS = {
    "ip-dhcp-host": "network/ip/dhcp/host",
    "ip-dhcp-range": "network/ip/dhcp/range",
    "forward-interface": "network/forward/interface",
    "portgroup": "network/portgroup",
    "dns-host": "network/dns/host",
    "dns-txt": "network/dns/txt",
    "dns-srv": "network/dns/srv",
}
"""Where the element of a section has its place; the other sections are changed as a whole, by a new definition."""
MODIFIED = ("ip-dhcp-host", "portgroup")
"""The sections that know MODIFY."""


class Change(Value):
    """What is to be changed: `parent_index` of the `<ip>` that a DHCP section means, -1: the one with DHCP."""

    command: str
    section: str
    parent_index: int = -1

    @property
    def path(self) -> str:
        """Where the element of the section has its place."""
        return PATHS[self.section]

    def _check(self) -> None:
        if self.command not in COMMANDS.values():
            msg = f"command {shown(self.command)}: must be add, add-first, add-last, delete or modify"
            raise UsageError(msg)
        if self.section not in SECTIONS.values():
            msg = f"section {shown(self.section)}: must be one of {', '.join(PATHS)}"
            raise UsageError(msg)
        if self.section not in PATHS or (self.command == MODIFY and self.section not in MODIFIED):
            msg = f"section {self.section!r}: {self.command}: cannot be changed by itself"
            what = "delete the old one and add the new" if self.section in PATHS else "`vnet net-define` and net-apply"
            raise UnsupportedOperationError(msg, hint=f"{what} will do it")


def updated(network: "Network", change: Change, node: Node) -> "Network":
    """The network after the change; `node`: the element, of which DELETE needs only what it is recognised by.

    Raises StateError where nothing or too much matches, DefinitionError for what element or network must not be.
    """
    return _UPDATES[change.section](network, change, node)


def _dhcp_host(network: "Network", change: Change, node: Node) -> "Network":
    index = _parent(network, change)
    hosts = network.ips[index].hosts
    if change.command == DELETE:
        wanted = _said(node, mac=canonical_mac, ip=canonical_ip)
        matching = [host for host in hosts if all(getattr(host, name) == value for name, value in wanted.items())]
        return _with_hosts(network, index, _without_first(hosts, matching, network, node), node)
    host = ip_reader.read_host(node)
    alike = [other for other in hosts if _shares(host, other)]
    if change.command == MODIFY:
        if not alike:
            _refuse(network, f"no DHCP host has one of {_shown(node)}")
        place = hosts.index(alike[0])
        return _with_hosts(network, index, (*hosts[:place], host, *hosts[place + 1 :]), node)
    if alike:
        _refuse(network, f"there is a DHCP host with one of {_shown(node)} already", hint="`modify` changes it")
    return _with_hosts(network, index, _added(hosts, host, change), node)


def _dhcp_range(network: "Network", change: Change, node: Node) -> "Network":
    index = _parent(network, change)
    ip = network.ips[index]
    item = ip_reader.read_range(node)
    same = tuple(other for other in ip.ranges if (other.start, other.end) == (item.start, item.end))
    if change.command == DELETE:
        return _with_ip(network, index, ip.replace(ranges=_without_first(ip.ranges, same, network, node)), node)
    if same:
        _refuse(network, f"there is {_shown(node)} already")
    return _with_ip(network, index, node.build(lambda: ip.replace(ranges=_added(ip.ranges, item, change))), node)


def _interface(network: "Network", change: Change, node: Node) -> "Network":
    device = node.need("dev")
    if network.forward == "none":
        _refuse(network, "is isolated: it has no device to forward by")
    same = [uplink for uplink in network.uplinks if uplink == device]
    if change.command == DELETE:
        uplinks = _without_first(network.uplinks, same, network, node)
    elif same:
        _refuse(network, f"there is {_shown(node)} already")
    else:
        uplinks = _added(network.uplinks, device, change)
    return node.build(lambda: network.replace(uplinks=uplinks))


def _portgroup(network: "Network", change: Change, node: Node) -> "Network":
    group, groups = traffic_reader.portgroup(node), network.portgroups
    same = [other for other in groups if other.name == group.name]
    if change.command == DELETE:
        return network.replace(portgroups=_without_first(groups, same, network, node))
    if group.is_default and any(other.is_default and other not in same for other in groups):
        _refuse(network, "another portgroup is the default already")
    if change.command == MODIFY:
        if not same:
            _refuse(network, f"there is no portgroup {shown(group.name)}")
        place = groups.index(same[0])
        return node.build(lambda: network.replace(portgroups=(*groups[:place], group, *groups[place + 1 :])))
    if same:
        _refuse(network, f"there is a portgroup {shown(group.name)} already", hint="`modify` changes it")
    return node.build(lambda: network.replace(portgroups=_added(groups, group, change)))


def _dns_host(network: "Network", change: Change, node: Node) -> "Network":
    hosts = network.dns.hosts
    if change.command == DELETE:
        ip = _said(node, ip=canonical_ip).get("ip")
        names = {child.text for child in node.all("hostname")}
        matching = [host for host in hosts if host.ip == ip or names.intersection(host.names)]
        return _with_dns(network, node, hosts=_without_only(hosts, matching, network, node))
    host = dns_reader.read_host(node)
    if any(other.ip == host.ip for other in hosts):
        _refuse(network, f"there is a DNS host with ip {host.ip} already")
    return _with_dns(network, node, hosts=_added(hosts, host, change))


def _dns_txt(network: "Network", change: Change, node: Node) -> "Network":
    txts = network.dns.txts
    same = [txt for txt in txts if txt.name == node.need("name")]
    if change.command == DELETE:
        return _with_dns(network, node, txts=_without_first(txts, same, network, node))
    if same:
        _refuse(network, f"there is a DNS txt {shown(same[0].name)} already")
    return _with_dns(network, node, txts=_added(txts, dns_reader.read_txt(node), change))


def _dns_srv(network: "Network", change: Change, node: Node) -> "Network":
    srvs = network.dns.srvs
    wanted = {name: node.attributes[name] for name in _SRV if name in node.attributes}
    same: list[DnsSrv] = [srv for srv in srvs if all(getattr(srv, name) == value for name, value in wanted.items())]
    if change.command == DELETE:
        return _with_dns(network, node, srvs=_without_only(srvs, same, network, node))
    srv = dns_reader.read_srv(node)
    if any(other.identity == srv.identity for other in srvs):
        _refuse(network, f"there is {_shown(node)} already")
    return _with_dns(network, node, srvs=_added(srvs, srv, change))


_SRV = ("service", "protocol", "domain", "target")
_UPDATES: "dict[str, Callable[[Network, Change, Node], Network]]" = {
    "ip-dhcp-host": _dhcp_host,
    "ip-dhcp-range": _dhcp_range,
    "forward-interface": _interface,
    "portgroup": _portgroup,
    "dns-host": _dns_host,
    "dns-txt": _dns_txt,
    "dns-srv": _dns_srv,
}


def _parent(network: "Network", change: Change) -> int:
    """The index of the address that a DHCP section means: the first with DHCP, else of IPv4, else of IPv6."""
    if change.parent_index >= 0:
        if change.parent_index >= len(network.ips):
            _refuse(network, f"there is no <ip> with index {change.parent_index}")
        return change.parent_index
    orders: tuple[Callable[[Ip], bool], ...] = (
        lambda ip: bool(ip.ranges or ip.hosts),
        lambda ip: ip.version == 4,
        lambda ip: ip.version == 6,
    )
    found = [index for is_meant in orders for index, ip in enumerate(network.ips) if is_meant(ip)]
    if not found:
        _refuse(network, "there is no <ip> that DHCP could be for")
    return found[0]


def _shares(one: "DhcpHost", other: "DhcpHost") -> bool:
    """Whether two hosts have a MAC, a name, an id or an address in common."""
    pairs = ((one.mac, other.mac), (one.name, other.name), (one.id, other.id), (one.ip, other.ip))
    return any(mine is not None and mine == its for mine, its in pairs)


def _said(node: Node, **canonical: "Callable[[str], str]") -> dict[str, str]:
    """What an element says, by attribute, in canonical form."""
    found = dict(node.attributes)
    for name, form in canonical.items():
        if name in found:
            found[name] = node.build(lambda form=form, text=found[name]: form(text))  # type: ignore[misc]
    return found


def _added(items: "tuple[T, ...]", item: "T", change: Change) -> "tuple[T, ...]":
    return (item, *items) if change.command == ADD_FIRST else (*items, item)


def _without_first(items: "tuple[T, ...]", same: "Sequence[T]", network: "Network", node: Node) -> "tuple[T, ...]":
    """All but the first of those that match; raise StateError if none does."""
    if not same:
        _refuse(network, f"nothing matches {_shown(node)}")
    place = items.index(same[0])
    return (*items[:place], *items[place + 1 :])


def _without_only(items: "tuple[T, ...]", same: "Sequence[T]", network: "Network", node: Node) -> "tuple[T, ...]":
    """All but the one that matches; raise StateError if none or several do."""
    if len(same) > 1:
        _refuse(network, f"{len(same)} match {_shown(node)}", hint="say more of the one that is meant")
    return _without_first(items, same, network, node)


def _with_hosts(network: "Network", index: int, hosts: "tuple[DhcpHost, ...]", node: Node) -> "Network":
    ip = network.ips[index]
    return _with_ip(network, index, node.build(lambda: ip.replace(hosts=hosts)), node)


def _with_ip(network: "Network", index: int, ip: "Ip", node: Node) -> "Network":
    return node.build(lambda: network.replace(ips=(*network.ips[:index], ip, *network.ips[index + 1 :])))


def _with_dns(network: "Network", node: Node, **changed: "tuple[DnsHost | DnsTxt | DnsSrv, ...]") -> "Network":
    return node.build(lambda: network.replace(dns=network.dns.replace(**changed)))


def _shown(node: Node) -> str:
    """An element for a message, on one line."""
    said = "".join(f" {name}={shown(value)}" for name, value in node.attributes.items())
    inside = "".join(f"<{child.tag}>{shown(child.text)[1:-1]}</{child.tag}>" for child in node.children if child.text)
    return f"<{node.tag}{said}>{inside}</{node.tag}>" if inside else f"<{node.tag}{said}/>"


def _refuse(network: "Network", why: str, *, hint: str = "") -> "NoReturn":
    msg = f"network {network.name!r}: update: {why}"
    raise StateError(msg, hint=hint)
