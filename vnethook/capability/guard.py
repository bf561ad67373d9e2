"""What a network's guests may not send: the guards of its ports, which are put on them as NICs are attached."""

from vnethook.address import format_ip
from vnethook.errors import UnsupportedError
from vnethook.live.nics import Guarding
from vnethook.mac import interface_id
from vnethook.plan.guard import MarkGuards

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Mark the guards, if a port of the network has any; raise UnsupportedError for what is asked and cannot be."""
    if not facts.has_nf_tables:
        if is_asked(network):
            msg = f"network {network.name!r}: guard: needs nf_tables, which this kernel does not have"
            raise UnsupportedError(msg, hint="<guard mode='off'/> does without")
        return []
    return [MarkGuards(network.name, _chain_name(network))] if has_guards(network) else []


def guarding(network: "Network", steps: "list[Step]") -> Guarding:
    """How ports are guarded that nothing else is said of; not at all where the plan has no guards."""
    mark = next((step.chain for step in steps if isinstance(step, MarkGuards)), "")
    if not mark:
        return Guarding(is_asked=network.guard is not None)
    return Guarding(
        parts=network.effective_guard.parts,
        is_asked=network.guard is not None,
        leased=tuple(sorted({ip.version for ip in network.ips if ip.serves_dhcp})),
        is_open=network.forward == "open",
        link_local=link_local(network),
        mark=mark,
    )


def link_local(network: "Network") -> str:
    """The bridge's address that router advertisements name, empty without IPv6: RFC 4291, section 2.5.6."""
    suffix = int.from_bytes(interface_id(network.mac), "big") if network.mac and network.has_ipv6 else 0
    return format_ip(6, (0xFE80 << 112) + suffix) if suffix else ""


def is_asked(network: "Network") -> bool:
    """Whether the definition itself asks for guards, and not only the default."""
    return any(
        guard is not None and guard.parts for guard in (network.guard, *(group.guard for group in network.portgroups))
    )


def has_guards(network: "Network") -> bool:
    """Whether a port of the network has any guards."""
    guards = (network.effective_guard, *(group.guard for group in network.portgroups))
    return any(guard is not None and guard.parts for guard in guards)


def _chain_name(network: "Network") -> str:
    return f"n{(network.uuid or '').replace('-', '')}"
