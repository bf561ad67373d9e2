"""Commands that run by a network (`vnet run`): while one does the network is in use, with a guest yet or without."""

import posix

from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths


def begin(paths: "Paths", network: str) -> None:
    """Have the network in use until this process ends, whatever program it becomes."""
    pid = posix.getpid()
    files.write_json(f"{_place(paths, network)}/{pid}.json", {"start": process.start_time(pid)})


def end(paths: "Paths", network: str) -> None:
    """Have it not in use by this process any more; nothing if it was not."""
    files.remove(f"{_place(paths, network)}/{posix.getpid()}.json")


def running(paths: "Paths", network: str) -> list[int]:
    """The pids of those that run; what is left of others is removed."""
    place, found = _place(paths, network), []
    for name in files.names(place, ".json"):
        path = f"{place}/{name}.json"
        if name.isdigit() and process.start_time(int(name)) == (files.read_json(path) or {}).get("start"):
            found.append(int(name))
        else:
            files.remove(path)
    return found


def forget(paths: "Paths", network: str) -> None:
    """Remove what is left of those that have ended."""
    if not running(paths, network):
        files.remove_directory(_place(paths, network))


def _place(paths: "Paths", network: str) -> str:
    return f"{paths.run}/sessions/{network}"
