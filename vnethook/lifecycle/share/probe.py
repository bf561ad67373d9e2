"""Whether the host's gateways answer by a NIC, and as well by the bridge that has taken its place."""

from _socket import AF_INET

from vnethook.address import parse_subnet
from vnethook.errors import HostError
from vnethook.host import gateways

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts
    from vnethook.live.shared_interface import SharedInterface

BEFORE_S, AFTER_S = 1.0, 3.0
"""How long a gateway has to answer a question before and after."""


def answered(facts: "NicFacts") -> dict[str, frozenset[str]]:
    """What each default gateway by the NIC answers."""
    return {
        gateway: gateways.answers(facts.link, gateway, source, deadline_s=BEFORE_S)
        for gateway, source in _gateways(facts).items()
    }


def require(host: "Host", shared: "SharedInterface", facts: "NicFacts", before: dict[str, frozenset[str]]) -> None:
    """Raise HostError if a gateway does not answer by the bridge what it answered `before`."""
    bridge = host.links.link(shared.bridge)
    sources = _gateways(facts)
    for gateway, wanted in before.items():
        source = sources.get(gateway, "")
        after = gateways.answers(bridge, gateway, source, deadline_s=AFTER_S, wanted=wanted) if bridge else frozenset()
        if wanted - after:
            what = " and ".join(sorted(wanted - after))
            msg = f"interface {shared.nic!r}: share: gateway {gateway} did not answer by the bridge any more ({what})"
            hint = "all is as it was; is something dropping bridged frames? `nft list ruleset`, sysctl net.bridge"
            raise HostError(msg, hint=hint)


def _gateways(facts: "NicFacts") -> dict[str, str]:
    """The default gateways that the host has by the NIC, each with an address of ours to ask from."""
    found = {}
    for route in facts.routes:
        if route.is_default and route.gateway and not route.is_joint:
            ours = [str(address) for address in facts.addresses if address.family == AF_INET == route.family]
            near = [one for one in ours if _has(one, route.gateway)]
            if route.family != AF_INET or ours:
                found[route.gateway] = (near or ours or [""])[0].partition("/")[0]
    return found


def _has(address: str, gateway: str) -> bool:
    """Whether a gateway is in the subnet of an address: ("192.0.2.20/24", "192.0.2.1")."""
    subnet = parse_subnet(address)
    other = parse_subnet(f"{gateway}/{subnet.prefix}")
    return (subnet.version, subnet.first) == (other.version, other.first)
