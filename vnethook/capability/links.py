"""What networks with links have beside all others, in the order of bring-up; loaded for them alone."""

from vnethook.capability import link, link_bridge, link_local, link_vxlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

IN_ORDER = (
    link_bridge,  # which the others are on
    link_vxlan,
    link_local,
    link,
)


def plan(network: "Network", facts: "Facts") -> "list[Step]":
    """The steps of a network's links."""
    return [step for capability in IN_ORDER for step in capability.plan(network, facts)]


def fitted(network: "Network", facts: "Facts") -> "Network":
    """The network with an MTU that fits through all links, where none is written."""
    return link_vxlan.fitted(network, facts)
