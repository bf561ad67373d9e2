"""Share a NIC of the host's: a bridge with its MAC takes over its addresses and routes, and guests join that.

Pure: facts -> steps. What of it must not be done is refused here, before anything is.
"""

from _socket import AF_INET

from vnethook.capability import dhcp_handover, slaac
from vnethook.errors import StateError
from vnethook.names import LINK_MAX, SHARED_BRIDGE_PREFIX
from vnethook.plan.links import SetLinkSysctls, SetLinkUp
from vnethook.plan.moving import MoveToBridge
from vnethook.plan.sharing import (
    LOOSE,
    NO_GENERATION,
    CheckSources,
    CreateSharedBridge,
    GenerateAddresses,
    RepeatRules,
    source_check,
)
from vnethook.plan.zone import JoinZone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.nic_facts import NicFacts
    from vnethook.live.shared_interface import SharedInterface
    from vnethook.plan.step import Step


PORT_PREFIX = "p"


def bridge_name(nic: str) -> str:
    """The name that we choose for a NIC's bridge: of a long one the end, which tells one card from the other."""
    return SHARED_BRIDGE_PREFIX + nic[-(LINK_MAX - len(SHARED_BRIDGE_PREFIX)) :]


def port_name(nic: str) -> str:
    """What a NIC is called while a bridge has its name."""
    return f"{PORT_PREFIX}{nic}"


def name_at_first(shared: "SharedInterface") -> str:
    """What the bridge is called until the NIC has given it its name."""
    return bridge_name(shared.nic) if shared.port else shared.bridge


def plan(facts: "NicFacts", shared: "SharedInterface", *, at_s: int) -> "tuple[Step, ...]":
    """The steps in order; `at_s`: when the facts were read, in seconds after the host's boot."""
    link = facts.link
    first, bridge = name_at_first(shared), shared.bridge
    sysctls = tuple((f"net/{family}/conf/{first}/{name}", value) for family, name, value in facts.sysctls)
    sysctls += ((source_check(first), LOOSE),)
    generation = facts.generation
    holding, running = dhcp_handover.plan(facts, bridge)
    steps: list[Step] = [*holding]
    steps.append(CreateSharedBridge(name=first, mac=link.mac, mtu=link.mtu, stp=False, delay_s=0))
    steps.append(SetLinkSysctls(link=first, values=sysctls))
    steps.append(SetLinkUp(link=first, mac=link.mac))
    steps += slaac.before(facts, first)
    if generation not in {None, NO_GENERATION}:
        steps.append(GenerateAddresses(link=link.name, mode=NO_GENERATION, was=generation or 0))
    if facts.zone and not shared.port:
        steps.append(JoinZone(link=bridge, zone=facts.zone))
    if facts.rules:
        steps.append(RepeatRules(link=bridge, rules=facts.rules))
    moved = MoveToBridge(nic=link.name, bridge=first, addresses=facts.addresses, routes=facts.routes, at_s=at_s)
    steps.append(moved.replace(port=shared.port, final=bridge) if shared.port else moved)
    steps.append(CheckSources(link=bridge, value=facts.source_check))
    return (*steps, *slaac.after(facts, bridge), *running)


def require(facts: "NicFacts", shared: "SharedInterface", *, is_forced: bool = False) -> None:
    """Raise StateError for a NIC that cannot be shared, or not without cutting the host off sooner or later.

    `is_forced`: only where it cannot be.
    """
    reason, hint = _refusal(facts, shared)
    if not reason and not is_forced:
        reason, hint = _risk(facts, shared)
    if reason:
        msg = f"interface {facts.link.name!r}: share: {reason}"
        raise StateError(msg, hint=hint)


