"""What guests' addresses become outside, in mode nat.

A network that says nothing about it is in the table's own set of masqueraded ones. Any other has a chain of its own.
"""

from vnethook.address import format_ip, parse_ip
from vnethook.capability.policy.table import TCP_UDP
from vnethook.definition.routes import NAT_PORTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import Network


def masqueraded(network: "Network") -> "list[Subnet]":
    """The subnets that are masqueraded as all are."""
    return [] if _is_special(network) else _subnets(network)


def translated(network: "Network") -> "list[Subnet]":
    """The subnets that a chain of the network's own translates."""
    return _subnets(network) if _is_special(network) else []


def rules(network: "Network") -> list[str]:
    """The rules of that chain.

    A guest has one address for all its connections: RFC 4787, REQ-2 (`persistent`).
    """
    if not translated(network):
        return []
    found = [f'oifname != "{uplink}" return' for uplink in network.uplinks]
    first, last = network.nat.ports or NAT_PORTS  # a guest's privileged port must not become the host's
    ports = str(first) if first == last else f"{first}-{last}"
    tcp_udp = f"meta l4proto {{ {TCP_UDP} }}"
    if network.nat.addresses is not None:
        for match, target in _parts(*network.nat.addresses):
            found.append(f"meta nfproto ipv4 {tcp_udp}{match} snat ip to {target}:{ports} persistent")
        found.append(f"meta nfproto ipv4 snat ip to {_shown(*network.nat.addresses)} persistent")
        if all(subnet.version == 4 for subnet in translated(network)):
            return found
    return [*found, f"{tcp_udp} masquerade to :{ports}", "masquerade"]


def summary(network: "Network") -> tuple[str, ...]:
    """What a flow that has begun depends on: equal for two definitions that translate alike."""
    return (*map(str, masqueraded(network)), *map(str, translated(network)), *rules(network))


def _is_special(network: "Network") -> bool:
    nat = network.nat
    return bool(nat.addresses or nat.ports or network.uplinks or (nat.ipv6 and network.has_ipv6))


def _subnets(network: "Network") -> "list[Subnet]":
    if network.forward != "nat":
        return []
    return [subnet for subnet in network.subnets if subnet.version == 4 or network.nat.ipv6]


def _parts(start: str, end: str) -> list[tuple[str, str]]:
    """A range of addresses as (match, range or address) that together are all of it.

    A range that is a whole prefix nft 1.0.6 lists as one, and with ports it does not read that again: a saved ruleset
    would not load. So such a range is parted, for sources of an even and an odd number, in two that are none.
    """
    (_, first), (_, last) = parse_ip(start), parse_ip(end)
    size = last - first + 1
    if size == 1 or size & (size - 1) or first % size:
        return [("", _shown(start, end))]
    middle = first + max(size // 2 - 1, 1)
    even, odd = (" ip saddr & 0.0.0.1 == 0.0.0.0", " ip saddr & 0.0.0.1 == 0.0.0.1")
    return [
        (even, _shown(start, format_ip(4, middle - 1))),
        (odd, _shown(format_ip(4, middle), end)),
    ]


def _shown(start: str, end: str) -> str:
    return start if start == end else f"{start}-{end}"
