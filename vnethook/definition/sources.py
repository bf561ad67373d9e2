"""Where the definition of a network comes from, and whether what was made of it earlier still counts.

The XML of a network that was created and not defined lies in the run directory and goes first; `default` exists without
any. What is made of a definition is kept with its origin, `{"source", "stamp", "chosen"}`: the XML's path and stamp
(time, size, inode), and the stamp of what was chosen for it, None if the XML says all.
"""

from vnethook.live import files
from vnethook.names import is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths

    Origin = dict[str, Any]

DEFAULT = "default"
"""The network that exists without a file."""


def path_of(paths: "Paths", name: str, *, is_transient: bool) -> str:
    """Where the XML of a network lies, or would lie."""
    return f"{paths.transient if is_transient else paths.networks}/{name}.xml"


def source_of(paths: "Paths", name: str) -> str | None:
    """The XML file that defines `name`: a transient one, a stored one, or None (the built-in default has none)."""
    if not is_network_name(name):
        return None
    for is_transient in (True, False):
        path = path_of(paths, name, is_transient=is_transient)
        if files.stamp(path) is not None:
            return path
    return None


def is_built_in(paths: "Paths", name: str) -> bool:
    """Whether the network exists without a file: `default` does, until somebody undefines it."""
    return name == DEFAULT and not files.exists(undefined_mark(paths))


def undefined_mark(paths: "Paths") -> str:
    """The file that says that there is no built-in default."""
    return f"{paths.networks}/{DEFAULT}.undefined"


def exists(paths: "Paths", name: str) -> bool:
    """Whether `name` is a network: there is a file for it, or it is the built-in default."""
    return source_of(paths, name) is not None or is_built_in(paths, name)


def chosen_path(paths: "Paths", name: str) -> str:
    """Where it is remembered what was chosen for a network."""
    return f"{paths.state}/chosen/{name}.json"


def chosen_stamp(paths: "Paths", name: str) -> list[int]:
    """The stamp of what was chosen for a network, empty if nothing was."""
    return files.stamp(chosen_path(paths, name)) or []


def is_current(paths: "Paths", name: str, origin: "Origin") -> bool:
    """Whether what is kept with this origin is of the network as it is defined now."""
    source = source_of(paths, name)
    if origin.get("source") != source or (source is None and not is_built_in(paths, name)):
        return False
    if source is not None and origin.get("stamp") != files.stamp(source):
        return False
    chosen = origin.get("chosen")
    return chosen is None or bool(chosen == chosen_stamp(paths, name))
