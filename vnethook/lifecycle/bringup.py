"""Bring a network up and take it down, under its lock. The hook's cold way and `vnet net-start` are the same code.

A network is up when it has a live record. A journal without a record is what a killed call left: it is undone first.
A network that is up is mended by the definition it came up with, kept beside its record; a changed definition counts
from the next start.
"""

from time import time

from vnethook import capability
from vnethook.capability import dhcp, forwarding, support
from vnethook.capability import subnet as subnets
from vnethook.definition import choices, compiled
from vnethook.definition.model import Network
from vnethook.errors import HostError, StateError, VnetError
from vnethook.host import facts, log
from vnethook.lifecycle import definitions
from vnethook.live import files, naming, nics, port, process, record
from vnethook.live.lock import Lock
from vnethook.live.record import LiveNetwork
from vnethook.plan import apply as plans
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.firewall import InstallRules
from vnethook.plan.journal import Journal
from vnethook.plan.sysctl import HoldSysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths
    from vnethook.plan.step import Step

GUEST, ADMIN, AUTOSTART = "guest", "admin", "autostart"


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
        attached = guests(host, name)
        if attached and not force:
            shown = ", ".join(nic.interface for nic in attached[:5]) + (" …" if len(attached) > 5 else "")
            count = "a NIC is" if len(attached) == 1 else f"{len(attached)} NICs are"
            msg = f"network {name!r}: stop: {count} attached: {shown}"
            raise StateError(msg, hint="stop the guests first, or use --force; `vnet net-restart` keeps them attached")
        take_down(host, name)
        lock.finish()


def restart(host: "Host", name: str) -> LiveNetwork:
    """Take a network down and bring it up as it is defined now, with the same guests attached."""
    with Lock(host.paths.lock(name)) as lock:
        live = record.read(host.paths, name)
        _require_startable(host, definitions.load(host, name))
        if live is not None or is_half_made(host, name):
            take_down(host, name, is_forgotten=False)
        return bring_up(host, name, by=live.started_by if live else ADMIN, lock=lock)


def bring_up(host: "Host", name: str, *, by: str, lock: Lock) -> LiveNetwork:
    """What `start` does, for whoever holds the network's lock exclusively."""
    live = record.read(host.paths, name)
    try:
        if live is None:
            if record.is_present(host.paths, name):
                log.warning(f"network {name!r}: its live record is damaged: it is brought up anew")
            discard(host, name)
        else:
            record.check_namespace(live)
        by = live.started_by if live and by == GUEST else by
        network = _definition(host, name, live)
        support.require(network)
        network, live = _without_overlap(host, network, live)
        if live is None:
            require_own_bridge(host, network)
        steps = steps_of(host, network, by=by)
        journal = Journal(host.paths, name)
        plans.apply(host, steps, journal)
        files.write_json(f"{host.paths.definitions}/{name}.json", network.to_plain())
        for warning in support.warnings(network) if live is None else ():
            log.warning(f"network {name!r}: {warning}")
        now_live = _live(host, network, steps, by=by, since=live.since if live else int(time()))
        record.write(host.paths, now_live)
    except BaseException:
        if live is None:
            for error in _undo(host, name):
                log.error(str(error))  # what is raised is why the start failed
            lock.finish()
        raise
    _attach_again(host, now_live)
    return now_live


def take_down(host: "Host", name: str, *, is_forgotten: bool = True) -> None:
    """What `stop` does, for whoever holds the network's lock exclusively; records of NICs that still exist are kept.

    A transient definition is forgotten with its network, unless that is to come up again.
    """
    live = record.read(host.paths, name)
    if live is not None:
        record.check_namespace(live)
        record.remove(host.paths, live)
    else:
        files.remove(record.path(host.paths, name))
    for nic in nics.attached(host.paths, name):
        if not nics.is_attached(host.links, nic):
            naming.forget(host.paths, nic)
    discard(host, name)
    if is_forgotten:
        forget_transient(host.paths, name)


def forget_transient(paths: "Paths", name: str) -> None:
    """Forget the definition of a network that was created and not defined, with what was kept for it."""
    if not files.remove(f"{paths.transient}/{name}.xml"):
        return
    compiled.remove(paths, name)
    if not compiled.exists(paths, name):
        choices.remove(paths, name)
        files.remove(f"{paths.leases}/{name}")


def is_half_made(host: "Host", name: str) -> bool:
    """Whether a start or stop of the network was killed, or could not undo everything: its journal is there."""
    return files.exists(Journal(host.paths, name).path)


def require_own_bridge(host: "Host", network: Network) -> None:
    """Raise HostError if the bridge of a network that is down exists: it is another program's."""
    link = host.links.link(network.bridge.name or "")
    if link is not None and not (link.kind == "bridge" and link.mac == network.mac):
        msg = f"network {network.name!r}: bridge {link.name!r}: an interface of that name exists and is not ours"
        raise HostError(msg, hint="leave the name out of <bridge>, or choose another")


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


