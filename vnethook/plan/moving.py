"""The step that moves what a NIC is at layer 3 to a bridge, and back.

At each instant of it, and of taking it back, the host has its addresses and routes by one of the two links: they are on
the other before they leave the one.
"""

from _socket import AF_INET, AF_INET6
from errno import EAGAIN, ENOBUFS, ENOMEM
from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import log
from vnethook.host.link_address import LinkAddress
from vnethook.host.link_route import LinkRoute
from vnethook.plan.sharing import now_s
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.host.host import Host
    from vnethook.live.rtnl import Link

LINK_SCOPE = 253
"""RT_SCOPE_LINK: of addresses that a link may have by itself."""
_PASSING = (EAGAIN, ENOBUFS, ENOMEM)
PATIENCE_S, PAUSE_S = 1.0, 0.0005
"""How long the kernel has for what it does later, and how often it is looked at."""


class MoveToBridge(Step):
    """Make a NIC a port of a bridge, and give the bridge its addresses, routes and neighbours.

    `addresses`, `routes`: the NIC's, `at_s` seconds after the host's boot. `port`, `final`: names that NIC and bridge
    get first, empty for those that they have. Undone, the NIC has them again, and what the bridge was given since.
    """

    keeps_earlier = True
    _about = ("nic",)
    _nested = {"addresses": LinkAddress, "routes": LinkRoute}  # noqa: RUF012 (ClassVar would need typing at run time)
    nic: str
    bridge: str
    addresses: tuple[LinkAddress, ...]
    routes: tuple[LinkRoute, ...]
    at_s: int
    port: str = ""
    final: str = ""

    def is_done(self, host: "Host") -> bool:
        nic, bridge = self._links(host)
        if nic is None or bridge is None or nic.master != bridge.index:
            return False
        if (nic.name, bridge.name) != (self.port or self.nic, self.final or self.bridge):
            return False
        return not (host.layer3.addresses(nic) or host.layer3.routes(nic))

    def do(self, host: "Host") -> None:
        nic, bridge = (_required(*pair) for pair in zip(self._links(host), (self.nic, self.bridge), strict=True))
        nic = _named(host, nic, self.port or self.nic)  # before there is an address that would get another label
        bridge = _named(host, bridge, self.final or self.bridge)
        for address in self.addresses:
            host.layer3.add_address(bridge, address)
        _log(host.layer3.copy_neighbours(nic, bridge))
        self._join(host, nic, bridge)
        routes = _movable(self.routes)
        host.conntrack.keep(self.addresses)  # the kernel ends what it masquerades as it goes out by another link, too
        for error in host.layer3.add_routes(bridge, routes, beside=nic.index):
            raise error
        host.layer3.drop_made_routes(bridge, self.addresses, but=routes)
        _wait_until_addressed(host, bridge, self.addresses)
        _remove_routes(host, nic)
        _remove_addresses(host, nic)

    def _join(self, host: "Host", nic: "Link", bridge: "Link") -> None:
        try:
            host.links.set_link(nic.name, master=bridge.index)
        except HostError as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
            msg = f"interface {self.nic!r}: make a port of bridge {bridge.name!r}: {reason}"
            raise HostError(msg, hint="something else has its packets: a macvlan, a bond?") from error
        if host.layer3.is_running(nic):
            _wait_until_running(host, bridge)

    def undo(self, host: "Host") -> None:
        self._finish_if_relabelled(host)
        nic, bridge = self._links(host)
        of_bridge = self._of_bridge(host, bridge)
        index = bridge.index if bridge else 0
        bridge = _named(host, bridge, self.bridge) if bridge else None
        if nic is None or nic.master not in {0, index}:
            return  # it has gone, or somebody took it for another bridge, with all that it was
        nic = _named(host, nic, self.nic)
        host.conntrack.keep(of_bridge[0])
        found = host.layer3.addresses(nic)
        is_whole = nic.master == 0 and any(address.scope != LINK_SCOPE for address in found)
        if self.port and self._drop_mislabelled(host, nic, found):
            is_whole = False
        if is_whole:  # it has all that it had
            known = {address.key for address in found}
            addresses, routes = of_bridge
            missing = tuple(address for address in addresses if address.key not in known)
            _give(host, nic, missing, routes, beside=index)
        else:
            addresses, routes = self._to_give_back(*of_bridge)
            _give(host, nic, addresses, routes, beside=index)
            host.layer3.drop_made_routes(nic, self.addresses, but=routes)
        if bridge is not None:
            _log(host.layer3.copy_neighbours(bridge, nic))
            _wait_until_addressed(host, nic, host.layer3.addresses(nic))
            _remove_routes(host, bridge)  # before it is without a port, to which they would lead
            if nic.master:
                host.links.set_link(nic.name, master=0)
            _remove_addresses(host, bridge)

    def _links(self, host: "Host") -> "tuple[Link | None, Link | None]":
        """NIC and bridge, whichever of their names they have."""
        own, other = host.links.link(self.nic), host.links.link(self.port) if self.port else None
        nic = other or (own if not self.port or (own and own.kind != "bridge") else None)
        bridge = host.links.link(self.bridge) or (host.links.link(self.final) if self.final else None)
        return nic, bridge if bridge and bridge.kind == "bridge" else None  # else another program's

    def _finish_if_relabelled(self, host: "Host") -> None:
        """Go on to the end where a rename has changed labels, so that the NIC can get all anew without a gap."""
        nic, bridge = self._links(host)
        if nic is None or bridge is None or nic.name != self.port or nic.master not in {0, bridge.index}:
            return
        if not self._mislabelled(host.layer3.addresses(nic)):
            return
        age_s = now_s() - self.at_s
        addresses = tuple(one for old in self.addresses if (one := old.aged(age_s)))
        routes = tuple(route for old in self.routes if (route := old.aged(age_s)))
        try:
            self.replace(addresses=addresses, routes=routes).do(host)
        except HostError as error:
            _log([error])

    def _mislabelled(self, found: "tuple[LinkAddress, ...]") -> "tuple[LinkAddress, ...]":
        """Of a NIC's addresses those from the first one on that has lost its label."""
        labels = {address.key: address.label for address in self.addresses}
        wrong = [number for number, one in enumerate(found) if labels.get(one.key, one.label) != one.label]
        return found[wrong[0] :] if wrong else ()

    def _drop_mislabelled(self, host: "Host", nic: "Link", found: "tuple[LinkAddress, ...]") -> bool:
        """Take from a NIC the addresses that have lost their labels by renaming, so that they are given anew.

        All but the first get a label of the kernel's making: inetdev_changename() in net/ipv4/devinet.c.
        """
        wrong = self._mislabelled(found)
        for address in reversed(wrong):
            if address.family == AF_INET:
                host.layer3.remove_address(nic, address)
        return bool(wrong)

    def _of_bridge(
        self, host: "Host", bridge: "Link | None"
    ) -> "tuple[tuple[LinkAddress, ...], tuple[LinkRoute, ...]]":
        """What the bridge has, as the NIC is to have it, but for what the kernel makes along with an address."""
        if bridge is None:
            return (), ()
        routes = tuple(route for route in host.layer3.routes(bridge) if not route.is_kernels)
        return host.layer3.addresses(bridge), _movable(routes)

    def _to_give_back(
        self, addresses: "tuple[LinkAddress, ...]", routes: "tuple[LinkRoute, ...]"
    ) -> "tuple[tuple[LinkAddress, ...], tuple[LinkRoute, ...]]":
        """What the NIC had, as long as it lives, and what the bridge has beyond."""
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
        names = f"rename {self.nic} {self.port}, {self.bridge} {self.final}; " if self.port else ""
        made = f"make {self.port or self.nic} a port of {self.final or self.bridge}"
        return f"{names}{made}, which takes over {', '.join(what)}"


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


