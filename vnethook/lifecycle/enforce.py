"""Put a definition into force: settle the host on its plan, then write what is live, then see to the guests' ports."""

from time import time

from vnethook.errors import HostError, VnetError
from vnethook.host import log
from vnethook.live import files, naming, nics, port, process, record
from vnethook.live.nics import GUARDS, LIMITS, Nic, Traits
from vnethook.plan import apply as plans
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.host.host import Host
    from vnethook.lifecycle.target import Target
    from vnethook.live.record import LiveNetwork
    from vnethook.plan.apply import Change


def enforce(
    host: "Host", target: "Target", *, by: str, live: "LiveNetwork | None"
) -> "tuple[LiveNetwork, list[Change]]":
    """Bring what is up to a plan, write the live definition, then the live record, and see to the ports of guests.

    Gives the record, and what was changed. Until the ports are as it says, the record says that a change is under way,
    so that whoever comes after a killed one goes on: what a hook looks at is whole before the ports are. `live`: the
    record so far, None for a network that comes up. Raises HostError; then `plan.apply` says what is left.
    """
    name = target.live.name
    has_ports = files.is_directory(host.paths.ports(name))
    if live is not None and has_ports:
        record.write(host.paths, live.replace(is_changing=True))
    changes = plans.apply(host, target.steps, Journal(host.paths, name))
    keep(host, name, target.definition)
    now_live = _live(host, target, by=by, since=live.since if live else int(time()))
    record.write(host.paths, now_live.replace(is_changing=has_ports), before=live)
    if live is not None and live.index != now_live.index:
        release(host, live)
    if files.stamp(host.paths.pinned(name)):
        from vnethook.live import pinned  # noqa: PLC0415 (few networks keep addresses for guests)

        pinned.tell(host.paths, now_live)
    if live is not None or has_ports:  # else there is nothing of it: what went down has taken its guards with it
        host.guards.sweep(name, is_up=True)
    if has_ports:
        _attach_again(host, now_live)
    if now_live.proxied:
        from vnethook.live import proxied  # noqa: PLC0415 (few networks are)

        proxied.sweep(host.paths, host.links, now_live)
    if has_ports:
        record.write(host.paths, now_live)
    return now_live, changes


def release(host: "Host", live: "LiveNetwork") -> None:
    """Take the NICs of a network off a bridge that it uses no longer and that stays: one of the administrator's."""
    for nic in () if live.owns_bridge else nics.attached(host.paths, live.name):
        link = host.links.link(nic.interface)
        if link is not None and (link.index, link.master) == (nic.index, live.index):
            host.links.set_link(nic.interface, master=0)


def keep(host: "Host", network: str, definition: "dict[str, Any]") -> None:
    """Keep the definition with which a network is up, until it goes down."""
    files.write_json(f"{host.paths.definitions}/{network}.json", definition)


def _attach_again(host: "Host", live: "LiveNetwork") -> None:
    """Put the NICs that have a record back on the bridge; forget those whose link is gone."""
    nics.forget_strays(host.paths, live.name)
    for nic in nics.attached(host.paths, live.name):
        if not nics.is_attached(host.links, nic):
            naming.forget(host.paths, nic)
            continue
        try:
            for warning in _put_back(host, live, _regrouped(live, nic)):
                log.warning(warning)
        except VnetError as error:
            log.warning(f"{error}; the network is up without it")
    if live.limits:
        from vnethook.lifecycle import rates  # noqa: PLC0415 (few networks have any)

        try:
            rates.settle_floors(host, live)
        except VnetError as error:
            log.warning(f"{error}; no rate is guaranteed on network {live.name!r}")


def _put_back(host: "Host", live: "LiveNetwork", nic: Nic) -> list[str]:
    """Attach a NIC again as its record says; give warnings."""
    if not port.has_limits(live, nic, nic):
        return port.attach(host.paths, host.links, live, nic)
    from vnethook.lifecycle import rates  # noqa: PLC0415 (few NICs have any)

    return rates.attach_again(host, live, nic)


def _awaited(host: "Host", network: str) -> tuple[str, ...]:
    """The MACs of the ports of a network that wait for their NICs."""
    if not files.is_directory(host.paths.waiting(network)):
        return ()
    from vnethook.live import waiting  # noqa: PLC0415 (few networks have any)

    return tuple(port.mac for port in waiting.ports(host.paths, network))


def _regrouped(live: "LiveNetwork", nic: Nic) -> Nic:
    """The NIC in its portgroup; if the network has that no longer, in none, and not let out of its VLAN by that."""
    if not nic.portgroup or any(group.name == nic.portgroup for group in live.classes):
        return nic
    log.warning(f"network {live.name!r}: portgroup {nic.portgroup!r} is gone: NIC {nic.interface!r} keeps what it had")
    had = nic.traits or Traits()
    mode = next((mode for mode, held in GUARDS.items() if held == nic.held != live.guard.parts), "")
    changed = nic.replace(isolated=had.isolated, vlans=had.vlans, limits=had.limits or (0,) * LIMITS)
    return changed.replace(portgroup="", guard=nic.guard or mode)


def _live(host: "Host", target: "Target", *, by: str, since: int) -> "LiveNetwork":
    live = target.live
    bridge = host.links.link(live.bridge) if live.bridge else None
    if bridge is None and live.bridge:
        msg = f"bridge {live.bridge!r}: it vanished while the network came up"
        raise HostError(msg)
    return live.replace(
        index=bridge.index if bridge else 0,
        mtu=bridge.mtu if bridge else live.mtu,
        namespace=process.network_namespace(),
        started_by=by,
        since=since,
        daemons=(
            *(_running(host, step) for step in target.steps if isinstance(step, RunDaemon)),
            *(_outside(host) if live.bridge else ()),
        ),
        waiting=_awaited(host, live.name),
    )


def _outside(host: "Host") -> "tuple[tuple[str, int, int], ...]":
    """What stays outside of a user's namespace, of which the uplink is."""
    if not host.paths.user:
        return ()
    from vnethook.host import user_namespace  # noqa: PLC0415 (only for ordinary users)

    agent = user_namespace.agent(host.paths)
    return (("outside", *agent),) if agent else ()


def _running(host: "Host", step: RunDaemon) -> tuple[str, int, int]:
    """(program, pid, start time) of a daemon that was just started."""
    running = host.daemons.running(step.record, step.word)
    if running is None:
        msg = f"{step.name}: it ended while the network came up"
        raise HostError(msg, hint="see the system log")
    return step.name, running[0], running[1]
