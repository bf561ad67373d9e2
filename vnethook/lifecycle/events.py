"""What happens to networks, whoever does it: hooks, `vnet`, another program, an editor. Without a daemon.

The kernel tells of each change to the files that are the state: a network is defined by the file of its definition,
active by its live record, a NIC attached by the link of its interface. So each change is one event, in its order; only
where the kernel lost count, or a whole directory came or went, the states before and after are compared.
"""

import select
from typing import TYPE_CHECKING

from vnethook.definition import compiled, sources
from vnethook.definition.model import Network
from vnethook.definition.store import Store
from vnethook.errors import DefinitionError, HostError, NoNetworkError, StateError
from vnethook.host.directories import Directories, Removed, Renamed, Unknown, Written
from vnethook.live import files, record
from vnethook.names import is_link_name, is_network_name
from vnethook.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from vnethook.host.directories import Change
    from vnethook.live.paths import Paths

DEFINED, UNDEFINED, STARTED, STOPPED = "defined", "undefined", "started", "stopped"
LIFECYCLE = (DEFINED, UNDEFINED, STARTED, STOPPED)
TITLE, DESCRIPTION, ELEMENT = "title", "description", "element"
TEXTS = (TITLE, DESCRIPTION, ELEMENT)
ATTACHED, DETACHED = "attached", "detached"
NICS = (ATTACHED, DETACHED)


class Event(Value):
    """What happened to a network, one of the words above; of a NIC, `interface`; of a metadata element, its namespace.

    "defined" is also a definition that was written anew, whether or not it says something else. `uuid` is empty for a
    network that was gone before anybody could read it.
    """

    kind: str
    network: str
    uuid: str = ""
    interface: str = ""
    uri: str = ""


class _Known:
    """What was last seen of a network."""

    def __init__(self) -> None:
        self.uuid = ""
        self.is_defined = False
        self.stamp: list[int] | None = None
        self.is_seen_anew = False
        """Whether the stamp comes from a look at all files: then the kernel may yet tell of that very file."""
        self.started: tuple[str, int] | None = None
        self.texts: Network | None = None


