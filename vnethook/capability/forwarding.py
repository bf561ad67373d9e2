"""The host as a router between a network and the outside."""

from vnethook.capability.policy import incoming
from vnethook.plan.sysctl import HoldSysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

IPV4 = "net/ipv4/ip_forward"
IPV6 = "net/ipv6/conf/all/forwarding"
ALONG_IPV4 = ("net/ipv4/conf/all/accept_redirects",)
"""What the kernel resets with ip_forward: inet_forward_change() in net/ipv4/devinet.c."""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Turn forwarding on for the families that the network routes.

    A host that forwards IPv6 no longer listens to routers where accept_ra is 1, and would lose its own address and
    default route (ip-sysctl.rst); so 1 becomes 2 first.
    """
    steps: list[Step] = []
    if network.forward == "none":
        return steps
    if any(4 in item.versions for item in incoming.forwards(network)) and any(ip.version == 4 for ip in network.ips):
        # for those who ask 127.0.0.1; what guests send there is dropped by the rules, which are there by now
        steps.append(HoldSysctl(network.name, f"net/ipv4/conf/{network.bridge.name}/route_localnet", "1"))
    if any(ip.version == 4 for ip in network.ips):
        steps.append(HoldSysctl(network.name, IPV4, "1", ALONG_IPV4, ("ipv4", "forwarding")))
    if network.has_ipv6:
        listening = [name for name in facts.accepts_ra if name != network.bridge.name]
        steps += [HoldSysctl(network.name, f"net/ipv6/conf/{name}/accept_ra", "2") for name in listening]
        steps.append(HoldSysctl(network.name, IPV6, "1", each=("ipv6", "forwarding")))
    return steps
