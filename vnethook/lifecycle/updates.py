"""Change one part of a network: of what is up, at once and unnoticed by its guests, of what is stored, or of both."""

from vnethook.definition.model import Network
from vnethook.definition.node import Node
from vnethook.definition.store import Store, xml_module
from vnethook.definition.update import Change, updated
from vnethook.errors import StateError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, catalog, changes
from vnethook.live import record
from vnethook.live.lock import Lock
from vnethook.value import Value

__all__ = ["SOURCE", "Affected", "Change", "element", "update"]

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

    `on` with neither: in what is up if the network is, else in what is stored. Both or nothing: what is stored is made
    sure of first, and what is up is given back if storing fails. Raises StateError for a network that is down or has no
    stored definition, as `updated` does, and what applying raises.
    """
    with Lock(host.paths.lock(name)) as lock:
        live = bringup.live_definition(host, name) if record.read(host.paths, name) else None
        if not (on.live or on.config):
            on = Affected(live is not None, live is None)
        if on.config:
            updated(Store(host.paths).stored(name), change, node)
        if on.live:
            if live is None:
                msg = f"network {name!r}: update: network is not active"
                raise StateError(msg, hint="without --live its stored definition is changed")
            _apply(host, updated(live, change, node), lock)
        if on.config:
            try:
                catalog.rewrite(host, name, lambda network: updated(network, change, node))
            except BaseException:
                if live is not None and on.live:
                    _apply(host, live, lock)
                raise
        elif live is None:
            lock.finish()
    return on


def _apply(host: Host, network: Network, lock: Lock) -> None:
    """Put a definition into force, and into the file of a network that lasts only until it stops."""
    changes.apply_definition(host, network.name, network, lock=lock)
    with host.shared.lock():
        store = Store(host.paths)
        if store.is_transient(network.name):
            store.write_transient(network)
