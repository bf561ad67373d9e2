"""Networks of this host that are connected: what may be, what comes up with what, and who is held by whom.

Locks are taken along connections, from who connects to whom, and those never lead in a circle.
"""

from vnethook.capability import dhcp
from vnethook.definition.model import Network
from vnethook.errors import CollisionError, NoNetworkError, StateError, VnetError
from vnethook.host import log
from vnethook.lifecycle import bringup, definitions
from vnethook.live import files, link_port, record
from vnethook.plan.journal import Journal
from vnethook.plan.local_link import JoinNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.host.host import Host


def connects(definition: "dict[str, Any]") -> bool:
    """Whether a network, as plain data, is connected to another one of this host."""
    return any(item["address"] is None for item in definition["connections"])


def lets_in(definition: "dict[str, Any]") -> bool:
    """Whether networks of this host may connect to a network, as plain data."""
    return any(item["is_local"] for item in definition["listens"])


def require(host: "Host", network: "Network") -> None:
    """Raise CollisionError for a connection that cannot be, as far as the networks that it leads to are there."""
    for other in _others(network):
        found = _definition(host, other)
        if found is None:
            continue
        reason, hint = _refusal(network, found)
        if reason:
            msg = f"{_what(network, other)}: {reason}"
            raise CollisionError(msg, hint=hint)
        if network.name in _reach(host, found):
            msg = f"{_what(network, other)}: that one is connected to {network.name!r}, by others or itself"
            raise CollisionError(msg, hint="connections of one host lead in no circle")


def require_others(host: "Host", network: "Network") -> None:
    """Raise as `require` does, and NoNetworkError where a network that it is connected to is not defined."""
    require(host, network)
    for other in _others(network):
        if _definition(host, other) is None:
            msg = f"{_what(network, other)}: no such network"
            raise NoNetworkError(msg, hint=f"define {other!r} first")


def bring_up(host: "Host", definition: "dict[str, Any]", *, by: str) -> None:
    """Bring up what a network, as plain data, is connected to on this host; raise as `require` and a start do."""
    network = Network.from_plain(definition)
    require_others(host, network)
    for other in _others(network):
        live = record.read(host.paths, other)
        if live is None or record.fault(live, host.links):
            bringup.start(host, other, by=by)


def rejoin(host: "Host", name: str) -> None:
    """Join to a network that has just come up whoever is connected to it and was up before."""
    for holder in holders(host, name):
        for step in Journal(host.paths, holder).steps():
            if isinstance(step, JoinNetwork) and step.other == name and not step.is_done(host):
                try:
                    step.join(host)
                except VnetError as error:
                    log.warning(f"{error}; network {holder!r} is not connected to it")


def require_unheld(host: "Host", name: str) -> None:
    """Raise StateError if another network that is up is connected to this one."""
    found = holders(host, name)
    if found:
        msg = f"network {name!r}: stop: network {found[0]!r} is connected to it"
        raise StateError(msg, hint="stop that one first, or use --force")


def holders(host: "Host", name: str) -> list[str]:
    """The networks that are up and connected to this one."""
    return [holder for holder in files.names(host.paths.holders(name)) if record.is_present(host.paths, holder)]


def links(host: "Host", network: "Network") -> tuple[str, ...]:
    """What a network that is up is linked to: networks of this host by their names, hosts by address and transport."""
    found = [*_others(network), *holders(host, network.name)]
    found += [f"{item.address} ({item.transport})" for item in network.connections if item.address]
    found += [
        f"{port.peer} ({port.transport})" for port in link_port.ports(host.paths, network.name) if port.is_incoming
    ]
    return tuple(dict.fromkeys(found))


def _others(network: "Network") -> list[str]:
    return [item.network or "" for item in network.connections if item.is_local]


def _definition(host: "Host", name: str) -> "Network | None":
    try:
        return definitions.load(host, name)
    except NoNetworkError:
        return None


def _what(network: "Network", other: str) -> str:
    return f"network {network.name!r}: connection to network {other!r}"


def _refusal(network: "Network", other: "Network") -> tuple[str, str]:
    """Why two networks are not connected, and what would help; nothing if they may be."""
    if not any(item.is_local for item in other.listens):
        return "it does not let networks of this host in", f"<listen local='yes'/> in {other.name!r} lets them"
    if dhcp.serves(network) and dhcp.serves(other):
        return "both serve DHCP or advertise routers", "one side of a link serves: leave <dhcp> out of the other"
    common = {ip.address for ip in network.ips if ip.address} & {ip.address for ip in other.ips}
    if common:
        return f"both bridges have the address {min(common)}", "give one of them another, or none"
    return "", ""


def _reach(host: "Host", first: "Network") -> set[str]:
    """The networks to which connections of this host lead from one."""
    found: set[str] = set()
    left = _others(first)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            network = _definition(host, name)
            left += _others(network) if network is not None else []
    return found
