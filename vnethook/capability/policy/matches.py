"""Parts of rules that several chains have."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import Network

NOT_ON_THIS_WAY = "fib saddr . iif oif missing"
"""A source that the host would not answer by the interface that the packet came in by (RFC 3704, section 2.2)."""


def family(subnet: "Subnet") -> str:
    """The word that begins a match on addresses of a subnet's kind."""
    return "ip" if subnet.version == 4 else "ip6"


def sources(network: "Network") -> list[str]:
    """A match for each subnet that guests send from: in one set nft would merge those that are neighbours."""
    return [f"{family(subnet)} saddr {subnet}" for subnet in network.subnets]


def has_others_behind(network: "Network") -> bool:
    """Whether guests may be gateways of other subnets, so that the host's routes say what comes from there.

    By `<route>`; in mode open by routes of the administrator's own, too.
    """
    return network.forward == "open" or bool(network.routes)
