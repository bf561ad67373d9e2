"""What a network of an ordinary user's needs before all else: the namespace in which it is, and the way out of that."""

from vnethook.capability import uplink
from vnethook.plan.namespace import HoldNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.plan.step import Step


def plan(network: "Network") -> list["Step"]:
    """Hold the namespace, the last to be undone, and its uplink."""
    return [HoldNamespace(network.name), *uplink.plan(network)]
