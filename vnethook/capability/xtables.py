"""The rules of a network for a host whose firewall is iptables: those of capability/firewall, translated.

Base chains and sets become chains that all networks share, see plan/xtables.py: a rule for each network stands in them
where nft looks up an element. Packets to a bridge of ours are led aside first, to a chain that knows that.
"""

from vnethook.capability.policy import incoming, named, translation
from vnethook.capability.policy.xtables import BRIDGES, GATEWAYS, MARK, REFUSAL, Translator, check_link
from vnethook.errors import UnsupportedError
from vnethook.live.xtables import FAMILIES, SHARED
from vnethook.plan.xtables import ALL, IF_OTHERS, NETWORK, InstallXtables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

    Rules = dict[str, list[str]]

INSIDE, MASQUERADE = "VNETHOOK_INSIDE", "VNETHOOK_MASQUERADE"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 22
"""Digits of 128 bits: with the kind of a chain its name has at most 28 characters, XT_EXTENSION_MAXNAMELEN less NUL."""
_SHORT = {
    "local": "loc",
    "host": "hos",
    "out": "out",
    "from": "fr",
    "to": "to",
    "nat": "nat",
    "dnat": "dna",
    "back": "bac",
}
"""The kinds of chains, as their names end here."""
_TABLES = {"nat": "nat", "dnat": "nat", "back": "nat"}
"""The tables of chains by kind, where it is not filter."""
_NOT_HERE = ("flows",)
"""Chains that only nft has: a default that is left out is told, see lifecycle/firewalls.py."""
_LINK_LOCAL = {"ip": ("224.0.0.0/24", "255.255.255.255"), "ip6": ("ff02::/16",)}
"""What never leaves the link, as in policy/table.py."""
_DNS = ("tcp", "udp")
_NOT_FORWARDED = {"ip": "53,67", "ip6": "53,547"}
_BUT_LOOPBACK = {"ip": "", "ip6": "! -d ::1 "}
_UNPRIVILEGED = "1024-65535"
_MISSING = f"--mark {MARK}"


def plan(network: "Network", facts: "Facts", chains: "Rules") -> "list[Step]":
    """Install these chains, named and filled as for nft; raise UnsupportedError for what cannot be."""
    _require(network)
    chains = {chain: rules for chain, rules in chains.items() if chain.rpartition("_")[2] not in _NOT_HERE}
    prefix = _prefix(network)
    own: Rules = {}
    links: Rules = {}
    for family in FAMILIES:
        if family == "ip" or facts.has_ipv6:
            found = dict(_own(network, family, prefix, chains))
            own |= found
            links |= dict(_links(network, family, found))
    return [
        InstallXtables(
            network.name,
            variant=facts.firewall,
            prefix=prefix,
            chains=tuple((chain, tuple(rules)) for chain, rules in own.items()),
            links=tuple((place, tuple(rules)) for place, rules in links.items() if rules),
            uses=tuple(_uses(own, links).items()),
            sources=tuple(map(str, network.subnets)),
            translation=translation.summary(network),
            forwards=incoming.summary(network),
        )
    ]


def _require(network: "Network") -> None:
    """Raise UnsupportedError for what has no form here: the network is not to come up with less than it says."""
    check_link(network.bridge.name or "")
    for label, _ in named.guests(network):
        msg = f"network {network.name!r}: guest {label!r}: rules for guests by their names need nftables"
        raise UnsupportedError(msg, hint="name its address in their place, or set [firewall] backend in vnethook.toml")
    asked = network.guard
    if asked is not None and (asked.flows or asked.connections or asked.new_connections):
        msg = f"network {network.name!r}: guard: to count what guests open needs nftables"
        raise UnsupportedError(msg, hint="leave that part out, or set [firewall] backend in vnethook.toml")


def _prefix(network: "Network") -> str:
    """How the names of the network's chains begin: its uuid in few characters."""
    number, digits = int((network.uuid or "0").replace("-", ""), 16), ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return NETWORK + digits


def _own(network: "Network", family: str, prefix: str, chains: "Rules") -> "Iterator[tuple[str, list[str]]]":
    """The network's chains of a family; one that asks whether packets go to a bridge of ours is two."""

    def name(chain: str) -> str:
        return f"{prefix}_{_SHORT[chain.rpartition('_')[2]]}"

    gateways = tuple(ip.address or "" for ip in network.ips if ip.version == FAMILIES[family])
    for chain, rules in chains.items():
        kind = chain.rpartition("_")[2]
        if kind in _TABLES and not _has_kind(network, family, kind):
            continue
        path = f"{family} {_TABLES.get(kind, 'filter')} {name(chain)}"
        for suffix, to_bridge in (("", False), ("b", True)) if kind == "from" else (("", None),):
            translator = Translator(family, name, gateways=gateways, to_bridge=to_bridge)
            yield path + suffix, [line for rule in rules for line in translator.rules(rule)]


