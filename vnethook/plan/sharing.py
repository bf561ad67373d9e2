"""Steps that make a NIC of the host's a port of a bridge, which takes over what the NIC is at layer 3.

At each instant of them, and of taking them back, the host has its addresses and routes by one of the two links: they
are on the other before they leave the one.
"""

from time import CLOCK_BOOTTIME, clock_gettime

from vnethook.errors import HostError
from vnethook.host import log
from vnethook.host.link_address import LinkAddress
from vnethook.host.link_route import LinkRoute
from vnethook.plan.links import CreateBridge
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.rtnl import Link

LINK_SCOPE = 253
"""RT_SCOPE_LINK: of addresses that a link may have by itself."""
NO_GENERATION = 1
"""IN6_ADDR_GEN_MODE_NONE: the kernel makes no link-local address."""


LOOSE = "2"
"""Of rp_filter: whatever link leads back to the sender will do. Source: ip-sysctl.rst."""


def source_check(link: str) -> str:
    """The sysctl of reverse path filtering on a link."""
    return f"net/ipv4/conf/{link}/rp_filter"


def now_s() -> int:
    """Seconds since the host was booted."""
    return int(clock_gettime(CLOCK_BOOTTIME))


class CreateSharedBridge(CreateBridge):
    """Create a bridge that keeps its MTU whatever ports come, and on which the kernel makes no address by itself."""

    def do(self, host: "Host") -> None:
        super().do(host)
        # a bridge keeps an MTU that was changed, and else takes its smallest port's: br_change_mtu()
        host.links.set_link(self.name, mtu=self.mtu + 1)
        host.links.set_link(self.name, mtu=self.mtu)
        generate_addresses(host, self.name, NO_GENERATION)


class GenerateAddresses(Step):
    """Have the kernel make IPv6 link-local addresses on a link as `mode` says, before it was as `was` says."""

    _about = ("link",)
    link: str
    mode: int
    was: int

    def is_done(self, host: "Host") -> bool:
        return host.sysctls.read(_generation(self.link)) in {str(self.mode), None}

    def do(self, host: "Host") -> None:
        generate_addresses(host, self.link, self.mode)

    def undo(self, host: "Host") -> None:
        generate_addresses(host, self.link, self.was)

    def __str__(self) -> str:
        return f"have the kernel make {'no ' if self.mode == NO_GENERATION else ''}link-local addresses on {self.link}"


class CheckSources(Step):
    """Set how a link checks where packets come from (rp_filter); undone, it is loose again.

    While routes move from one link to the other, strict reverse path filtering drops what comes by the one.
    """

    _about = ("link",)
    link: str
    value: str

    def is_done(self, host: "Host") -> bool:
        return host.sysctls.read(source_check(self.link)) in {self.value, None}

    def do(self, host: "Host") -> None:
        host.sysctls.write(source_check(self.link), self.value)

    def undo(self, host: "Host") -> None:
        if host.sysctls.read(source_check(self.link)) not in {LOOSE, None}:
            host.sysctls.write(source_check(self.link), LOOSE)

    def __str__(self) -> str:
        return f"set on {self.link}: rp_filter={self.value}"


