"""A network that goes on at other hosts by VXLAN, of which the host's FRR tells the kernel who is where (BGP EVPN).

The bridge and the tunnel are as FRR expects them: a VXLAN device that learns nothing itself, as a port of the bridge.
Each host is the gateway of its own guests, by the same address and MAC, and serves them: so what has to do with DHCP
and routers does not pass, neither in nor out. Source: RFC 9135 (anycast gateway), FRR's zebra_vxlan.c.
"""

from vnethook.capability.bridge import MTU_DEFAULT
from vnethook.plan.fabric import FilterFabric, RememberGuests
from vnethook.plan.links import SetLinkSysctls
from vnethook.plan.vxlan import CreateVxlan, JoinBridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

OVERHEAD = 50
"""Bytes that VXLAN takes of an IPv4 packet: IP 20, UDP 8, VXLAN 8, Ethernet 14. Source: RFC 7348, section 5."""
AGEING_S = 86400
"""A guest that is silent is still there; what its bridge has forgotten FRR takes back from other hosts."""
LINK_PREFIX = "vnvx"
_ICMP6_KEPT = "{ 133, 134, 137 }"
"""Router solicitations and advertisements, redirects: RFC 4861; 135 and 136 are how neighbours are found."""


def link_name(vni: int) -> str:
    """The VXLAN device of a VNI."""
    return f"{LINK_PREFIX}{vni}"


def fitted(network: "Network", facts: "Facts") -> "Network":
    """The network with the MTU that fits through the fabric, where none is written."""
    if network.fabric is None or network.mtu is not None:
        return network
    way_mtu = facts.underlay[1] if facts.underlay is not None else MTU_DEFAULT
    least = 1280 if network.has_ipv6 else 68  # RFC 8200, RFC 791
    return network.replace(mtu=min(max(way_mtu - OVERHEAD, least), 65535))


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Make the tunnel and join it to the bridge; nothing as long as the host has no end for it."""
    fabric = network.fabric
    if fabric is None or facts.underlay is None:
        return []
    link, bridge = link_name(fabric.vni), network.bridge.name or ""
    kept = _kept(network)
    return [
        RememberGuests(bridge, AGEING_S),
        CreateVxlan(link, fabric.vni, fabric.effective_port, facts.underlay[0], network.mtu or MTU_DEFAULT),
        SetLinkSysctls(link, ((f"net/ipv6/conf/{link}/disable_ipv6", "1"),)),  # as of every port
        *([FilterFabric(link, f"vnethook_vni{fabric.vni}", kept, _claims(network))] if kept else []),
        JoinBridge(link, bridge, learns=False, suppresses=True, isolated=bool(network.isolated)),
    ]


def _kept(network: "Network") -> tuple[str, ...]:
    """What is each host's own matter, where it is one: a gateway that asks on another host would be answered there."""
    found = []
    if any(ip.serves_dhcp for ip in network.ips):
        found.append("udp dport { 67, 68, 546, 547 } counter drop")
    if network.has_ipv6:
        found.append(f"icmpv6 type {_ICMP6_KEPT} counter drop")
    if network.ips:
        found.append(f"ether saddr {network.mac} ether type arp counter drop")
        found.append(f"ether saddr {network.mac} icmpv6 type {{ 135, 136 }} counter drop")
    return tuple(found)


def _claims(network: "Network") -> tuple[str, ...]:
    """Who says on another host that it is the gateway."""
    own = [ip.address for ip in network.ips if ip.address and ip.version == 4]
    return tuple(f"arp saddr ip {address} counter drop" for address in own)
