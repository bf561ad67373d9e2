"""Choose what a definition leaves open, and check what it says against the other definitions and the host."""

from vnethook.definition import index as indexes
from vnethook.definition.model import Network
from vnethook.definition.store import Store
from vnethook.errors import CollisionError, ExistsError
from vnethook.host.host import Host
from vnethook.lifecycle import definitions, options, overlap, planning
from vnethook.live import record


def completed(host: Host, store: Store, network: Network) -> Network:
    """The network with all that it leaves open chosen; call it with the host's lock held until that is stored.

    Raises UnsupportedError for what is not a user's, ExistsError, or CollisionError for what another network or the
    host has.
    """
    planning.require_possible(host, network)
    _require_same_uuid(store, network)
    looked_for = set()

    def is_taken(name: str) -> bool:
        looked_for.add(name)
        return host.links.link(name) is not None

    network = store.complete(network, is_taken=is_taken)
    network = definitions.choose_subnet(host, network, store.index(max_age_s=indexes.LOOK_S))
    store.collision(network)
    bridge = network.bridge.name or ""
    if bridge not in looked_for and (not network.owns_bridge or record.by_bridge(host.paths, bridge) is None):
        planning.require_bridge(host, network)
    found = overlap.of(host, network) if network.claims else None
    if found and not found.is_chosen:
        hint = "without <ip address=…> a free subnet is chosen" if found.element == "<ip>" else found.hint
        raise CollisionError(str(found), hint=hint)
    options.require(host, network)
    return network


def _require_same_uuid(store: Store, network: Network) -> None:
    """Raise ExistsError if a transient network of that name is another one: its definition is all that there is."""
    if network.uuid is None or store.is_persistent(network.name) or not store.is_transient(network.name):
        return
    active = store.entry(network.name)
    if active is not None and active.uuid != network.uuid:
        msg = f"network {network.name!r}: is active already with uuid {active.uuid}"
        raise ExistsError(msg)
