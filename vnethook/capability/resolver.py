"""Names of guests for the host itself: its resolver is told whom to ask for the network's domain."""

from vnethook.capability import dns

DOMAINS_MAX = 32
"""Zones that are registered of a network; systemd-resolved takes 256. A subnet with an odd prefix may have more."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Register the zones for which its name server asks nobody else: what came back to the host would go round."""
    if not registers(network):
        return []
    from vnethook.plan.resolver import RegisterDomain  # noqa: PLC0415 (few networks register their domain)

    return [
        RegisterDomain(
            link=network.bridge.name or "",
            servers=tuple(ip.address or "" for ip in network.ips),
            domains=tuple(dns.own_zones(network)[:DOMAINS_MAX]),
        )
    ]


def registers(network: "Network") -> bool:
    """Whether the host is to ask the network's name server, and there is one."""
    return network.domain_register and network.dns.enable and bool(network.ips)
