"""The bridge that a network's guests are ports of."""

from vnethook.plan.links import CreateBridge, SetLinkSysctls

MTU_DEFAULT = 1500
"""Of Ethernet, RFC 894; written out, so that no port changes the bridge's."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Create it with a fixed MAC (an unset one follows the lowest of its ports, and guests keep a dead ARP entry).

    Without an IPv6 address of ours the host takes none on it either, and it never believes a router on it. Its own
    link-local one, in whose name no guest may speak, is made of the MAC, whatever the host has for other links. When
    its MAC is changed all the same, it tells its guests (ip-sysctl.rst, arp_notify and ndisc_notify). Where a network
    is linked, it answers for no address of the host's that another bridge of the same LAN has (arp_ignore).
    """
    name, mac = network.bridge.name, network.mac
    assert name  # a complete definition
    assert mac
    ipv6 = f"net/ipv6/conf/{name}"
    values = (
        *(((f"net/ipv4/conf/{name}/arp_ignore", "1"),) if network.listens or network.connections else ()),
        (f"net/ipv4/conf/{name}/arp_notify", "1"),
        *(_as_proxy(network) if network.proxied else ()),
        (f"{ipv6}/accept_ra", "0"),
        *(((f"{ipv6}/addr_gen_mode", "0"),) if network.has_ipv6 else ()),
        *(((f"{ipv6}/accept_dad", "0"),) if network.has_ipv6 and network.fabric else ()),  # all hosts have it
        (f"{ipv6}/autoconf", "0"),
        (f"{ipv6}/disable_ipv6", "0" if network.has_ipv6 else "1"),
        (f"{ipv6}/ndisc_notify", "1"),
    )
    return [
        CreateBridge(name, mac, network.mtu or MTU_DEFAULT, network.bridge.stp, network.bridge.delay_s),
        SetLinkSysctls(name, values),
    ]


def _as_proxy(network: "Network") -> "tuple[tuple[str, str], ...]":
    """What the host does on the bridge in the name of all who are at the uplink."""
    from vnethook.capability import proxied  # noqa: PLC0415 (few networks are)

    return proxied.on_bridge(network)
