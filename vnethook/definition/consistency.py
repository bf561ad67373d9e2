"""What of one network has to go together: rules across its parts, as libvirt and the 2007 dialect have them. Pure."""

from vnethook.address import BITS, Subnet, is_ipv4, parse_ip, parse_subnet
from vnethook.definition import fabric, user_switch
from vnethook.definition.backend import USER, VDE, check_backend
from vnethook.definition.blocks import Blocks
from vnethook.names import is_link_name, label_of, refuse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network

_ROUTED = ("nat", "route", USER)
_VDE_MTU_MAX = 1500
"""In bytes; with a VLAN tag 4 more. Source: ETH_DATA_LEN in vde_switch's packetq.h, measured with 2.3.2."""


def check_parts(network: "Network") -> None:
    """Raise DefinitionError for parts of a network that contradict each other."""
    _check_forward(network)
    if network.proxied:
        _check_proxied(network)
    if not network.owns_bridge or network.managed is not None or network.foreign:
        _check_without_own_bridge(network)
    _check_routes(network)
    _check_boot(network)
    known: set[str] = set()
    for group in network.portgroups:
        if group.name in known:
            refuse(f"portgroup {shown(group.name)}: is given twice")
        known.add(group.name)
    if sum(group.is_default for group in network.portgroups) > 1:
        refuse("portgroup: two of them are the default")
    if network.bandwidth and network.bandwidth.inbound and network.bandwidth.inbound.floor:
        refuse("bandwidth: a floor is for a NIC or a portgroup, not for the whole network")
    _check_forwarding(network)
    if network.offers and network.forward == "none" and not network.ips:
        refuse("host: a network without an address has no host for its guests to reach")
    _check_peers(network)
    if network.backend == VDE:
        user_switch.check(network)
    elif network.vde is not None:
        _check_vde(network)


def _check_forward(network: "Network") -> None:
    mode, uplinks = network.forward, network.uplinks
    check_backend(mode, network.backend)
    for uplink in uplinks:
        if not is_link_name(uplink):
            refuse(f"forward dev {shown(uplink)}: not a name for a network interface")
    if len(set(uplinks)) < len(uplinks):
        refuse("forward: a device is given twice")
    if mode in {"open", "none", USER} and uplinks:
        refuse(f"forward: mode {shown(mode)} takes no dev")
    if mode in _ROUTED and len(uplinks) > 1:
        refuse(f"forward: mode {shown(mode)} takes one dev")
    if mode != "nat" and network.nat != type(network.nat)():
        refuse(f"forward: nat is for mode 'nat', not {shown(mode)}")


def _check_proxied(network: "Network") -> None:
    """What a network needs whose guests have addresses of the network that its uplink is in."""
    if network.forward != "route" or not network.uplinks:
        refuse("forward: proxyarp is for mode 'route' with a dev")
    if network.bridge.name in network.uplinks:
        refuse("forward: proxyarp: the dev is the network's own bridge")
    for ip in network.ips:
        if ip.address is None or ip.automatic:
            refuse("ip: with proxyarp it is written: an address of the dev's network that no other host has")
    if network.routes:
        refuse("route: with proxyarp no other subnets are behind guests")


def _check_without_own_bridge(network: "Network") -> None:
    """The rules of libvirt for a bridge that is not the network's own (virNetworkDefParseXML, networkValidate)."""
    mode = shown(network.forward)
    if network.owns_bridge:
        refuse(f"forward: mode {mode} takes no managed, driver, pf or address")
    if network.forward == "bridge" and not (network.bridge.name or network.uplinks or network.foreign):
        refuse("forward: mode 'bridge' needs a bridge: the name of one that is there")
    if network.bridge.name and network.uplinks:
        refuse("forward: a bridge and a dev exclude each other")
    found = {
        "ip": network.ips,
        "mac": network.mac,
        "domain": network.domain,
        "mtu": network.mtu,
        "bridge stp": network.bridge.stp,
        "bridge delay": network.bridge.delay_s,
        "bridge zone": network.bridge.zone,
        "route": network.routes,
        "dns": network.dns != type(network.dns)(),
        "dnsmasq option": network.options,
        "forwarding": network.forwarding,
        "host": network.offers,
    }
    for what, value in found.items():
        if value:
            refuse(
                f"{what}: mode {mode} uses a bridge or device of the host's, which is not the network's to configure"
            )
    if network.bandwidth and not network.bridge.name:
        refuse(f"bandwidth: mode {mode} needs a bridge for it")


def _check_routes(network: "Network") -> None:
    if not network.routes:
        return
    own, known = _blocks(network), set()
    bridges = {ip.address for ip in network.ips}
    for route in network.routes:
        what, subnet = f"route {route.address}/{route.prefix}", route.subnet
        if not _has_address(own, route.gateway):
            refuse(f"{what}: gateway {route.gateway} is in no subnet of the network")
        if route.gateway in bridges:
            refuse(f"{what}: gateway {route.gateway} is the bridge itself")
        for block, _ in own.overlapping(subnet):
            if route.prefix >= (other := Subnet(*block)).prefix:
                refuse(f"{what}: lies in {other} of the network itself")
        if (subnet, route.effective_metric) in known:
            refuse(f"{what}: is given twice")
        known.add((subnet, route.effective_metric))


