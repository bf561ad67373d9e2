"""Parts of rules that several chains have."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import Network

ANSWERS = ("ct direction reply accept", "ct status expected accept")
"""Packets of connections that the other side opened, and that a helper of the kernel's expects (FTP's data)."""
REFUSAL = ("meta l4proto 6 reject with tcp reset", "reject")
"""TCP is refused by a reset: the kernel limits how many ICMP errors it sends, and a guest's own may ignore one."""
NOT_ON_THIS_WAY = "fib saddr . iif oif missing"
"""A source that the host would not answer by the interface that the packet came in by (RFC 3704, section 2.2)."""


def own_name(network: "Network", kind: str) -> str:
    """The name of what is a network's own: letters and digits of its uuid, since its own name may hold anything."""
    return f"n{(network.uuid or '').replace('-', '')}_{kind}"


def family(subnet: "Subnet") -> str:
    """The word that begins a match on addresses of a subnet's kind."""
    return "ip" if subnet.version == 4 else "ip6"


def port_set(ports: "list[tuple[int, int]]") -> str:
    """The inside of a set of ports."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ports)


def sources(network: "Network") -> list[str]:
    """A match for each subnet that guests send from: in one set nft would merge those that are neighbours."""
    return [f"{family(subnet)} saddr {subnet}" for subnet in network.subnets]


def has_others_behind(network: "Network") -> bool:
    """Whether guests may be gateways of other subnets, so that the host's routes say what comes from there.

    By `<route>`; in mode open by routes of the administrator's own, too.
    """
    return network.forward == "open" or bool(network.routes)
