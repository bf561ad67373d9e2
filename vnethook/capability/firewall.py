"""Who may talk to whom: the rules of a network, as nft text.

One table for all networks with a fixed set of base chains, each with one look-up in a verdict map by interface, and
four chains for each network. Adding a network neither lengthens a packet's way nor touches another network's chains.
Policy: a guest reaches the outside as the forward mode says, and of the host DHCP, DNS and ICMP; from outside only
replies come in (mode route: everything); networks do not reach each other.
Only names made here from the uuid, checked bridge names and canonical addresses become nft text.
"""

from vnethook.address import BITS, parse_ip
from vnethook.plan.firewall import KEY, InstallRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import Ip, Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_TABLE = KEY.removeprefix("table ")
_LINK_LOCAL = "224.0.0.0/24, 255.255.255.255"
"""What never leaves the link is not masqueraded: local multicast (RFC 5771), broadcast (RFC 919)."""
_ICMP, _TCP_UDP = "1, 58", "6, 17"
"""Protocols by number: nft reads their names from /etc/protocols, which a small host does not have (netbase)."""
_TO_OUTSIDE = "ip saddr @masqueraded oifname != @bridges oifname != lo ip daddr != {{ {l} }}"
_BASE = (
    "add set {t} bridges {{ type ifname; }}",
    "add set {t} masqueraded {{ type ipv4_addr; flags interval; }}",
    "add set {t} gateways {{ type ipv4_addr; }}",
    "add set {t} gateways6 {{ type ipv6_addr; }}",
    "add map {t} from_guest {{ type ifname : verdict; }}",
    "add map {t} to_guest {{ type ifname : verdict; }}",
    "add map {t} to_host {{ type ifname : verdict; }}",
    "add chain {t} input {{ type filter hook input priority filter; policy accept; }}",
    "add chain {t} forward {{ type filter hook forward priority filter; policy accept; }}",
    "add chain {t} postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}",
    "flush chain {t} input",
    "flush chain {t} forward",
    "flush chain {t} postrouting",
    "add rule {t} input iifname vmap @to_host",
    # the networks' DNS is for their guests, whichever way a question comes in (CVE-2012-3411)
    'add rule {t} input iifname != "lo" ip daddr @gateways meta l4proto {{ {p} }} th dport 53 drop',
    'add rule {t} input iifname != "lo" ip6 daddr @gateways6 meta l4proto {{ {p} }} th dport 53 drop',
    "add rule {t} forward iifname vmap @from_guest",
    "add rule {t} forward oifname vmap @to_guest",
    # a guest's privileged port must not become the host's: servers trust those (as libvirt does)
    f"add rule {{t}} postrouting meta l4proto {{{{ {{p}} }}}} {_TO_OUTSIDE} masquerade to :1024-65535",
    f"add rule {{t}} postrouting {_TO_OUTSIDE} masquerade",
)
_BASE_USES = (("input", 3), ("forward", 2), ("postrouting", 2))
IFNAMSIZ = 16
"""linux/if.h"""
_CHAINS = ("local", "host", "from", "to")
_MAP_OF = {"from": "from_guest", "to": "to_guest", "host": "to_host"}


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Install the network's chains, with the base chains, in one transaction."""
    chains = {kind: chain_name(network, kind) for kind in _CHAINS}
    rules = {
        "local": _local(network),
        "host": _to_host(network, chains["local"]),
        "from": _from_guest(network),
        "to": _to_guest(network),
    }
    lines = [f"add {KEY}", *_base()]
    for chain in chains.values():
        lines += [f"add chain {_TABLE} {chain}", f"flush chain {_TABLE} {chain}"]
    lines += [f"add rule {_TABLE} {chains[kind]} {rule}" for kind in _CHAINS for rule in rules[kind]]
    lines += [f"add {element}" for element in _elements(network, chains)]
    # a chain is used by each of its rules and by what leads to it: an element of a map, or rules
    gotos = sum(rule.endswith(chains["local"]) for rule in rules["host"])
    uses = tuple((chains[kind], len(rules[kind]) + (gotos if kind == "local" else 1)) for kind in _CHAINS)
    return [
        InstallRules(
            network.name,
            install=_text(lines),
            unlink=_text(_unlinking(network, chains)),
            remove=_text(_removal(chains)),
            uses=(*_BASE_USES, *uses),
            elements=_keys(network),
        )
    ]


def chain_name(network: "Network", kind: str) -> str:
    """The name of one of a network's chains: letters and digits of its uuid, since its own name may hold anything."""
    return f"n{(network.uuid or '').replace('-', '')}_{kind}"


def _unlinking(network: "Network", chains: dict[str, str]) -> list[str]:
    """Take the network's elements out of the shared sets and maps."""
    # nft 1.0.6 has no `destroy`: what is added first can be deleted whether it was there or not
    lines = [f"add {KEY}", *(line for line in _base() if line.startswith(("add set", "add map")))]
    lines += [f"add chain {_TABLE} {chain}" for chain in chains.values()]
    for element in _elements(network, chains):
        lines += [f"add {element}", f"delete {element}"]
    return lines


