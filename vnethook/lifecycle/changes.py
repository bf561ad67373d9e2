"""Give a running network another definition, with its guests attached: their ports, leases and names stay.

While the host is between the two, the live record says so; a change that was killed is finished by whoever comes next,
with the live definition, which is the old one until the host is as the new one says.
"""

from vnethook.capability import support
from vnethook.errors import HostError, StateError, VnetError
from vnethook.host import log
from vnethook.lifecycle import bringup, definitions, enforce, overlap, planning
from vnethook.live import record
from vnethook.live.lock import Lock
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.target import Target
    from vnethook.live.record import LiveNetwork
    from vnethook.plan.apply import Change


def apply(host: "Host", name: str) -> "list[Change]":
    """Bring a network that is up to its stored definition; what was changed. Raises as `apply_definition` does."""
    with Lock(host.paths.lock(name)) as lock:
        return apply_definition(host, name, definitions.load(host, name), lock=lock)


def preview(host: "Host", name: str) -> "list[Change]":
    """What `apply` would change, and raise; changes nothing."""
    with Lock(host.paths.lock(name)) as lock:
        live = _live(host, name, lock)
        _, target = _checked(host, definitions.load(host, name), live)
        return list(plans.changes(host, target.steps, Journal(host.paths, name).steps()))


def apply_definition(host: "Host", name: str, network: "Network", *, lock: Lock) -> "list[Change]":
    """Bring a network that is up to a complete definition, for whoever holds its lock exclusively; what was changed.

    Raises StateError for a network that is down, UnsupportedError or HostError for a definition that cannot be in force
    here: then it goes on with the one that it had.
    """
    live = _live(host, name, lock)
    old, target = _checked(host, network, live)
    record.write(host.paths, live.replace(is_changing=True))
    try:
        _, changes = enforce.enforce(host, target, by=live.started_by, live=live)
    except BaseException:
        _go_back(host, old, live)
        raise
    return changes


def _live(host: "Host", name: str, lock: Lock) -> "LiveNetwork":
    """The live record; raise StateError for a network that is down, or up in another network namespace."""
    live = record.read(host.paths, name)
    if live is None:
        if not (record.is_present(host.paths, name) or bringup.is_half_made(host, name)):
            lock.finish()
        msg = f"network {name!r}: apply: network is not active"
        raise StateError(msg, hint=f"`vnet net-start {name}` brings it up as it is defined")
    record.check_namespace(live)
    return live


def _checked(host: "Host", network: "Network", live: "LiveNetwork") -> "tuple[Network, Target]":
    """The definition in force and what the network is to be by the new one; raise if that cannot be. Changes nothing.

    A subnet that is in force and has become the host's is none of a change's business: its guests use it.
    """
    support.require(network)
    old = bringup.live_definition(host, live.name) or definitions.load(host, live.name)
    found = overlap.of(host, network)
    if found and found.subnet not in old.claims:
        raise HostError(str(found), hint=found.hint)
    if (network.owns_bridge, network.bridge.name) != (live.owns_bridge, live.bridge):
        planning.require_bridge(host, network)
    planning.require_ports(host, network)
    target = planning.target(host, network, by=live.started_by)
    plans.require(host, target.steps)
    return old, target


def _go_back(host: "Host", old: "Network", live: "LiveNetwork") -> None:
    """Bring the host back to the definition that was in force; what is raised is why it had to be."""
    try:
        enforce.enforce(host, planning.target(host, old, by=live.started_by), by=live.started_by, live=live)
    except VnetError as error:
        log.error(f"{error}; network {live.name!r} is mended by the next start")
