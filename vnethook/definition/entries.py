"""What every definition says in short, and the file in which that is kept: see index.py for whom.

The file is a log of JSON lines, one for each definition that was read: the stamps of the files that it was read from,
and what they said. That stays true for ever, so the log needs no lock and no repair: a line whose stamps are no longer
those of the files is not used, one that a killed writer or a full disk has torn is no JSON, one that is missing is
made again from the definition.
"""

import posix

from vnethook.definition import port_claims
from vnethook.errors import HostError
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vnethook.definition.model import Network

    Key = tuple[str, bool]
    """The name of a network, and whether it is its transient definition."""
    Stamps = tuple[list[int] | None, list[int] | None]
    """Of a definition's XML, None for the built-in default; and of what was chosen for it, None if the XML says all."""

FORMAT = 4
"""To be another one whenever what stands in a line is, rows of its fields included: else an older line is taken."""
_HEADER = b'["vnethook index", %d, "%s"]'
_HEADER_LENGTH = len(_HEADER % (FORMAT, bytes(16)))
_FIELDS = (
    "name",
    "is_transient",
    "xml",
    "chosen",
    "uuid",
    "bridge",
    "mac",
    "vni",
    "forward",
    "subnets",
    "routed",
    "ports",
    "title",
    "problem",
)


class Entry:
    """What others have to know of one definition.

    `xml`, `chosen`: the stamps of what it was read from. `vni`: of its fabric, else empty. `subnets`, and `routed`,
    where its routes lead: (IP version, first address, prefix length); `ports`: its forwards, see port_claims.py;
    `problem`: why its XML is refused, and then nothing else is known.
    """

    __slots__ = _FIELDS

    name: str
    is_transient: bool
    xml: list[int] | None
    chosen: list[int] | None
    uuid: str
    bridge: str
    mac: str
    vni: str
    forward: str
    subnets: list[list[int]]
    routed: list[list[int]]
    ports: "list[list[Any]]"
    title: str
    problem: str

    def __init__(self, row: "list[Any]") -> None:
        """Raise ValueError for a row of another length."""
        (
            self.name,
            self.is_transient,
            self.xml,
            self.chosen,
            self.uuid,
            self.bridge,
            self.mac,
            self.vni,
            self.forward,
            self.subnets,
            self.routed,
            self.ports,
            self.title,
            self.problem,
        ) = row

    @property
    def key(self) -> "Key":
        """What there is one entry of."""
        return self.name, self.is_transient

    @property
    def stamps(self) -> "Stamps":
        """Of what it was read from."""
        return self.xml, self.chosen

    def row(self) -> "list[Any]":
        """The entry as JSON's types."""
        return [getattr(self, field) for field in _FIELDS]


def entry_of(key: "Key", stamps: "Stamps", network: "Network | None", problem: str = "") -> Entry:
    """The entry for a definition that was read, or that could not be because of a problem."""
    if network is None:
        return Entry([*key, *stamps, "", "", "", "", "", [], [], [], "", problem])
    claims = [[subnet.version, subnet.first, subnet.prefix] for subnet in network.claims]
    count = len(network.subnets)
    names = (
        network.uuid or "",
        network.bridge.name or "",
        network.mac or "",
        str(network.fabric.vni) if network.fabric else "",
    )
    blocks = (claims[:count], claims[count:], port_claims.plain(network))
    return Entry([*key, *stamps, *names, network.forward, *blocks, network.title or "", problem])


class EntryLog:
    """The file of entries: what others have added since the last look, and adding to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines = 0
        """How many it holds, also of definitions that are gone."""
        self._stamp: list[int] | None = None
        self._header = b""
        self._offset = 0

    @property
    def is_ours(self) -> bool:
        """Whether there is a log that this version can read."""
        return self._header[:-18] == (_HEADER % (FORMAT, b""))[:-2]

    def news(self) -> list[Entry]:
        """What was added since the last call; all of it at the first, and after somebody wrote it anew."""
        stamp = files.stamp(self.path)
        if stamp == self._stamp:
            return []
        try:
            text = self._read()
        except OSError:
            self._stamp, self._header = None, b""
            return []  # nothing to be read: as good as nothing known
        self._stamp = stamp
        return self._entries(text) if self.is_ours else []

    def add(self, entry: Entry) -> None:
        """Put an entry down; nothing if that cannot be: it will be read from its definition again."""
        line = b"\n" + files.dumps(entry.row()).encode()
        try:
            fd = posix.open(self.path, posix.O_WRONLY | posix.O_APPEND | posix.O_CLOEXEC | posix.O_NOFOLLOW)
        except OSError:
            return
        try:
            before = posix.fstat(fd)
            is_known = self._stamp == [before.st_mtime_ns, before.st_size, before.st_ino]
            posix.write(fd, line)
            after = posix.fstat(fd)
        except OSError:
            return
        finally:
            posix.close(fd)
        if is_known and after.st_size == before.st_size + len(line):
            self._offset += len(line)
            self._stamp = [after.st_mtime_ns, after.st_size, after.st_ino]
        self.lines += 1

    def rewrite(self, entries: "Iterable[Entry]") -> None:
        """Write the log anew; call it with the host's lock held. Nothing if that cannot be."""
        header = _HEADER % (FORMAT, posix.urandom(8).hex().encode())
        lines = [header.decode(), *(files.dumps(entry.row()) for entry in entries)]
        try:
            files.write_text(self.path, "\n".join(lines))
        except HostError:
            return
        self._stamp, self._header = None, b""

    def _read(self) -> bytes:
        """What was added since the last time, or all of another file than before."""
        fd = posix.open(self.path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW)
        try:
            header = posix.pread(fd, _HEADER_LENGTH, 0)
            if header != self._header:
                self._header, self._offset, self.lines = header, _HEADER_LENGTH, 0
            text = b""
            while more := posix.pread(fd, 1 << 20, self._offset + len(text)):
                text += more
            return text
        finally:
            posix.close(fd)

    def _entries(self, text: bytes) -> list[Entry]:
        """The entries in what was read; the last line, if it is not whole, is left for the next time."""
        lines = text.decode("ascii", "replace").split("\n")[1:]
        try:
            rows = files.loads(f"[{','.join(lines)}]")
        except ValueError:
            rows = [_row(line) for line in lines]
            if lines and rows[-1] is None:
                text = text[: text.rindex(b"\n")]
        self._offset += len(text)
        self.lines += len(lines)
        return [Entry(row) for row in rows if isinstance(row, list) and len(row) == len(_FIELDS)]


def _row(line: str) -> object:
    try:
        return files.loads(line)
    except ValueError:
        return None  # torn by a killed writer or a full disk