def _blocks(network: "Network") -> Blocks:
    """The network's subnets, of which thousands of addresses ask."""
    found = Blocks()
    for subnet in network.subnets:
        found.add((subnet.version, subnet.first, subnet.prefix), "")
    return found


def _has_address(blocks: Blocks, address: str) -> bool:
    version, number = parse_ip(address)
    return any(blocks.overlapping(Subnet(version, number, BITS[version])))


def _check_boot(network: "Network") -> None:
    roots = {ip.tftp_root for ip in network.ips if ip.tftp_root}
    if len(roots) > 1:
        refuse(f"tftp: has the roots {' and '.join(sorted(roots))}: a network serves one directory")
    known = {name for host in network.dns.hosts for name in host.names}
    for ip in network.ips:
        server = ip.bootp_server
        if server and not is_ipv4(server) and server not in known:
            refuse(f"bootp: server {shown(server)}: must be an address, or a hostname of a <host> of <dns>")


def _check_forwarding(network: "Network") -> None:
    forwarding = network.forwarding
    if forwarding is None:
        return
    if forwarding.enabled and network.forward not in _ROUTED:
        refuse(f"forwarding: its rules are for mode 'nat', 'route' or 'user', not {shown(network.forward)}")
    if not forwarding.enabled and network.forward != "none":
        refuse(f"forwarding: is off here, and the mode is {shown(network.forward)}")
    own, has_subnets = _blocks(network), bool(network.subnets)
    for rule in forwarding.outgoing.rules if forwarding.outgoing else ():
        if rule.source and has_subnets and not network.routes and not any(own.overlapping(parse_subnet(rule.source))):
            refuse(f"{rule.label}: from {rule.source}: is in no subnet of the network")
    if forwarding.incoming is None or not forwarding.incoming.forwards:
        return
    guests = _guests(network)
    for forward in forwarding.incoming.forwards:
        if forward.address and has_subnets and not _has_address(own, forward.address):
            refuse(f"{forward.label}: {forward.address} is in no subnet of the network")
        if forward.domain and guests is not None and label_of(forward.domain) not in guests:
            refuse(f"{forward.label}: guest {shown(forward.domain)}: without DHCP it needs a DHCP host with an ip")


def _guests(network: "Network") -> set[str] | None:
    """The labels of the guests whose address is written; None where any guest has one that we know or choose."""
    if network.wants_subnet or any(ip.serves_dhcp for ip in network.ips):
        return None
    return {label_of(host.name) for ip in network.ips for host in ip.hosts if host.ip and host.name}


def _check_vde(network: "Network") -> None:
    if not network.owns_bridge:
        refuse(f"vde: mode {shown(network.forward)} has no bridge of ours for the switch")
    if network.isolated:
        refuse("vde: guests of one switch reach each other, which <port isolated='yes'/> forbids")
    if network.mtu is not None and network.mtu > _VDE_MTU_MAX:
        refuse(f"vde: mtu {network.mtu}: the switch carries {_VDE_MTU_MAX} bytes at most")


def _check_peers(network: "Network") -> None:
    if network.fabric is not None:
        fabric.check(network)
    if not (network.listens or network.connections):
        return
    if not network.owns_bridge:
        refuse(f"listen, connections: mode {shown(network.forward)} has no bridge of ours to link")
    for kind, items in (("listen", network.listens), ("connection", network.connections)):
        if len(set(items)) < len(items):
            refuse(f"{kind}: is given twice")
    if network.connections and network.wants_subnet:
        refuse("connection: a network that connects to another needs a written address: write it in <ip>")
    if any(item.is_local and item.network == network.name for item in network.connections):
        refuse("connection: leads to the network itself")
    for item in network.connections:
        if item.transport == "vxlan" and item.own_end(network.listens) is None:
            refuse(
                f"connection to {item.address}: vxlan needs our own end too:"
                " write <listen transport='vxlan' address='…'/> with an address of the same kind and the same port"
            )
    _check_listens(network)
    _check_listens_and_forwards(network)


def _check_listens_and_forwards(network: "Network") -> None:
    if not (network.listens and network.port_forwards):
        return
    from vnethook.definition import port_claims  # noqa: PLC0415 (few networks have both)

    claims = port_claims.PortClaims()
    for number, item in enumerate(network.port_forwards):
        claims.add(str(number), "", item)
    found = claims.first(port_claims.listened(network.listens), but=network.name)
    if found is not None:
        refuse(f"{found[0].label}: is forwarded to a guest, too")


def _check_listens(network: "Network") -> None:
    places: dict[tuple[int, bool], set[str | None]] = {}
    for item in network.listens:
        if item.address and parse_ip(item.address)[1] == 0:
            refuse("listen: without an address it listens on all of them")
        if not item.port:
            continue
        known = places.setdefault((item.port, item.transport == "vxlan"), set())
        if known and (item.address is None or not known.isdisjoint({None, item.address})):
            refuse(f"listen: port {item.port} is given twice")
        known.add(item.address)
