"""Who may talk to whom: the rules of a network, as nft text.

One table for all networks with a fixed set of base chains, and a few chains for each network: adding a network neither
lengthens a packet's way nor touches another network's chains. Policy: a guest reaches the outside as the forward mode
says, and of the host DHCP, DNS and ICMP; from outside only answers come in, unless the mode is route; networks do not
reach each other. Only names made here from the uuid, checked link names and canonical addresses become nft text.
"""

from vnethook.address import BITS, parse_ip
from vnethook.capability.policy import flows, forward, incoming, local, named, outgoing, table, translation
from vnethook.capability.policy.matches import own_name
from vnethook.live.record import NFT
from vnethook.plan.firewall import KEY, InstallRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

IFNAMSIZ = 16
"""linux/if.h"""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Install the network's chains, with the base chains, in one transaction; or in what else the host has."""
    chains = _chains(network)
    if facts.firewall != NFT:
        from vnethook.capability import xtables  # noqa: PLC0415 (few hosts have it)

        return xtables.plan(network, facts, chains)
    holders = named.holders(network)
    elements = _elements(network, chains)
    return [
        InstallRules(
            network.name,
            install=_text(_installation(chains, holders, elements)),
            unlink=_text(_unlinking(chains, elements)),
            remove=_text(_removal(chains, holders)),
            uses=(*table.USES, *_uses(chains, elements)),
            elements=_keys(network),
            sources=tuple(map(str, network.subnets)),
            translation=translation.summary(network),
            guests=named.guests(network),
            forwards=incoming.summary(network),
        )
    ]


def _chains(network: "Network") -> dict[str, list[str]]:
    """The network's chains with their rules, by name; one that another one's rules lead to goes before it."""
    found = {
        "local": local.local(network),
        "host": local.to_host(network, own_name(network, "local")),
        "out": (leaving := outgoing.chain(network)),
        "from": forward.from_guest(network, own_name(network, "out") if leaving else ""),
        "to": forward.to_guest(network) if network.forward != "open" else [],
        "nat": translation.rules(network),
        "dnat": incoming.translations(network),
        "back": incoming.returns(network),
        "flows": flows.counted(network),
    }
    return {own_name(network, kind): rules for kind, rules in found.items() if rules}


def _elements(network: "Network", chains: dict[str, list[str]]) -> list[str]:
    """What leads to the chains, and what all networks have to know of this one."""
    bridge = f'"{network.bridge.name}"'
    found = [f"bridges {{ {bridge} }}"]
    for kind, holder in (
        ("from", "from_guest"),
        ("to", "to_guest"),
        ("host", "to_host"),
        ("back", "returning"),
        ("flows", "counted"),
    ):
        chain = own_name(network, kind)
        if chain in chains:
            found.append(f"{holder} {{ {bridge} : jump {chain} }}")
    found += [f"{'gateways' if ip.version == 4 else 'gateways6'} {{ {ip.address} }}" for ip in network.ips]
    found += [f"masqueraded {{ {subnet} }}" for subnet in translation.masqueraded(network)]
    for subnet in translation.translated(network):
        holder = "translated" if subnet.version == 4 else "translated6"
        found.append(f"{holder} {{ {subnet} : jump {own_name(network, 'nat')} }}")
    found += incoming.elements(network, own_name(network, "dnat"))
    return [f"element {table.NAME} {element}" for element in found]


def _installation(chains: dict[str, list[str]], holders: list[str], elements: list[str]) -> list[str]:
    # the chains first: nft 1.0.6 fills a map of intervals when it makes it, whatever is said in between
    lines = [f"add {KEY}", *_of_chains("add", chains), *table.HOLDERS, *table.BASE, *_of_chains("flush", chains)]
    lines += [f"add {holder}" for holder in holders]
    lines += [f"add rule {table.NAME} {chain} {rule}" for chain, rules in chains.items() for rule in rules]
    return [*lines, *(f"add {element}" for element in elements)]


def _unlinking(chains: dict[str, list[str]], elements: list[str]) -> list[str]:
    """Take the network's elements out of the shared sets and maps."""
    # nft 1.0.6 has no `destroy`: what is added first can be deleted whether it was there or not
    lines = [f"add {KEY}", *_of_chains("add", chains), *table.HOLDERS]
    lines += [f"{verb} {element}" for element in elements for verb in ("add", "delete")]
    return [*lines, *table.FORGET_FLOWS]  # what a guest had opened is counted by the numbers of then


def _removal(chains: dict[str, list[str]], holders: list[str]) -> list[str]:
    """Delete the network's chains, to which nothing leads any more, and what they look up."""
    lines = [line for verb in ("add", "flush", "delete") for line in _of_chains(verb, chains)]
    lines += [f"add {holder}" for holder in holders]
    return [*lines, *(f"delete {holder.partition(' {')[0]}" for holder in holders)]


def _of_chains(verb: str, chains: dict[str, list[str]]) -> list[str]:
    return [f"{verb} chain {table.NAME} {chain}" for chain in chains]


def _uses(chains: dict[str, list[str]], elements: list[str]) -> list[tuple[str, int]]:
    """How often each chain is used: by each of its rules, and by each rule and element that leads to it."""
    leading = [*elements, *(rule for rules in chains.values() for rule in rules)]
    words = [line.removesuffix(" }").rpartition(" ")[2] for line in leading]
    return [(chain, len(rules) + words.count(chain)) for chain, rules in chains.items()]


def _keys(network: "Network") -> tuple[tuple[str, str], ...]:
    """The elements of the shared sets as the kernel keeps their keys."""
    bridge = (network.bridge.name or "").encode().ljust(IFNAMSIZ, b"\0").hex()
    addresses = [parse_ip(ip.address or "") for ip in network.ips]
    return (
        ("bridges", bridge),
        *(("gateways" if version == 4 else "gateways6", _packed(version, number)) for version, number in addresses),
        *(("masqueraded", _first(subnet)) for subnet in translation.masqueraded(network)),
    )


def _first(subnet: "Subnet") -> str:
    return _packed(subnet.version, subnet.first)


def _packed(version: int, number: int) -> str:
    return number.to_bytes(BITS[version] // 8, "big").hex()


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
