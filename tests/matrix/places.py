"""Where packets come from and go to: the addresses of the ground that all definitions stand on.

`outside` and `aside` lie behind the host's two uplinks; guests `a` and `b` are on network one, `c` on network two.
"""

from ipaddress import ip_address, ip_network
from typing import NamedTuple

UPLINKS = {"uplink0": ("192.0.2.2", "2001:db8:1::2"), "uplink1": ("198.51.100.2", "2001:db8:2::2")}
NAT_ADDRESS = "192.0.2.9"
"""Another of the host's at uplink0."""
BEYOND = {"outside": "uplink0", "aside": "uplink1"}
"""The uplink that leads to a place."""
FAR = {
    "outside": ("192.0.2.1", "203.0.113.80", "2001:db8:1::1", "2001:db8:ffff::80"),
    "aside": ("198.51.100.1", "2001:db8:2::1"),
}
NETWORKS = {"one": 71, "two": 72}
GUESTS = {"a": ("one", 11), "b": ("one", 12), "c": ("two", 13)}
FORGED = {
    "a": ("203.0.113.66", "10.72.0.66", "fd00:72::66", "fd00:66::66"),
    "b": ("10.71.2.66", "fd00:66::67"),
    "c": ("10.71.0.66", "fd00:71::66"),
}
"""Addresses of guests that nobody gave them."""
PORTS = (22, 53, 67, 69, 80, 123, 547, 7999, 8000, 8005, 8010, 8011)
"""Somebody listens on these everywhere."""


class Subnet(NamedTuple):
    """A subnet on a network's bridge: `key` is how definitions name it, `gateway` the bridge's address."""

    key: str
    subnet: str
    gateway: str


def subnets(network: str) -> tuple[Subnet, ...]:
    """All subnets that lie on a network's bridge, whatever its definition says of them."""
    number = NETWORKS[network]
    return (
        Subnet("v4", f"10.{number}.0.0/24", f"10.{number}.0.1"),
        Subnet("more", f"10.{number}.1.0/24", f"10.{number}.1.1"),
        Subnet("v6", f"fd00:{number}::/64", f"fd00:{number}::1"),
    )


def behind(network: str) -> tuple[str, str]:
    """The subnet that the host reaches by a guest of the network, and the guest's address in the first subnet."""
    number = NETWORKS[network]
    return f"10.{number}.9.0/24", f"10.{number}.0.{11 if network == 'one' else 13}"


def bridge(network: str) -> str:
    return f"vnbr{NETWORKS[network]}"


def addresses(place: str) -> tuple[str, ...]:
    """The addresses that a place has by right."""
    if place in FAR:
        return FAR[place]
    if place == "host":
        gateways = [item.gateway for network in NETWORKS for item in subnets(network)]
        return (*gateways, *(address for pair in UPLINKS.values() for address in pair), NAT_ADDRESS)
    network, last = GUESTS[place]
    number = NETWORKS[network]
    own = (f"10.{number}.0.{last}", f"10.{number}.1.{last}", f"fd00:{number}::{last}")
    return (*own, f"10.{number}.9.1") if place in {"a", "c"} else own


def is_in(address: str, subnet: str) -> bool:
    return ip_address(address) in ip_network(subnet)


def link_of(address: str) -> str:
    """The host's link by which an address is reached: an uplink or a network's name; "host" for its own."""
    if address in addresses("host"):
        return "host"
    for network in NETWORKS:
        if any(is_in(address, subnet) for subnet in (*(item.subnet for item in subnets(network)), behind(network)[0])):
            return network
    return "uplink1" if is_in(address, "198.51.100.0/24") or is_in(address, "2001:db8:2::/64") else "uplink0"
