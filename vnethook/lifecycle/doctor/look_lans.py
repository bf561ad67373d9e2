"""Look at the bridges by which guests are on the physical network: those of shared NICs, and the administrator's."""

from typing import TYPE_CHECKING

from vnethook.host import link_files, nic_owners
from vnethook.lifecycle import catalog
from vnethook.lifecycle.doctor.survey import Lan
from vnethook.live import shared_interface

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.host.host import Host
    from vnethook.lifecycle.doctor.survey import NetworkSeen
    from vnethook.live.rtnl import Link

_MANAGERS = ("systemd-networkd", "NetworkManager")
"""They have a port as a port, if their files say so."""
_HARDWARE = ("", "bond", "team", "veth", "vlan")
"""Kinds of links that lead to other machines."""
_GUESTS = ("vif", "tap", "vnet")
"""Begin the names of guests' links, of whatever kind."""


def lans(host: "Host", networks: "Iterable[NetworkSeen]", *, has_shared: bool) -> tuple[Lan, ...]:
    """The bridges of these networks that are the host's, and if it is asked for those of shared NICs; by name."""
    shared = {one.bridge: one for one in shared_interface.every(host.paths) if shared_interface.is_here(one)}
    known = [network for network in networks if network.forward == "bridge"]
    bridges = {network.bridge for network in known} | (
        {name for name, one in shared.items() if one.is_whole} if has_shared else set()
    )
    links = host.links.all_links()
    guests = {nic.name for nic in links if nic.kind == "tun" or nic.name.startswith(_GUESTS)}
    guests |= {nic.interface for nic in catalog.nics(host)}
    found = []
    for name in sorted(bridges):
        bridge = next((link for link in links if link.name == name and link.kind == "bridge"), None)
        if bridge is not None:
            nic = shared[name].port_name if name in shared else ""
            ways = [link for link in links if link.master == bridge.index and link.kind in _HARDWARE]
            ways = [link for link in ways if link.name == nic or (not nic and link.name not in guests)]
            lan = _lan(host, bridge, ways, {link.name for link in links})
            active = tuple(one.name for one in known if one.is_active and one.bridge == name)
            found.append(lan.replace(is_shared=name in shared, active=active))
    return tuple(found)


def lost(host: "Host") -> tuple[tuple[str, str], ...]:
    """NICs that are shared, with the bridges that somebody has deleted, or taken them off."""
    shared = [one for one in shared_interface.every(host.paths) if shared_interface.is_here(one) and one.is_whole]
    return tuple((one.nic, one.bridge) for one in shared if not shared_interface.is_up(host.links, one))


def _lan(host: "Host", bridge: "Link", ways: "list[Link]", links: set[str]) -> Lan:
    nic = ways[0] if ways else None
    lan = Lan(
        bridge.name,
        mac=bridge.mac,
        is_pinned=link_files.has_set_mac(bridge.name),
        waits_s=2 * bridge.delay_s if bridge.stp else 0,
        has_several_ways=len(ways) > 1,
    )
    if nic is None:
        return lan
    addresses = [one for one in host.links.addresses_at(nic.index) if not one.startswith("fe80:")]
    owners = nic_owners.read(nic.name, nic.index, links)
    programs = [word.removesuffix(",") for word in owners.others if word.partition(",")[0] not in _MANAGERS]
    programs += [f"{client.name} (process {client.pid})" for client in owners.clients]
    return lan.replace(nic=nic.name, addresses=tuple(addresses), clients=tuple(programs))
