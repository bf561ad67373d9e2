"""Define networks, forget them, list them: what needs the store and its XML, which no guest's start waits for."""

from time import time

from vnethook.capability import support
from vnethook.definition import settings
from vnethook.definition.model import Network
from vnethook.definition.store import Store, xml_module
from vnethook.errors import DefinitionError, ExistsError, NoNetworkError, StateError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, definitions, options, overlap
from vnethook.live import files, record
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class NetworkState(Value):
    """A network in a list. `forward`: "nat", "route" or "none"; `subnets`: "192.0.2.0/24"; `problem`: empty if none."""

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


class Lease(Value):
    """A DHCP lease: expiry in Unix seconds (0: never), "ipv4" or "ipv6", address with its prefix length."""

    expiry: int
    mac: str
    protocol: str
    ip: str
    prefix: int
    hostname: str
    clientid: str


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
    with host.shared.lock():
        store = Store(host.paths)
        if edited is not None:
            _require_unchanged(store, edited, parsed.network, source)
        network = _completed(host, store, parsed.network)
        store.write(network)
        store.remove_transient(network.name)  # from now on it is persistent, as in libvirt
    return Defined(network, (*parsed.warnings, *_not_done(network)))


def create(host: Host, text: str | bytes, *, source: str) -> Defined:
    """Bring up a network that is forgotten when it stops. Raises as `define` and `bringup.start` do."""
    parsed = xml_module().parse(text, source=source)
    name = parsed.network.name
    with Lock(host.paths.lock(name)) as lock:
        if record.read(host.paths, name) is not None:
            msg = f"network {name!r}: create: network is already active"
            raise StateError(msg, hint=f"`vnet net-define` and `vnet net-restart {name}` change it")
        with host.shared.lock():
            store = Store(host.paths)
            network = _completed(host, store, parsed.network)
            store.write_transient(network)
        try:
            bringup.bring_up(host, name, by=bringup.ADMIN, lock=lock)
        except BaseException:
            store.remove_transient(name)
            raise
    return Defined(network, (*parsed.warnings, *_not_done(network)))


def _require_unchanged(store: Store, edited: Edition, network: Network, source: str) -> None:
    if network.name != edited.name:
        msg = f"{source}: <name> is {network.name!r}: must stay {edited.name!r}"
        raise DefinitionError(msg, hint="`vnet net-define` defines another network")
    if store.text(edited.name) != edited.text:
        msg = f"network {edited.name!r}: edit: the definition was changed by somebody else in the meantime"
        raise StateError(msg)


def _not_done(network: Network) -> list[str]:
    """What its author should know: what of the definition is kept and not acted on."""
    refused = [f"{refusal}: it cannot be started" for refusal in support.refusals(network)]
    return [f"network {network.name!r}: {line}" for line in (*refused, *support.warnings(network))]


def rewrite(host: Host, name: str, change: "Callable[[Network], Network]") -> Network:
    """Store what `change` makes of the stored definition of a network, without losing what others do meanwhile.

    `change` must not wait for a lock. The caller may hold that of the network, as always before the host's. Raises
    NoNetworkError, StateError for a transient network, what `change` raises, or as `define` does.
    """
    with host.shared.lock():
        store = Store(host.paths)
        network = _completed(host, store, change(store.stored(name)).replace(name=name))
        store.write(network)
    return network


def undefine(host: Host, name: str) -> None:
    """Forget a definition; an active network becomes transient: it works until it stops."""
    store = Store(host.paths)
    with Lock(host.paths.lock(name)) as lock:
        live = _live_definition(host, name)
        if live is None and bringup.is_half_made(host, name):
            bringup.take_down(host, name)
        with host.shared.lock():
            store.remove(name)
            if live is not None and not store.is_transient(name):
                store.write_transient(live)
        if live is None:
            files.remove(f"{host.paths.leases}/{name}")
            lock.finish()


def stop(host: Host, name: str, *, force: bool = False) -> None:
    """Take a network down; a transient one is forgotten, also one that is down. Raises as `bringup.stop` does."""
    with Lock(host.paths.lock(name)) as lock:
        if (
            record.read(host.paths, name) is None
            and not bringup.is_half_made(host, name)
            and Store(host.paths).is_transient(name)
        ):
            bringup.forget_transient(host.paths, name)
            lock.finish()
            return
    bringup.stop(host, name, force=force)


def set_autostart(host: Host, name: str, *, enabled: bool) -> None:
    """Start a network at boot, or not; raise StateError for a transient one."""
    network = definitions.load(host, name)  # chosen values of the built-in default first
    with host.shared.lock():
        store = Store(host.paths)
        if enabled and store.is_built_in(name):
            store.write(network)
        store.set_autostart(name, enabled=enabled)


def compile_definition(host: Host, name: str) -> Network:
    """Bring the compiled form of a definition up to date, choosing what it leaves open; raise as `load` does."""
    store = Store(host.paths)
    network = store.compile(name)
    if network.is_complete:
        return network
    with host.shared.lock():
        network = _completed(host, store, store.read(name))
        store.remember(network)
    return network


