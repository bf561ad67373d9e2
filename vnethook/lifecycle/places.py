"""Where guests are now, in little more than names: what is asked again and again, to see what goes on there."""

from vnethook.host.host import Host
from vnethook.lifecycle import catalog
from vnethook.lifecycle.share import shared_states
from vnethook.live import record
from vnethook.live.nics import Nic
from vnethook.value import Value

_DIGITS = frozenset("0123456789")


class Place(Value):
    """A network that is up or a NIC that guests share, with all that is on its bridge.

    `is_physical`: guests are on the host's own network there; `link`: (name, index) of the shared NIC, as it is called
    meanwhile, of a network none; `daemons`: (program, pid, start time).
    """

    name: str
    is_physical: bool
    nics: tuple[Nic, ...] = ()
    link: tuple[str, int] = ("", 0)
    daemons: tuple[tuple[str, int, int], ...] = ()


def in_order(name: str) -> list[tuple[str, int]]:
    """The key by which people look for a name: tap2 stands before tap10."""
    parts = [["", ""]]
    for char in name.lower():
        if char in _DIGITS:
            parts[-1][1] += char
        elif parts[-1][1]:
            parts.append([char, ""])
        else:
            parts[-1][0] += char
    return [(letters, int(digits or 0)) for letters, digits in parts]


def places(host: Host, only: str = "") -> list[Place]:
    """All places, or those of one name, by name."""
    shared = [state for state in shared_states.states(host) if state.is_active]
    merged = {name for state in shared for name in state.networks}
    found = [
        _place(host, state.nic, state.networks, port=state.port)
        for state in shared
        if only in {"", state.nic, *state.networks}
    ]
    names = [name for name in record.names(host.paths) if name not in merged and only in {"", name}]
    found += [_place(host, name, (name,)) for name in names]
    return sorted(found, key=lambda place: (in_order(place.name), place.is_physical))


def _place(host: Host, name: str, networks: tuple[str, ...], *, port: str = "") -> Place:
    lives = [live for live in (record.read(host.paths, network) for network in networks) if live]
    link = host.links.link(port) if port else None
    return Place(
        name,
        bool(port) or any(live.proxied or (live.bridge and not live.owns_bridge) for live in lives),
        nics=tuple(nic for network in networks for nic in catalog.nics(host, network)),
        link=(link.name, link.index) if link else ("", 0),
        daemons=tuple(daemon for live in lives for daemon in live.daemons),
    )