class MoveToBridge(Step):
    """Make a NIC a port of a bridge, and give the bridge its addresses, routes and neighbours.

    `addresses`, `routes`: the NIC's, `at_s` seconds after the host's boot. Undone, the NIC has them again, and what the
    bridge was given since.
    """

    _about = ("nic",)
    _nested = {"addresses": LinkAddress, "routes": LinkRoute}  # noqa: RUF012 (ClassVar would need typing at run time)
    nic: str
    bridge: str
    addresses: tuple[LinkAddress, ...]
    routes: tuple[LinkRoute, ...]
    at_s: int

    def is_done(self, host: "Host") -> bool:
        nic, bridge = host.links.link(self.nic), host.links.link(self.bridge)
        if nic is None or bridge is None or nic.master != bridge.index:
            return False
        return not (host.layer3.addresses(nic) or host.layer3.routes(nic))

    def do(self, host: "Host") -> None:
        nic, bridge = _required(host, self.nic), _required(host, self.bridge)
        for address in self.addresses:
            host.layer3.add_address(bridge, address)
        _log(host.layer3.copy_neighbours(nic, bridge))
        self._join(host, bridge)
        routes = _movable(self.routes)
        for error in host.layer3.add_routes(bridge, routes):
            raise error
        host.layer3.drop_made_routes(bridge, self.addresses, but=routes)
        _remove_routes(host, nic)
        _remove_addresses(host, nic)

    def _join(self, host: "Host", bridge: "Link") -> None:
        try:
            host.links.set_link(self.nic, master=bridge.index)
        except HostError as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
            msg = f"interface {self.nic!r}: make a port of bridge {self.bridge!r}: {reason}"
            raise HostError(msg, hint="something else has its packets: a macvlan, a bond?") from error

    def undo(self, host: "Host") -> None:
        nic, bridge = host.links.link(self.nic), host.links.link(self.bridge)
        if bridge is not None and bridge.kind != "bridge":
            bridge = None  # another program's
        if nic is None or nic.master not in {0, bridge.index if bridge else 0}:
            return  # it has gone, or somebody took it for another bridge, with all that it was
        found = host.layer3.addresses(nic)
        if nic.master == 0 and any(address.scope != LINK_SCOPE for address in found):  # it has all that it had
            known = {address.key for address in found}
            addresses, routes = self._of_bridge(host, bridge)
            _give(host, nic, tuple(address for address in addresses if address.key not in known), routes)
        else:
            addresses, routes = self._to_give_back(host, bridge)
            _give(host, nic, addresses, routes)
            host.layer3.drop_made_routes(nic, self.addresses, but=routes)
        if bridge is not None:
            _log(host.layer3.copy_neighbours(bridge, nic))
            _remove_routes(host, bridge)  # before it is without a port, to which they would lead
            if nic.master:
                host.links.set_link(self.nic, master=0)
            _remove_addresses(host, bridge)

    def _of_bridge(
        self, host: "Host", bridge: "Link | None"
    ) -> "tuple[tuple[LinkAddress, ...], tuple[LinkRoute, ...]]":
        """What the bridge has, as the NIC is to have it, but for what the kernel makes along with an address."""
        if bridge is None:
            return (), ()
        routes = tuple(route for route in host.layer3.routes(bridge) if not route.is_kernels)
        return host.layer3.addresses(bridge), _movable(routes)

    def _to_give_back(
        self, host: "Host", bridge: "Link | None"
    ) -> "tuple[tuple[LinkAddress, ...], tuple[LinkRoute, ...]]":
        """What the NIC had, as long as it lives, and what the bridge has beyond."""
        addresses, routes = self._of_bridge(host, bridge)
        present = {address.key: address for address in addresses}
        age_s = now_s() - self.at_s
        kept = [old.aged(age_s, now=present.pop(old.key, None)) for old in self.addresses]
        had = {route.key: route for old in _movable(self.routes) if (route := old.aged(age_s))}
        both = had | {route.key: route for route in routes}
        in_order = sorted(both.values(), key=lambda route: bool(route.gateway))
        return (*(address for address in kept if address), *present.values()), tuple(in_order)

    def __str__(self) -> str:
        what = [str(address) for address in self.addresses]
        what.append(f"{len(self.routes)} route{'' if len(self.routes) == 1 else 's'}")
        return f"make {self.nic} a port of {self.bridge}, which takes over {', '.join(what)}"


def generate_addresses(host: "Host", name: str, mode: int) -> None:
    """Set how the kernel makes IPv6 link-local addresses on a link; nothing where there is no IPv6, or no link."""
    link = host.links.link(name)
    if link is not None and host.sysctls.read(_generation(name)) not in {str(mode), None}:
        host.layer3.set_address_generation(link, mode)


def _generation(link: str) -> str:
    return f"net/ipv6/conf/{link}/addr_gen_mode"


def _movable(routes: "tuple[LinkRoute, ...]") -> "tuple[LinkRoute, ...]":
    """Routes as another link is to have them; of a router's route and what stands in for it, one."""
    found: dict[tuple[object, ...], LinkRoute] = {}
    stand_ins = {route.standing_in().key for route in routes if route.is_of_router}
    for route in routes:
        if route.is_of_router and route.key in stand_ins:
            continue
        moved = route.standing_in() if route.is_of_router else route
        found.setdefault(moved.key, moved)
    return tuple(found.values())


def _required(host: "Host", name: str) -> "Link":
    """The link of that name; raise HostError if it has gone."""
    link = host.links.link(name)
    if link is None:
        msg = f"link {name!r}: no such network interface"
        raise HostError(msg)
    return link


def _give(host: "Host", nic: "Link", addresses: tuple[LinkAddress, ...], routes: tuple[LinkRoute, ...]) -> None:
    """Give a NIC addresses and routes; those that it is refused are logged, so that the others are not kept back."""
    refused = []
    for address in addresses:
        try:
            host.layer3.add_address(nic, address)
        except HostError as error:
            refused.append(error)
    _log([*refused, *host.layer3.add_routes(nic, routes)])


def _log(refused: list[HostError]) -> None:
    for error in refused:
        log.warning(f"{error}; it is left out")


def _remove_routes(host: "Host", link: "Link") -> None:
    for route in reversed(host.layer3.routes(link)):
        host.layer3.remove_route(link, route)


def _remove_addresses(host: "Host", link: "Link") -> None:
    """Take all addresses from a link: last those that bring others along, IPv4's primary ones."""
    for address in reversed(host.layer3.addresses(link)):
        host.layer3.remove_address(link, address)