class Watcher:
    """Events from now on, below one set of paths. Raises HostError where the kernel refuses to tell."""

    def __init__(self, paths: "Paths") -> None:
        self._paths = paths
        self._store = Store(paths)
        self._networks: dict[str, _Known] = {}
        self._nics: dict[str, str] = {}
        self._of_directory: dict[str, Callable[[Change], Iterator[Event]]] = {
            paths.networks: self._definition,
            paths.live: self._record,
            paths.definitions: self._live_definition,
            paths.interfaces: self._nic,
        }
        self._built_in_uuid = compiled.identity(paths, sources.DEFAULT).get("uuid", "")
        self._make_directories()
        self._directories = Directories(list(self._of_directory))
        for _ in self._look_at_all():
            pass  # what is there already is no event

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Watch no longer."""
        self._directories.close()

    def fileno(self) -> int:
        """The descriptor to poll: readable when there may be events."""
        return self._directories.fileno()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until there may be events; whether there may be, before `timeout_s` has passed."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000))

    def events(self) -> "Iterator[Event]":
        """What has happened since the last call, in its order; does not wait."""
        for change in self._directories.changes():
            if isinstance(change, Unknown):
                yield from self._look_at_all()
            else:
                yield from self._of_directory[change.directory](change)

    def _make_directories(self) -> None:
        """Make what will be made by the first definition and the first start, so that there is something to watch."""
        try:
            for directory in self._of_directory:
                files.make_directory(directory)
        except HostError:
            return  # not ours to make: whoever makes it is seen, and what is in it by then

    # A definition's file

    def _definition(self, change: "Change") -> "Iterator[Event]":
        name = _name(change, ".xml")
        if not name:
            yield from self._built_in(change)
            return
        known = self._known(name)
        stamp = files.stamp(f"{self._paths.networks}/{name}.xml")
        if isinstance(change, Removed):
            if known.is_defined and not (change.is_moved and stamp):  # an editor may move the old one aside
                yield from self._undefined(name, known)
            return
        is_news = stamp != known.stamp
        if isinstance(change, Renamed) and not known.is_seen_anew:
            is_news = True  # each rename is a definition, also of one that is replaced again by now
        known.is_seen_anew = False
        if is_news:
            yield from self._defined(name, known, stamp)

    def _built_in(self, change: "Change") -> "Iterator[Event]":
        """The default that has no file is undefined by a mark."""
        known = self._known(sources.DEFAULT)
        mark = files.base_name(sources.undefined_mark(self._paths))
        if isinstance(change, Renamed) and change.name == mark and not known.is_defined:
            yield Event(UNDEFINED, sources.DEFAULT, known.uuid or self._built_in_uuid)
        self._forget(sources.DEFAULT, known)

    def _defined(self, name: str, known: _Known, stamp: list[int] | None) -> "Iterator[Event]":
        network = self._stored(name)
        known.uuid = (network.uuid if network else None) or known.uuid
        known.is_defined, known.stamp = True, stamp
        yield Event(DEFINED, name, known.uuid)
        if network is not None:
            yield from self._told(name, known, network)

    def _undefined(self, name: str, known: _Known) -> "Iterator[Event]":
        known.is_defined, known.stamp = False, None
        yield Event(UNDEFINED, name, known.uuid)
        self._forget(name, known)

    # A live record

    def _record(self, change: "Change") -> "Iterator[Event]":
        name = _name(change, ".json")
        known = self._known(name)
        if not name or isinstance(change, Written):
            return
        if isinstance(change, Renamed):
            yield from self._is_active(name, known)
        elif known.started:
            yield from self._stopped(name, known)

    def _is_active(self, name: str, known: _Known) -> "Iterator[Event]":
        """An active network has its record rewritten when it is mended: only the first one is its start."""
        is_start = known.started is None
        known.started = self._start_of(name) or known.started or ("", 0)
        known.uuid = known.started[0] or known.uuid
        if is_start:
            yield Event(STARTED, name, known.uuid)

    def _stopped(self, name: str, known: _Known) -> "Iterator[Event]":
        known.started = None
        yield Event(STOPPED, name, known.uuid)
        self._forget(name, known)

    # Title, description and metadata

    def _live_definition(self, change: "Change") -> "Iterator[Event]":
        name = _name(change, ".json")
        network = self._in_force(name) if name and isinstance(change, Renamed) else None
        if network is not None:
            yield from self._told(name, self._known(name), network)

    def _told(self, name: str, known: _Known, network: Network) -> "Iterator[Event]":
        before, known.texts = known.texts, network
        if before is None:
            return
        if before.title != network.title:
            yield Event(TITLE, name, known.uuid)
        if before.description != network.description:
            yield Event(DESCRIPTION, name, known.uuid)
        changed = set(before.metadata) ^ set(network.metadata)
        for uri in sorted({_namespace(item) for item in changed}):
            yield Event(ELEMENT, name, known.uuid, uri=uri)

    # The link of an attached NIC

    def _nic(self, change: "Change") -> "Iterator[Event]":
        if isinstance(change, Unknown) or not is_link_name(change.name):
            return
        network = files.link_target(f"{self._paths.interfaces}/{change.name}")
        if network is None and isinstance(change, Renamed):
            return  # gone already; nobody knows of which network it was
        yield from self._moved(change.name, network)

    def _moved(self, interface: str, network: str | None) -> "Iterator[Event]":
        before = self._nics.pop(interface, None)
        if network is not None:
            self._nics[interface] = network
        if before == network:
            return
        if before is not None:
            yield Event(DETACHED, before, self._uuid(before), interface)
        if network is not None:
            yield Event(ATTACHED, network, self._uuid(network), interface)

    # All of it

    def _look_at_all(self) -> "Iterator[Event]":
        """What is not as it was last seen."""
        names = {*files.names(self._paths.networks, ".xml"), *record.names(self._paths), *self._networks}
        for name in sorted(filter(is_network_name, names)):
            yield from self._look_at(name, self._known(name))
        for interface in sorted({*files.names(self._paths.interfaces), *self._nics}):
            yield from self._moved(interface, files.link_target(f"{self._paths.interfaces}/{interface}"))

    def _look_at(self, name: str, known: _Known) -> "Iterator[Event]":
        stamp = files.stamp(f"{self._paths.networks}/{name}.xml")
        started = self._start_of(name)
        if known.started and known.started != started:
            yield from self._stopped(name, known)
        if known.is_defined and stamp is None:
            yield from self._undefined(name, known)
        known = self._known(name)
        if stamp is not None and stamp != known.stamp:
            yield from self._defined(name, known, stamp)
        known.is_seen_anew = True
        if started:
            yield from self._is_active(name, known)
            network = self._in_force(name)
            if network is not None:
                yield from self._told(name, known, network)
        self._forget(name, known)

    def _start_of(self, name: str) -> tuple[str, int] | None:
        """The uuid of an active network, and since when it is active."""
        live = record.read(self._paths, name)
        return (live.uuid, live.since) if live else None

    def _stored(self, name: str) -> Network | None:
        """The stored definition; None if it is gone, or not in order: then nothing is known of it."""
        try:
            found = None if self._store.is_transient(name) else compiled.read(self._paths, name)
            return found or self._store.stored(name)
        except (DefinitionError, HostError, NoNetworkError, StateError):
            return None

    def _in_force(self, name: str) -> Network | None:
        """The definition with which a network came up; None if it is gone or damaged."""
        try:
            plain = files.read_json(f"{self._paths.definitions}/{name}.json")
            return Network.from_plain(plain) if plain else None
        except (AttributeError, DefinitionError, HostError, TypeError):
            return None

    def _uuid(self, name: str) -> str:
        return self._networks[name].uuid if name in self._networks else ""

    def _known(self, name: str) -> _Known:
        return self._networks.setdefault(name, _Known())

    def _forget(self, name: str, known: _Known) -> None:
        """Forget a network that is neither defined nor active."""
        if not known.is_defined and known.started is None:
            self._networks.pop(name, None)


def _name(change: "Change", suffix: str) -> str:
    """The network that a file is about, empty if it is about none: what is being written begins with a dot."""
    if isinstance(change, Unknown) or not change.name.endswith(suffix):
        return ""
    name = change.name[: -len(suffix)]
    return name if is_network_name(name) else ""


def _namespace(item: str) -> str:
    from vnethook.definition import metadata  # noqa: PLC0415 (lxml takes its time)

    return metadata.namespace(item)
