"""How a network is: what starting it would do, what of it is not as defined, and mending it."""

from vnethook.definition.model import Network
from vnethook.errors import StateError, VnetError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, overlap, planning, uplinks, users
from vnethook.lifecycle.catalog import in_force
from vnethook.live import bridge_port, guard, nics, proxied, record
from vnethook.live.lock import Lock
from vnethook.live.record import LiveNetwork
from vnethook.plan import apply as plans
from vnethook.plan.step import Step


def plan(host: Host, name: str) -> list[tuple[Step, bool]]:
    """What bringing the network up would do: each step, and whether it is done already. Changes nothing on the host.

    A user's namespace, in which that is seen, ends with this call where no network is up in it.
    """
    network = in_force(host, name)
    if host.paths.user:
        users.enter(host, name)
    return [
        (step, step.is_done(host)) for step in planning.steps_of(host, network, by=_by(record.read(host.paths, name)))
    ]


def check(host: Host, name: str) -> list[str]:
    """What of a network that is up is not as its definition says, a line each; raise StateError if it is down."""
    live = _live(host, name)
    network = in_force(host, name)
    found = _undone(host, network, live) + _faults(host, network, live)
    return [*(found or _fault(host, live)), *uplinks.warnings(host, network), *_told_of_fabric(host, network)]


def _told_of_fabric(host: Host, network: Network) -> list[str]:
    if network.fabric is None:
        return []
    from vnethook.lifecycle import fabrics  # noqa: PLC0415 (few networks go on at other hosts)

    return fabrics.warnings(host, network)


def drift(host: Host, name: str) -> list[str]:
    """What of a network `repair` would mend, a line each; nothing of one that is down. Raises as `check` does else."""
    if not record.is_present(host.paths, name):
        return []
    live = record.read(host.paths, name)
    network = in_force(host, name)
    return _undone(host, network, live) + _damages(host, network.name, live) or _fault(host, live)


def repair(host: Host, name: str) -> list[str]:
    """Mend a network in place; what had to be mended. Raises as `bringup.start` and `check` do."""
    with Lock(host.paths.lock(name)) as lock:
        return _repair(host, name, lock)


def repair_drift(host: Host, name: str, *, deadline_s: float) -> list[str]:
    """Mend a network if it is up and has drifted; what had to be mended.

    Raises BusyError if somebody else has been at it for so long, else as `repair` does.
    """
    with Lock(host.paths.lock(name), deadline_s=deadline_s) as lock:
        if not record.is_present(host.paths, name):
            if not bringup.is_half_made(host, name):
                lock.finish()
            return []
        return _repair(host, name, lock) if drift(host, name) else []


def _repair(host: Host, name: str, lock: Lock) -> list[str]:
    live = _live(host, name)
    faults, fault = _faults(host, in_force(host, name), live), _fault(host, live)
    _, changes = bringup.mend(host, name, by=_by(live), lock=lock)
    said = {plans.UNDO: "left over", plans.CHANGE: "not done", plans.DO: "not done"}
    return [f"{said[change.verb]}: {change.step}" for change in changes] + faults or fault


def _undone(host: Host, network: Network, live: LiveNetwork | None) -> list[str]:
    """What the plan for a network finds not done."""
    return [f"not done: {step}" for step in plans.check(host, planning.steps_of(host, network, by=_by(live)))]


def _live(host: Host, name: str) -> LiveNetwork | None:
    """The live record, None for a damaged one; raise StateError if there is none."""
    live = record.read(host.paths, name)
    if live is None and not record.is_present(host.paths, name):
        msg = f"network {name!r}: check: network is not active"
        raise StateError(msg, hint=f"`vnet net-plan {name}` shows what starting it would do")
    return live


def _faults(host: Host, network: Network, live: LiveNetwork | None) -> list[str]:
    """What is wrong that no step is about: the host's routes, the record, the guests' ports."""
    overlapping = overlap.of(host, network)
    return ([overlapping.reason] if overlapping else []) + _damages(host, network.name, live)


def _damages(host: Host, name: str, live: LiveNetwork | None) -> list[str]:
    """What is wrong with the record and the guests' ports."""
    found = ["the live record is damaged"] if live is None else []
    for nic in nics.attached(host.paths, name):
        found += [f"NIC {nic.interface}: {words}" for words in _of_nic(host, live, nic)]
    return found


def _of_nic(host: Host, live: LiveNetwork | None, nic: nics.Nic) -> list[str]:
    """What is wrong with an attached NIC."""
    link = host.links.link(nic.interface)
    if link is None or link.index != nic.index:
        return ["the link is gone, its record is left"]
    if live is None:
        return []
    if link.master != live.index or not link.is_up:
        return [f"not an active port of {live.bridge}"]
    if (nic.traits, nic.held) != _wanted(live, nic):
        return ["is not as its network's portgroups say"]
    found = [] if not nic.held or guard.is_whole(live, nic) else ["is not guarded as it should be"]
    if live.proxied:
        found += proxied.faults(host.links, live, nic)
    if nic.traits is not None:
        found += bridge_port.faults(host.links, live, nic, link)
        if nic.is_limited and not host.traffic.is_limited(nic.interface, nic.traits.limits):
            found.append("has other limits")
    return found


def _wanted(live: LiveNetwork, nic: nics.Nic) -> tuple[nics.Traits | None, tuple[str, ...]]:
    """What is to be special about a port and what it is to be held to; what it is where its portgroup is gone."""
    try:
        return bridge_port.traits(live, nic), bridge_port.held(live, nic)
    except VnetError:
        return nic.traits, nic.held


def _fault(host: Host, live: LiveNetwork | None) -> list[str]:
    """What a warm hook would say, which sees less and sees it otherwise: only worth a line where nothing else is."""
    fault = record.fault(live, host.links) if live is not None else ""
    return [fault] if fault else []


def _by(live: LiveNetwork | None) -> str:
    return live.started_by if live else bringup.ADMIN
