"""The way out of a user's namespace, one for all networks in it, and the ports of the machine that lead in."""

from vnethook.capability.policy import incoming
from vnethook.definition.forwarding import shown_ports
from vnethook.plan.uplink import HoldUplink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.plan.step import Step


def plan(network: "Network") -> list["Step"]:
    """Hold the uplink, for a network that leads anywhere, or whose links do."""
    listens = [item for item in network.listens if item.port]
    if network.forward == "none" and not listens and not any(item.address for item in network.connections):
        return []
    ports: dict[str, set[str]] = {"tcp": set(), "udp": set()}
    for item in incoming.forwards(network):
        at = f"{item.on}/" if item.on else ""
        for protocol in item.protocols:
            ports[protocol].add(f"{at}{shown_ports(item.ports)}")
    for listen in listens:
        at = f"{listen.address}/" if listen.address else ""
        ports["tcp"].add(f"{at}{listen.port}")
    return [HoldUplink(network.name, tuple(sorted(ports["tcp"])), tuple(sorted(ports["udp"])))]
