"""What is connected to what on this host: each network and shared NIC with its guests, its uplinks and other ports."""

from os import uname
from typing import TYPE_CHECKING

from vnethook.definition.model import OWN_MODES
from vnethook.host import learned
from vnethook.host.sight import Sight
from vnethook.lifecycle import bringup, catalog, guests, linked
from vnethook.lifecycle.guests import GuestNic, Heard
from vnethook.lifecycle.places import in_order
from vnethook.lifecycle.share import shared_states
from vnethook.live import link_names, record
from vnethook.live import shared_interface as shares
from vnethook.value import Value

if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.lookup import NetworkState
    from vnethook.lifecycle.share.shared_states import SharedState
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link

VIRTUAL, PHYSICAL = "virtual", "physical"
_MAIN_TABLE = 254
_GUESTS_KINDS = ("tun", "vif", "macvtap")
"""Kinds of links that lead to guests; Xen's say none, and are called so."""
_VIF = "vif"


class Port(Value):
    """A port that no record of ours speaks of: its link, what kind of link that is (empty: hardware, or unknown).

    `mac`, `ip`: of who is behind it, if the bridge has heard of one alone, and the host has talked to him.
    """

    link: str
    kind: str
    mac: str = ""
    ip: str = ""


class Uplink(Value):
    """A link by which guests leave the host, with the addresses that the host has on it.

    `nic`: the shared NIC whose bridge it is, empty if it is none.
    """

    link: str
    mac: str = ""
    nic: str = ""
    addresses: tuple[str, ...] = ()
    is_up: bool = False


class Segment(Value):
    """One LAN with guests: a network, or a bridge with all networks on it: a shared NIC's, or the administrator's.

    `kind`: VIRTUAL, or PHYSICAL where guests are on the host's own network; `forward`: the network's mode; `addresses`:
    the host's on the bridge; `services`: what the host does for guests there, in words; `others`: ports that are not
    ours; `networks`: those that are on such a bridge; `links`: the networks that it is connected to.
    """

    name: str
    kind: str
    bridge: str
    is_active: bool
    forward: str = ""
    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    guests: tuple[GuestNic, ...] = ()
    others: tuple[Port, ...] = ()
    networks: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    problem: str = ""


class Topology(Value):
    """The host's name, and its segments: those that are up before those that are not, by name."""

    host: str
    segments: tuple[Segment, ...]


def meant(host: "Host", word: str) -> str:
    """The name of the segment that `word` means: a network's name, uuid or bridge, or a shared NIC's either name.

    Raises NoNetworkError.
    """
    shared = shares.named(host.paths, word)
    return shared.nic if shared else catalog.find(host, word)


def topology(host: "Host", only: str = "") -> Topology:
    """What is up and what is not, all of it or one segment, as it is now."""
    states = catalog.states(host)
    lives = {state.name: record.read(host.paths, state.name) for state in states if state.is_active}
    sight = Sight({live.index for live in lives.values() if live})
    try:
        found = _Picture(host, sight, lives).segments(states)
    finally:
        sight.close()
    chosen = [segment for segment in found if only in {"", segment.name, *segment.networks}]
    return Topology(uname().nodename, tuple(sorted(chosen, key=lambda item: (not item.is_active, in_order(item.name)))))


