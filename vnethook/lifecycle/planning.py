"""Plan a network: from its definition and the facts of this host to what it is to be here, or to why it cannot be.

A start goes this way where nothing is prepared for it (prepared.py), and whatever mends or changes a network.
"""

from vnethook import capability
from vnethook.capability import (
    address,
    admission,
    dhcp,
    dns,
    forwarding,
    guard,
    nic_class,
    resolver,
    routes,
    support,
    zone,
)
from vnethook.capability.policy import named
from vnethook.definition import compiled, port_claims
from vnethook.definition.backend import USER, VDE
from vnethook.errors import HostError
from vnethook.host import facts, log
from vnethook.lifecycle import bringup, definitions, firewalls, overlap, prepared, uplinks
from vnethook.lifecycle.target import ADMIN, Target, facts_of
from vnethook.live import record, shared_interface
from vnethook.live.record import NFT, LiveNetwork
from vnethook.plan import apply as plans
from vnethook.plan.firewall import FirewallStep, InstallRules
from vnethook.plan.sysctl import HoldSysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.host.host import Host
    from vnethook.plan.step import Step


def steps_of(host: "Host", network: "Network", *, by: str) -> "list[Step]":
    """The plan for a network on this host."""
    return capability.plan(network, facts_of(host, network.name, facts.asked(network), by=by))


def target(host: "Host", network: "Network", *, by: str) -> Target:
    """What a network is to be here. Raises UnsupportedError for what cannot be done."""
    known = facts_of(host, network.name, facts.asked(network), by=by)
    steps = capability.plan(network, known)
    return Target(
        tuple(steps), _live(host, network, steps, known), network.to_plain(), known, port_claims.plain(network)
    )


def prepare(host: "Host", network: "Network", target: Target) -> None:
    """Keep what a network has just come up with for its next start, if that can go the short way (prepared.py).

    Where it cannot be kept the network is up all the same, and only the log is told.
    """
    origin = compiled.origin(host.paths, network) if _is_usual(network, target) else None
    if origin is None or not prepared.is_ordinary(host):
        return
    try:
        prepared.write(host, target, asked=facts.asked(network), claims=network.claims, origin=origin)
    except HostError as error:
        log.warning(f"network {network.name!r}: {error}; its next start is as slow as this one")


def _is_usual(network: "Network", target: Target) -> bool:
    """Whether all that has to be asked of the host at each start of a network is its facts and who has its subnets."""
    is_special = network.routes or network.uplinks or network.nat.addresses or facts.asked(network).underlay
    asks_others = target.live.zoned or resolver.registers(network)
    has_bridge = network.owns_bridge and target.facts.kind != VDE
    return has_bridge and target.live.firewall == NFT and not is_special and not asks_others


def settled(host: "Host", name: str, live: LiveNetwork | None) -> "tuple[Network, LiveNetwork | None]":
    """The definition that a start or a mend puts into force, and what is up then: nothing where it had to go first.

    Raises NoNetworkError, DefinitionError, UnsupportedError, or HostError if it cannot be up here.
    """
    network = (bringup.live_definition(host, name) if live else None) or definitions.load(host, name)
    support.require(network)
    require_possible(host, network)
    network, live = _without_overlap(host, network, live)
    if live is None:
        require_bridge(host, network)
        require_ports(host, network)
    return network, live


def warnings(host: "Host", network: "Network") -> tuple[str, ...]:
    """What a network goes without, a line each; but for those of its forwards (host_ports.py)."""
    found = (*support.warnings(network), *uplinks.warnings(host, network), *firewalls.warnings(host, network))
    if not host.paths.user:
        return found
    from vnethook.lifecycle import user_switches  # noqa: PLC0415 (only for ordinary users)

    return (*found, *user_switches.warnings(host, network))


def require_startable(host: "Host", network: "Network") -> None:
    """Raise HostError if the network could not come up as it is defined now; asked while the old one still works."""
    found = overlap.of(host, network)
    if found and not found.is_chosen:
        raise HostError(str(found), hint=found.hint)
    if record.by_bridge(host.paths, network.bridge.name or "") != network.name:
        require_bridge(host, network)
    require_ports(host, network)
    if any(item.is_local for item in network.connections):
        from vnethook.lifecycle import linked  # noqa: PLC0415 (few networks are connected to any)

        linked.require_others(host, network)
    plans.require(host, steps_of(host, network, by=ADMIN))


def require_possible(host: "Host", network: "Network") -> None:
    """Raise UnsupportedError for what is a user's alone, or the machine's alone."""
    if host.paths.user or network.forward == USER:
        from vnethook.lifecycle import users  # noqa: PLC0415 (only for ordinary users)

        users.require(host, network)