def _required(link: "Link | None", name: str) -> "Link":
    """The link; raise HostError if it has gone."""
    if link is None:
        msg = f"link {name!r}: no such network interface"
        raise HostError(msg)
    return link


def _named(host: "Host", link: "Link", name: str) -> "Link":
    """The link under that name, which it gets if it has another."""
    if link.name != name:
        host.layer3.rename(link, name)
    return link.replace(name=name)


def _wait_until_running(host: "Host", link: "Link") -> None:
    """Wait until the kernel lets packets out by a link that has just got its carrier.

    Until then it drops them: its queues are made later, by linkwatch_do_dev() in net/core/link_watch.c.
    """
    _wait_until(lambda: host.layer3.is_running(link))


def _wait_until_addressed(host: "Host", link: "Link", addresses: tuple[LinkAddress, ...]) -> None:
    """Wait until the host takes what is sent to IPv6 addresses of a link's that it has just got."""
    for address in addresses:
        if address.family == AF_INET6 and not address.is_somebody_elses:
            _wait_until(lambda address=address: host.layer3.is_addressed(link, address))  # type: ignore[misc]


def _wait_until(is_so: "Callable[[], bool]") -> None:
    """Wait for the kernel, up to a second: what is not so by then will not be."""
    deadline = monotonic() + PATIENCE_S
    while not is_so() and monotonic() < deadline:
        sleep(PAUSE_S)


def _give(
    host: "Host", nic: "Link", addresses: tuple[LinkAddress, ...], routes: tuple[LinkRoute, ...], *, beside: int
) -> None:
    """Give a NIC addresses and routes; those that it is refused are logged, so that the others are not kept back.

    `beside`: the index of the link that has them as well, 0 for none. Raises HostError where the kernel would take one
    later: until it has, the bridge has to keep it.
    """
    refused = []
    for address in addresses:
        try:
            host.layer3.add_address(nic, address)
        except HostError as error:
            refused.append(error)
    refused += host.layer3.add_routes(nic, routes, beside=beside)
    for refusal in refused:
        if getattr(refusal.__cause__, "errno", 0) in _PASSING:
            raise refusal
    _log(refused)


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
