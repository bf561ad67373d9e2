"""The forwards of networks one by one: list them with the guests that they lead to, add one, remove one."""

from typing import TYPE_CHECKING

from vnethook.definition.forwarding import Forwarding, Incoming, PortForward
from vnethook.errors import StateError
from vnethook.lifecycle import bringup, catalog, updates
from vnethook.live import record
from vnethook.names import label_of
from vnethook.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.updates import Affected

__all__ = ["PortForward", "Shown", "add", "forwards", "remove"]

ACTIVE, AWAITING, DOWN = "active", "guest not running", "network not active"


class Shown(Value):
    """A forward as it is now; `addresses`: of the guest that it leads to, none while that is not known."""

    network: str
    forward: PortForward
    addresses: tuple[str, ...]
    state: str


def forwards(host: "Host", network: str | None = None) -> list[Shown]:
    """The forwards of a network, of what is up or else of what is stored; without a name those of all networks."""
    names = [network] if network is not None else [state.name for state in catalog.states(host)]
    return [found for name in names for found in _of(host, name)]


def _of(host: "Host", name: str) -> "Iterator[Shown]":
    items = catalog.in_force(host, name).port_forwards
    is_up = bool(items) and record.is_present(host.paths, name)
    named = any(item.domain for item in items)
    guests = {nic.published: nic.addresses for nic in bringup.guests(host, name) if nic.is_led_to} if named else {}
    for item in items:
        addresses = guests.get(label_of(item.domain or ""), ()) if item.address is None else (item.address,)
        addresses = tuple(text for text in addresses if (6 if ":" in text else 4) in item.versions)
        state = (ACTIVE if addresses else AWAITING) if is_up else DOWN
        yield Shown(name, item, addresses if is_up or item.address else (), state)


def add(host: "Host", network: str, item: PortForward, *, on: "Affected") -> "Affected":
    """Add a forward to what is up, to what is stored, or to both; what was changed.

    Raises DefinitionError for one that cannot be beside the others, CollisionError and HostError for one that another
    network has, StateError, and what applying raises.
    """
    return updates.alter(host, network, lambda whole: _with(whole, item), on=on)


def remove(host: "Host", network: str, item: PortForward, *, on: "Affected") -> "Affected":
    """Remove a forward; raise StateError if there is none like it."""
    return updates.alter(host, network, lambda whole: _without(whole, item), on=on)


def _with(network: "Network", item: PortForward) -> "Network":
    forwarding = network.forwarding or Forwarding()
    incoming = forwarding.incoming or Incoming(_default(network))
    incoming = incoming.replace(forwards=(*incoming.forwards, item))
    return network.replace(forwarding=forwarding.replace(incoming=incoming))


def _without(network: "Network", item: PortForward) -> "Network":
    forwarding = network.forwarding
    incoming = forwarding.incoming if forwarding else None
    if forwarding is None or incoming is None or item not in incoming.forwards:
        msg = f"network {network.name!r}: {item.label}: there is no such forward"
        raise StateError(msg, hint=f"`vnet forward-list {network.name}` shows those that there are")
    rest = incoming.replace(forwards=tuple(other for other in incoming.forwards if other != item))
    if rest == Incoming(_default(network)):
        forwarding = forwarding.replace(incoming=None)
        return network.replace(forwarding=None if forwarding == Forwarding() else forwarding)
    return network.replace(forwarding=forwarding.replace(incoming=rest))


def _default(network: "Network") -> str:
    """What the forward mode means without `<incoming>`."""
    return "allow" if network.forward == "route" else "deny"
