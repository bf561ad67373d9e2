"""What a network's dnsmasq hands out by DHCP and router advertisements: its settings, as text."""

from vnethook.address import netmask_of_prefix, parse_ip
from vnethook.definition.ip import RANGE_MAX
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import DhcpHost, Ip, Network
    from vnethook.host.facts import Facts

SLAAC_PREFIX = 64


def serves(network: "Network") -> bool:
    """Whether guests get their addresses from the network, or are told how to make them up."""
    return any(ip.serves_dhcp or _advertises(ip) for ip in network.ips)


def settings(network: "Network", facts: "Facts") -> list[str]:
    """The lines about addresses in dnsmasq.conf."""
    served = [ip for ip in network.ips if ip.serves_dhcp]
    if not served:
        return _router(network)
    directory = facts.paths.dnsmasq(network.name)
    lines = [
        f"dhcp-leasefile={facts.paths.leases}/{network.name}",
        f"dhcp-hostsfile={directory}/hosts",
        f"dhcp-hostsdir={directory}/guests",
        "dhcp-authoritative",
        "dhcp-no-override",
        "no-ping",  # the check of an address costs each guest 3 s; the pool is ours alone
        # a guest that calls itself wpad would become everybody's proxy: CERT VU#598349
        "dhcp-name-match=set:wpad,wpad",
        "dhcp-ignore-names=tag:wpad",
        # a name is given by the definition or with attach; a guest that calls itself as it likes would take another's
        "dhcp-ignore-names=tag:!known",
        f"dhcp-lease-max={sum(_capacity(ip) for ip in served)}",
    ]
    if network.forward == "none":
        lines.append("dhcp-option=option:router")  # nowhere to go
    if network.mtu:
        lines.append(f"dhcp-option=option:mtu,{network.mtu}")
    for ip in served:
        lines += _ranges(ip)
    return [*lines, *_router(network)]


def hosts_file(network: "Network") -> str:
    """The fixed hosts, a line each as after --dhcp-host; those by name alone are bound to a MAC with attach."""
    hosts = [host for ip in network.ips if ip.serves_dhcp for host in ip.hosts if host.mac or host.id]
    return "".join(f"{','.join(_fixed_host(host))}\n" for host in hosts)


def fixed(network: "Network") -> tuple[tuple[str, str, str], ...]:
    """The hosts that attach knows by a NIC: (MAC, or label of a guest's name; words for dnsmasq; its name).

    The name is empty where the guest's own name is meant. A host that the definition knows by an id alone is none.
    """
    hosts = [host for ip in network.ips if ip.serves_dhcp for host in ip.hosts if host.mac or not host.id]
    found = []
    for host in hosts:
        name = host.name or ""
        words = ",".join(word for word in _fixed_host(host) if word not in {host.mac, name})
        found.append((host.mac, words, name) if host.mac else (label_of(name), words, ""))
    return tuple(found)


def _router(network: "Network") -> list[str]:
    """Router advertisements: guests configure themselves on an IPv6 subnet that has no DHCP (RFC 4862)."""
    if not network.has_ipv6:
        return []
    lines = [f"dhcp-range={ip.address},ra-only,64" for ip in network.ips if _advertises(ip)]
    if not lines and not any(ip.version == 6 and ip.serves_dhcp for ip in network.ips):
        return []
    if network.dns.enable:
        servers = ",".join(f"[{ip.address}]" for ip in network.ips if ip.version == 6)
        lines.append(f"dhcp-option=option6:dns-server,{servers}")
    return [*lines, "enable-ra", *(["ra-param=*,0,0"] if network.forward == "none" else [])]


def _advertises(ip: "Ip") -> bool:
    """Whether the subnet is advertised without DHCP; stateless configuration takes a prefix of 64 bits."""
    return ip.version == 6 and not ip.serves_dhcp and ip.prefix == SLAAC_PREFIX


def _ranges(ip: "Ip") -> list[str]:
    mask = str(ip.prefix) if ip.version == 6 else netmask_of_prefix(ip.prefix)
    if not ip.ranges:
        return [f"dhcp-range={ip.address},static" + (f",{mask}" if ip.version == 6 else "")]
    return [f"dhcp-range={item.start},{item.end},{mask}" for item in ip.ranges]


def _capacity(ip: "Ip") -> int:
    """The leases that may be out at once. Not the number of what is handed out: that changes while dnsmasq runs."""
    subnet = ip.subnet
    return min(subnet.last - subnet.first, RANGE_MAX)


def _fixed_host(host: "DhcpHost") -> list[str]:
    ip = f"[{host.ip}]" if host.ip and parse_ip(host.ip)[0] == 6 else host.ip
    words = (host.mac, f"id:{host.id}" if host.id else None, ip, host.name)
    return [word for word in words if word]
