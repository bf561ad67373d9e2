"""What goes from guests to the outside and from there to guests. Networks do not reach each other.

Every packet is judged by the definition, but for answers: a connection that a changed definition does not allow ends at
once, and all others go on.
"""

from vnethook.capability.policy import incoming
from vnethook.capability.policy.matches import ANSWERS, NOT_ON_THIS_WAY, family, has_others_behind, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network


def from_guest(network: "Network", outgoing: str) -> list[str]:
    """What guests send: within the network anything, outside from their own addresses, to other networks nothing.

    `outgoing`: the chain for what goes outside, empty if all of it may. In mode open only where it comes from is ours
    to see to; the rest is left to the administrator's firewall, and to the chains of the network where it goes.
    """
    own = _within(network)
    if network.forward == "open":
        return [*own, f"{NOT_ON_THIS_WAY} drop"]
    outside = "".join(f'oifname "{uplink}" ' for uplink in network.uplinks) + "oifname != @bridges"
    verdict = f"goto {outgoing}" if outgoing else "accept"
    # by a port of the host to a guest of another network, which sees to it; and back
    forwarded = [] if network.forward == "none" or network.uplinks else ["ct status dnat return"]
    if network.forward == "route" and has_others_behind(network):
        return [*own, f"{NOT_ON_THIS_WAY} drop", f"{outside} {verdict}", *forwarded, "reject"]
    ours = sources(network)
    leaving = [] if network.forward == "none" else [f"{source} {outside} {verdict}" for source in ours]
    leaving += [f"{source} {rule}" for source in ours for rule in forwarded]
    # one that is forged is dropped: the address is somebody's, who would get our refusal
    return [*own, *leaving, *(f"{source} reject" for source in ours), "drop"]


def _within(network: "Network") -> list[str]:
    """What guests send to each other by the host, or by the bridge where br_netfilter shows us its frames.

    Isolated ones do not, though one may send what is for another to the host's MAC: but by a port of the host.
    """
    own = f'oifname "{network.bridge.name}"'
    return [f"{own} ct status dnat accept", f"{own} reject"] if network.isolated else [f"{own} accept"]


def to_guest(network: "Network") -> list[str]:
    """What comes to guests from outside: answers, or where connections may be opened to them everything."""
    if network.forward == "none":
        return ["reject"]
    rules = [f'iifname != "{uplink}" reject' for uplink in network.uplinks]
    if incoming.forwards(network):
        rules.append("ct status dnat accept")
    others = "iifname @bridges reject"  # of a network in mode open, whose guests nothing else has stopped
    if not _takes_connections(network):
        direct = list(incoming.direct(network)) if network.forward == "route" else []
        return [*rules, *ANSWERS, *([others, *direct] if direct else []), "reject"]
    rules += ["ct status dnat ct direction reply accept", others]
    if network.forward == "route" and has_others_behind(network):
        return [*rules, "accept"]
    return [*rules, *(f"{family(subnet)} daddr {subnet} accept" for subnet in network.subnets), "reject"]


def _takes_connections(network: "Network") -> bool:
    """Whether connections to a guest's own address come in from outside."""
    forwarding = network.forwarding
    if forwarding is not None and forwarding.incoming is not None:
        return forwarding.incoming.default == "allow"
    return network.forward == "route"
