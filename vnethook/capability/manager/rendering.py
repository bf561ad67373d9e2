"""What a renderer gives: files with their text, files that are to go, and what it could not say in that format."""

from vnethook.capability.manager.config import Rule
from vnethook.value import Value


class ManagedFile(Value):
    """A file of a network manager's: its path, its text, its mode."""

    path: str
    text: str
    mode: int = 0o644


class Carried(Value):
    """A setting of the NIC's present configuration that goes into a new file: `place` "bridge" or "port".

    `section` is that of an INI file, empty elsewhere.
    """

    place: str
    section: str
    key: str
    value: str


class Rendering(Value):
    """The files to write, the paths of those to remove, and notes for the administrator, a line each.

    A bridge's file comes before its port's: if the power fails between, the NIC is still the host's way out.
    """

    _nested = {"files": ManagedFile}  # noqa: RUF012 (ClassVar would need typing at run time)
    files: tuple[ManagedFile, ...]
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """All files, each below a line with its path."""
        return "\n".join(f"# {file.path}\n{file.text}" for file in self.files)


class Present(Value):
    """What a manager's files say of the NIC now.

    `removed`: files that are of the NIC alone; `edited`: files that it shares with others, as they are without it;
    `carried`: settings that new files take over; `names`: of the files that new ones must go before or after.
    """

    removed: tuple[str, ...] = ()
    edited: tuple[ManagedFile, ...] = ()
    carried: tuple[Carried, ...] = ()
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, place: str) -> tuple[Carried, ...]:
        """What goes into the file of "bridge" or "port"."""
        return tuple(one for one in self.carried if one.place == place)


NOTHING = Present()
"""Of a NIC that is not here."""


class Said(Value):
    """What the present configuration says of a NIC that the kernel does not show; `ipv6`: a mode, empty if unsaid."""

    _nested = {"rules": Rule, "present": Present}  # noqa: RUF012 (ClassVar would need typing at run time)
    present: Present = NOTHING
    dhcp4: bool = False
    ipv6: str = ""
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    zone: str = ""
    rules: tuple[Rule, ...] = ()


def rendering(files: tuple[ManagedFile, ...], present: Present, notes: tuple[str, ...] = ()) -> Rendering:
    """A rendering of new files, with what becomes of the present ones."""
    written = {file.path for file in files}
    edited = tuple(file for file in present.edited if file.path not in written)
    written |= {file.path for file in edited}
    removed = tuple(path for path in present.removed if path not in written)
    return Rendering(files + edited, removed, (*present.notes, *notes))


def sections(parts: "tuple[tuple[str, tuple[str, ...]], ...]") -> str:
    """The text of an INI file: (name, lines) of each section, those without lines left out."""
    return "\n".join("\n".join((f"[{name}]", *lines, "")) for name, lines in parts if lines)
