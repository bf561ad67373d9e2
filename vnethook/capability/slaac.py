"""Have the kernel go on to make a shared NIC's own addresses, on its bridge. Pure: facts -> steps, or why it cannot.

Those that it makes of a secret (RFC 7217) it makes of a NIC's permanent MAC, too, which a bridge has not: with their
last half as the bridge's token they stay what they are. Source: ipv6_generate_stable_address() in net/ipv6/addrconf.c.
"""

from _socket import AF_INET6

from vnethook.plan.sharing import NO_GENERATION, GenerateAddresses
from vnethook.plan.slaac import KeepIdentifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.link_address import LinkAddress
    from vnethook.host.nic_facts import NicFacts
    from vnethook.plan.step import Step

OF_THE_MAC = 0
"""IN6_ADDR_GEN_MODE_EUI64."""
_TEMPORARY, _STABLE = 0x01, 0x800
"""IFA_F_TEMPORARY, IFA_F_STABLE_PRIVACY."""
_HALF = 64
"""The prefix length of addresses that a host makes itself."""


def before(facts: "NicFacts", bridge: str) -> "tuple[Step, ...]":
    """The steps before the bridge has a port, and hears a router."""
    return tuple(KeepIdentifier(link=bridge, identifier=one) for one in _identifiers(facts)[:1])


def after(facts: "NicFacts", bridge: str) -> "tuple[Step, ...]":
    """The steps when it has the addresses."""
    if facts.generation in {None, NO_GENERATION}:
        return ()
    return (GenerateAddresses(link=bridge, mode=OF_THE_MAC, was=NO_GENERATION, kind="bridge"),)


def refusal(facts: "NicFacts") -> tuple[str, str]:
    """Why that cannot be done, and what would help; empty if it can."""
    if len(_identifiers(facts)) > 1:
        reason = "has addresses of several prefixes that the kernel makes of a secret (stable-privacy): one would end"
        return reason, f"ip link set {facts.link.name} addrgenmode eui64, or give it fixed addresses"
    return "", ""


def of_no_mac(facts: "NicFacts") -> list[str]:
    """The different last halves of addresses of a router's prefix that are neither of the NIC's MAC nor temporary."""
    digits = facts.link.mac.replace(":", "")
    of_the_mac = f"{int(digits[:2], 16) ^ 2:02x}{digits[2:6]}fffe{digits[6:]}"
    halves = [_last_half(address) for address in facts.addresses if _is_of_a_router(address)]
    return [half for half in dict.fromkeys(halves) if half != of_the_mac]


def _is_of_a_router(address: "LinkAddress") -> bool:
    is_global = address.family == AF_INET6 and address.scope == 0 and address.prefix == _HALF
    return is_global and not address.is_lasting and not address.flags & _TEMPORARY


def _identifiers(facts: "NicFacts") -> list[str]:
    """The different last halves of addresses that the kernel made of a router's prefix and a secret."""
    return list(dict.fromkeys(_last_half(address) for address in facts.addresses if _is_of_a_secret(address)))


def _is_of_a_secret(address: "LinkAddress") -> bool:
    return address.family == AF_INET6 and bool(address.flags & _STABLE) and not address.is_lasting


def _last_half(address: "LinkAddress") -> str:
    return dict(address.attributes)[1][-16:]
