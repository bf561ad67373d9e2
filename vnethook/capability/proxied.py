"""Guests among the hosts of the uplink's own network without a bridge to it, as on Wi-Fi, where one MAC is let through.

The host answers for guests on the uplink, and for everybody else on the bridge: proxy ARP (RFC 1027), and for IPv6 as a
proxy on the uplink alone (RFC 4389), since guests are told by router advertisements that nobody is on their link. What
is about one guest, a route to its address and who answers for it, comes and goes with its NIC (live/proxied.py).
"""

from vnethook.plan.links import AddAddress
from vnethook.plan.proxied import AddLoneAddress, AnswerForGuests
from vnethook.plan.sysctl import HoldSysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.plan.step import Step

_AT_ONCE = "0"
"""What is asked for by broadcast the kernel answers for others after up to 0.8 s: arp(7), proxy_delay."""


def on_bridge(network: "Network") -> tuple[tuple[str, str], ...]:
    """The sysctls by which the host answers guests: that of all addresses beyond the bridge the way is by itself."""
    name = network.bridge.name
    if not any(ip.version == 4 for ip in network.ips):
        return ()
    return (f"net/ipv4/conf/{name}/proxy_arp", "1"), (f"net/ipv4/neigh/{name}/proxy_delay", _AT_ONCE)


def addresses(network: "Network") -> list["Step"]:
    """Give the bridge its addresses, without a route to their subnets, which are at the uplink."""
    name = network.bridge.name or ""
    return [
        AddLoneAddress(name, address) if ":" in address else AddAddress(name, address) for address in network.addresses
    ]


def answering(network: "Network") -> list["Step"]:
    """Answer for guests at the uplink.

    Who is answered for is said by its address, not by the uplink's sysctl proxy_arp: a host with two links to one LAN
    would answer for all of that.
    """
    [uplink] = network.uplinks
    held: list[Step] = []
    if any(ip.version == 4 for ip in network.ips):
        held.append(HoldSysctl(network.name, f"net/ipv4/neigh/{uplink}/proxy_delay", _AT_ONCE))
    if network.has_ipv6:
        held.append(HoldSysctl(network.name, f"net/ipv6/neigh/{uplink}/proxy_delay", _AT_ONCE))
        held.append(HoldSysctl(network.name, f"net/ipv6/conf/{uplink}/proxy_ndp", "1"))
    own = tuple(ip.address or "" for ip in network.ips)
    return [*held, AnswerForGuests(uplink, own, tuple(map(str, network.subnets)))]