def can_read_xml() -> bool:
    """Whether this process has lxml: `vnet` has, a hook on the system's own python3 has not."""
    try:
        xml_module()
    except ImportError:
        return False
    return True


def find(host: Host, text: str) -> str:
    """The name of the network that `text` means: its name, uuid or bridge; raise NoNetworkError."""
    store = Store(host.paths)
    if text in store.names() or text in record.names(host.paths):
        return text
    found = store.by_uuid(text) or store.by_bridge(text) or record.by_bridge(host.paths, text)
    if found is None:
        store.read(text)  # raises, naming the known ones
        raise NoNetworkError(text)
    return found


def states(host: Host) -> list[NetworkState]:
    """Every network, by name; one whose definition is not in order is listed with its problem."""
    store = Store(host.paths)
    known = {network.name: network for network in reversed(store.all_networks())}
    problems = store.problems()
    names = sorted({*store.names(), *record.names(host.paths), *files.names(host.paths.journals)})
    return [_state(host, store, name, known.get(name), problems.get(name, "")) for name in names]


def state(host: Host, name: str) -> NetworkState:
    """One network, by name."""
    return next(item for item in states(host) if item.name == name)


def dump(host: Host, name: str, *, inactive: bool = False) -> str:
    """The canonical XML of a network: what is live, or the stored definition."""
    live = None if inactive else _live_definition(host, name)
    network = live or (Store(host.paths).stored(name) if inactive else definitions.load(host, name))
    text: str = xml_module().dump(network)
    return text


def leases(host: Host, name: str) -> list[Lease]:
    """The DHCP leases of a network that have not expired. Source: dnsmasq's lease file, lease_update_file()."""
    network = in_force(host, name)
    found = []
    for line in (files.read_text(f"{host.paths.leases}/{name}") or "").splitlines():
        words = line.split()
        if len(words) != 5:  # the server's own DUID
            continue
        expiry, mac, ip, hostname, clientid = words
        if int(expiry) and int(expiry) < time():
            continue
        subnet = next((item for item in network.subnets if item.has_address(ip)), None)
        is_ipv6 = ":" in ip
        found.append(
            Lease(
                expiry=int(expiry),
                mac="" if is_ipv6 else mac,  # for IPv6 it is the IAID
                protocol="ipv6" if is_ipv6 else "ipv4",
                ip=ip,
                prefix=subnet.prefix if subnet else (128 if is_ipv6 else 32),
                hostname="" if hostname == "*" else hostname,
                clientid="" if clientid == "*" else clientid,
            )
        )
    return found


def nics(host: Host, name: str = "") -> list[Nic]:
    """The NICs that are attached now, of one network or of all."""
    names = [name] if name else files.names(f"{host.paths.run}/ports")
    return [nic for network in names for nic in bringup.guests(host, network)]


def autostarted(host: Host) -> list[str]:
    """The networks that are started at boot."""
    store = Store(host.paths)
    return [name for name in store.names() if store.is_autostart(name)]


def compile_settings(host: Host) -> None:
    """Bring the compiled form of the settings up to date."""
    if settings.compiled(host.paths) is None:
        settings.compile(host.paths)


def _completed(host: Host, store: Store, network: Network) -> Network:
    """The network with all that it leaves open chosen, checked against the other definitions and the host."""
    if (
        store.is_transient(network.name)
        and not store.is_persistent(network.name)
        and store.read(network.name).uuid != network.uuid
    ):
        active = store.read(network.name)
        if network.uuid is not None:
            msg = f"network {network.name!r}: is active already with uuid {active.uuid}"
            raise ExistsError(msg)
    links = {link.name for link in host.links.all_links()}
    network = store.complete(network, taken_bridges=links)
    network = definitions.choose_subnet(host, network, store.all_networks())
    store.collision(network)
    if network.owns_bridge and record.by_bridge(host.paths, network.bridge.name or "") is None:
        bringup.require_own_bridge(host, network)
    found = overlap.of(host, network)
    if found and not found.is_chosen:
        hint = "without <ip address=…> a free subnet is chosen" if found.element == "<ip>" else found.hint
        raise DefinitionError(str(found), hint=hint)
    options.require(host, network)
    return network


def in_force(host: Host, name: str) -> Network:
    """The definition that counts now: what the network came up with, else what is stored."""
    return _live_definition(host, name) or definitions.load(host, name)


def _live_definition(host: Host, name: str) -> Network | None:
    """With what a network came up that is up now."""
    return bringup.live_definition(host, name) if record.read(host.paths, name) else None


def _state(host: Host, store: Store, name: str, network: Network | None, problem: str) -> NetworkState:
    live = _live_definition(host, name)
    network = live or network
    return NetworkState(
        name=name,
        uuid=(network.uuid or "") if network else "",
        bridge=(network.bridge.name or "") if network else "",
        is_active=live is not None,
        is_persistent=store.is_persistent(name),
        is_autostart=store.is_autostart(name),
        forward=network.forward if network else "",
        subnets=tuple(map(str, network.subnets)) if network else (),
        problem=problem,
        title=(network.title or "") if network else "",
    )
