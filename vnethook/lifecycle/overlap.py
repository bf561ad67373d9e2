"""Whether a subnet of a network is the host's own: asked of a definition, before a start, of what is up."""

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
    """A subnet of a network that the host uses otherwise; `is_chosen`: by us, so that another one can be."""

    network: str
    subnet: Subnet
    reason: str
    is_chosen: bool

    def __str__(self) -> str:
        return f"network {self.network!r}: {self.reason}"


def of(host: "Host", network: "Network") -> Overlap | None:
    """The first subnet of a network that the host uses otherwise, None if there is none.

    What lies on the network's own bridge is no use otherwise, nor on the one that it has now and shall have no longer.
    """
    live = record.read(host.paths, network.name)
    own = {network.bridge.name or "", live.bridge if live else ""}
    found = subnets.overlap(network, facts.taken_subnets(host, except_devices=own))
    if found is None:
        return None
    subnet, taken = found
    is_chosen = any(ip.automatic for ip in network.ips if ip.address and ip.subnet == subnet)
    return Overlap(network.name, subnet, f"subnet {subnet} overlaps {taken.described(host)}", is_chosen)
