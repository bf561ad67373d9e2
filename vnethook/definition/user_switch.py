"""What a user's network of kind `vde` cannot be: it is a switch and libslirp, without a bridge, dnsmasq or a firewall.

All that these do not do is refused, so that nothing of a definition is silently left out. Source: the options of
libvdeplug_slirp(1).
"""

from vnethook.address import parse_ip
from vnethook.definition.backend import USER
from vnethook.names import refuse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.ip import Ip
    from vnethook.definition.model import Network

KIND = "forward backend 'vde'"
IPV6_PREFIX = 64
GUESTS_MAX = 16
"""Leases that libslirp gives, for ever: NB_BOOTP_CLIENTS in its bootp.h."""
PORTS_MAX = 256
"""Of the host, forwarded: each is an argument of a program."""


def check(network: "Network") -> None:
    """Raise DefinitionError for the first part of a network of this kind that nothing there could do."""
    if network.forward != USER:
        refuse(f"forward mode {shown(network.forward)}: {KIND} is for mode 'user'")
    found = {
        "vde": network.vde,
        "bridge stp, delay, zone, macTableManager": network.bridge.replace(name=None) != type(network.bridge)(),
        "nat": network.nat != type(network.nat)(),
        "dns": network.dns != type(network.dns)(),
        "domain localOnly and register": network.domain_local or network.domain_register,
        "route": network.routes,
        "vlan": network.vlan,
        "bandwidth": network.bandwidth,
        "port isolated": network.isolated,
        "guard": network.guard,
        "portgroup": network.portgroups,
        "host": network.offers,
        "listen": network.listens,
        "connections": network.connections,
        "dnsmasq option": network.options,
    }
    for what, value in found.items():
        if value:
            refuse(f"{what}: {KIND} cannot do that; 'namespace' can")
    if (network.mtu or 0) > 1500:
        refuse(f"mtu {network.mtu}: {KIND} carries 1500 bytes at most")
    _check_ips(network)
    _check_forwarding(network)


def _check_ips(network: "Network") -> None:
    for version in (4, 6):
        if sum(ip.version == version for ip in network.ips if ip.address) > 1:
            refuse(f"ip: {KIND} has one IPv{version} address")
    for ip in network.ips:
        if ip.version == 6 and (ip.prefix != IPV6_PREFIX or ip.serves_dhcp):
            refuse(f"ip: {KIND} has an IPv6 prefix of 64 bits, and no DHCP there")
        if ip.hosts:
            refuse(f"dhcp host: {KIND} knows no fixed hosts; 'namespace' does")
        if ip.version == 4 and ip.address and not ip.serves_dhcp:
            refuse(f"ip: {KIND} always serves DHCP: write <dhcp>")
        if len(ip.ranges) > 1 or any(item.lease_s is not None for item in ip.ranges):
            refuse(f"dhcp range: {KIND} has one, without a lease time")
        if ip.version == 4 and ip.address:
            _check_range(ip)


def _check_range(ip: "Ip") -> None:
    """Libslirp hands out so many addresses from the first one on, whatever else is there; its DNS is at the last."""
    subnet = ip.subnet
    for item in ip.ranges:
        first, gateway = parse_ip(item.start)[1], parse_ip(ip.address or "")[1]
        last = first + GUESTS_MAX - 1
        if parse_ip(item.end)[1] < last or last >= subnet.last - 1:
            refuse(f"dhcp range: {KIND} hands out {GUESTS_MAX} addresses, and has the subnet's last for DNS")
        if first <= gateway <= last or gateway == subnet.last - 1:
            refuse(f"ip: {KIND}: {ip.address} is among the {GUESTS_MAX} addresses that it hands out, or that of DNS")


def _check_forwarding(network: "Network") -> None:
    rules = network.forwarding
    if rules is None:
        return
    if rules.outgoing is not None and (rules.outgoing.rules or rules.outgoing.default != "allow"):
        refuse(f"forwarding outgoing: {KIND} lets all out that the user may do; 'namespace' has rules")
    if rules.incoming is not None and rules.incoming.default != "deny":
        refuse(f"forwarding incoming default='allow': {KIND} has no way in but the ports of the host")
    count = 0
    for item in network.port_forwards:
        count += item.ports[1] - item.ports[0] + 1
        if item.address is None or ":" in item.address:
            refuse(f"{item.label}: {KIND} leads to an IPv4 address: it knows no guest by its name")
        if item.source is not None or (item.on is not None and ":" in item.on):
            refuse(f"{item.label}: {KIND} takes connections from anywhere, by IPv4")
    if count > PORTS_MAX:
        refuse(f"forwarding incoming: {KIND} forwards {PORTS_MAX} ports at most")
