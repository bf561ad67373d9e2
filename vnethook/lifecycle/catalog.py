"""Define networks, forget them, list them: what needs the store and its XML, which no guest's start waits for."""

from vnethook.capability import support
from vnethook.definition import compiled, port_claims, settings, sources
from vnethook.definition.model import Network
from vnethook.definition.store import Store, xml_module
from vnethook.errors import DefinitionError, HostError, NoNetworkError, StateError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, definitions, firewalls, host_ports, uplinks, user_switches
from vnethook.lifecycle.completion import completed
from vnethook.lifecycle.leases import Lease, leases
from vnethook.lifecycle.lookup import (
    NetworkState,
    autostarted,
    by_uuid,
    find,
    in_force,
    live_definition,
    state,
    states,
)
from vnethook.lifecycle.options import RefusedOptionError
from vnethook.live import failure, files, record, waiting
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.definition.node import Node

__all__ = [
    "Defined",
    "Edition",
    "Lease",
    "NetworkState",
    "autostarted",
    "by_uuid",
    "can_read_xml",
    "compile_changed",
    "compile_definition",
    "compile_settings",
    "create",
    "define",
    "dump",
    "edition",
    "find",
    "in_force",
    "leases",
    "nics",
    "rewrite",
    "set_autostart",
    "state",
    "states",
    "stop",
    "undefine",
]


class Defined(Value):
    """A network that was defined or created, and what its author should know."""

    network: Network
    warnings: tuple[str, ...]


class Edition(Value):
    """The stored text of a network that somebody edits."""

    name: str
    text: str


def edition(host: Host, name: str) -> Edition:
    """A network's stored text, to be edited; raise NoNetworkError, or StateError for a transient one."""
    return Edition(name, Store(host.paths).text(name))


def define(host: Host, text: str | bytes, *, source: str, edited: Edition | None = None) -> Defined:
    """Store a definition, replacing the one of its name; a running network keeps what it came up with until restarted.

    Raises DefinitionError or ExistsError, and then nothing has changed; for an `edited` one StateError, too, if its
    stored text is not what was edited.
    """
    parsed = xml_module().parse(text, source=source)
    _require_linkable(host, parsed.network)
    with host.shared.lock():
        store = Store(host.paths)
        if edited is not None:
            _require_unchanged(store, edited, parsed.network, source)
        network = _completed(host, store, parsed.network, text, source)
        store.write(network)
        store.remove_transient(network.name)  # from now on it is persistent, as in libvirt
    return Defined(network, (*parsed.warnings, *_not_done(host, network), *_taken_over(host, network)))


def create(host: Host, text: str | bytes, *, source: str) -> Defined:
    """Bring up a network that is forgotten when it stops. Raises as `define` and `bringup.start` do."""
    parsed = xml_module().parse(text, source=source)
    _require_linkable(host, parsed.network)
    name = parsed.network.name
    with Lock(host.paths.lock(name)) as lock:
        if record.read(host.paths, name) is not None:
            msg = f"network {name!r}: create: network is already active"
            raise StateError(msg, hint=f"`vnet net-define` and `vnet net-restart {name}` change it")
        with host.shared.lock():
            store = Store(host.paths)
            network = _completed(host, store, parsed.network, text, source)
            store.write_transient(network)
        try:
            bringup.bring_up(host, name, by=bringup.ADMIN, lock=lock)
        except BaseException:
            bringup.forget_transient(host, name)
            raise
    return Defined(network, (*parsed.warnings, *_not_done(host, network), *_taken_over(host, network)))


def _require_linkable(host: Host, network: Network) -> None:
    """Raise CollisionError for connections on this host that cannot be."""
    if network.connections:
        from vnethook.lifecycle import linked  # noqa: PLC0415 (few networks have any)

        linked.require(host, network)


def _taken_over(host: Host, network: Network) -> list[str]:
    """Have the guests that are on its bridge, a shared NIC's, without a definition; what its author should know."""
    from vnethook.lifecycle import takeover  # noqa: PLC0415 (which changes NICs by what is here)

    return takeover.take_over(host, network)


def _completed(host: Host, store: Store, network: Network, text: str | bytes, source: str) -> Network:
    """As `completed`; a refused line for dnsmasq is named by its place in the document that defines the network."""
    try:
        return completed(host, store, network)
    except RefusedOptionError as error:
        node: Node = xml_module().option(text, error.option, source=source)
        node.refuse(error.reason, hint=error.hint)


def _require_unchanged(store: Store, edited: Edition, network: Network, source: str) -> None:
    if network.name != edited.name:
        msg = f"{source}: <name> is {network.name!r}: must stay {edited.name!r}"
        raise DefinitionError(msg, hint="`vnet net-define` defines another network")
    if store.text(edited.name) != edited.text:
        msg = f"network {edited.name!r}: edit: the definition was changed by somebody else in the meantime"
        raise StateError(msg)


