"""What the host's FRR has to be told of the networks that go on at other hosts, as text of its own configuration.

FRR is the host's: what is written here is added to what it has, and changes nothing that is about others. Source:
docs.frrouting.org, BGP and EVPN; vtysh(1).
"""

from vnethook.errors import StateError
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnethook.definition.fabric import Peer
    from vnethook.definition.model import Network

GROUP, CLIENTS = "vnethook", "vnethook-clients"
"""Peer groups: who tells the host where guests are, and for whom it is a route reflector."""
_LISTEN_LIMIT = 5000
"""How many of a subnet may call; FRR's own limit is 100."""


def configuration(networks: "Sequence[tuple[Network, str]]") -> str:
    """What FRR is told, by networks with this host's end of their tunnels; empty if it is the administrator's to say.

    The host has one BGP for all of them. Raises StateError if they do not agree about it.
    """
    told = [(network, end) for network, end in networks if network.fabric is not None and network.fabric.peers]
    if not told:
        return ""
    number, peers, end = _number([network for network, _ in told]), _peers(told), told[0][1]
    names = ", ".join(network.name for network, _ in told)
    groups = [group for group, is_client in ((GROUP, False), (CLIENTS, True)) if is_client in peers.values()]
    subnets = [peer for peer in peers if "/" in peer]
    lines = [
        f"! networks {names}: written by vnet fabric-config",
        "ip nht resolve-via-default",  # a tunnel's end may be beyond a router
        f"router bgp {number}",
        f" bgp router-id {end}",
        *(line for group in groups for line in _group(group, number, end)),
        *([f" bgp listen limit {_LISTEN_LIMIT}"] if subnets else []),
        *(_peer(peer, CLIENTS if is_client else GROUP) for peer, is_client in peers.items()),
        " !",
        " address-family ipv4 unicast",
        *(f"  no neighbor {group} activate" for group in groups),
        " exit-address-family",
        " !",
        " address-family l2vpn evpn",
        *(f"  neighbor {group} activate" for group in groups),
        *([f"  neighbor {CLIENTS} route-reflector-client"] if CLIENTS in groups else []),
        "  advertise-all-vni",
        " exit-address-family",
        "exit",
        "!",
    ]
    return "\n".join(lines) + "\n"


def _group(group: str, number: int, end: str) -> list[str]:
    """A dead host is noticed after 9 s, and asked again every 5 s."""
    return [
        f" neighbor {group} peer-group",
        f" neighbor {group} remote-as {number}",
        f" neighbor {group} update-source {end}",
        f" neighbor {group} timers 3 9",
        f" neighbor {group} timers connect 5",
    ]


def _peer(address: str, group: str) -> str:
    if "/" in address:
        return f" bgp listen range {address} peer-group {group}"
    return f" neighbor {address} peer-group {group}"


def _number(networks: "Sequence[Network]") -> int:
    first, number = networks[0], 0
    for network in networks:
        found = network.fabric.effective_as if network.fabric is not None else 0
        if number and found != number:
            msg = f"networks {shown(first.name)} and {shown(network.name)}: as {number} and {found}: a host has one BGP"
            raise StateError(msg, hint="write the same as= into both definitions")
        number = found
    return number


def _peers(told: "Sequence[tuple[Network, str]]") -> dict[str, bool]:
    """All peers, and which of them are clients; a host that is its own peer, in a list for all, is left out."""
    found: dict[str, tuple[Peer, str]] = {}
    own = {end for _, end in told}
    for network, _ in told:
        for peer in network.fabric.peers if network.fabric is not None else ():
            before = found.setdefault(peer.address, (peer, network.name))
            if before[0] != peer:
                names = f"{shown(before[1])} and {shown(network.name)}"
                msg = f"networks {names}: peer {peer.address}: is a client of one only"
                raise StateError(msg, hint="write the same client= into both definitions")
    return {address: peer.is_client for address, (peer, _) in found.items() if address not in own}