def steps_of(host: "Host", network: Network, *, by: str) -> list["Step"]:
    """The plan for a network on this host."""
    idle_s = definitions.settings_of(host.paths).idle_s if by == GUEST else None
    return capability.plan(network, facts.collect(host, network, idle_s=idle_s))


def live_definition(host: "Host", name: str) -> Network | None:
    """The definition with which a live network came up."""
    plain = files.read_json(f"{host.paths.definitions}/{name}.json")
    return Network.from_plain(plain) if plain else None


def guests(host: "Host", name: str) -> list[nics.Nic]:
    """The NICs that are attached to a network now."""
    return [nic for nic in nics.attached(host.paths, name) if nics.is_attached(host.links, nic)]


def _definition(host: "Host", name: str, live: LiveNetwork | None) -> Network:
    return (live_definition(host, name) if live else None) or definitions.load(host, name)


def _without_overlap(host: "Host", network: Network, live: LiveNetwork | None) -> tuple[Network, LiveNetwork | None]:
    """Make sure that no subnet of the network is the host's: another is chosen where we chose and nobody is on it.

    A network with guests goes on as it is, with a warning: it works, and to refuse a NIC would not give the LAN back.
    """
    found = subnets.overlap(network, facts.taken_subnets(host, except_device=network.bridge.name or ""))
    if found is None:
        return network, live
    subnet, taken = found
    reason = f"network {network.name!r}: subnet {subnet} overlaps {taken.described(host)}"
    if live is not None and guests(host, network.name):
        log.warning(f"{reason}; its guests stay attached; stop them, then net-restart it")
        return network, live
    if not any(ip.automatic for ip in network.ips if ip.address and ip.subnet == subnet):
        raise HostError(reason, hint="change its <ip>, or take the route away")
    if live is not None:
        take_down(host, network.name, is_forgotten=False)
        return _without_overlap(host, definitions.load(host, network.name), None)
    chosen = definitions.choose_again(host, network)
    log.warning(f"{reason}; it has {', '.join(map(str, chosen.subnets))} from now on")
    return chosen, None


def _require_startable(host: "Host", network: Network) -> None:
    """Raise HostError if the network could not come up as it is defined now; asked while the old one still works."""
    found = subnets.overlap(network, facts.taken_subnets(host, except_device=network.bridge.name or ""))
    if found and not any(ip.automatic for ip in network.ips if ip.address and ip.subnet == found[0]):
        msg = f"network {network.name!r}: subnet {found[0]} overlaps {found[1].described(host)}"
        raise HostError(msg, hint="change its <ip>, or take the route away")
    if record.by_bridge(host.paths, network.bridge.name or "") != network.name:
        require_own_bridge(host, network)
    for step in steps_of(host, network, by=ADMIN):
        step.require(host)


def _live(host: "Host", network: Network, steps: list["Step"], *, by: str, since: int) -> LiveNetwork:
    bridge = host.links.link(network.bridge.name or "")
    if bridge is None:
        msg = f"bridge {network.bridge.name!r}: it vanished while the network came up"
        raise HostError(msg)
    daemons = []
    for step in steps:
        if isinstance(step, RunDaemon):
            running = host.daemons.running(step.record, step.word)
            if running is None:
                msg = f"{step.name}: it ended while the network came up"
                raise HostError(msg, hint="see the system log")
            daemons.append((step.name, running[0], running[1]))
    shared = {forwarding.IPV4, forwarding.IPV6}
    return LiveNetwork(
        name=network.name,
        uuid=network.uuid or "",
        bridge=bridge.name,
        index=bridge.index,
        mtu=bridge.mtu,
        namespace=process.network_namespace(),
        started_by=by,
        since=since,
        chains=tuple(use for step in steps if isinstance(step, InstallRules) for use in step.uses),
        elements=tuple(key for step in steps if isinstance(step, InstallRules) for key in step.elements),
        daemons=tuple(daemons),
        sysctls=tuple(
            (step.path, step.value) for step in steps if isinstance(step, HoldSysctl) and step.path in shared
        ),
        addresses=tuple(f"{ip.address}/{ip.prefix}" for ip in network.ips),
        subnets=tuple((subnet.version, subnet.first, subnet.last) for subnet in network.subnets),
        fixed=dhcp.fixed_by_name(network),
        reserved=dhcp.reserved_names(network),
    )


def _attach_again(host: "Host", live: LiveNetwork) -> None:
    """Put the NICs that have a record back on the bridge; forget those whose link is gone."""
    for nic in nics.attached(host.paths, live.name):
        if not nics.is_attached(host.links, nic):
            naming.forget(host.paths, nic)
            continue
        try:
            for warning in port.attach(host.paths, host.links, live, nic):
                log.warning(warning)
        except VnetError as error:
            log.warning(f"{error}; the network is up without it")
