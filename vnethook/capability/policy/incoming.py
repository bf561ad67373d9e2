"""Ports of the host that lead to guests: from outside, from the host itself, from guests of this network and of others.

All forwards of all networks are in one map for each IP version, by protocol, port, source and address of the host. Two
that some connection could mean are refused before, so that each is a place of its own there, and one look-up finds it.
"""

from vnethook.capability.policy import named
from vnethook.capability.policy.matches import family
from vnethook.capability.policy.table import TCP_UDP
from vnethook.definition.forwarding import EVERYWHERE, NUMBERS, shown_ports
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.address import Subnet
    from vnethook.definition.forwarding import PortForward
    from vnethook.definition.model import Network
    from vnethook.live.flows import Led

MAPS = {4: "forwards", 6: "forwards6"}
"""The maps of the table, by IP version."""
_MATCH = {"tcp": "tcp dport", "udp": "udp dport", "both": f"meta l4proto {{ {TCP_UDP} }} th dport"}


def forwards(network: "Network") -> "tuple[PortForward, ...]":
    """The forwards that are in force while the network is up, of those to guests by name as far as it has their kind.

    Without an IPv6 subnet, for example, no guest has an address for what comes by IPv6.
    """
    known = {subnet.version for subnet in network.subnets}
    return tuple(item for item in network.port_forwards if known.intersection(item.versions))


def summary(network: "Network") -> "tuple[Led, ...]":
    """What each forward leads, in plain data."""
    known = {subnet.version for subnet in network.subnets}
    return tuple(
        (subnet.version, NUMBERS[protocol], *item.ports, str(subnet), item.on or "", target, (item.to or item.ports)[0])
        for item in forwards(network)
        for target in (item.address or label_of(item.domain or ""),)
        for protocol in item.protocols
        for subnet in item.sources()
        if subnet.version in known
    )


def elements(network: "Network", chain: str) -> list[str]:
    """What leads from the maps of all networks to `chain`, which has the `translations`."""
    found = []
    known = {subnet.version for subnet in network.subnets}
    for item in forwards(network):
        for protocol in item.protocols:
            for subnet in (subnet for subnet in item.sources() if subnet.version in known):
                on = item.on or EVERYWHERE[subnet.version]
                key = f"{NUMBERS[protocol]} . {shown_ports(item.ports)} . {_listed(subnet)} . {on}"
                found.append(f"{MAPS[subnet.version]} {{ {key} : jump {chain} }}")
    return found


def translations(network: "Network") -> list[str]:
    """The rules that make the host's address and port a guest's; forwards that differ by ports only are one."""
    groups: dict[tuple[str, str], list[str]] = {}
    moved = []
    for item in (item for item in forwards(network) if item.address):
        where, match = _conditions(item), _MATCH[item.protocol]
        verdict = f"dnat {family(*item.sources())} to {_shown(item.address or '', with_port=item.to is not None)}"
        if item.to is None:
            groups.setdefault((f"{where}{match}", verdict), []).append(shown_ports(item.ports))
        else:
            moved += [
                f"{where}{_MATCH[protocol]} {shown_ports(item.ports)} {verdict}:{_target(protocol, item)}"
                for protocol in item.protocols
            ]
    rules = [f"{match} {_set(ports)} {verdict}" for (match, verdict), ports in groups.items()] + moved
    return [*rules, *_to_named(network)]


def _to_named(network: "Network") -> list[str]:
    """The rules for guests by name: their addresses are in the network's maps while they are there."""
    known = named.versions(network)
    items = [(item, version) for item in named.forwards(network) for version in item.versions if version in known]
    found = []
    for item, version in items:
        if item.to is not None:
            target = _looked_up(network, version)
            found += [
                f"{_conditions(item)}{_MATCH[protocol]} {shown_ports(item.ports)} {target}:{_target(protocol, item)}"
                for protocol in item.protocols
            ]
    same = sorted({version for item, version in items if item.to is None})
    return found + [f"meta l4proto {{ {TCP_UDP} }} {_looked_up(network, version)}" for version in same]


def _looked_up(network: "Network", version: int) -> str:
    word = "ip" if version == 4 else "ip6"
    key = f"meta l4proto . th dport . {word} saddr . {word} daddr"
    return f"dnat {word} to {key} map @{named.map_name(network, version)}"


def returns(network: "Network") -> list[str]:
    """The rules for the way back of what came from the network itself, or from the host's loopback.

    The guest would answer the one directly, with an address that was not asked, and the other to itself.
    """
    if not forwards(network):
        return []
    own = [f"{family(subnet)} saddr {subnet} masquerade" for subnet in network.subnets]
    return [*own, "ip saddr 127.0.0.0/8 masquerade"]


def direct(network: "Network") -> "Iterator[str]":
    """The rules that accept connections to the guests' own addresses, at the ports that are forwarded to."""
    for version in named.versions(network):
        word = "ip" if version == 4 else "ip6"
        key = f"{word} daddr . meta l4proto . th dport . {word} saddr"
        yield f"{key} @{named.set_name(network, version)} accept"
    for item in (item for item in forwards(network) if item.address):
        word = family(*item.sources())
        source = f"{word} saddr {item.source} " if item.source else ""
        ports = shown_ports(item.to or item.ports)
        yield f"{source}{word} daddr {item.address} {_MATCH[item.protocol]} {ports} accept"


def _conditions(item: "PortForward") -> str:
    """Where connections come from and go to, as far as the forward says it."""
    said = (("saddr", item.source), ("daddr", item.on))
    return "".join(f"{'ip6' if ':' in text else 'ip'} {what} {text} " for what, text in said if text)


def _target(protocol: str, item: "PortForward") -> str:
    """The guest's port, or for each port of a range what it becomes."""
    assert item.to
    first, last = item.ports
    if first == last:
        return str(item.to[0])
    by = item.to[0] - first
    pairs = ", ".join(f"{port} : {port + by}" for port in range(first, last + 1))
    return f"{protocol} dport map {{ {pairs} }}"


def _shown(address: str, *, with_port: bool) -> str:
    return f"[{address}]" if with_port and ":" in address else address


def _set(ports: list[str]) -> str:
    return ports[0] if len(ports) == 1 else f"{{ {', '.join(ports)} }}"


def _listed(subnet: "Subnet") -> str:
    """A source as nft lists it in a map of intervals, where one address has no prefix length."""
    text = str(subnet)
    return text.removesuffix("/32" if subnet.version == 4 else "/128")
