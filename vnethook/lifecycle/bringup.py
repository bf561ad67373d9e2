"""Bring a network up and take it down, under its lock. The hook's cold way and `vnet net-start` are the same code.

A network is up when it has a live record. A journal without a record is what a killed call left: it is undone first.
A network that is up is mended by the definition it came up with, kept beside its record; a changed definition counts
from the next start.
"""

from vnethook.definition import sources
from vnethook.errors import HostError, NoNetworkError, StateError, VnetError
from vnethook.host import log
from vnethook.lifecycle import enforce, prepared
from vnethook.lifecycle.target import ADMIN, AUTOSTART, GUEST
from vnethook.live import announced, failure, files, naming, nics, record, waiting
from vnethook.live.lock import Lock
from vnethook.live.record import LiveNetwork
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.target import Target
    from vnethook.plan.apply import Change

__all__ = [
    "ADMIN",
    "AUTOSTART",
    "GUEST",
    "bring_up",
    "discard",
    "forget_transient",
    "guests",
    "is_half_made",
    "live_definition",
    "live_facts",
    "mend",
    "restart",
    "start",
    "stop",
    "take_down",
]


def start(host: "Host", name: str, *, by: str = ADMIN) -> LiveNetwork:
    """Bring a network up, or mend it if it is up; `by` says who wants it: what a guest brought up may go down idle.

    Raises NoNetworkError, DefinitionError, StateError, or HostError (also for an overlap); then nothing has changed.
    """
    with Lock(host.paths.lock(name)) as lock:
        return bring_up(host, name, by=by, lock=lock)


def stop(host: "Host", name: str, *, force: bool = False) -> None:
    """Take a network down; raise StateError if it is not up, or if guests are attached and `force` is not said.

    Goes on past what cannot be undone, then raises HostError with all of it; the next call tries that again.
    """
    with Lock(host.paths.lock(name)) as lock:
        if record.read(host.paths, name) is None and not is_half_made(host, name):
            lock.finish()
            msg = f"network {name!r}: stop: network is not active"
            raise StateError(msg)
        if not force:
            _require_unused(host, name)
        take_down(host, name)
        lock.finish()


def _require_unused(host: "Host", name: str) -> None:
    """Raise StateError if guests are attached to a network, or about to be."""
    attached = guests(host, name)
    if attached:
        shown = ", ".join(nic.interface for nic in attached[:5]) + (" …" if len(attached) > 5 else "")
        count = "a NIC is" if len(attached) == 1 else f"{len(attached)} NICs are"
        msg = f"network {name!r}: stop: {count} attached: {shown}"
        raise StateError(msg, hint="stop the guests first, or use --force; `vnet net-restart` keeps them attached")
    starting = [nic.guest for nic in announced.awaited(host.paths) if nic.network == name]
    if starting:
        msg = f"network {name!r}: stop: guest {starting[0]!r} is starting on it"
        raise StateError(msg, hint="stop the guest first, or use --force")
    at_switch = switched(host, name)
    if at_switch:
        msg = f"network {name!r}: stop: {at_switch} connected to its switch"
        raise StateError(msg, hint="stop the guests first, or use --force; QEMU does not connect again by itself")
    if files.is_directory(host.paths.holders(name)):
        from vnethook.lifecycle import linked  # noqa: PLC0415 (few networks are connected to any)

        linked.require_unheld(host, name)
    made = waiting.ports(host.paths, name)
    if made:
        msg = f"network {name!r}: stop: port {made[0].uuid} waits on it for a NIC"
        raise StateError(msg, hint=f"`vnet net-port-delete {name} {made[0].uuid}` first, or use --force")


def restart(host: "Host", name: str) -> LiveNetwork:
    """Take a network down and bring it up as it is defined now, with the same guests attached."""
    from vnethook.lifecycle import definitions, planning  # noqa: PLC0415 (a hook's start may do without)

    with Lock(host.paths.lock(name)) as lock:
        live = record.read(host.paths, name)
        planning.require_startable(host, definitions.load(host, name))
        if live is not None or is_half_made(host, name):
            take_down(host, name, is_forgotten=False)
        return bring_up(host, name, by=live.started_by if live else ADMIN, lock=lock)


def bring_up(host: "Host", name: str, *, by: str, lock: Lock) -> LiveNetwork:
    """What `start` does, for whoever holds the network's lock exclusively."""
    return mend(host, name, by=by, lock=lock)[0]


def mend(host: "Host", name: str, *, by: str, lock: Lock) -> tuple[LiveNetwork, list["Change"]]:
    """What `bring_up` does, and what it had to change for it. Why it fails is kept for whoever lists networks."""
    try:
        if host.paths.user:
            from vnethook.lifecycle import users  # noqa: PLC0415 (only for ordinary users)

            users.enter(host, name)
        found = _mend(host, name, by=by, lock=lock)
    except VnetError as error:
        if not (isinstance(error, NoNetworkError) or record.is_present(host.paths, name)):
            failure.write(host.paths, name, error)
        if host.paths.user:
            users.leave(host)
        raise
    failure.remove(host.paths, name)
    return found


