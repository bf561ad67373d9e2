"""Change one part of a network: of what is up, at once and unnoticed by its guests, of what is stored, or of both."""

from typing import TYPE_CHECKING

from vnethook.definition.model import Network
from vnethook.definition.node import Node
from vnethook.definition.store import Store, xml_module
from vnethook.definition.update import COMMANDS, SECTIONS, Change, updated
from vnethook.errors import StateError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, catalog, changes, enforce
from vnethook.live import record
from vnethook.live.lock import Lock
from vnethook.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[Host, Network, Lock], None]

__all__ = [
    "COMMANDS",
    "SECTIONS",
    "SOURCE",
    "Affected",
    "Change",
    "alter",
    "definition",
    "element",
    "note",
    "update",
]

SOURCE = "<update>"
"""What messages call an element that came in no file."""


class Affected(Value):
    """What an update has changed."""

    live: bool
    config: bool


def element(change: Change, xml: str | bytes, *, source: str = SOURCE) -> Node:
    """The element that a change is about; raise DefinitionError for one that has no place there."""
    return xml_module().parse_part(xml, change.path, source=source)  # type: ignore[no-any-return]


def update(host: Host, name: str, change: Change, node: Node, *, on: Affected) -> Affected:
    """Make `change` with an element in what is up, what is stored, or both; what was changed.

    Raises as `_modify` does with `updated`, and what applying raises.
    """
    return _modify(host, name, lambda network: updated(network, change, node), on=on, put=_apply)


def alter(host: Host, name: str, change: "Callable[[Network], Network]", *, on: Affected) -> Affected:
    """Make any change of the definition, as `update` makes one of those that libvirt knows."""
    return _modify(host, name, change, on=on, put=_apply)


def note(host: Host, name: str, change: "Callable[[Network], Network]", *, on: Affected) -> Affected:
    """Make a change that concerns nothing on the host: title, description, metadata; else like `update`."""
    return _modify(host, name, change, on=on, put=_write)


def definition(host: Host, name: str, *, on: Affected) -> Network:
    """What a network notes, as a change `on` would find it: of what is up, or of what is stored; raise StateError."""
    live = bringup.live_definition(host, name) if record.read(host.paths, name) else None
    if on.live and live is None:
        raise _is_down(name)
    return Store(host.paths).stored(name) if live is None or on.config else live


def _modify(host: Host, name: str, change: "Callable[[Network], Network]", *, on: Affected, put: "Put") -> Affected:
    """Make `change` in the definition of what is up, which `put` puts there, in what is stored, or in both.

    `on` with neither: in what is up if the network is, else in what is stored; what was changed is given. Both or
    nothing: what is stored is made sure of first, and what is up is given back if storing fails. Raises StateError for
    a network that is down or has no stored definition, and what `change` and `put` raise.
    """
    with Lock(host.paths.lock(name)) as lock:
        live = bringup.live_definition(host, name) if record.read(host.paths, name) else None
        if not (on.live or on.config):
            on = Affected(live is not None, live is None)
        if on.config:
            change(Store(host.paths).stored(name))
        if on.live:
            if live is None:
                raise _is_down(name)
            put(host, change(live), lock)
        if on.config:
            try:
                catalog.rewrite(host, name, change)
            except BaseException:
                if live is not None and on.live:
                    put(host, live, lock)
                raise
        elif live is None:
            lock.finish()
    return on


def _is_down(name: str) -> StateError:
    msg = f"network {name!r}: update: network is not active"
    return StateError(msg, hint="without --live it is its stored definition")


def _apply(host: Host, network: Network, lock: Lock) -> None:
    """Put a definition into force, and into the file of a network that lasts only until it stops."""
    changes.apply_definition(host, network.name, network, lock=lock)
    _write_transient(host, network)


def _write(host: Host, network: Network, _lock: Lock) -> None:
    """Keep a definition as that with which the network came up, and in the file of one that lasts only so long."""
    enforce.keep(host, network.name, network.to_plain())
    _write_transient(host, network)


def _write_transient(host: Host, network: Network) -> None:
    with host.shared.lock():
        store = Store(host.paths)
        if store.is_transient(network.name):
            store.write_transient(network)
