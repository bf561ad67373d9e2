"""What a definition comes to without a host: whole, with what define would choose, and the steps that bring it up."""

from uuid import NAMESPACE_DNS, uuid5

from vnethook import capability
from vnethook.capability import subnet
from vnethook.definition.settings import POOLS
from vnethook.host.facts import Facts
from vnethook.live.paths import Paths

ON_HOST = Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook")


def complete(network):
    """The network with what define would choose, the same each time."""
    network = network.replace(uuid=network.uuid or str(uuid5(NAMESPACE_DNS, f"{network.name.encode().hex()}.example")))
    if not network.owns_bridge:
        return network
    network = network.replace(
        mac=network.mac or (network.fabric.gateway_mac if network.fabric else "52:54:00:00:53:99"),
        bridge=network.bridge.replace(name=network.bridge.name or "vnbr0"),
    )
    if network.wants_subnet:
        network = network.with_subnet(
            subnet.choose(network.uuid, POOLS, 24, lambda free: any(free.overlaps(other) for other in network.subnets))
        )
    return network


def plan(network, paths=ON_HOST):
    """The steps of a complete network."""
    fabric = network.fabric
    underlay = (fabric.address or "198.51.100.7", 1500) if fabric else None
    return capability.plan(network, Facts(paths, accepts_ra=("eth0",) if network.has_ipv6 else (), underlay=underlay))