def _refusal(facts: "NicFacts", shared: "SharedInterface") -> tuple[str, str]:
    """Why not, and what would help; empty if it can be."""
    link = facts.link
    if link.is_loopback:
        return "is the host's loopback", "name a NIC: `ip link` lists them"
    if facts.is_wireless:
        reason = "is wireless: an access point drops what comes from a guest's MAC"
        return reason, f"guests get out by NAT (network default); to be reached: vnet share {link.name} --mode proxyarp"
    if link.kind == "bridge":
        return "is a bridge itself", f"guests join it as it is: bridge={link.name}"
    if facts.master:
        definition = f"<forward mode='bridge'/><bridge name='{facts.master}'/>"
        return f"is a port of {facts.master!r} already", f"guests join that by a network with {definition}"
    if not link.is_up:
        return "is down", f"ip link set {link.name} up"
    if not link.mac or len(link.mac) != 17:
        return "has no MAC, so it is no Ethernet", ""
    if any(route.is_joint for route in facts.routes):
        return "is one of several links of a route (nexthop), which cannot be moved", "see `ip route show table all`"
    if facts.takers:
        has = "has" if len(facts.takers) == 1 else "have"
        return (
            f"{' and '.join(facts.takers)} {has} all its packets",
            "a macvlan or the like and a bridge exclude each other",
        )
    if len(shared.port) > LINK_MAX:
        return f"its name with {PORT_PREFIX!r} before it is longer than {LINK_MAX} characters", "use --layout bridge"
    return _owned(facts, shared)


def notes(facts: "NicFacts", shared: "SharedInterface") -> tuple[str, ...]:
    """What is not carried over and has to be told, a sentence each."""
    found = []
    if facts.groups:
        groups = ", ".join(facts.groups)
        found.append(
            f"interface {facts.link.name!r}: programs in {groups} have to join on bridge {shared.bridge!r} anew"
        )
    if facts.hooked and shared.port:
        tables = " and ".join(facts.hooked)
        found.append(f"interface {facts.link.name!r}: chains of {tables} are at what has its name, since Linux 6.16")
    if facts.name_servers and (shared.port or not facts.owners.is_any):
        found.append(f"interface {facts.link.name!r}: {_asked(facts, shared)}")
    risk, _ = _risk(facts, shared)
    return (*found, *([f"interface {facts.link.name!r}: {risk}"] if risk else []))


def _asked(facts: "NicFacts", shared: "SharedInterface") -> str:
    """What is to be done for name servers at the NIC's network; who gives it its addresses writes resolv.conf anew."""
    servers = f"{' and '.join(facts.name_servers)} of resolv.conf"
    if shared.port:
        return f"{servers}: programs that run ask it at {shared.port!r} until they start anew (vnet net-restart)"
    return f"{servers}: nobody answers there: write %{shared.bridge}"


def _risk(facts: "NicFacts", shared: "SharedInterface") -> tuple[str, str]:
    """What will go wrong unless the administrator knows better, and what would help; empty for nothing."""
    nic = facts.link.name
    if facts.remote_disk:
        return f"the host has {facts.remote_disk}, which must not lose the network", "--force if that is by another NIC"
    if shared.port and facts.pinned:
        return (
            f"{' and '.join(facts.pinned)} would go on to mean {shared.port!r}",
            "say iifname, oifname in place of iif",
        )
    if facts.filters:
        hint = f"give {shared.bridge} the same rules beside {nic}'s first, or use --layout proposal: it keeps the name"
        return f"{' and '.join(facts.filters)} would not know its bridge {shared.bridge!r}", hint
    return "", ""


def _owned(facts: "NicFacts", shared: "SharedInterface") -> tuple[str, str]:
    hint = "let it look after the bridge instead, by its own configuration, or give the NIC fixed addresses"
    if owners := facts.owners.others:
        give = "gives" if len(owners) == 1 else "give"
        return f"{' and '.join(owners)} {give} it addresses, and would put them back on it", hint
    leased = [address for address in facts.addresses if address.family == AF_INET and not address.is_lasting]
    if leased and not facts.owners.is_any:
        return f"address {leased[0]} ends in {leased[0].valid_s} s, so a DHCP client looks after it", hint
    found = dhcp_handover.refusal(facts, shared.port)
    return found if found[0] else slaac.refusal(facts)
