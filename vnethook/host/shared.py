"""What several networks share on one host, and which of them hold it: the last one gives it back as it was.

`shared.json`: {key: {"was": {name: value}, "holders": [network]}}. Guarded by the host's lock.
"""

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths


class Shared:
    """The register of shared settings."""

    def __init__(self, paths: "Paths") -> None:
        self._paths = paths

    def lock(self) -> Lock:
        """The host's lock; hold it around reading, changing the host, and writing."""
        return Lock(f"{self._paths.locks}/.host")

    def is_held(self, key: str, network: str) -> bool:
        """Whether this network holds it."""
        return network in self._read().get(key, _NONE)["holders"]

    def keys(self) -> set[str]:
        """All that is held."""
        return set(self._read())

    def is_managed(self, key: str) -> bool:
        """Whether any network of ours holds it."""
        return key in self._read()

    def hold(self, key: str, network: str, was: dict[str, str]) -> None:
        """Add a holder; `was`, the values to give back, is kept from the first one."""
        entries = self._read()
        entry = entries.setdefault(key, {"was": was, "holders": []})
        if network not in entry["holders"]:
            entry["holders"].append(network)
            files.write_json(self._paths.shared, entries)

    def entries(self, register: str) -> dict[str, dict[str, str]]:
        """What each network has entered in a register, by network."""
        return {
            key.removeprefix(f"{register} of "): entry["was"]
            for key, entry in self._read().items()
            if key.startswith(f"{register} of ")
        }

    def enter(self, register: str, network: str, entry: dict[str, str]) -> None:
        """Have this, and nothing else, of a network in a register."""
        entries = self._read()
        new: _Entry = {"was": entry, "holders": [network]}
        if entries.get(f"{register} of {network}") != new:
            entries[f"{register} of {network}"] = new
            files.write_json(self._paths.shared, entries)

    def leave(self, register: str, network: str) -> None:
        """Have nothing of a network in a register."""
        self.release(f"{register} of {network}", network)

    def last_values(self, key: str, network: str) -> dict[str, str] | None:
        """The values to give back if `network` is the only holder, else None. Changes nothing."""
        entry = self._read().get(key)
        return entry["was"] if entry and entry["holders"] == [network] else None

    def release(self, key: str, network: str) -> None:
        """Take a holder out; nothing if it is none."""
        entries = self._read()
        entry = entries.get(key)
        if not entry or network not in entry["holders"]:
            return
        entry["holders"].remove(network)
        if not entry["holders"]:
            del entries[key]
        if entries:
            files.write_json(self._paths.shared, entries)
        else:
            files.remove(self._paths.shared)

    def _read(self) -> dict[str, "_Entry"]:
        found = files.read_json(self._paths.shared) or {}
        try:
            return {key: {"was": dict(entry["was"]), "holders": list(entry["holders"])} for key, entry in found.items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f"file {self._paths.shared!r}: read: not a register of shared settings"
            raise HostError(msg, hint="it is damaged; remove it, then `vnet net-repair` writes it anew") from error


if TYPE_CHECKING:
    from typing import TypedDict

    class _Entry(TypedDict):
        was: dict[str, str]
        holders: list[str]


_NONE: "_Entry" = {"was": {}, "holders": []}
