"""The definitions of a host on disk: NAME.xml, defined or transient, autostart links, and what was chosen for them.

The slow half: it reads XML. Hooks read the compiled form (compiled.py), which every change here brings up to date.

The XML is the truth. A change writes everything that follows from it first, each with the stamp that the XML will have,
and then puts the XML in place: before that moment all is as it was, after it all is new, and whoever is killed leaves
one of the two. Readers take no lock.
"""

from math import inf

from vnethook.definition import choices, collisions, compiled, sources
from vnethook.definition import index as indexes
from vnethook.definition.entries import Entry, entry_of
from vnethook.definition.model import Network
from vnethook.definition.replacement import Replacement
from vnethook.definition.sources import DEFAULT
from vnethook.errors import BusyError, DefinitionError, HostError, StateError, VnetError
from vnethook.live import files
from vnethook.live.lock import Lock
from vnethook.live.paths import Paths
from vnethook.names import is_link_name, is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from vnethook.definition.index import Index


class Store:
    """The definitions below one set of paths. Who changes them holds the host's lock; who reads them needs none."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self._index = indexes.of(paths)

    # Reading

    def names(self) -> list[str]:
        """The sorted names of all networks: defined, transient, and the built-in default."""
        return compiled.network_names(self.paths)

    def is_persistent(self, name: str) -> bool:
        """Whether the network is defined; the built-in default is, without a file."""
        return self._has_file(name, is_transient=False) or sources.is_built_in(self.paths, name)

    def is_transient(self, name: str) -> bool:
        """Whether the network was created, with a definition that lasts until it stops."""
        return self._has_file(name, is_transient=True)

    def is_built_in(self, name: str) -> bool:
        """Whether the network is the built-in default, with no file that says otherwise."""
        return sources.is_built_in(self.paths, name) and sources.source_of(self.paths, name) is None

    def read(self, name: str) -> Network:
        """The definition in force: the transient one, else the stored one, with earlier choices filled in.

        It lacks what was never chosen (see `Network.is_complete`). Raise NoNetworkError for an unknown name,
        DefinitionError for an XML file that is refused.
        """
        return self._read(name, is_transient=self.is_transient(name))[0]

    def stored(self, name: str) -> Network:
        """The definition that lasts, also while a transient one is in force; raise StateError if there is none."""
        if self.is_transient(name) and not self.is_persistent(name):
            msg = f"network {name!r}: is transient: it has no stored definition"
            raise StateError(msg, hint=f"`vnet net-dumpxml {name}` shows what it has; net-define stores that")
        return self._read(name, is_transient=False)[0]

    def entries(self) -> list[Entry]:
        """What all definitions say in short; a network that has a transient one beside the stored one has two."""
        return self.index().entries()

    def entry(self, name: str) -> Entry | None:
        """What the definition in force says in short; None for an unknown name."""
        return self._index.entry(name, is_transient=self.is_transient(name), read=self._read)

    def by_uuid(self, uuid: str) -> str | None:
        """The name of the network with this uuid, in any case and with or without dashes; None if no network has it."""
        digits = uuid.lower().replace("-", "")
        if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
            return None
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return next(iter(self._holders("uuid", "-".join(parts))), None)

    def by_bridge(self, bridge: str) -> str | None:
        """The name of the network whose bridge is called so, None if no definition says it.

        Raise NoNetworkError for a bridge of the administrator's that several networks use.
        """
        found = self._holders("bridge", bridge) if is_link_name(bridge) else []
        if len(found) > 1:
            raise compiled.ambiguous(bridge, found)
        return found[0] if found else None

    def is_autostart(self, name: str) -> bool:
        """Whether the network is started at boot."""
        return self.is_persistent(name) and files.link_target(self._autostart_path(name)) is not None

    def autostarted(self) -> list[str]:
        """The sorted names of the networks that are started at boot."""
        return [name for name in files.names(self.paths.autostart, ".xml") if self.is_autostart(name)]

    def index(self, *, max_age_s: float = 0.0) -> "Index":
        """Who has which uuid, bridge and subnet, after a look at all files, or one at most `max_age_s` seconds ago."""
        self._index.refresh(self._read, max_age_s=max_age_s)
        if self._index.is_unsaved:
            self._save()
        return self._index

    # Changing

    def text(self, name: str) -> str:
        """The stored definition as it lies on disk, also one that is refused; raise as `stored` does for none."""
        path = sources.path_of(self.paths, name, is_transient=False)
        text = files.read_text(path) if is_network_name(name) else None
        if text is not None:
            return text
        dumped: str = xml_module().dump(self.stored(name), with_automatic=False)
        return dumped

    def write(self, network: Network) -> None:
        """Store a definition with what was chosen for it, replacing the one of its name, and compile it."""
        if not self._has_file(network.name, is_transient=False):
            files.remove(self._autostart_path(network.name))  # left by a killed removal
        self._write(network, is_transient=False)
        if network.name == DEFAULT:
            files.remove(sources.undefined_mark(self.paths))

    def write_transient(self, network: Network) -> None:
        """Keep a definition until the network stops or the host does, and compile it."""
        self._write(network, is_transient=True)

    def remove(self, name: str) -> None:
        """Forget the stored definition of a network; a transient one of its name stays in force.

        There is no `default` afterwards, either. Raise NoNetworkError for an unknown network, StateError for one that
        is only transient.
        """
        if not self.is_persistent(name):
            self.stored(name)  # raises what fits
        if name == DEFAULT:
            files.write_text(sources.undefined_mark(self.paths), "")
        files.remove(sources.path_of(self.paths, name, is_transient=False))
        files.remove(self._autostart_path(name))
        if not self.is_transient(name):
            compiled.remove(self.paths, name)
            choices.remove(self.paths, name)
        self._after_removal(name, was_transient=False)

    def remove_transient(self, name: str) -> None:
        """Forget the transient definition of a network, if there is one; the stored one is in force again."""
        if compiled.forget_transient(self.paths, name):
            self._after_removal(name, was_transient=True)

    def set_autostart(self, name: str, *, enabled: bool) -> None:
        """Start the network at boot, or not; raise StateError for a transient one. The built-in default gets a file."""
        network = self.stored(name)
        if not enabled:
            files.remove(self._autostart_path(name))
            return
        if not self._has_file(name, is_transient=False):
            self.write(network)
        files.make_link(self._autostart_path(name), f"../networks/{name}.xml")

    def compile(self, name: str, choose: "Callable[[Network], Network]") -> Network:
        """Bring the compiled form of the definition in force up to date, if `choose` gives it all that it leaves open.

        Raise as `read` and `choose` do.
        """
        key = (name, self.is_transient(name))
        source = sources.source_of(self.paths, name)
        stamp = files.stamp(source) if source else None  # before reading: a later change then shows
        network, says_all = self._read(*key)
        network = choose(network)
        if not network.is_complete:
            return network
        former = compiled.identity(self.paths, name).get("bridge")
        with Replacement() as replacement:
            chosen = None if says_all else choices.prepare(self.paths, replacement, network)
            compiled.prepare(self.paths, replacement, network, source=source, stamps=(stamp, chosen))
        if former != network.bridge.name:
            compiled.remove_link(self.paths, former, name)
        self._index.put(entry_of(key, (stamp, chosen), network))
        self.index(max_age_s=indexes.LOOK_S).save()
        return network

    def collision(self, network: Network) -> None:
        """Raise ExistsError or CollisionError if another one has its name, uuid, bridge or a part of its subnets."""
        if collisions.first(self.index(max_age_s=indexes.LOOK_S), network) is None:
            return
        error = collisions.first(self.index(), network)  # what was in the way may have gone since the last look
        if error is not None:
            raise error

    def complete(self, network: Network, *, is_taken: "Callable[[str], bool]") -> Network:
        """The network with uuid, MAC and bridge name; no subnet, which takes facts of the host to choose.

        What a definition of the same name has and this one does not say is kept, along with its automatic subnet.
        `is_taken`: whether there is a link of that name on the host.
        """
        index = self.index(max_age_s=indexes.LOOK_S)
        return choices.complete(network, self._old(network.name), index, is_taken=is_taken)

    # What it is made of

    def _has_file(self, name: str, *, is_transient: bool) -> bool:
        return is_network_name(name) and files.exists(sources.path_of(self.paths, name, is_transient=is_transient))

    def _autostart_path(self, name: str) -> str:
        return f"{self.paths.autostart}/{name}.xml"

    def _holders(self, kind: str, value: str) -> list[str]:
        """The networks with this uuid or bridge, sorted; all files are looked at only if none is known."""
        for max_age_s in (inf, 0.0):
            known = self.index(max_age_s=max_age_s).holders(kind, value)
            entries = [self._index.entry(old.name, is_transient=old.is_transient, read=self._read) for old in known]
            names = {entry.name for entry in entries if entry is not None and getattr(entry, kind) == value}
            if names:
                return sorted(names)
        return []

    def _read(self, name: str, is_transient: bool) -> tuple[Network, bool]:  # noqa: FBT001 (the index's Reader)
        """A definition with earlier choices filled in, and whether its XML says all."""
        path = sources.path_of(self.paths, name, is_transient=is_transient) if is_network_name(name) else ""
        text = files.read_text(path) if path else None
        if text is None and (is_transient or not sources.is_built_in(self.paths, name)):
            raise compiled.unknown(self.paths, name)
        network = Network(DEFAULT, forward="nat") if text is None else xml_module().parse(text, source=path).network
        if network.name != name:
            msg = f"{path}:1: <name> is {network.name!r}: must be {name!r}, like the file's"
            raise DefinitionError(msg)
        if network.is_complete:
            return network, True
        return choices.filled_in(self.paths, network, compiled.identity(self.paths, name)), False

    def _write(self, network: Network, *, is_transient: bool) -> None:
        if not network.is_complete:
            msg = f"network {network.name!r}: store: uuid, MAC, bridge name or subnet was not chosen"
            raise VnetError(msg)
        name = network.name
        path = sources.path_of(self.paths, name, is_transient=is_transient)
        text = xml_module().stored(network)
        is_alone = not self._has_file(name, is_transient=not is_transient)
        former = compiled.identity(self.paths, name).get("bridge")
        says_all = choices.automatic_subnet(network) is None
        try:
            with Replacement() as replacement:
                xml = replacement.write(path, text, is_durable=not is_transient)
                chosen = None if says_all else choices.prepare(self.paths, replacement, network)
                if is_transient or is_alone:
                    compiled.prepare(self.paths, replacement, network, source=path, stamps=(xml, chosen))
                self._index.put(entry_of((name, is_transient), (xml, chosen), network))
        except BaseException:
            self._index.doubt()
            raise
        if (is_transient or is_alone) and former != network.bridge.name:
            compiled.remove_link(self.paths, former, name)
        is_last = is_alone and not (is_transient and sources.is_built_in(self.paths, name))
        if says_all and is_last and sources.chosen_stamp(self.paths, name):
            choices.remove(self.paths, name)
        self._index.save()

    def _after_removal(self, name: str, *, was_transient: bool) -> None:
        if sources.source_of(self.paths, name) is not None and compiled.read(self.paths, name) is None:
            try:
                self.compile(name, lambda network: network)
            except (DefinitionError, HostError):
                pass  # what is left is refused; who reads it is told, who removes something else is not
        self._index.forget(name, is_transient=was_transient)
        compiled.remove_unused_index(self.paths)

    def _save(self) -> None:
        """Spare others what this process has read; nothing if somebody is changing the store, or it is not ours."""
        try:
            with Lock(self.paths.lock(".host"), deadline_s=0):
                self._index.save()
        except (BusyError, HostError):
            return

    def _old(self, name: str) -> Network | None:
        """The definition that one of this name replaces, as far as it can be read."""
        try:
            if self.is_persistent(name):
                return self.stored(name)
            return self.read(name) if self.is_transient(name) else None
        except (DefinitionError, HostError):
            return None


def xml_module() -> "ModuleType":
    """The reader and writer of XML, loaded when first needed: most calls find all they need compiled."""
    from vnethook.definition import xml  # noqa: PLC0415 (lxml takes its time)

    return xml
