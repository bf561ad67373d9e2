"""Connections to other networks of this host: one layer 2, by a cable."""

from vnethook.capability import link_bridge
from vnethook.capability.bridge import MTU_DEFAULT
from vnethook.live import link_names
from vnethook.plan.local_link import JoinNetwork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """A cable for each; what the other network is, the step asks as it is done."""
    uuid = network.uuid or ""
    return [
        JoinNetwork(
            network=network.name,
            uuid=uuid,
            other=item.network or "",
            bridge=link_names.links_bridge(uuid),
            mtu=network.mtu or MTU_DEFAULT,
            is_leaf=not link_bridge.may_loop(network),
            has_guard=facts.has_nf_tables,
        )
        for item in network.connections
        if item.is_local
    ]
