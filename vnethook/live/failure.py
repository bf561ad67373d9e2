"""Why a network did not come up the last time, for whoever lists networks; until it comes up or is forgotten."""

from vnethook.errors import HostError
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.errors import VnetError
    from vnethook.live.paths import Paths


def write(paths: "Paths", name: str, error: "VnetError") -> None:
    """Keep the reason; nothing if that cannot be: the error itself is about to be reported."""
    try:
        files.write_text(_path(paths, name), f"{error.message.removeprefix(f'network {name!r}: ')}\n")
    except HostError:
        return


def read(paths: "Paths", name: str) -> str:
    """The reason; empty if the network came up the last time, or was never started."""
    try:
        return (files.read_text(_path(paths, name)) or "").rstrip("\n")
    except HostError:
        return ""


def remove(paths: "Paths", name: str) -> None:
    """Forget the reason."""
    files.remove(_path(paths, name))


def _path(paths: "Paths", name: str) -> str:
    return f"{paths.failures}/{name}"