def _removal(chains: dict[str, str]) -> list[str]:
    """Delete the network's chains, to which nothing leads any more."""
    names = chains.values()
    return [f"{verb} chain {_TABLE} {chain}" for verb in ("add", "flush", "delete") for chain in names]


def _keys(network: "Network") -> tuple[tuple[str, str], ...]:
    """The elements of the shared sets as the kernel keeps their keys."""
    bridge = (network.bridge.name or "").encode().ljust(IFNAMSIZ, b"\0").hex()
    addresses = [parse_ip(ip.address or "") for ip in network.ips]
    masqueraded = [item for item in network.subnets if item.version == 4 and network.forward == "nat"]
    return (
        ("bridges", bridge),
        *(("gateways" if version == 4 else "gateways6", _packed(version, number)) for version, number in addresses),
        *(("masqueraded", _packed(4, subnet.first)) for subnet in masqueraded),
    )


def _packed(version: int, number: int) -> str:
    return number.to_bytes(BITS[version] // 8, "big").hex()


def _base() -> list[str]:
    """What all networks share: sets, maps and base chains."""
    return [line.format(t=_TABLE, l=_LINK_LOCAL, p=_TCP_UDP) for line in _BASE]


def _elements(network: "Network", chains: dict[str, str]) -> list[str]:
    bridge = f'"{network.bridge.name}"'
    elements = [f"element {_TABLE} bridges {{ {bridge} }}"]
    elements += [f"element {_TABLE} {_MAP_OF[kind]} {{ {bridge} : jump {chains[kind]} }}" for kind in _MAP_OF]
    for ip in network.ips:
        elements.append(f"element {_TABLE} {'gateways' if ip.version == 4 else 'gateways6'} {{ {ip.address} }}")
    if network.forward == "nat":
        elements += [
            f"element {_TABLE} masqueraded {{ {subnet} }}" for subnet in network.subnets if subnet.version == 4
        ]
    return elements


def _from_guest(network: "Network") -> list[str]:
    """What guests send: within the network anything, to other networks nothing, outside from their own addresses."""
    rules = [f'oifname "{network.bridge.name}" accept', "oifname @bridges reject"]
    if network.forward != "none":
        rules += [f"{_family(subnet)} saddr {subnet} accept" for subnet in network.subnets]
    return [*rules, "reject"]


def _to_guest(network: "Network") -> list[str]:
    """What comes to guests from outside: replies; in mode route everything for their addresses."""
    rules = []
    if network.forward != "none":
        rules.append("ct state established,related accept")
    if network.forward == "route":
        rules += [f"{_family(subnet)} daddr {subnet} accept" for subnet in network.subnets]
    return [*rules, "reject"]


def _to_host(network: "Network", local: str) -> list[str]:
    """What guests send to the host: from the network's own addresses on to chain `local`, from others nothing.

    Before anything is accepted, since connection tracking ignores the interface: a guest that forged a peer's address
    would speak in the host's own flows. One rule for each subnet: in a set nft would merge those that are neighbours.
    """
    has_dhcp = any(ip.version == 4 and ip.serves_dhcp for ip in network.ips)
    sources = [f"{_family(subnet)} saddr {subnet}" for subnet in network.subnets]
    sources += ["ip6 saddr fe80::/10", "ip6 saddr ::"]  # neighbour discovery, RFC 4861
    asks = ["ip saddr 0.0.0.0 udp dport 67 accept"] if has_dhcp else []
    return [*asks, *(f"{source} goto {local}" for source in sources), "drop"]


def _local(network: "Network") -> list[str]:
    """What guests may ask of the host: replies, ICMP, and DHCP, DNS and TFTP of the network's own addresses."""
    rules = ["ct state established,related accept", f"meta l4proto {{ {_ICMP} }} accept"]
    for ip in network.ips:
        rules += _dhcp(ip)
        if ip.tftp_root:
            rules.append(f"ip daddr {ip.address} udp dport 69 accept")
    if network.dns.enable:
        served = [f"{_family(ip.subnet)} daddr {ip.address}" for ip in network.ips]
        if network.has_ipv6:
            served.append("ip6 daddr fe80::/10")  # router advertisements name the bridge's link-local address
        rules += [f"{address} meta l4proto {{ {_TCP_UDP} }} th dport 53 accept" for address in served]
    return [*rules, "reject"]


def _dhcp(ip: "Ip") -> list[str]:
    if not ip.serves_dhcp:
        return []
    if ip.version == 6:
        return [
            "ip6 daddr { fe80::/10, ff02::1:2 } udp dport 547 accept",
            f"ip6 daddr {ip.address} udp dport 547 accept",
        ]
    return [f"ip daddr {{ 255.255.255.255, {ip.address} }} udp dport 67 accept"]


def _family(subnet: "Subnet") -> str:
    return "ip" if subnet.version == 4 else "ip6"


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
