"""The bridge of a network's links with others, the cable from it to the network's own, and what may come in there."""

from vnethook.capability import dhcp, guard, nic_class
from vnethook.capability.bridge import MTU_DEFAULT
from vnethook.live import link_names
from vnethook.live.bridge_port import DEFAULT_VLANS
from vnethook.plan.link_guard import GuardLinks
from vnethook.plan.links import SetLinkSysctls
from vnethook.plan.links_bridge import CreateLinksBridge, JoinBridges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Links have a bridge to themselves: where a spanning tree runs, a port waits for four seconds, and no guest does.

    Isolated guests of the side that serves are not reached by links. On the other side what they need is behind one.
    """
    uuid, own = network.uuid or "", network.bridge.name or ""
    serves, size = dhcp.serves(network), network.mtu or MTU_DEFAULT
    bridge, (port, other_port) = link_names.links_bridge(uuid), link_names.cable(uuid)
    steps: list[Step] = [
        CreateLinksBridge(bridge, size, may_loop(network)),
        SetLinkSysctls(
            bridge, ((f"net/ipv4/conf/{bridge}/arp_ignore", "8"), (f"net/ipv6/conf/{bridge}/disable_ipv6", "1"))
        ),
        JoinBridges(port, own, other_port, bridge, size, isolated=is_apart(network), vlans=_trunk(network)),
    ]
    if facts.has_nf_tables:
        own_address = guard.link_local(network)
        addresses = tuple(address.partition("/")[0] for address in network.addresses)
        addresses += (own_address,) if own_address else ()
        steps.append(GuardLinks(port, f"l{_digits(uuid)}", serves, addresses))
        steps.append(GuardLinks(other_port, f"m{_digits(uuid)}"))
    return steps


def may_loop(network: "Network") -> bool:
    """Whether the network can have two links at once: whoever listens may have many."""
    listens = [item for item in network.listens if item.is_local or item.transport != "vxlan"]
    return len(network.connections) + 2 * len(listens) > 1


def is_apart(network: "Network") -> bool:
    """Whether links of the network reach neither its isolated guests nor each other."""
    return bool(network.isolated) and dhcp.serves(network)


def _trunk(network: "Network") -> tuple[tuple[int, int], ...]:
    """The VLANs of the cable: all that the definition knows, with their tags; none where there are none."""
    known = {number for each in nic_class.classes(network) for number, _ in each.vlans}
    if not known:
        return ()
    own = nic_class.vlans(network.vlan)
    native = own if len(own) == 1 else DEFAULT_VLANS
    return tuple(sorted({**dict.fromkeys(known, 0), **dict(native)}.items()))


def _digits(uuid: str) -> str:
    return uuid.replace("-", "")
