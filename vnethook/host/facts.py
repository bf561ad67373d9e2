"""What a plan has to know of this host, read once, as plain data."""

from vnethook.address import BITS, Subnet, format_ip, parse_ip, subnet_of
from vnethook.host.routes import MAIN_TABLE
from vnethook.live.record import DEFAULT_PREFIX, NFT
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vnethook.definition.model import Network
    from vnethook.host.filters import Filter
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Links


class Taken(Value):
    """A subnet that the host uses: by a route of `table`, or (0) by an address; `device`: its index, 0 for none.

    `metric`: of a default route; everything is taken by it, and nothing in particular. `is_outside`: of a user's own
    host; the machine around it has it.
    """

    subnet: Subnet
    device: int
    table: int
    metric: int | None = None
    is_outside: bool = False

    def described(self, host: "Host") -> str:
        """What it is, in words."""
        links = host.outer if self.is_outside and host.outer else host.links
        link = links.link_at(self.device) if self.device else None
        name = link.name if link else str(self.device)
        if self.metric is not None:
            return f"the route {self.subnet} dev {name} of metric {self.metric}"
        if not self.table:
            return f"the address {format_ip(self.subnet.version, self.subnet.first)} of {name}"
        return f"the route {self.subnet} dev {name}" + ("" if self.table == MAIN_TABLE else f" in table {self.table}")


class Facts(Value):
    """The paths of the host, the interfaces on which it listens to routers, how long an idle network stays.

    `accepts_ra`: those that would stop listening once the host forwards IPv6 (ip-sysctl.rst, accept_ra). `idle_s`:
    None for a network that stays up. `filters`: where the host's own packet filter drops what meets no rule.
    `firewall`: NFT or a variant of iptables; `has_ipv6`, `has_nf_tables`: whether the kernel has that. `bridged`: the
    IP versions of which the filter sees what guests and the network of a shared NIC send to each other. `underlay`: the
    end of tunnels to other hosts here, and the MTU of the way there; None where there is none. `user`: the ordinary
    user whose own host this is, 0 for the machine; `kind`: one of BACKENDS, what that user's network is made of;
    `is_slirpvde`: what leads one of kind `vde` out is that in the place of libslirp.
    """

    paths: "Paths"
    accepts_ra: tuple[str, ...] = ()
    idle_s: int | None = None
    filters: "tuple[Filter, ...]" = ()
    firewall: str = NFT
    has_ipv6: bool = True
    has_nf_tables: bool = True
    bridged: tuple[int, ...] = ()
    underlay: tuple[str, int] | None = None
    user: int = 0
    kind: str = ""
    is_slirpvde: bool = False


class Asked(Value):
    """What of the host a network's plan depends on.

    `filtered`: the IP versions of which the host's own packet filter must let its packets through; `has_ipv6`: whether
    one of its addresses is of that version; `joined`: a bridge that is not its own; `underlay`: of its tunnels to
    other hosts the address, device and first peer that are written; `backend`: of which kind a user's is said to be.
    """

    filtered: tuple[int, ...]
    has_ipv6: bool
    joined: str = ""
    underlay: tuple[str, str, str] | None = None
    backend: str = ""


def asked(network: "Network") -> Asked:
    """What the plan for a network depends on.

    In mode open what the host's filter does with its packets is left to the administrator.
    """
    joined, fabric = "" if network.owns_bridge else network.bridge.name or "", network.fabric
    ends = (fabric.address or "", fabric.device or "", fabric.first_peer or "") if fabric else _vxlan_ends(network)
    return Asked(filtered_versions(network), network.has_ipv6, joined, ends, network.backend or "")


def _vxlan_ends(network: "Network") -> tuple[str, str, str] | None:
    """The end here and the first far one of links by VXLAN."""
    for item in network.connections:
        end = item.own_end(network.listens) if item.transport == "vxlan" else None
        if end is not None:
            return end.address or "", "", item.address or ""
    return None


def collect(host: "Host", of: Asked, *, idle_s: int | None = None, firewall: str = NFT) -> Facts:
    """Read what a plan needs; the firewall is chosen (host/firewall.py).

    Where that is iptables our own rules are at its head, and what they accept no later one drops.
    """
    user, kind = _user(host, of)
    if kind == "vde":  # nothing of it is the kernel's
        return Facts(host.paths, idle_s=idle_s, user=user, kind=kind)
    bridged = _bridged(host, of.joined) if of.joined and firewall == NFT else ()
    filters = host.filters.dropping(of.filtered or bridged) if firewall == NFT else ()
    has_ipv6 = firewall == NFT or host.sysctls.read(f"{_IPV6_CONF}/all/disable_ipv6") is not None
    has_nf_tables = firewall == NFT or host.nft.has_kernel()
    listening = _accepts_ra(host) if of.has_ipv6 else ()
    underlay = _underlay(host, of.underlay) if of.underlay else None
    known = (listening, idle_s, filters, firewall, has_ipv6, has_nf_tables, bridged, underlay)
    return Facts(host.paths, *known, user, kind)


def _underlay(host: "Host", ends: tuple[str, str, str]) -> tuple[str, int] | None:
    from vnethook.host import underlay  # noqa: PLC0415 (few networks go on at other hosts)

    return underlay.tunnel_end(host.links, *ends)


