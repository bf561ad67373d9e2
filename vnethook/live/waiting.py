"""Ports that were made before their NICs: each waits for the NIC with its MAC, and keeps its network up meanwhile.

One record for each, as of an attached NIC but without an interface, by its uuid.
"""

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.nics import Nic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths


def ports(paths: "Paths", network: str) -> list[Nic]:
    """The ports of a network that wait."""
    found = (read(paths, network, uuid) for uuid in files.names(paths.waiting(network), ".json"))
    return [nic for nic in found if nic is not None]


def read(paths: "Paths", network: str, uuid: str) -> Nic | None:
    """One of them, None if there is none that can be read."""
    try:
        return Nic.from_plain(files.read_json(_path(paths, network, uuid)))
    except (AttributeError, HostError, TypeError):
        return None


def write(paths: "Paths", nic: Nic) -> None:
    """Write a record."""
    files.write_json(_path(paths, nic.network, nic.uuid), nic.to_plain())


def remove(paths: "Paths", nic: Nic) -> None:
    """Remove a record; nothing if it is gone."""
    files.remove(_path(paths, nic.network, nic.uuid))
    files.remove_directory(paths.waiting(nic.network))


def _path(paths: "Paths", network: str, uuid: str) -> str:
    return f"{paths.waiting(network)}/{uuid}.json"
