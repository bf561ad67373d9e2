"""What a plan has to know of this host, read once, as plain data."""

from vnethook.address import Subnet, parse_subnet, subnet_of
from vnethook.live.record import DEFAULT_PREFIX
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths


class Taken(Value):
    """A subnet that the host uses: by a route or an address of `device`; `what` says it in words."""

    subnet: Subnet
    device: str
    what: str


class Facts(Value):
    """The paths of the host, the interfaces on which it listens to routers, how long an idle network stays.

    `accepts_ra`: those that would stop listening once the host forwards IPv6 (ip-sysctl.rst, accept_ra). `idle_s`:
    None for a network that stays up.
    """

    paths: "Paths"
    accepts_ra: tuple[str, ...] = ()
    idle_s: int | None = None


def collect(host: "Host", network: "Network", *, idle_s: int | None = None) -> Facts:
    """Read what the plan for this network needs."""
    return Facts(host.paths, _accepts_ra(host) if network.has_ipv6 else (), idle_s)


def taken_subnets(host: "Host", *, except_device: str = "") -> list[Taken]:
    """The subnets in use: unicast routes of every table but default ones, and addresses; not those of one device."""
    names: dict[int, str] = {0: ""}
    found: list[Taken] = []

    def name_of(index: int) -> str:
        if index not in names:
            link = host.links.link_at(index)
            names[index] = link.name if link else str(index)
        return names[index]

    own = host.links.link(except_device) if except_device else None
    own_index = own.index if own else -1
    for route in host.links.routes():
        if (
            route.device == own_index
            or route.prefix <= DEFAULT_PREFIX[route.version]
            or _is_local(route.version, route.first)
        ):
            continue
        subnet = Subnet(route.version, route.first, route.prefix)
        device = name_of(route.device)
        table = "" if route.table == MAIN_TABLE else f" in table {route.table}"
        found.append(Taken(subnet, device, f"the route {subnet} dev {device}{table}"))
    for index, address in host.links.all_addresses():
        host_part, _, _ = address.partition("/")
        if index == own_index:
            continue
        subnet = parse_subnet(host_part)
        if not _is_local(subnet.version, subnet.first):
            found.append(Taken(subnet, name_of(index), f"the address {address} of {name_of(index)}"))
    return found


MAIN_TABLE = 254
"""RT_TABLE_MAIN, linux/rtnetlink.h."""
_LOCAL = {
    4: (subnet_of("127.0.0.0", 8), subnet_of("224.0.0.0", 4)),
    6: (subnet_of("::1", 128), subnet_of("fe80::", 10), subnet_of("ff00::", 8)),
}


def _is_local(version: int, first: int) -> bool:
    return any(block.first <= first <= block.last for block in _LOCAL[version])


def _accepts_ra(host: "Host") -> tuple[str, ...]:
    """The interfaces on which the host listens to routers, or did before a network of ours came up."""
    managed = host.shared.keys()
    if host.sysctls.read(f"{_IPV6_CONF}/all/forwarding") != "0" and f"{_IPV6_CONF}/all/forwarding" not in managed:
        return ()  # it has been a router before us
    names = [name for name in host.sysctls.interfaces("ipv6") if name not in {"all", "lo"}]
    return tuple(name for name in names if f"{_IPV6_CONF}/{name}/accept_ra" in managed or _listens(host, name))


_IPV6_CONF = "net/ipv6/conf"


def _listens(host: "Host", name: str) -> bool:
    """Whether an interface takes addresses from routers.

    A guest's port has IPv6 off, and there may be many; a tap that is down is about to become one.
    """
    if host.sysctls.read(f"{_IPV6_CONF}/{name}/disable_ipv6") != "0":
        return False
    if host.sysctls.read(f"{_IPV6_CONF}/{name}/accept_ra") != "1":
        return False
    link = host.links.link(name)
    return link is None or link.is_up or link.kind != "tun"
