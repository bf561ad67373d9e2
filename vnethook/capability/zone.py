"""firewalld: in which zone a network's bridge is.

Bridges with our prefix are in the zone `vnethook` by its file, which costs a start nothing and outlasts reloads. Any
other name, and any other zone, is put there when the network comes up.
"""

from vnethook.capability.admission import name_is_ours
from vnethook.names import ZONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Put the bridge into its zone, if it is not there by itself."""
    if not watched(network):
        return []
    from vnethook.plan.zone import JoinZone  # noqa: PLC0415 (few networks name a zone, or a bridge their way)

    return [JoinZone(network.bridge.name or "", zone_of(network))]


def is_by_itself(network: "Network") -> bool:
    """Whether the bridge is in its zone by the zone's own file."""
    return zone_of(network) == ZONE and name_is_ours(network)


def zone_of(network: "Network") -> str:
    """The zone that its bridge is to be in; empty for what is not ours to choose: mode open says to leave it alone."""
    if not network.owns_bridge:
        return ""
    return network.bridge.zone or ("" if network.forward == "open" else ZONE)


def watched(network: "Network") -> str:
    """The bridge of which a live network's record says that it has to be seen in a zone; empty where there is none."""
    return (network.bridge.name or "") if zone_of(network) and not is_by_itself(network) else ""
