"""Who has which uuid, bridge, MAC, subnet and port of the host, without reading a thousand definitions.

The XML on disk is the truth and may change at any time by anybody's hand. So an entry counts only while the stamps of
the files that it was read from are still theirs: `refresh` asks for those of all files, `entry` for those of one.
"""

from _thread import RLock
from time import monotonic, time

from vnethook.address import Subnet
from vnethook.definition import choices, compiled, port_claims, sources
from vnethook.definition.blocks import Blocks
from vnethook.definition.entries import Entry, EntryLog, entry_of
from vnethook.definition.model import Network
from vnethook.definition.port_claims import PortClaims
from vnethook.errors import BusyError, DefinitionError, HostError, NoNetworkError
from vnethook.live import files
from vnethook.names import BRIDGE_PREFIX, is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from vnethook.definition.entries import Key, Stamps
    from vnethook.definition.port_claims import Found
    from vnethook.live.paths import Paths

    Reader = Callable[[str, bool], tuple[Network, bool]]
    """Reads the definition of a name, stored or transient; gives it, and whether its XML says all. See `Store.read`."""

LOOK_S = 1.0
"""How long a process that changes many definitions may go without looking for what was changed by hand."""
SETTLED_S = 1.0
"""An edit within one tick of the clock leaves the stamp as it is, so what is younger is not put down for others."""
TRIES = 50
"""How often a definition is read again that changes while it is read."""
_SPARE_LINES = 64