class _Picture:
    """What all segments are made of, read once."""

    def __init__(self, host: "Host", sight: Sight, lives: "dict[str, LiveNetwork | None]") -> None:
        self._host = host
        self._sight = sight
        self._lives = lives
        self._shared = shared_states.states(host, links=sight)
        self._guests = sorted(guests.every(host), key=lambda guest: in_order(guest.nic.interface))
        self._heard = Heard(host)
        self._known = {guest.nic.interface for guest in self._guests}

    def segments(self, states: "list[NetworkState]") -> list[Segment]:
        """The shared NICs, and the networks that are not on one."""
        merged = {name for shared in self._shared if shared.is_active for name in shared.networks}
        own = [state for state in states if state.name not in merged]
        return [*map(self._physical, self._shared), *map(self._joint, _by_lan(own))]

    def _joint(self, states: "list[NetworkState]") -> Segment:
        """One network, or those that are on one bridge, under the bridge's name."""
        first, *others = map(self._network, states)
        if not others:
            return first
        names = tuple(state.name for state in states)
        found = tuple(guest for guest in self._guests if guest.nic.network in names)
        return first.replace(name=first.bridge, guests=found, networks=names)

    def _physical(self, shared: "SharedState") -> Segment:
        found = [guest for guest in self._guests if guest.nic.network in shared.networks]
        return Segment(
            name=shared.nic,
            kind=PHYSICAL,
            bridge=shared.bridge,
            is_active=shared.is_active,
            forward="bridge",
            addresses=shared.addresses,
            services=("guard",) if shared.antispoof else (),
            uplinks=(self._uplink(shared.port, self._sight.link(shared.port)),),
            guests=tuple(found),
            others=self._others(shared.bridge, but={shared.port}),
            networks=shared.networks,
            problem=shared.problem,
        )

    def _network(self, state: "NetworkState") -> Segment:
        live = self._lives.get(state.name)
        is_bridged = state.forward == "bridge"
        plain = Segment(
            name=state.name,
            kind=PHYSICAL if is_bridged or state.proxied else VIRTUAL,
            bridge=state.bridge,
            is_active=state.is_active,
            forward=state.forward,
            problem=state.problem,
        )
        if live is None:
            return plain
        definition = bringup.live_definition(self._host, state.name)
        ports = self._others(live.bridge)
        ways = tuple(port for port in ports if is_bridged and not is_guests(port))
        uplinks = [self._uplink(way.link, self._sight.link(way.link)) for way in ways] or self._routed(definition)
        return plain.replace(
            addresses=self._addresses(live.bridge),
            services=_services(live, definition),
            uplinks=tuple(uplinks),
            guests=tuple(guest for guest in self._guests if guest.nic.network == state.name),
            others=tuple(port for port in ports if port not in ways),
            links=linked.links(self._host, definition) if definition is not None else (),
        )

    def _routed(self, network: "Network | None") -> list[Uplink]:
        """The links by which a network of ours reaches the outside."""
        if network is None or network.forward not in OWN_MODES or network.forward == "none":
            return []
        links = [self._sight.link(name) for name in network.uplinks] if network.uplinks else self._default_devices()
        return [self._uplink(link.name, link) for link in links if link]

    def _default_devices(self) -> "list[Link]":
        """The links that default routes of the main table lead by."""
        indexes = {
            route.device: None
            for route in sorted(self._sight.routes(), key=lambda route: (route.version, route.metric))
            if not route.prefix and route.table == _MAIN_TABLE
        }
        return [link for link in map(self._sight.link_at, indexes) if link]

    def _uplink(self, name: str, link: "Link | None") -> Uplink:
        nic = next((shared.nic for shared in self._shared if shared.bridge == name), "")
        if link is None:
            return Uplink(name, nic=nic)
        return Uplink(name, link.mac, nic, self._addresses(name), is_up=link.is_up)

    def _addresses(self, name: str) -> tuple[str, ...]:
        link = self._sight.link(name)
        return tuple(self._sight.addresses_at(link.index)) if link else ()

    def _others(self, bridge: str, but: "set[str] | frozenset[str]" = frozenset()) -> tuple[Port, ...]:
        """The ports of a bridge that no NIC's record speaks of, by name."""
        link = self._sight.link(bridge)
        ports = sorted(self._sight.ports(link.index), key=lambda port: in_order(port.name)) if link else []
        others = [port for port in ports if port.name not in self._known | but and not link_names.is_cable(port.name)]
        return tuple(self._port(bridge, port) for port in others)

    def _port(self, bridge: str, link: "Link") -> Port:
        mac = learned.mac(bridge, link.name)
        return Port(link.name, link.kind, mac, self._heard.address(bridge, mac) if mac else "")


def is_guests(port: Port) -> bool:
    """Whether a port that is not ours looks like a guest's."""
    return port.kind in _GUESTS_KINDS or port.link.startswith(_VIF)


def _by_lan(states: "list[NetworkState]") -> "list[list[NetworkState]]":
    """The networks, those together whose guests are on one bridge of the administrator's."""
    found: dict[tuple[bool, str], list[NetworkState]] = {}
    for state in states:
        is_on_his = state.is_active and state.forward == "bridge"
        found.setdefault((is_on_his, state.bridge if is_on_his else state.name), []).append(state)
    return list(found.values())


def _services(live: "LiveNetwork", network: "Network | None") -> tuple[str, ...]:
    """What the host does for the guests of a network: "NAT", "proxy ARP", "DHCP", "DNS", "firewall", "guard"."""
    found = []
    if network is not None and network.forward == "nat":
        found.append("NAT")
    if live.proxied:
        found.append("proxy ARP")
    if network is not None and live.daemons:
        found += ["DHCP"] if any(ip.serves_dhcp for ip in network.ips) else []
        found += ["DNS"] if network.dns.enable else []
    found += ["firewall"] if live.chains else []
    found += ["guard"] if live.guard.parts else []
    return tuple(found)
