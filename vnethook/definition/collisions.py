"""What two definitions must not share."""

from vnethook.definition.model import OWN_MODES
from vnethook.errors import CollisionError, ExistsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.entries import Entry
    from vnethook.definition.index import Index
    from vnethook.definition.model import Network


def first(index: "Index", network: "Network") -> ExistsError | CollisionError | None:
    """Why a definition cannot stand beside the others: its name, uuid, bridge, subnet, port or VNI; None if it can."""
    checks = (_identity, _bridge, _subnets, _ports, _fabric)
    return next((found for check in checks if (found := check(index, network))), None)


def _identity(index: "Index", network: "Network") -> ExistsError | None:
    if not network.uuid:
        return None
    for is_transient in (False, True):
        old = index.entry(network.name, is_transient=is_transient)
        if old is not None and old.uuid and old.uuid != network.uuid:
            msg = f"network {network.name!r}: is defined already as {old.name!r} with uuid {old.uuid}"
            return ExistsError(msg, hint="leave out <uuid> to change it")
    for other in index.holders("uuid", network.uuid, but=network.name):
        msg = f"network {network.name!r}: is defined already as {other.name!r} with uuid {network.uuid}"
        return ExistsError(msg, hint="leave out <uuid> to get a new one")
    return None


def _bridge(index: "Index", network: "Network") -> CollisionError | None:
    bridge = network.bridge.name or ""
    namesakes = index.holders("bridge", network.name, but=network.name)
    if bridge and bridge != network.name:
        namesakes += [
            found for is_transient in (False, True) if (found := index.entry(bridge, is_transient=is_transient))
        ]
    for namesake in (other.name for other in namesakes if not _shares(other, network)):
        msg = f"network {network.name!r}: its bridge and network {namesake!r}, or the reverse, share a name"
        return CollisionError(msg, hint="choose another name for the bridge")
    for other in index.holders("bridge", bridge, but=network.name):
        if not _shares(other, network):
            msg = f"network {network.name!r}: bridge {bridge!r} is that of network {other.name!r}"
            return CollisionError(msg, hint="without a name in <bridge> a free one is chosen")
    return None


def _shares(other: "Entry", network: "Network") -> bool:
    """Whether two networks use one bridge of the administrator's, so that its name may be one's own."""
    is_own = network.owns_bridge or other.forward in OWN_MODES
    return not is_own and other.bridge == network.bridge.name


def _subnets(index: "Index", network: "Network") -> CollisionError | None:
    for subnet in network.subnets:
        found = index.overlap(subnet, but=network.name)
        if found is not None:
            msg = f"network {network.name!r}: {subnet} overlaps {found[0]} of network {found[1]!r}"
            return CollisionError(msg, hint="without <ip address=…> a free subnet is chosen")
    return None


def _ports(index: "Index", network: "Network") -> CollisionError | None:
    found = index.forwarded(network)
    if found is None:
        return None
    item, other, its = found
    msg = f"network {network.name!r}: {item.label}: {its.use} network {other!r} already"
    return CollisionError(msg, hint="choose another port, or tell the two apart by from= or on=")


def _fabric(index: "Index", network: "Network") -> CollisionError | None:
    vni = str(network.fabric.vni) if network.fabric is not None else ""
    for other in index.holders("vni", vni, but=network.name) if vni else ():
        msg = f"network {network.name!r}: vni {vni} is that of network {other.name!r}"
        return CollisionError(msg, hint="the VNI is the LAN: choose another for another network")
    return None
