"""Mode bridge: a bridge of the administrator's, that guests' NICs join and that we never change."""

from vnethook.plan.links import RequireBridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """See that it is there."""
    return [RequireBridge(network.bridge.name or "")]