def _not_done(host: Host, network: Network) -> list[str]:
    """What its author should know: what of the definition is kept and not acted on, or not there on the host."""
    refused = [f"{refusal}: it cannot be started" for refusal in support.refusals(network)]
    return [
        f"network {network.name!r}: {line}"
        for line in (
            *refused,
            *support.warnings(network),
            *uplinks.warnings(host, network),
            *host_ports.warnings(host, port_claims.plain(network)),
            *firewalls.warnings(host, network),
            *(user_switches.warnings(host, network) if host.paths.user else ()),
        )
    ]


def rewrite(host: Host, name: str, change: "Callable[[Network], Network]") -> Network:
    """Store what `change` makes of the stored definition of a network, without losing what others do meanwhile.

    `change` must not wait for a lock. The caller may hold that of the network, as always before the host's. Raises
    NoNetworkError, StateError for a transient network, what `change` raises, or as `define` does.
    """
    store = Store(host.paths)
    with host.shared.lock():
        network = completed(host, store, change(store.stored(name)).replace(name=name))
        store.write(network)
    return network


def undefine(host: Host, name: str) -> None:
    """Forget a definition; an active network becomes transient: it works until it stops."""
    store = Store(host.paths)
    if not store.is_persistent(name):
        store.stored(name)  # raises what fits
    with Lock(host.paths.lock(name)) as lock:
        live = live_definition(host, name)
        if live is None and bringup.is_half_made(host, name):
            bringup.take_down(host, name)
        with host.shared.lock():
            if live is not None and not store.is_transient(name):
                store.write_transient(live)  # first: it must not be without any
            store.remove(name)
        if live is None:
            files.remove(f"{host.paths.leases}/{name}")
            files.remove(host.paths.pinned(name))
            failure.remove(host.paths, name)
            lock.finish()


def stop(host: Host, name: str, *, force: bool = False) -> None:
    """Take a network down; a transient one is forgotten, also one that is down. Raises as `bringup.stop` does."""
    if not _forget_transient(host, name):
        bringup.stop(host, name, force=force)
    _compile_if_changed(host, name)  # a stored definition that the transient one stood before


def _forget_transient(host: Host, name: str) -> bool:
    """Forget a transient network that is down; whether it was one."""
    with Lock(host.paths.lock(name)) as lock:
        if (
            record.read(host.paths, name) is not None
            or bringup.is_half_made(host, name)
            or not Store(host.paths).is_transient(name)
        ):
            return False
        bringup.forget_transient(host, name)
        lock.finish()
        return True


def set_autostart(host: Host, name: str, *, enabled: bool) -> None:
    """Start a network at boot, or not; raise StateError for a transient one."""
    if enabled and Store(host.paths).is_built_in(name):
        definitions.load(host, name)  # what it leaves open is chosen before it gets a file
    with host.shared.lock():
        Store(host.paths).set_autostart(name, enabled=enabled)


def compile_definition(host: Host, name: str) -> Network:
    """Bring the compiled form of a definition up to date, choosing what it leaves open; raise as `load` does."""
    if not sources.exists(host.paths, name):
        raise compiled.unknown(host.paths, name)
    store = Store(host.paths)

    def choose(network: Network) -> Network:
        if not network.is_complete:
            return completed(host, store, network)
        store.collision(network)
        return network

    with host.shared.lock():
        return compiled.read(host.paths, name) or store.compile(name, choose)


def compile_changed(host: Host) -> None:
    """Bring the compiled form of every definition up to date that is in order."""
    for name in Store(host.paths).names():
        _compile_if_changed(host, name)


def _compile_if_changed(host: Host, name: str) -> None:
    if sources.source_of(host.paths, name) is not None and compiled.read(host.paths, name) is None:
        try:
            compile_definition(host, name)
        except (DefinitionError, HostError, NoNetworkError):
            return  # whoever starts it is told


def can_read_xml() -> bool:
    """Whether this process has lxml: `vnet` has, a hook on the system's own python3 has not."""
    try:
        xml_module()
    except ImportError:
        return False
    return True


def dump(host: Host, name: str, *, inactive: bool = False) -> str:
    """The canonical XML of a network: what is live, with how many ports it has, or the stored definition."""
    live = None if inactive else live_definition(host, name)
    network = live or (Store(host.paths).stored(name) if inactive else definitions.load(host, name))
    count = len(bringup.guests(host, name)) + len(waiting.ports(host.paths, name)) if live else None
    text: str = xml_module().dump(network, connections=count)
    return text


def nics(host: Host, name: str = "") -> list[Nic]:
    """The NICs that are attached now, of one network or of all."""
    names = [name] if name else files.names(f"{host.paths.run}/ports")
    return [nic for network in names for nic in bringup.guests(host, network)]


def compile_settings(host: Host) -> None:
    """Bring the compiled form of the settings up to date."""
    if settings.compiled(host.paths) is None:
        settings.compile(host.paths)
