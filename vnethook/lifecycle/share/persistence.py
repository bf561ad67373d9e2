"""Have a shared NIC be shared after the next boot too: files of the host's own network manager, and those before them.

`hold` keeps what `file_plan` has decided until somebody has confirmed that the host is reached; `write_held` puts
the files in place; `give_back` has all be as before, and `settle` what a killed call left.
"""

from vnethook.capability.manager import (
    formats,
)
from vnethook.errors import StateError
from vnethook.host import interface_manager, kept_files, manager_calls
from vnethook.lifecycle.share.file_plan import FilePlan, root_of
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vnethook.host.host import Host
    from vnethook.live.paths import Paths


_HELD = ".held"
"""Ends the name of a plan that waits; no bridge's name has a dot."""


def hold(host: "Host", plan: FilePlan) -> None:
    """Keep a plan for `write_held`: until somebody confirms that the host is reached, a reboot is the way back."""
    files.write_json(_held(host.paths, plan.bridge), plan.to_plain(), mode=0o600)


def write_held(host: "Host", bridge: str) -> None:
    """Put the files in place that are held for a bridge; nothing if none are; raises HostError, StateError."""
    plain = files.read_json(_held(host.paths, bridge))
    if plain is None:
        return
    if not is_persistent(host, bridge):  # else an earlier call was killed when all was done
        write(host, FilePlan.from_plain(plain))
    files.remove(_held(host.paths, bridge))


def write(host: "Host", plan: FilePlan) -> None:
    """Put the files of a plan in place, and keep those that were there; raises HostError, StateError."""
    wanted: dict[str, tuple[bytes, int] | None] = {}
    for file in plan.rendering.files:
        wanted[f"{plan.root}{file.path}"] = (file.text.encode("utf-8", "surrogateescape"), file.mode)
    wanted |= {f"{plan.root}{path}": None for path in plan.rendering.removed}
    kept_files.replace(_place(host.paths, plan.bridge), (plan.nic, plan.bridge, plan.form), wanted)


def is_persistent(host: "Host", bridge: str) -> bool:
    """Whether files of ours make the bridge at boot."""
    exchange = kept_files.read(_place(host.paths, bridge))
    return exchange is not None and exchange.is_whole


def require_unedited(host: "Host", bridge: str) -> None:
    """Raise StateError if files were changed since, by somebody or for another NIC: they are not given back then."""
    for path in kept_files.edited(_place(host.paths, bridge)):
        for other in files.names(_top(host.paths)):
            exchange = kept_files.read(_place(host.paths, other)) if other != bridge else None
            if exchange is not None and path in {change.path for change in exchange.changes}:
                msg = f"file {path!r}: give back: it was written for bridge {other!r} since"
                raise StateError(msg, hint=f"`vnet unshare {other}` first")
        msg = f"file {path!r}: give back: it was edited since it was written"
        raise StateError(msg, hint="--force has it as it was before, and keeps the edited one")


def give_back(host: "Host", bridge: str, *, is_forced: bool = False) -> list[str]:
    """Have the files of a bridge be as they were before; what to tell the administrator, a line each.

    Nothing if there are none. Raises StateError for what was edited since, unless `is_forced`; HostError.
    """
    told = _give_back(host.paths, bridge, is_forced=is_forced)
    files.remove(_held(host.paths, bridge))
    files.remove_directory(_top(host.paths))
    return told


def form_of(host: "Host", bridge: str) -> str:
    """The format of the files that are kept for a bridge, empty for none."""
    exchange = kept_files.read(_place(host.paths, bridge))
    return exchange.about[2] if exchange else ""


def let_go(form: str, links: "Iterable[str]") -> None:
    """Have NetworkManager leave links alone that it made by our files: it would make them again, or take them down."""
    if _is_networkmanagers(form):
        manager_calls.leave(links)


def read_again(form: str) -> None:
    """Have NetworkManager know profiles that are there again, so that it can be told to bring one up."""
    if _is_networkmanagers(form):
        manager_calls.reload_networkmanager()


def take_up(form: str, nic: str) -> None:
    """Have a manager that runs do for a NIC what its files say again."""
    if _is_networkmanagers(form):
        manager_calls.connect(nic)
    elif form in {formats.NETWORKD, formats.NETPLAN} and interface_manager.NETWORKD in interface_manager.running():
        manager_calls.reload_networkd()


def _is_networkmanagers(form: str) -> bool:
    is_its = form in {formats.KEYFILE, formats.NETPLAN_NM}
    return is_its and interface_manager.NETWORKMANAGER in interface_manager.running()


def _give_back(paths: "Paths", bridge: str, *, is_forced: bool) -> list[str]:
    aside = f"{paths.state}/interface-files-edited/{bridge}" if is_forced else ""
    exchange = kept_files.read(_place(paths, bridge))
    kept = kept_files.give_back(_place(paths, bridge), aside=aside)
    if exchange and exchange.about[2].startswith(formats.NETPLAN) and not root_of(paths):
        manager_calls.generate()
    return [
        f"file {path!r}: was edited since; it is as before, and the edited one is {where!r}" for path, where in kept
    ]


def settle(host: "Host", shared: "Collection[str]") -> list[str]:
    """Take back what calls left that were killed while they wrote, and forget plans of bridges that are not `shared`.

    A plan of one that is can still be written. Gives what to tell, a line each.
    """
    told = []
    for name in files.names(_top(host.paths)):
        bridge = name.removesuffix(_HELD)
        if not name.endswith(_HELD) and not is_persistent(host, bridge):
            told += _give_back(host.paths, bridge, is_forced=True)
        elif name.endswith(_HELD) and bridge not in shared:
            files.remove(_held(host.paths, bridge))
    files.remove_directory(_top(host.paths))
    return told


def named(host: "Host", name: str) -> str:
    """The bridge whose files are kept and that is meant by its own name or its NIC's, empty for none."""
    for bridge in files.names(_top(host.paths)):
        exchange = kept_files.read(_place(host.paths, bridge))
        if exchange is not None and name in exchange.about[:2]:
            return bridge
    return ""


def _top(paths: "Paths") -> str:
    return f"{paths.state}/interface-files"


def _place(paths: "Paths", bridge: str) -> str:
    return f"{_top(paths)}/{bridge}"


def _held(paths: "Paths", bridge: str) -> str:
    return f"{_top(paths)}/{bridge}{_HELD}"
