"""What a network of an ordinary user's needs before all else: the namespace in which it is, and the way out of that."""

from vnethook.capability import uplink
from vnethook.definition.forwarding import Forwarding, Incoming
from vnethook.plan.namespace import HoldNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.plan.step import Step


def plan(network: "Network") -> list["Step"]:
    """Hold the namespace, the last to be undone, and its uplink."""
    return [HoldNamespace(network.name), *uplink.plan(network)]


def masqueraded(network: "Network") -> "Network":
    """The network as it leads out of a user's namespace: whatever leaves has the uplink's address.

    Nobody outside knows a way to the namespace, and pasta and slirp4netns send answers to one address alone. Guests of
    mode route are reached from the user's other networks, as they are from root's.
    """
    if network.forward not in {"nat", "route"}:
        return network
    forwarding = network.forwarding
    if network.forward == "route":
        forwarding = forwarding or Forwarding()
        forwarding = forwarding.replace(incoming=forwarding.incoming or Incoming("allow"))
    return network.replace(forward="nat", forwarding=forwarding, nat=network.nat.replace(ipv6=True))
