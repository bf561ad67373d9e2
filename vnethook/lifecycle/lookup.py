"""Which networks there are, by what they are called, and how each of them is."""

from vnethook.address import BITS, Subnet
from vnethook.definition import sources
from vnethook.definition.entries import Entry
from vnethook.definition.model import Network
from vnethook.definition.store import Store
from vnethook.errors import HostError, NoNetworkError
from vnethook.host.host import Host
from vnethook.host.sight import Sight
from vnethook.lifecycle import adoption, bringup, definitions
from vnethook.live import failure, files, record
from vnethook.live.record import LiveNetwork
from vnethook.names import is_link_name, is_network_name, shown
from vnethook.value import Value

NAME, UUID, BRIDGE = "name", "uuid", "bridge"
"""What a network may be called by."""


class NetworkState(Value):
    """A network in a list. `forward`: the mode; `subnets`: "192.0.2.0/24".

    `problem`: what is wrong with its definition, why one that is down did not come up, or what of one that is up is not
    as it came up, as far as a hook sees it; empty if nothing is. `proxied`: the uplink on which the host answers for
    the guests of one that is up.
    """

    name: str
    uuid: str
    bridge: str
    is_active: bool
    is_persistent: bool
    is_autostart: bool
    forward: str = ""
    subnets: tuple[str, ...] = ()
    problem: str = ""
    title: str = ""
    proxied: str = ""


def find(host: Host, text: str, *, by: tuple[str, ...] = (NAME, UUID, BRIDGE)) -> str:
    """The name of the network that `text` means: its name, uuid or bridge, or what `by` has of them.

    Raises NoNetworkError.
    """
    if NAME in by and _exists(host, text):
        return text
    store = Store(host.paths)
    found = store.by_uuid(text) if UUID in by else None
    if found is None and BRIDGE in by:
        found = store.by_bridge(text)
        if found is None and is_link_name(text):
            found = record.by_bridge(host.paths, text) or adoption.named(host, text, is_made=False)
    if found is None:
        raise adoption.unknown(host.paths, text)
    return found


def by_uuid(host: Host, uuid: str | bytes) -> str:
    """The name of the network with this uuid, given as its 16 bytes or as text; raise NoNetworkError."""
    text = uuid if isinstance(uuid, str) else uuid.hex()
    found = Store(host.paths).by_uuid(text)
    if found is None:
        msg = f"network with uuid {shown(text)}: no such network"
        raise NoNetworkError(msg)
    return found


def states(host: Host, *, sees_faults: bool = False) -> list[NetworkState]:
    """Every network, by name; one whose definition is not in order is listed with its problem.

    `sees_faults`: one that is up and not as it came up, too, which takes a look at the host for each.
    """
    store = Store(host.paths)
    entries = store.entries()
    persistent = {entry.name for entry in entries if not entry.is_transient}
    in_force = {entry.name: entry for entry in entries if not entry.is_transient}
    in_force |= {entry.name: entry for entry in entries if entry.is_transient}
    autostarted = set(store.autostarted())
    names = {*in_force, *record.names(host.paths), *files.names(host.paths.journals)}
    lives = {name: record.read(host.paths, name) for name in names}
    found = [
        _state(host, name, in_force.get(name), lives[name], (name in persistent, name in autostarted))
        for name in sorted(names)
    ]
    return _with_faults(found, lives) if sees_faults else found


def state(host: Host, name: str) -> NetworkState:
    """One network, by name; raise NoNetworkError."""
    store = Store(host.paths)
    entry = store.entry(name)
    if entry is None and not _exists(host, name):
        store.read(name)  # raises, naming the known ones
    live = record.read(host.paths, name)
    found = _state(host, name, entry, live, (store.is_persistent(name), store.is_autostart(name)))
    return _with_faults([found], {name: live})[0]


def autostarted(host: Host) -> list[str]:
    """The networks that are started at boot."""
    return Store(host.paths).autostarted()


def in_force(host: Host, name: str) -> Network:
    """The definition that counts now: what the network came up with, else what is stored."""
    return live_definition(host, name) or definitions.load(host, name)


def live_definition(host: Host, name: str) -> Network | None:
    """With what a network came up that is up now."""
    return bringup.live_definition(host, name) if record.read(host.paths, name) else None


def _exists(host: Host, name: str) -> bool:
    """Whether there is a network of that name: defined, up, or half made."""
    return is_network_name(name) and (
        sources.exists(host.paths, name) or record.is_present(host.paths, name) or bringup.is_half_made(host, name)
    )


def _with_faults(found: list[NetworkState], lives: dict[str, LiveNetwork | None]) -> list[NetworkState]:
    """The networks, with what of those that are up is not as it came up, but for what somebody is just changing."""
    ours = {live.index for live in lives.values() if live}
    if not ours:
        return found
    sight = Sight(ours)
    try:
        return [_with_fault(item, lives[item.name], sight) for item in found]
    except HostError:
        return found  # who may not look at the firewall may see the rest
    finally:
        sight.close()


def _with_fault(item: NetworkState, live: LiveNetwork | None, sight: Sight) -> NetworkState:
    if live is None or live.is_changing or item.problem:
        return item
    return item.replace(problem=record.fault(live, sight, chain_uses=sight.chain_uses))


def _state(
    host: Host, name: str, entry: Entry | None, live: LiveNetwork | None, marks: tuple[bool, bool]
) -> NetworkState:
    """One network; `marks`: whether it is persistent, and started at boot."""
    problem = (entry.problem if entry else "") or ("" if live else failure.read(host.paths, name))
    flags = (live is not None, *marks)
    if live is not None:
        subnets = tuple(
            str(Subnet(version, first, BITS[version] - (last - first).bit_length()))
            for version, first, last in live.subnets
        )
        forward, title = bringup.live_facts(host, name)
        return NetworkState(name, live.uuid, live.bridge, *flags, forward, subnets, problem, title, live.proxied)
    if entry is None:
        return NetworkState(name, "", "", *flags, problem=problem)
    subnets = tuple(str(Subnet(*block)) for block in entry.subnets)
    return NetworkState(name, entry.uuid, entry.bridge, *flags, entry.forward, subnets, problem, entry.title)
