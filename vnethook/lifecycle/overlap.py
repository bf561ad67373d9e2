"""Whether a subnet or route of a network is the host's own: asked of a definition, before a start, of what is up."""

from vnethook.address import Subnet
from vnethook.capability import subnet as subnets
from vnethook.host import facts
from vnethook.live import record
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


class Overlap(Value):
    """A subnet of a network, or where a route of it leads, that the host uses otherwise.

    `is_chosen`: by us, so that another one can be; `element`: the one of the definition that says it.
    """

    network: str
    subnet: Subnet
    reason: str
    is_chosen: bool
    element: str = "<ip>"

    @property
    def hint(self) -> str:
        """What helps."""
        return f"change its {self.element}, or take the host's route away"

    def __str__(self) -> str:
        return f"network {self.network!r}: {self.reason}"


def of(host: "Host", network: "Network") -> Overlap | None:
    """The first subnet or route of a network that the host uses otherwise, None if there is none.

    What lies on the network's own bridge is no use otherwise, nor on the one that it has now and shall have no longer.
    One whose guests are among the hosts of its uplink's takes nothing: only its guests' own addresses lead to them.
    """
    if network.proxied:
        return None
    live = record.read(host.paths, network.name)
    own = {network.bridge.name or "", live.bridge if live else ""}
    in_use = facts.taken_subnets(host, except_devices=own, near=network.claims)
    found = subnets.overlap(network, in_use)
    if found is not None:
        subnet, taken = found
        is_chosen = any(ip.automatic for ip in network.ips if ip.address and ip.subnet == subnet)
        return Overlap(network.name, subnet, f"subnet {subnet} overlaps {taken.described(host)}", is_chosen)
    if any(route.leads_everywhere for route in network.routes):
        in_use += facts.default_routes(host, except_devices=own)
    captured = subnets.captured(network, in_use)
    if captured is None:
        return None
    route, taken = captured
    reason = f"route {route.subnet} of metric {route.effective_metric} would go before {taken.described(host)}"
    return Overlap(network.name, route.subnet, reason, is_chosen=False, element="<route>")
