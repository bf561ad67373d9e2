"""DHCP, DNS and router advertisements, by one hardened dnsmasq for each network.

Its files: `dnsmasq.conf` (read at start), `hosts` (fixed hosts) and `names` (DNS hosts), read again on SIGHUP, and the
directory `guests`, watched by dnsmasq, where attach writes a file for each guest. Source: dnsmasq(8).
"""

from vnethook.address import netmask_of_prefix, parse_ip
from vnethook.errors import DefinitionError
from vnethook.names import label_of
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.files import MakeDirectory, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.definition.model import DhcpHost, Forwarder, Ip, Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_PRINTABLE = range(0x20, 0x7F)
SLAAC_PREFIX = 64
DNS_QUERIES_MAX = 1000
"""Questions that one network may have under way at the host's resolver, so that a guest cannot exhaust it."""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Write dnsmasq's files and run it; nothing for a network that serves neither DHCP nor DNS."""
    if not serves(network):
        return []
    directory = facts.paths.dnsmasq(network.name)
    path = f"{directory}/dnsmasq.conf"
    text = configuration(network, facts)
    hosts = (_fixed_host(host) for ip in network.ips if ip.serves_dhcp for host in ip.hosts if host.mac or host.id)
    fixed = _file(hosts, ",")
    names = _file(([host.ip, *host.names] for host in network.dns.hosts), " ")
    return [
        MakeDirectory(directory),
        MakeDirectory(f"{directory}/guests"),
        MakeDirectory(facts.paths.leases, is_kept=True),
        WriteFile(f"{directory}/hosts", fixed),
        WriteFile(f"{directory}/names.hosts", names),
        WriteFile(path, text, 0o600),
        RunDaemon(
            name="dnsmasq",
            program="dnsmasq",
            arguments=(argument := f"--conf-file={path}",),
            word=argument,
            directory=directory,
            configuration=text,
            link=network.bridge.name or "",
            reloaded=fixed + names,
        ),
    ]


def serves(network: "Network") -> bool:
    """Whether the network needs a dnsmasq at all."""
    return bool(network.ips) and (network.dns.enable or any(ip.serves_dhcp or _advertises(ip) for ip in network.ips))


def fixed_by_name(network: "Network") -> tuple[tuple[str, str], ...]:
    """(label, address) of the hosts that are defined by name alone: attach binds them to the MAC of the guest's NIC."""
    hosts = [host for ip in network.ips for host in ip.hosts]
    return tuple((label_of(host.name), host.ip or "") for host in hosts if host.name and not (host.mac or host.id))


def reserved_names(network: "Network") -> tuple[str, ...]:
    """The DNS labels that the definition itself gives away, so that no guest may take them."""
    fixed = [host.name for ip in network.ips for host in ip.hosts if host.name and (host.mac or host.id)]
    return tuple(
        sorted({name.lower() for name in fixed} | {name.lower() for host in network.dns.hosts for name in host.names})
    )


def configuration(network: "Network", facts: "Facts") -> str:
    """The text of dnsmasq.conf."""
    directory = facts.paths.dnsmasq(network.name)
    lines = [
        f"# network {network.name}, written by vnethook when the network comes up; changes here are lost",
        f"pid-file={directory}/dnsmasq.pid",
        f"interface={network.bridge.name}",
        "except-interface=lo",
        "bind-dynamic",
        "no-hosts",  # the names of the host's /etc/hosts are not the guests' business
        *_dns(network, facts),
        *_dhcp(network, facts),
    ]
    for line in lines:
        if not all(ord(char) in _PRINTABLE for char in line):
            msg = f"network {network.name!r}: dnsmasq configuration: a control character in {line!a}"
            raise DefinitionError(msg)
    return "".join(f"{line}\n" for line in lines)


def _dns(network: "Network", facts: "Facts") -> list[str]:
    domain = [f"domain={network.domain}"] if network.domain else []
    if not network.dns.enable:
        return ["port=0", *domain]
    lines = [f"addn-hosts={facts.paths.dnsmasq(network.name)}/names.hosts", f"dns-forward-max={DNS_QUERIES_MAX}"]
    lines += [*domain, *(["expand-hosts"] if domain else [])]
    forwarders = [_server(item) for item in network.dns.forwarders]
    if network.forward == "none" or any(item.domain is None for item in network.dns.forwarders):
        return [*lines, "no-resolv", *forwarders]
    # the host's own resolver, which dnsmasq follows when it changes
    return [*lines, f"resolv-file={facts.paths.resolv_conf}", *forwarders]


def _server(forwarder: "Forwarder") -> str:
    domain = f"/{forwarder.domain}/" if forwarder.domain else ""
    return f"server={domain}{forwarder.address or '#' if domain else forwarder.address}"


def _dhcp(network: "Network", facts: "Facts") -> list[str]:
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
    """The leases that may be out at once: every address of a range, and fixed ones outside of them."""
    ends = [(parse_ip(item.start)[1], parse_ip(item.end)[1]) for item in ip.ranges]
    fixed = {parse_ip(host.ip)[1] for host in ip.hosts if host.ip}
    outside = [number for number in fixed if not any(first <= number <= last for first, last in ends)]
    return sum(last - first + 1 for first, last in ends) + max(len(outside), 1 if not ends else 0)


def _fixed_host(host: "DhcpHost") -> list[str]:
    ip = f"[{host.ip}]" if host.ip and parse_ip(host.ip)[0] == 6 else host.ip
    words = (host.mac, f"id:{host.id}" if host.id else None, ip, host.name)
    return [word for word in words if word]


def _file(lines: "Iterable[list[str]]", separator: str) -> str:
    return "".join(f"{separator.join(words)}\n" for words in lines)