def require_bridge(host: "Host", network: "Network") -> None:
    """Raise HostError if a network cannot have its bridge.

    One of its own must not be there: it is another program's. One of the administrator's must not be a network's own.
    """
    if host.paths.user and (network.backend == VDE or host.forbidden):
        return
    link = host.links.link(network.bridge.name or "")
    if not network.owns_bridge:
        other = record.by_bridge(host.paths, network.bridge.name or "")
        if other is not None and other != network.name:
            msg = f"network {network.name!r}: bridge {network.bridge.name!r}: is that of network {other!r}"
            raise HostError(msg, hint="name that network in its place")
    elif link is not None and not (link.kind == "bridge" and link.mac == network.mac):
        msg = f"network {network.name!r}: bridge {link.name!r}: an interface of that name exists and is not ours"
        raise HostError(msg, hint="leave the name out of <bridge>, or choose another")


def require_ports(host: "Host", network: "Network") -> None:
    """Raise HostError if one of its forwards is that of another network that is up."""
    rows = port_claims.plain(network)
    if rows:
        from vnethook.lifecycle import host_ports  # noqa: PLC0415 (few networks have forwards)

        host_ports.require(host, network.name, rows)


def _without_overlap(
    host: "Host", network: "Network", live: LiveNetwork | None
) -> "tuple[Network, LiveNetwork | None]":
    """Make sure that no subnet of the network is the host's: another is chosen where we chose and nobody is on it.

    A network with guests goes on as it is, with a warning: it works, and to refuse a NIC would not give the LAN back.
    """
    found = overlap.of(host, network)
    if found is None:
        return network, live
    if live is not None and bringup.guests(host, network.name):
        log.warning(f"{found}; its guests stay attached; stop them, then net-restart it")
        return network, live
    if not found.is_chosen:
        raise HostError(str(found), hint=found.hint)
    if live is not None:
        bringup.take_down(host, network.name, is_forgotten=False)
        return _without_overlap(host, definitions.load(host, network.name), None)
    chosen = definitions.choose_again(host, network)
    log.warning(f"{found}; it has {', '.join(map(str, chosen.subnets))} from now on")
    return chosen, None


def _live(host: "Host", network: "Network", steps: "list[Step]", known: "Facts") -> LiveNetwork:
    """The record of a network but for what is known only once it is up."""
    if known.kind == VDE:
        return _switch_alone(network)
    shared = {forwarding.IPV4, forwarding.IPV6}
    kind = next((step.firewall for step in steps if isinstance(step, FirewallStep)), NFT)
    return LiveNetwork(
        name=network.name,
        uuid=network.uuid or "",
        bridge=network.bridge.name or "",
        index=0,
        mtu=0,
        namespace=0,
        started_by="",
        since=0,
        chains=tuple(use for step in steps if isinstance(step, FirewallStep) for use in step.uses),
        elements=tuple(key for step in steps if isinstance(step, InstallRules) for key in step.elements),
        sysctls=tuple(
            (step.path, step.value) for step in steps if isinstance(step, HoldSysctl) and step.path in shared
        ),
        addresses=network.addresses,
        subnets=address.subnets(network),
        routes=routes.recorded(network),
        fixed=dhcp.fixed(network),
        reserved=dns.reserved_names(network),
        classes=nic_class.classes(network),
        limits=network.bandwidth.numbers if network.bandwidth else (),
        named=named.guests(network),
        pools=dhcp.pools(network),
        known=dhcp.unserved(network),
        owns_bridge=network.owns_bridge,
        keeps_mtu=network.owns_bridge or shared_interface.read(host.paths, network.bridge.name or "") is not None,
        admission=admission.watched(network, steps, host.filters.left, bridged=known.bridged) if kind == NFT else (),
        guard=guard.guarding(network, steps),
        zoned=zone.watched(network),
        proxied=network.uplinks[0] if network.proxied else "",
        firewall=kind,
        own_ports=_own_ports(network, steps),
        is_on_fabric=network.fabric is not None,
    )


def _own_ports(network: "Network", steps: "list[Step]") -> tuple[str, ...]:
    if network.vde is None:
        return ()
    from vnethook.plan.own_port import JoinPort  # noqa: PLC0415 (few networks have any)

    return tuple(step.link for step in steps if isinstance(step, JoinPort))


def _switch_alone(network: "Network") -> LiveNetwork:
    """Of a user's network that has no bridge: nothing of it is in the kernel."""
    return LiveNetwork(
        name=network.name,
        uuid=network.uuid or "",
        bridge="",
        index=0,
        mtu=network.mtu or 0,
        namespace=0,
        started_by="",
        since=0,
        owns_bridge=False,
    )