def _user(host: "Host", of: Asked) -> tuple[int, str]:
    """Whose host this is, and of which kind the network is; what is not said is a namespace where that is allowed."""
    if not host.paths.user:
        return 0, ""
    from vnethook.definition.backend import NAMESPACE, VDE  # noqa: PLC0415 (only for ordinary users)

    return host.paths.user, of.backend or (VDE if host.forbidden else NAMESPACE)


def _bridged(host: "Host", bridge: str) -> tuple[int, ...]:
    """The IP versions of which the host's filter sees the frames on a shared NIC's bridge: br_netfilter shows them."""
    from vnethook.live import shared_interface  # noqa: PLC0415 (few networks are on a bridge that is not their own)

    if bridge.endswith("+") or shared_interface.read(host.paths, bridge) is None:  # iptables takes + for a wildcard
        return ()
    return tuple(version for version, path in BRIDGES_CALL.items() if host.sysctls.read(path) == "1")


def filtered_versions(network: "Network") -> tuple[int, ...]:
    """The IP versions of which the host's own packet filter must let a network's packets through."""
    from vnethook.definition.backend import VDE  # noqa: PLC0415 (a prepared start does without)

    if not network.owns_bridge or network.forward == "open" or network.backend == VDE:
        return ()
    return tuple(sorted({ip.version for ip in network.ips}))


def taken_subnets(
    host: "Host", *, except_devices: "Iterable[str]" = (), near: "Sequence[Subnet] | None" = None
) -> list[Taken]:
    """The subnets in use: unicast routes of every table but default ones, and addresses; not those of some devices.

    `near`: only what overlaps one of these, which is little work where the host has much.
    """
    own = _indexes(host, except_devices)
    blocks = None if near is None else [(subnet.version, subnet.first, subnet.last) for subnet in near]
    found = _taken(host.links, own, blocks)
    outer = host.outer if host.paths.user else None
    if outer is not None:  # what the machine has around a user's namespace
        found += [item.replace(is_outside=True) for item in _taken(outer, set(), blocks)]
    return [item for item in found if not _is_local(item.subnet)]


def _taken(links: "Links", own: set[int], blocks: "list[tuple[int, int, int]] | None") -> list[Taken]:
    found = [
        Taken(Subnet(route.version, route.first, route.prefix), route.device, route.table)
        for route in links.routes()
        if route.device not in own
        and route.prefix > DEFAULT_PREFIX[route.version]
        and _is_near(route.version, route.first, route.last, blocks)
    ]
    for index, text in links.all_addresses():
        if index not in own:
            version, number = parse_ip(text.partition("/")[0])
            if _is_near(version, number, number, blocks):
                found.append(Taken(Subnet(version, number, BITS[version]), index, 0))
    return found


def _is_near(version: int, first: int, last: int, blocks: "list[tuple[int, int, int]] | None") -> bool:
    return blocks is None or any(version == family and first <= end and begin <= last for family, begin, end in blocks)


def default_routes(host: "Host", *, except_devices: "Iterable[str]" = ()) -> list[Taken]:
    """The host's default routes, and others that lead everywhere, in the table that all programs use."""
    own = _indexes(host, except_devices)
    return [
        Taken(Subnet(route.version, route.first, route.prefix), route.device, route.table, route.metric)
        for route in host.links.routes()
        if route.device not in own and route.prefix <= DEFAULT_PREFIX[route.version] and route.table == MAIN_TABLE
    ]


def _indexes(host: "Host", devices: "Iterable[str]") -> set[int]:
    return {link.index for name in devices if name and (link := host.links.link(name))}


_LOCAL = {
    4: (subnet_of("127.0.0.0", 8), subnet_of("224.0.0.0", 4)),
    6: (subnet_of("::1", 128), subnet_of("fe80::", 10), subnet_of("ff00::", 8)),
}


def _is_local(subnet: Subnet) -> bool:
    return any(block.first <= subnet.first <= block.last for block in _LOCAL[subnet.version])


def _accepts_ra(host: "Host") -> tuple[str, ...]:
    """The interfaces on which the host listens to routers, or did before a network of ours came up."""
    managed = host.shared.keys()
    if host.sysctls.read(f"{_IPV6_CONF}/all/forwarding") != "0" and f"{_IPV6_CONF}/all/forwarding" not in managed:
        return ()  # it has been a router before us
    names = [name for name in host.sysctls.interfaces("ipv6") if name not in {"all", "lo"}]
    return tuple(name for name in names if f"{_IPV6_CONF}/{name}/accept_ra" in managed or _listens(host, name))


BRIDGES_CALL = {4: "net/bridge/bridge-nf-call-iptables", 6: "net/bridge/bridge-nf-call-ip6tables"}
"""Whether frames on bridges are shown to the filter of an IP version. Source: ip-sysctl.rst, net/bridge."""
_IPV6_CONF = "net/ipv6/conf"


def _listens(host: "Host", name: str) -> bool:
    """Whether an interface takes addresses from routers.

    A guest's port has IPv6 off, and there may be many; a tap that is down is about to become one. A bridge that is
    down and has no ports is another network's that is coming up, which will say itself that it listens to none.
    """
    if host.sysctls.read(f"{_IPV6_CONF}/{name}/disable_ipv6") != "0":
        return False
    if host.sysctls.read(f"{_IPV6_CONF}/{name}/accept_ra") != "1":
        return False
    link = host.links.link(name)
    if link is None or link.is_up:
        return True
    return bool(host.links.ports(link.index)) if link.kind == "bridge" else link.kind != "tun"
