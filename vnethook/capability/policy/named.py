"""What of a network's rules comes and goes with its guests: maps and sets that attach fills by a guest's name.

The rules that look them up are always there, so that attach adds elements and no rule. A guest that is not there is in
none of them: a connection that would be led to it is for the host then.
"""

from vnethook.address import BITS, Subnet, parse_subnet
from vnethook.capability.policy.matches import own_name
from vnethook.capability.policy.table import NAME
from vnethook.definition.forwarding import EVERYWHERE, NUMBERS, shown_ports
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.forwarding import PortForward
    from vnethook.definition.model import Network

    Guests = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """For each guest's label the elements that it is in: (set or map, element with a word in place of its address)."""

ADDRESS = {4: "ADDRESS4", 6: "ADDRESS6"}
"""What stands for the guest's address in an element, by IP version."""
MAC = "MAC"
"""What stands for the MAC of each of the guest's NICs."""
_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}


def forwards(network: "Network") -> "tuple[PortForward, ...]":
    """The forwards to guests by name that are in force while the network is up."""
    return tuple(item for item in network.port_forwards if item.domain)


def map_name(network: "Network", version: int) -> str:
    """The map that leads from protocol, port, source and address of the host to a guest's address."""
    return own_name(network, "guests" if version == 4 else "guests6")


def set_name(network: "Network", version: int) -> str:
    """The set of what may be reached directly: a guest's address, protocol, port, source."""
    return own_name(network, "direct" if version == 4 else "direct6")


def senders(network: "Network") -> dict[str, str]:
    """The sets of the MACs that guests send from, by the label of each guest that `<outgoing>` names."""
    rules = network.outgoing.rules if network.outgoing else ()
    labels = dict.fromkeys(label_of(rule.domain) for rule in rules if rule.domain)
    return {label: own_name(network, f"macs{index}") for index, label in enumerate(labels)}


def versions(network: "Network") -> list[int]:
    """The IP versions for which there is a map."""
    found = {version for item in forwards(network) for version in item.versions}
    return sorted(found.intersection(subnet.version for subnet in network.subnets))


def holders(network: "Network") -> list[str]:
    """The network's maps and sets, as after `add`."""
    found = [f"set {NAME} {name} {{ type ether_addr; }}" for name in senders(network).values()]
    for version in versions(network):
        address = _TYPE[version]
        key = f"inet_proto . inet_service . {address} . {address}"
        found.append(f"map {NAME} {map_name(network, version)} {{ type {key} : {address}; flags interval; }}")
        if network.forward == "route":
            key = f"{address} . inet_proto . inet_service . {address}"
            found.append(f"set {NAME} {set_name(network, version)} {{ type {key}; flags interval; }}")
    return found


def guests(network: "Network") -> "Guests":
    """What each guest that is named is in while it is there."""
    found: dict[str, list[PortForward]] = {}
    for item in forwards(network):
        found.setdefault(label_of(item.domain or ""), []).append(item)
    wanted, sets = versions(network), senders(network)
    return tuple(
        (
            label,
            (
                *((sets[label], MAC) for _ in range(label in sets)),
                *(element for version in wanted for element in _elements(network, version, found.get(label, []))),
            ),
        )
        for label in dict.fromkeys((*found, *sets))
    )


def _elements(network: "Network", version: int, items: "list[PortForward]") -> "Iterator[tuple[str, str]]":
    """Those of one guest for one IP version."""
    anywhere = EVERYWHERE[version]
    reached: dict[int, dict[Subnet, list[tuple[int, int]]]] = {}
    for item in (item for item in items if version in item.versions):
        source = parse_subnet(item.source) if item.source else anywhere
        for number in (NUMBERS[protocol] for protocol in item.protocols):
            reached.setdefault(number, {}).setdefault(source, []).append(item.to or item.ports)
            key = f"{number} . {shown_ports(item.ports)} . {source} . {item.on or anywhere}"
            yield map_name(network, version), f"{key} : {ADDRESS[version]}"
    if network.forward == "route":
        for number, by_source in reached.items():
            for source, ports in _apart(by_source):
                to = f"{number} . {shown_ports(ports)}"
                yield set_name(network, version), f"{ADDRESS[version]} . {to} . {source}"


def _apart(reached: "dict[Subnet, list[tuple[int, int]]]") -> "Iterator[tuple[Subnet, tuple[int, int]]]":
    """The same ports by source without any overlap, which a set would refuse: what is said of a larger source is."""
    found: dict[Subnet, list[tuple[int, int]]] = {}
    for source in sorted(reached, key=lambda subnet: subnet.prefix):
        bits = BITS[source.version]
        larger = [
            Subnet(source.version, source.first >> (bits - prefix) << (bits - prefix), prefix)
            for prefix in range(source.prefix)
        ]
        taken = [ports for subnet in larger for ports in found.get(subnet, ())]
        found[source] = _without(_merged(reached[source]), _merged(taken))
        yield from ((source, ports) for ports in found[source])


def _merged(ranges: "list[tuple[int, int]]") -> "list[tuple[int, int]]":
    """The same ports as ranges that neither overlap nor touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _without(ranges: "list[tuple[int, int]]", holes: "list[tuple[int, int]]") -> "list[tuple[int, int]]":
    """What is left of ranges; both as `_merged` gives them."""
    found = []
    for begin, end in ranges:
        first = begin
        for from_, to in holes:
            if to < first or from_ > end:
                continue
            if first < from_:
                found.append((first, from_ - 1))
            first = max(first, to + 1)
        if first <= end:
            found.append((first, end))
    return found