def _mend(host: "Host", name: str, *, by: str, lock: Lock) -> tuple[LiveNetwork, list["Change"]]:
    live = record.read(host.paths, name)
    try:
        if live is None:
            if record.is_present(host.paths, name):
                log.warning(f"network {name!r}: its live record is damaged: it is brought up anew")
            discard(host, name)
        else:
            record.check_namespace(live)
        by = live.started_by if live and by == GUEST else by
        target = prepared.read(host, name, by=by) if live is None else None
        network = None
        if target is None:
            from vnethook.lifecycle import planning  # noqa: PLC0415 (a hook's start may do without)

            network, live = planning.settled(host, name, live)
            target = planning.target(host, network, by=by)
        now_live, changes = _enforce(host, target, by=by, live=live)
    except BaseException:
        if live is None:
            made = record.read(host.paths, name)
            if made is not None:  # what followed its record failed
                record.remove(host.paths, made)
            for error in _undo(host, name):
                log.error(str(error))  # what is raised is why the start failed
            lock.finish()
        raise
    if live is None and network is not None:
        target = target.replace(warnings=planning.warnings(host, network))
        planning.prepare(host, network, target)
    for warning in _warnings(host, target) if live is None else ():
        log.warning(f"network {name!r}: {warning}")
    return now_live, changes


def _enforce(
    host: "Host", target: "Target", *, by: str, live: LiveNetwork | None
) -> "tuple[LiveNetwork, list[Change]]":
    """Put a network into force between what it is connected to on this host and whoever is connected to it."""
    definition = target.definition
    if not (definition["connections"] or definition["listens"]):
        return enforce.enforce(host, target, by=by, live=live)
    from vnethook.lifecycle import linked  # noqa: PLC0415 (few networks have any)

    if linked.connects(definition):
        linked.bring_up(host, definition, by=by)
    found = enforce.enforce(host, target, by=by, live=live)
    if linked.lets_in(definition):
        linked.rejoin(host, target.live.name)
    return found


def _warnings(host: "Host", target: "Target") -> list[str]:
    if not target.ports:
        return list(target.warnings)
    from vnethook.lifecycle import host_ports  # noqa: PLC0415 (few networks have forwards)

    return [*target.warnings, *host_ports.warnings(host, target.ports)]


def take_down(host: "Host", name: str, *, is_forgotten: bool = True) -> None:
    """What `stop` does, for whoever holds the network's lock exclusively; records of NICs that still exist are kept.

    A transient definition and ports that wait for NICs are forgotten with the network, unless it is to come up again.
    """
    live = record.read(host.paths, name)
    if live is not None:
        record.check_namespace(live)
        bridge = _plain_definition(host, name).get("bridge") or {}
        enforce.release(host, live)  # first: nothing else says that the NICs are on a bridge that stays
        record.remove(host.paths, live)
        record.forget_bridge(host.paths, bridge.get("name") or "", name)
    else:
        files.remove(record.path(host.paths, name))
    for nic in nics.attached(host.paths, name):
        if not nics.is_attached(host.links, nic):
            naming.forget(host.paths, nic)
            if nic.is_limited:
                host.traffic.clear(nic.interface, nic.index)
        else:
            nics.cut_off(host.links, nic)
    nics.forget_strays(host.paths, name)
    discard(host, name)
    host.guards.sweep(name, is_up=False)  # the bridge is gone; what comes up next guards its ports anew
    if is_forgotten:
        for made in waiting.ports(host.paths, name):
            waiting.remove(host.paths, made)
        forget_transient(host, name)


def forget_transient(host: "Host", name: str) -> None:
    """Forget the definition of a network that was created and not defined, with what was kept for it."""
    if not files.exists(sources.path_of(host.paths, name, is_transient=True)):
        return
    from vnethook.definition import compiled  # noqa: PLC0415 (few networks are created without being defined)

    with host.shared.lock():
        if compiled.forget_transient(host.paths, name) and not sources.exists(host.paths, name):
            files.remove(f"{host.paths.leases}/{name}")
            files.remove(host.paths.pinned(name))
            failure.remove(host.paths, name)


def is_half_made(host: "Host", name: str) -> bool:
    """Whether a start or stop of the network was killed, or could not undo everything: its journal is there."""
    return files.exists(Journal(host.paths, name).path)


def discard(host: "Host", name: str) -> None:
    """Undo what the network's journal says; raise HostError with all that could not be undone, which stays in it."""
    errors = _undo(host, name)
    if errors:
        msg = f"network {name!r}: stop: " + "; ".join(str(error) for error in errors)
        raise HostError(msg, hint="what could not be undone is tried again by the next start or stop")


def _undo(host: "Host", name: str) -> list[VnetError]:
    journal = Journal(host.paths, name)
    stuck, errors = plans.revert(host, journal.steps())
    journal.keep(stuck)
    files.remove(f"{host.paths.definitions}/{name}.json")
    return errors


def live_definition(host: "Host", name: str) -> "Network | None":
    """The definition with which a live network came up."""
    plain = _plain_definition(host, name)
    if not plain:
        return None
    from vnethook.definition.model import Network  # noqa: PLC0415 (a hook's start may do without)

    return Network.from_plain(plain)


def live_facts(host: "Host", name: str) -> tuple[str, str]:
    """Forward mode and title of a live network, without the cost of all of its definition."""
    plain = _plain_definition(host, name)
    return plain.get("forward") or "", plain.get("title") or ""


def _plain_definition(host: "Host", name: str) -> "dict[str, Any]":
    found = files.read_json(f"{host.paths.definitions}/{name}.json")
    return found if isinstance(found, dict) else {}


def guests(host: "Host", name: str) -> list[nics.Nic]:
    """The NICs that are attached to a network now."""
    return [nic for nic in nics.attached(host.paths, name) if nics.is_attached(host.links, nic)]


def switched(host: "Host", name: str) -> int:
    """How many guests are connected to the switch of a network; none where it has none."""
    live = record.read(host.paths, name)
    if live is None or (live.bridge and not live.own_ports):
        return 0
    from vnethook.host import vde  # noqa: PLC0415 (few networks have a switch)

    return vde.guests(host.paths, live)
