"""What of a definition we do not act on: it is kept and dumped, and whoever defines or starts the network is told.

A capability that comes to act on something takes its line out of here.
"""

from vnethook.capability import resolver
from vnethook.definition.backend import VDE
from vnethook.definition.model import MACVTAP_MODES
from vnethook.errors import UnsupportedError
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.definition.traffic import Bandwidth, PortGroup

_KEPT = "is kept and not done"
_OUTBOUND_PEAK = f"bandwidth outbound peak= {_KEPT}: what guests send is held to the average"
_SRIOV = "it is for macvtap and SR-IOV, which have no bridge of the host's"


def require(network: "Network") -> None:
    """Raise UnsupportedError for a network that cannot be brought up as it is meant."""
    found = refusals(network)
    if found:
        msg = f"network {network.name!r}: start: {found[0]}"
        raise UnsupportedError(msg, hint="the definition is kept as it is; only libvirt itself can bring it up")


def refusals(network: "Network") -> tuple[str, ...]:
    """Why the network is not brought up, a line each; none if it is."""
    found = []
    if network.forward in MACVTAP_MODES:
        found.append(f"forward mode {shown(network.forward)} is not done: {_SRIOV}")
    elif network.forward == "bridge" and not network.bridge.name:
        found.append(f"forward mode 'bridge' with a dev in place of a bridge is not done: {_SRIOV}")
    if network.virtualport is not None:
        found.append("virtualport is not done: it is for Open vSwitch, macvtap and SR-IOV")
    return tuple(found)


def warnings(network: "Network") -> tuple[str, ...]:
    """What the network is brought up without, a line each."""
    found = []
    if network.trusts_filters:
        found.append(f"trustGuestRxFilters {_KEPT}: {_SRIOV}")
    if _has_outbound_peak(network.bandwidth):
        found.append(_OUTBOUND_PEAK)
    found += [f"portgroup {group.name!r}: {line}" for group in network.portgroups for line in _of_portgroup(group)]
    if network.domain_register and not resolver.registers(network):
        found.append("domain register='yes' is kept and not done: the network has no name server")
    if network.listens or network.connections:
        found += _of_links(network)
    if network.backend == VDE:
        from vnethook.capability import user_switch  # noqa: PLC0415 (only for ordinary users)

        found += user_switch.warnings()
    return (*found, *(_of_switch(network) if network.vde else ()))


def _of_portgroup(group: "PortGroup") -> list[str]:
    found = []
    if group.virtualport is not None:
        found.append("virtualport is not done: no NIC of it is attached")
    if group.trusts_filters:
        found.append(f"trustGuestRxFilters {_KEPT}: {_SRIOV}")
    if _has_outbound_peak(group.bandwidth):
        found.append(_OUTBOUND_PEAK)
    return found


def _of_links(network: "Network") -> list[str]:
    from vnethook.capability import link  # noqa: PLC0415 (few networks have any)

    return link.warnings(network)


def _of_switch(network: "Network") -> tuple[str, ...]:
    from vnethook.capability import vde  # noqa: PLC0415 (few networks have one)

    return vde.warnings(network)


def _has_outbound_peak(limits: "Bandwidth | None") -> bool:
    return bool(limits and limits.outbound and limits.outbound.peak)
