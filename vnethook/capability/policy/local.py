"""What guests reach of the host: DHCP, DNS, ICMP, and what the definition says; from their own addresses."""

from vnethook.capability.policy.matches import (
    ANSWERS,
    NOT_ON_THIS_WAY,
    REFUSAL,
    family,
    has_others_behind,
    port_set,
    sources,
)
from vnethook.capability.policy.table import ICMP, TCP_UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Ip, Network


def to_host(network: "Network", local: str) -> list[str]:
    """What guests send to the host: from the network's own addresses on to chain `local`, from others nothing.

    Before anything is accepted, since connection tracking ignores the interface: a guest that forged a peer's address
    would speak in the host's own flows.
    """
    has_dhcp = any(ip.version == 4 and ip.serves_dhcp for ip in network.ips)
    # also from an address of another network, to be told at once that it is none here: RFC 2131, section 4.3.2
    asks = ["ip daddr 255.255.255.255 udp dport 67 accept"] if has_dhcp else []
    neighbours = [f"ip6 saddr {address} goto {local}" for address in ("fe80::/10", "::")]  # RFC 4861
    if has_others_behind(network):
        return [*asks, *neighbours, f"{NOT_ON_THIS_WAY} drop", f"goto {local}"]
    return [*asks, *(f"{source} goto {local}" for source in sources(network)), *neighbours, "drop"]


def local(network: "Network") -> list[str]:
    """What guests may ask of the host: ICMP, DHCP, DNS and TFTP of the network's own addresses, and what it offers."""
    rules = [*ANSWERS, f"meta l4proto {{ {ICMP} }} accept"]
    for ip in network.ips:
        rules += _dhcp(ip)
        if ip.tftp_root:
            rules.append(f"ip daddr {ip.address} udp dport 69 accept")
    if network.dns.enable:
        served = [f"{family(ip.subnet)} daddr {ip.address}" for ip in network.ips]
        if network.has_ipv6:
            served.append("ip6 daddr fe80::/10")  # router advertisements name the bridge's link-local address
        rules += [f"{address} meta l4proto {{ {TCP_UDP} }} th dport 53 accept" for address in served]
    return [*rules, *_the_rest(network)]


def _the_rest(network: "Network") -> list[str]:
    """What `<host>` offers and nothing else.

    It is at each address of the host's but loopback ones and those on other networks' bridges: there others are served.
    """
    offers = network.offers
    if offers is None:
        return [*REFUSAL]
    rules = ["ip daddr 127.0.0.0/8 drop"]  # the kernel lets it in where somebody has set route_localnet
    for version, word, gateways in ((4, "ip", "gateways"), (6, "ip6", "gateways6")):
        own = [ip.address for ip in network.ips if ip.version == version and ip.address]
        but_own = f"{word} daddr != {{ {', '.join(own)} }} " if own else ""
        rules.append(f"{but_own}{word} daddr @{gateways} reject")
    if offers.everything:
        return [*rules, "accept"]
    found = ((protocol, offers.ports(protocol)) for protocol in ("tcp", "udp"))
    return [
        *rules,
        *(f"{protocol} dport {{ {port_set(ports)} }} accept" for protocol, ports in found if ports),
        *REFUSAL,
    ]


def _dhcp(ip: "Ip") -> list[str]:
    if not ip.serves_dhcp:
        return []
    if ip.version == 6:
        return [
            "ip6 daddr { fe80::/10, ff02::1:2 } udp dport 547 accept",
            f"ip6 daddr {ip.address} udp dport 547 accept",
        ]
    return [f"ip daddr {ip.address} udp dport 67 accept"]