def _links(network: "Network", family: str, own: "Rules") -> "Iterator[tuple[str, list[str]]]":
    """What the network has in the chains that all share, by chain and section."""
    bridge, names = network.bridge.name, {chain.rpartition("_")[2]: chain.rpartition(" ")[2] for chain in own}
    addresses = [ip.address for ip in network.ips if ip.version == FAMILIES[family]]
    for hook, section, link, kind in (("INPUT", 1, "-i", "hos"), ("FORWARD", 2, "-i", "fr")):
        yield f"{family} filter {SHARED}{hook}{ALL} {section}", [f"{link} {bridge} -j {names[kind]}"]
    drops = [f"! -i lo -d {address} -p {name} -m {name} --dport 53 -j DROP" for address in addresses for name in _DNS]
    yield f"{family} filter {SHARED}INPUT{ALL} 2", drops  # as in policy/table.py
    yield f"{family} filter {SHARED}FORWARD{ALL} 1", [f"-o {bridge} -g {INSIDE}"]
    yield f"{family} filter {INSIDE} 1", [f"-i {bridge} -j {names['frb']}"]
    yield f"{family} filter {INSIDE} 2", [f"-o {bridge} -j {names['to']}"] if "to" in names else []
    refusal = f"-j REJECT --reject-with {REFUSAL[family]}"
    yield f"{family} filter {BRIDGES} 1", [f"-i {bridge} {refusal}"]
    yield f"{family} filter {GATEWAYS} 2", ["-j RETURN"]  # so that it is there where no network has an address
    yield f"{family} filter {GATEWAYS} 1", [f"-d {address} ! -i {bridge} {refusal}" for address in addresses]
    if any(_MISSING in rule for rules in own.values() for rule in rules):
        check = f"-i {bridge} -m rpfilter --invert -j MARK --set-mark {MARK}"
        yield f"{family} mangle {SHARED}PREROUTING{ALL} 2", [check]
    yield from _incoming(network, family, names)
    yield from _translation(network, family, names)


def _incoming(network: "Network", family: str, names: dict[str, str]) -> "Iterator[tuple[str, list[str]]]":
    """How a new connection finds the forward that it means, as in policy/table.py; DNS and DHCP of ours are none."""
    kept = [f"{ip.address}" for ip in network.ips if ip.version == FAMILIES[family]]
    kept += ["fe80::/10"] if family == "ip6" else []
    ports = f"-m multiport --dports {_NOT_FORWARDED[family]} -j RETURN"
    local = f"{_BUT_LOOPBACK[family]}-m addrtype --dst-type LOCAL"
    for hook in ("PREROUTING", "OUTPUT"):
        chain = f"{family} nat {SHARED}{hook}{ALL}"
        yield f"{chain} 1{IF_OTHERS}", [f"-d {address} -p {name} {ports}" for address in kept for name in _DNS]
        yield f"{chain} 2", [f"{local} -j {names['dna']}"] if "dna" in names else []
    if family == "ip" and "dna" in names:
        yield f"{family} mangle {SHARED}PREROUTING{ALL} 1", ["-d 127.0.0.0/8 ! -i lo -j DROP"]
    if "bac" in names:
        back = f"-o {network.bridge.name} -m conntrack --ctstate DNAT -j {names['bac']}"
        yield f"{family} nat {SHARED}POSTROUTING{ALL} 1", [back]


def _translation(network: "Network", family: str, names: dict[str, str]) -> "Iterator[tuple[str, list[str]]]":
    """What becomes of addresses: nothing for what stays on a link, else what the network says."""
    chain = f"{family} nat {SHARED}POSTROUTING{ALL}"
    yield f"{chain} 2{IF_OTHERS}", [f"-o {network.bridge.name} -j RETURN"]
    unchanged = ["-o lo -j RETURN", *(f"-d {block} -j RETURN" for block in _LINK_LOCAL[family])]
    yield f"{chain} 3{IF_OTHERS}", unchanged
    version = FAMILIES[family]
    special = [subnet for subnet in translation.translated(network) if subnet.version == version]
    yield f"{chain} 4", [f"-s {subnet} -j {names['nat']}" for subnet in special]
    plain = [subnet for subnet in translation.masqueraded(network) if subnet.version == version]
    yield f"{chain} 5", [f"-s {subnet} -j {MASQUERADE}" for subnet in plain]
    if plain:
        yield f"{family} nat {MASQUERADE} 1", [f"-p {name} -j MASQUERADE --to-ports {_UNPRIVILEGED}" for name in _DNS]
        yield f"{family} nat {MASQUERADE} 2", ["-j MASQUERADE"]


def _has_kind(network: "Network", family: str, kind: str) -> bool:
    """Whether a chain that translates addresses is of use in a family: in the table is what is needed only."""
    if kind == "nat":
        return any(subnet.version == FAMILIES[family] for subnet in translation.translated(network))
    return any(FAMILIES[family] in item.versions for item in incoming.forwards(network))


def _uses(own: "Rules", links: "Rules") -> dict[str, int]:
    """How often each chain of the network is used, and each that hangs under the kernel's: by a rule and a jump."""
    leading = [(place.rpartition(" ")[0].rpartition(" ")[0], rule) for place, rules in links.items() for rule in rules]
    leading += [(chain.rpartition(" ")[0], rule) for chain, rules in own.items() for rule in rules]
    targets = [f"{place} {rule.rpartition(' ')[2]}" for place, rule in leading]
    found = {chain: len(rules) + targets.count(chain) for chain, rules in own.items()}
    shared = [place.rpartition(" ")[0] for place, rules in links.items() if rules and not place.endswith(IF_OTHERS)]
    return found | {chain.removesuffix(ALL): 2 for chain in shared if chain.endswith(ALL)}
