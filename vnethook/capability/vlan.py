"""VLANs on the bridge of a network: the bridge is a port of its own, with an address, and so in VLANs too."""

from vnethook.capability import nic_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Put the bridge itself into the VLANs of the network, or where those of NICs without any are.

    So a network in one VLAN is whole, and a guest that a portgroup has put into another one does not reach the bridge:
    no gateway, no DHCP, no DNS there.
    """
    name = network.bridge.name
    if name is None or not (network.vlan or any(group.vlan for group in network.portgroups)):
        return []
    from vnethook.live.bridge_port import DEFAULT_VLANS  # noqa: PLC0415 (few networks have any)
    from vnethook.plan.vlans import ExpectVlans, FilterVlans  # noqa: PLC0415 (few networks have any)

    if not network.owns_bridge:
        return [ExpectVlans(name)]
    return [FilterVlans(name, nic_class.vlans(network.vlan) or DEFAULT_VLANS, network.vlan is not None)]
