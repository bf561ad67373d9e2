"""What a NIC was before it was shared, on disk before the first change, so that a reboot leaves it."""

import posix

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.step import from_record
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths
    from vnethook.plan.step import Step

BOOT_ID = "/proc/sys/kernel/random/boot_id"
"""Another text after each boot. Source: random(4)."""


class Snapshot(Value):
    """The record of a shared NIC, the boot that it is of, and its steps, which hold what they take the place of."""

    _nested = {"shared": SharedInterface}  # noqa: RUF012 (ClassVar would need typing at run time)
    shared: SharedInterface
    boot: str
    records: "tuple[dict[str, Any], ...]"

    @property
    def is_of_this_boot(self) -> bool:
        """Whether the host has not been booted since."""
        return self.boot == boot()

    def steps(self) -> "list[Step]":
        """The steps, oldest first."""
        return [from_record(record) for record in self.records]


def boot() -> str:
    """The id of the host's boot."""
    return (files.read_text(BOOT_ID) or "").strip()


def write(paths: "Paths", shared: SharedInterface, steps: "tuple[Step, ...]") -> None:
    """Have it on disk, so that a power cut does not take it; raise HostError if the file system refuses."""
    records = tuple(files.loads(files.dumps(step.to_record())) for step in steps)
    _write(paths, Snapshot(shared, boot(), records))


def keep(paths: "Paths", shared: SharedInterface) -> None:
    """Write down what has become of it; nothing if there is no snapshot."""
    snapshot = read(paths, shared.bridge)
    if snapshot is not None:
        _write(paths, snapshot.replace(shared=shared))


def read(paths: "Paths", bridge: str) -> Snapshot | None:
    """The snapshot of the NIC on a bridge, None if there is none that can be read."""
    try:
        plain = files.read_json(_path(paths, bridge))
        return Snapshot.from_plain(plain) if plain else None
    except (AttributeError, HostError, TypeError):
        return None


def every(paths: "Paths") -> list[Snapshot]:
    """All of them."""
    found = (read(paths, bridge) for bridge in files.names(paths.shared_snapshots, ".json"))
    return [snapshot for snapshot in found if snapshot is not None]


def remove(paths: "Paths", bridge: str) -> None:
    """Remove a snapshot; nothing if it is gone."""
    files.remove(_path(paths, bridge))
    files.remove_directory(paths.shared_snapshots)


def _write(paths: "Paths", snapshot: Snapshot) -> None:
    path = _path(paths, snapshot.shared.bridge)
    files.make_directory(files.directory_of(path), mode=0o700)
    files.write_json(path, snapshot.to_plain(), mode=0o600)
    try:
        for place in (path, files.directory_of(path)):
            _have_on_disk(place)
    except OSError as error:
        raise files.refusal(path, "write", error) from error


def _have_on_disk(path: str) -> None:
    fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        posix.fsync(fd)
    finally:
        posix.close(fd)


def _path(paths: "Paths", bridge: str) -> str:
    return f"{paths.shared_snapshots}/{bridge}.json"
