"""Whether what a network needs of the host is there: told at define and at start, since it may come."""

from vnethook.address import parse_ip
from vnethook.capability import resolver, zone
from vnethook.host import facts, programs
from vnethook.live import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


def warnings(host: "Host", network: "Network") -> tuple[str, ...]:
    """What keeps its guests from the outside, or the host from their names, now; a line each."""
    found = []
    if network.forward == "bridge" and network.bridge.name and host.links.link(network.bridge.name) is None:
        found.append(f"bridge {network.bridge.name!r}: no such bridge: the network cannot be started until it is there")
    if not network.owns_bridge or host.paths.user:  # a user's meets no filter, and has nothing of the machine's
        return tuple(found)
    found += [line for uplink in network.uplinks for line in _of_uplink(host, network, uplink)]
    if network.nat.addresses is not None and not _has_one_of(host, *network.nat.addresses):
        start, end = network.nat.addresses
        shown = start if start == end else f"{start} to {end}"
        found.append(f"nat address {shown}: the host has none of them: answers come only if others route them here")
    if zone.is_by_itself(network) and not host.firewalld.has_ours():
        found.append(
            "firewalld runs without the zone 'vnethook': it stops guests, until `vnet hooks install` brings it"
        )
    if host.filters.left:
        chains = " and ".join(f"{chain} of IPv{version}" for version, chain in sorted(host.filters.left))
        found.append(f"a filter that is not iptables' drops what meets no rule in {chains}: see `vnet doctor`")
    if resolver.registers(network) and not host.resolved.is_running():
        found.append("domain register='yes': systemd-resolved does not run here: the host does not know guests' names")
    if network.fabric is not None:
        found += _of_fabric(host, network)
    elif network.mtu is not None and network.connections:
        found += _of_vxlan(host, network, network.mtu)
    return tuple(found)


def _of_vxlan(host: "Host", network: "Network", mtu: int) -> list[str]:
    """Whether a written MTU is too large for the way to the first peer."""
    from vnethook.capability import link_vxlan  # noqa: PLC0415 (few networks have such links)
    from vnethook.host import underlay  # noqa: PLC0415 (the same)

    asked = facts.asked(network).underlay
    found = underlay.tunnel_end(host.links, *asked) if asked else None
    room = link_vxlan.room(network, found[1]) if found else mtu
    return [f"mtu {mtu}: the way to the other hosts has room for {room}: larger packets are lost"] if room < mtu else []


def _of_fabric(host: "Host", network: "Network") -> list[str]:
    """What the host lacks for its guests to reach those on other hosts."""
    from vnethook.host import underlay  # noqa: PLC0415 (few networks go on at other hosts)

    found = []
    if programs.find("vtysh") is None:
        found.append("fabric: FRR is not installed: guests do not reach those on other hosts")
    asked = facts.asked(network).underlay
    if asked is not None and underlay.tunnel_end(host.links, *asked) is None:
        found.append("fabric: this host has no address for its tunnels now: `vnet net-repair` makes them when it has")
    return found


def _of_uplink(host: "Host", network: "Network", uplink: str) -> list[str]:
    """What keeps guests from the outside, or that from guests: a laptop is not always where it was."""
    what = f"forward dev {uplink!r}"
    other = record.by_bridge(host.paths, uplink)
    if other is not None:
        return [f"{what}: is the bridge of network {other!r}: networks do not reach each other"]
    link = host.links.link(uplink)
    if link is None:
        return [f"{what}: no such interface: guests reach the outside when it is there"]
    master = host.links.link_at(link.master) if link.master else None
    if master is not None and master.kind == "bridge":
        return [f"{what}: is a port of bridge {master.name!r}, by which packets go: name that"]
    own = [text.partition("/")[0] for text in host.links.addresses(uplink)] if network.proxied else []
    missing = [subnet for subnet in network.subnets if not any(subnet.has_address(address) for address in own)]
    return [f"{what}: is not in {subnet} now: guests are reached when it is" for subnet in missing if network.proxied]


def _has_one_of(host: "Host", start: str, end: str) -> bool:
    """Whether the host has an address in that range."""
    first, last = parse_ip(start), parse_ip(end)
    found = (parse_ip(address.partition("/")[0]) for _, address in host.links.all_addresses())
    return any(first <= address <= last for address in found)
