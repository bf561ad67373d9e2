"""Links by VXLAN (RFC 7348): a device of the kernel's to each far host, which knows of no connection and needs none.

The number is made of both ends, since the kernel has one device for a number and port: a host has a link to each peer
of a network, and a spanning tree sees each.
"""

from hashlib import sha256

from vnethook.capability import link_bridge
from vnethook.capability.bridge import MTU_DEFAULT
from vnethook.definition.peers import VXLAN_PORT
from vnethook.live import link_names
from vnethook.live.record import NFT
from vnethook.plan.links import SetLinkSysctls
from vnethook.plan.vxlan import CreateVxlan, JoinBridge
from vnethook.plan.vxlan_peers import AdmitPeers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.definition.peers import Connection, Listen
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

OVERHEAD = {4: 50, 6: 70}
"""Bytes that VXLAN takes of a packet of an IP version: IP 20 or 40, UDP, VXLAN, Ethernet. RFC 7348, section 5."""


def fitted(network: "Network", facts: "Facts") -> "Network":
    """The network with the MTU that fits through its links, where none is written."""
    found = links(network)
    if not found or network.mtu is not None:
        return network
    way_mtu = facts.underlay[1] if facts.underlay is not None else MTU_DEFAULT
    least = 1280 if network.has_ipv6 else 68  # RFC 8200, RFC 791
    return network.replace(mtu=min(max(room(network, way_mtu), least), 65535))


def room(network: "Network", way_mtu: int) -> int:
    """How large a packet fits through all links of a network that has some, in bytes, by a way of that MTU."""
    return way_mtu - max(OVERHEAD[6 if ":" in remote else 4] for _, _, _, remote in links(network))


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """A device for each connection, and before the first who may send what it takes."""
    found = links(network)
    if not found:
        return []
    uuid, size = network.uuid or "", network.mtu or MTU_DEFAULT
    bridge, is_apart = link_names.links_bridge(uuid), link_bridge.is_apart(network)
    steps: list[Step] = []
    if facts.firewall == NFT:
        table = f"vnethook_l{uuid.replace('-', '')}"
        steps.append(AdmitPeers(table, tuple((number, port, remote) for number, port, _, remote in found)))
    for number, port, local, remote in found:
        link = link_names.vxlan(uuid, number)
        steps += [
            CreateVxlan(link, number, port, local, size, remote),
            SetLinkSysctls(link, ((f"net/ipv6/conf/{link}/disable_ipv6", "1"),)),  # as of every port
            JoinBridge(link, bridge, isolated=is_apart),
        ]
    return steps


def links(network: "Network") -> "list[tuple[int, int, str, str]]":
    """(number, UDP port, our address, theirs) of each connection by VXLAN."""
    return [
        (*_number_and_port(network.name, item, end), end.address or "", item.address or "")
        for item in network.connections
        if item.transport == "vxlan" and (end := item.own_end(network.listens)) is not None
    ]


def _number_and_port(name: str, item: "Connection", end: "Listen") -> tuple[int, int]:
    ends = ((name, end.address or ""), (item.network or name, item.address or ""))
    return number_of(*ends), item.port or VXLAN_PORT


def number_of(one: tuple[str, str], other: tuple[str, str]) -> int:
    """The number of a VXLAN between two (network, address), the same at both: 24 bits of a hash, never 0."""
    text = " ".join("@".join(end) for end in sorted((one, other)))
    return int.from_bytes(sha256(text.encode()).digest()[-3:], "big") or 1