class Index:
    """The definitions below one set of paths, one object for each process; see `of`."""

    def __init__(self, paths: "Paths") -> None:
        self._paths = paths
        self._log = EntryLog(compiled.index_path(paths))
        self._guard = RLock()  # programs that use the API have threads
        self._looked = -LOOK_S
        self._unsaved = False
        self._entries: dict[Key, Entry] = {}
        self._holders: dict[str, dict[str, list[Entry]]] = {"uuid": {}, "bridge": {}, "mac": {}, "vni": {}}
        self._subnets = Blocks()
        self._routed = Blocks()
        self._ports = PortClaims()
        self._lowest = 0

    # Bringing it up to date

    def refresh(self, read: "Reader | None" = None, *, max_age_s: float = 0.0) -> "list[Key]":
        """Take in what has changed on disk; `read` reads what is not compiled. What could not be read for want of it.

        With `max_age_s`, files are not looked at if they were that recently; what other processes define is seen all
        the same.
        """
        with self._guard:
            is_in_place = self._take_news()
            if is_in_place and monotonic() - self._looked < max_age_s:
                return []
            found = self._on_disk()
            for key in self._entries.keys() - found.keys():
                self._drop(key)
            changed = [key for key, stamp in found.items() if not self._has(key, stamp)]
            unread = [key for key in changed if not self._learn(key, read)]
            self._looked = monotonic() if not unread else -LOOK_S
            return unread

    def entry(self, name: str, *, is_transient: bool = False, read: "Reader | None" = None) -> Entry | None:
        """What one definition says now; None if there is none, or if it had to be read and could not be."""
        key = (name, is_transient)
        if not is_network_name(name):
            return None
        with self._guard:
            stamp = self._stamp(key)
            if stamp is None and not self._is_built_in(key):
                self._drop(key)
                return None
            if not self._has(key, stamp):
                self._take_news()
                if not self._has(key, self._stamp(key)) and not self._learn(key, read):
                    return None
            return self._entries.get(key)

    def put(self, entry: Entry) -> None:
        """Take in a definition that is about to be in place, for other processes too; with the host's lock held."""
        with self._guard:
            self._take(entry)
            if entry.xml is not None:
                self._log.add(entry)

    def forget(self, name: str, *, is_transient: bool) -> None:
        """Leave out a definition that was removed."""
        with self._guard:
            self._drop((name, is_transient))

    def doubt(self) -> None:
        """Look at all files at the next `refresh`: what was put did not get in place."""
        self._looked = -LOOK_S

    def save(self) -> None:
        """Write the file of entries anew if it lacks some or holds many that are gone; with the host's lock held."""
        with self._guard:
            self._take_news()
            built_in = self._entries.get(_BUILT_IN)
            count = len(self._entries) - (built_in is not None and built_in.xml is None)
            has_many = self._log.lines > 2 * count + _SPARE_LINES
            if count and (self._unsaved or not self._log.is_ours or has_many):
                self._log.rewrite(entry for entry in self._entries.values() if entry.xml is not None)
            self._unsaved = False

    @property
    def is_unsaved(self) -> bool:
        """Whether definitions were read that other processes would have to read again."""
        return self._unsaved

    # Asking

    def entries(self) -> list[Entry]:
        """All that are known since the last `refresh`."""
        with self._guard:
            return list(self._entries.values())

    def holders(self, kind: str, value: str, *, but: str = "") -> list[Entry]:
        """The definitions with this "uuid", "bridge", "mac" or "vni", of other networks than `but`."""
        with self._guard:
            return [entry for entry in self._holders[kind].get(value, ()) if entry.name != but]

    def macs(self) -> "Container[str]":
        """All MAC addresses of bridges."""
        return self._holders["mac"]

    def overlap(self, subnet: Subnet, *, but: str) -> tuple[Subnet, str] | None:
        """A subnet that overlaps this one, with the name of its network, other than `but`; None if there is none."""
        with self._guard:
            for block, name in self._subnets.overlapping(subnet):
                if name != but:
                    return Subnet(*block), name
            return None

    def forwarded(self, network: "Network") -> "Found | None":
        """The first of a network's ports of the host that another network has already, that one and what it has."""
        with self._guard:
            items = [port_claims.read(row) for row in port_claims.plain(network)]
            return self._ports.first(items, but=network.name)

    def is_claimed(self, subnet: Subnet, *, but: str) -> bool:
        """Whether a network other than `but` has a part of this subnet, or leads there."""
        with self._guard:
            return any(
                name != but for blocks in (self._subnets, self._routed) for _, name in blocks.overlapping(subnet)
            )

    def free_bridge(self, is_taken: "Callable[[str], bool]") -> str:
        """The bridge name of ours with the lowest number that no definition has and that is not taken otherwise."""
        with self._guard:
            bridges = self._holders["bridge"]
            while f"{BRIDGE_PREFIX}{self._lowest}" in bridges:
                self._lowest += 1
            number = self._lowest
            while (name := f"{BRIDGE_PREFIX}{number}") in bridges or is_taken(name):
                number += 1
            return name

    # What it is made of

    def _take_news(self) -> bool:
        """Take in what others have put down; whether all of it is in place, and none replaced what is."""
        news = self._log.news()
        for entry in news:
            self._take(entry)
        return all(self._has(entry.key, self._stamp(entry.key)) for entry in news) if self._looked > 0 else True

    def _on_disk(self) -> "dict[Key, list[int] | None]":
        """The stamp of every definition's XML; None for the built-in default."""
        found: dict[Key, list[int] | None] = {}
        for is_transient, directory in ((False, self._paths.networks), (True, self._paths.transient)):
            for name in files.names(directory, ".xml"):
                stamp = files.stamp(f"{directory}/{name}.xml") if is_network_name(name) else None
                if stamp is not None:
                    found[name, is_transient] = stamp
        if _BUILT_IN not in found and self._is_built_in(_BUILT_IN):
            found[_BUILT_IN] = None
        return found

    def _is_built_in(self, key: "Key") -> bool:
        return key == _BUILT_IN and sources.is_built_in(self._paths, key[0])

    def _stamp(self, key: "Key") -> list[int] | None:
        return files.stamp(sources.path_of(self._paths, key[0], is_transient=key[1]))

    def _has(self, key: "Key", stamp: list[int] | None) -> bool:
        """Whether what is known of a definition is what it says now; not for one that does not exist."""
        entry = self._entries.get(key)
        if entry is None or entry.xml != stamp or (stamp is None and not self._is_built_in(key)):
            return False
        return entry.chosen is None or entry.chosen == sources.chosen_stamp(self._paths, entry.name)

    def _learn(self, key: "Key", read: "Reader | None") -> bool:
        """Read one definition; whether that could be done, or it is gone."""
        for _ in range(TRIES):
            stamp, chosen = self._stamp(key), sources.chosen_stamp(self._paths, key[0])
            if stamp is None and not self._is_built_in(key):
                self._drop(key)
                return True
            entry = self._read(key, (stamp, chosen), read)
            if entry is None:
                self._drop(key)
                return False
            if (self._stamp(key), sources.chosen_stamp(self._paths, key[0])) == (stamp, chosen):
                self._take(entry)
                if stamp is not None and stamp[0] < (time() - SETTLED_S) * 1e9:
                    self._log.add(entry)
                    self._unsaved |= not self._log.is_ours
                return True
        msg = f"network {key[0]!r}: read: its definition changes faster than it can be read"
        raise BusyError(msg)

    def _read(self, key: "Key", stamps: "Stamps", read: "Reader | None") -> Entry | None:
        """The entry for a definition as it is now; None for want of a reader."""
        name, is_transient = key
        if stamps[0] is None:
            return entry_of(key, stamps, choices.filled_in(self._paths, Network(name, forward="nat")))
        if sources.source_of(self._paths, name) == sources.path_of(self._paths, name, is_transient=is_transient):
            found = compiled.read_whole(self._paths, name)
            if found is not None:
                return entry_of(key, (stamps[0], found[1]), found[0])
        if read is None:
            return None
        try:
            network, says_all = read(name, is_transient)
        except NoNetworkError:
            return entry_of(key, stamps, None)  # removed meanwhile, which the stamps tell
        except (DefinitionError, HostError) as error:
            return entry_of(key, stamps, None, error.message)
        return entry_of(key, (stamps[0], None if says_all else stamps[1]), network)

    def _take(self, entry: Entry) -> None:
        self._drop(entry.key)
        self._entries[entry.key] = entry
        for kind, holders in self._holders.items():
            value = getattr(entry, kind)
            if value:
                holders.setdefault(value, []).append(entry)
        for blocks, found in ((self._subnets, entry.subnets), (self._routed, entry.routed)):
            for version, first, prefix in found:
                blocks.add((version, first, prefix), entry.name)
        for number, row in enumerate(entry.ports):
            self._ports.add(f"{entry.name}/{entry.is_transient}/{number}", entry.name, port_claims.read(row))

    def _drop(self, key: "Key") -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for kind, holders in self._holders.items():
            value = getattr(entry, kind)
            if value:
                holders[value].remove(entry)
                if not holders[value]:
                    del holders[value]
        number = entry.bridge.removeprefix(BRIDGE_PREFIX)
        if number.isdecimal() and number != entry.bridge:
            self._lowest = min(self._lowest, int(number))
        for blocks, found in ((self._subnets, entry.subnets), (self._routed, entry.routed)):
            for version, first, prefix in found:
                blocks.discard((version, first, prefix), entry.name)
        for place in range(len(entry.ports)):
            self._ports.discard(f"{entry.name}/{entry.is_transient}/{place}")


_BUILT_IN = (sources.DEFAULT, False)
_indexes: "dict[Paths, Index]" = {}


def of(paths: "Paths") -> Index:
    """The index of these paths that this process keeps."""
    found = _indexes.get(paths)
    if found is None:
        found = _indexes.setdefault(paths, Index(paths))
    return found
