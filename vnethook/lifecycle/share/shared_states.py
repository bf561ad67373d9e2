"""NICs of the host's that guests share, as lists show them, beside the networks that may be on their bridges."""

from vnethook.host.host import Host
from vnethook.lifecycle.share import boot_files
from vnethook.live import record
from vnethook.live import shared_interface as records
from vnethook.live.rtnl import Links
from vnethook.live.shared_interface import SharedInterface
from vnethook.value import Value


class SharedState(Value):
    """A shared NIC in a list. `addresses`: the host's by it; `networks`: those that are up on its bridge.

    `port`: what the NIC is called meanwhile; `is_active`: guests can join it; `problem`: why they cannot, or soon will
    not; `is_persistent`: files of the host's manager make its bridge at boot.
    """

    nic: str
    port: str
    bridge: str
    is_active: bool
    antispoof: bool = False
    addresses: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    problem: str = ""
    is_persistent: bool = False


def states(host: Host, *, links: Links | None = None) -> list[SharedState]:
    """Every shared NIC, by name; `links`: the host's, for who has read them already."""
    seen = links or host.links
    found = sorted(filter(records.is_here, records.every(host.paths)), key=lambda shared: shared.nic)
    users: dict[str, list[str]] = {}
    for name in record.names(host.paths) if found else ():
        live = record.read(host.paths, name)
        if live is not None:
            users.setdefault(live.bridge, []).append(name)
    return [
        _state(seen, shared, tuple(sorted(users.get(shared.bridge, ())))).replace(
            is_persistent=boot_files.is_persistent(host, shared.bridge)
        )
        for shared in found
    ]


def by_bridge(host: Host) -> dict[str, str]:
    """The shared NICs by the names of their bridges."""
    return {shared.bridge: shared.nic for shared in records.every(host.paths) if records.is_here(shared)}


def _state(links: Links, shared: SharedInterface, networks: tuple[str, ...]) -> SharedState:
    problem = ""
    if not shared.is_whole:
        problem = "is half-made by a call that was killed"
    elif not records.is_up(links, shared):
        problem = f"is not on bridge {shared.bridge!r} any more: `vnet unshare {shared.nic}`"
    bridge = links.link(shared.bridge)
    addresses = tuple(links.addresses_at(bridge.index)) if bridge else ()
    is_active = not problem
    if is_active and shared.confirm_by:
        problem = f"is given back unless `vnet confirm {shared.nic}` says in time that it is to stay"
    names = (shared.nic, shared.port_name, shared.bridge)
    return SharedState(*names, is_active, shared.antispoof, addresses, networks, problem)
