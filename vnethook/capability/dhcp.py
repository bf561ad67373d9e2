"""What a network's dnsmasq hands out by DHCP and router advertisements: its settings, as text."""

from bisect import bisect_right

from vnethook.address import format_ip, netmask_of_prefix, parse_ip
from vnethook.capability.dnsmasq_text import lease_time, name_of
from vnethook.definition.ip import RANGE_MAX
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import DhcpHost, DhcpRange, Ip, Network
    from vnethook.host.facts import Facts

SLAAC_PREFIX = 64
LEASE_DEFAULT_S = {4: 3600, 6: 86400}
"""dnsmasq's."""
_KEEPS = "keeps"
"""The tag of who asks for an address that it has had."""


class _Pool:
    """The ranges of an address that serves DHCP, of which thousands of hosts ask.

    `has_times`: whether one of them says how long its leases last.
    """

    def __init__(self, ip: "Ip") -> None:
        self.version = ip.version
        self.has_times = any(item.lease_s is not None for item in ip.ranges)
        ends = sorted((parse_ip(item.start)[1], parse_ip(item.end)[1]) for item in ip.ranges) if self.has_times else []
        self._starts = [start for start, _ in ends]
        self._reach: list[int] = []
        for _, end in ends:
            self._reach.append(max(end, self._reach[-1]) if self._reach else end)

    def has_address(self, address: str) -> bool:
        """Whether an address is in one of the ranges; asked only where `has_times`."""
        number = parse_ip(address)[1]
        index = bisect_right(self._starts, number)
        return index > 0 and number <= self._reach[index - 1]


def serves(network: "Network") -> bool:
    """Whether guests get their addresses from the network, or are told how to make them up."""
    return any(ip.serves_dhcp or (_advertises(ip) and not network.proxied) for ip in network.ips)


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
        # a name is given by the definition or with attach; a guest that calls itself as it likes would take another's,
        # or one by which everybody is led: CERT VU#598349
        "dhcp-ignore-names",
        f"dhcp-lease-max={sum(_capacity(ip) for ip in served)}",
    ]
    if "dhcp" in network.effective_guard.parts and not any(
        host.id for ip in served for host in ip.hosts if ip.version == 4
    ):
        lines.append("dhcp-ignore-clid")  # else a guest with many has the address of each: its port is held to its MAC
    if network.forward == "none":
        lines.append("dhcp-option=option:router")  # nowhere to go
    if network.mtu:
        lines.append(f"dhcp-option=option:mtu,{network.mtu}")
    for ip in served:
        lines += [] if network.fabric else _ranges(ip, is_alone=network.proxied)
    return [*lines, *(_of_a_fabric(network, served) if network.fabric else ()), *_router(network)]


def hosts_file(network: "Network") -> str:
    """The fixed hosts with a name or known by an id, a line each as after --dhcp-host.

    Those by name alone are bound to a MAC with attach; those by MAC alone, which get a name with it, are `nameless`.
    """
    named = [f"{mac},{words},{name_of(name)}" for mac, words, name in fixed(network) if name]
    served = [(ip, _Pool(ip)) for ip in network.ips if ip.serves_dhcp]
    others = [(host, pool) for ip, pool in served for host in ip.hosts if host.id and not host.mac]
    return "".join(f"{line}\n" for line in (*named, *(",".join(_fixed_host(host, pool)) for host, pool in others)))


def nameless(network: "Network") -> tuple[tuple[str, str], ...]:
    """The fixed hosts that only a MAC tells: (MAC, words for dnsmasq). Their guest's own name goes with their address.

    dnsmasq reads one line for an address and refuses another, so each has a file, to which attach adds the name.
    """
    return tuple((key, words) for key, words, name in fixed(network) if ":" in key and not name)


def fixed(network: "Network") -> tuple[tuple[str, str, str], ...]:
    """The hosts that attach knows by a NIC: (MAC, or label of a guest's name; words for dnsmasq; its name).

    The name is empty where the guest's own name is meant. A host that the definition knows by an id alone is none. One
    entry for both families: dnsmasq would take one of two lines for either; so there is one lease time, too.
    """
    found: dict[tuple[str, str], list[tuple[DhcpHost, _Pool]]] = {}
    for ip, pool in ((ip, _Pool(ip)) for ip in network.ips if ip.serves_dhcp):
        for host in ip.hosts:
            if host.mac or not host.id:
                key = (host.mac, host.name or "") if host.mac else (label_of(host.name or ""), "")
                found.setdefault(key, []).append((host, pool))
    for (_, name), hosts in found.items():
        if name:  # an IPv6 host has no MAC: the same guest is there a second time, by its name alone
            hosts += [pair for pair in found.get((label_of(name), ""), ()) if pair[1].version != hosts[0][1].version]
    return tuple((key, _words(hosts), name) for (key, name), hosts in found.items())


def pools(network: "Network") -> tuple[tuple[int, int, int], ...]:
    """What anybody may get: (IP version, first, last address as numbers)."""
    served = [(ip.version, item) for ip in network.ips if ip.serves_dhcp for item in ip.ranges]
    return tuple((version, parse_ip(item.start)[1], parse_ip(item.end)[1]) for version, item in served)


def unserved(network: "Network") -> tuple[tuple[str, str], ...]:
    """(MAC, or label of a guest's name; address) of hosts that are written and that DHCP does not serve."""
    hosts = [host for ip in network.ips if not ip.serves_dhcp for host in ip.hosts if host.ip]
    return tuple((host.mac or label_of(host.name or ""), host.ip or "") for host in hosts if host.mac or host.name)


def _words(hosts: "list[tuple[DhcpHost, _Pool]]") -> str:
    times = [time for host, _ in hosts for time in _lease(host)]
    times += [time for host, pool in hosts for time in _lease_of(host, pool)]
    known = [word for host, _ in hosts for word in (_id(host), _address(host)) if word]
    return ",".join([*known, *times[:1]])


def _router(network: "Network") -> list[str]:
    """Router advertisements: guests configure themselves on an IPv6 subnet that has no DHCP (RFC 4862)."""
    if not network.has_ipv6:
        return []
    lines = [f"dhcp-range={ip.address},ra-only,64" for ip in network.ips if _advertises(ip) and not network.proxied]
    if not lines and not any(ip.version == 6 and ip.serves_dhcp for ip in network.ips):
        return []
    if network.dns.enable:
        servers = ",".join(f"[{ip.address}]" for ip in network.ips if ip.version == 6)
        lines.append(f"dhcp-option=option6:dns-server,{servers}")
    return [*lines, "enable-ra", *(["ra-param=*,0,0"] if network.forward == "none" else [])]


def _advertises(ip: "Ip") -> bool:
    """Whether the subnet is advertised without DHCP; stateless configuration takes a prefix of 64 bits."""
    return ip.version == 6 and not ip.serves_dhcp and ip.prefix == SLAAC_PREFIX


def _ranges(ip: "Ip", *, is_alone: bool) -> list[str]:
    """What is handed out of a subnet; `is_alone`: whose other hosts are not on the bridge, nor its broadcasts."""
    mask = str(ip.prefix) if ip.version == 6 else netmask_of_prefix(ip.prefix)
    if is_alone:
        mask = f"off-link,{mask}" if ip.version == 6 else f"{mask},{format_ip(4, ip.subnet.last)}"
    if not ip.ranges:
        return [f"dhcp-range={ip.address},static" + (f",{mask}" if ip.version == 6 or is_alone else "")]
    return [f"dhcp-range={','.join([item.start, item.end, mask, *_lease(item)])}" for item in ip.ranges]


def _of_a_fabric(network: "Network", served: "list[Ip]") -> list[str]:
    """The host's own ranges for new guests; for one that asks for an address, all of the subnet: it may have moved.

    Who asks for one sends a DHCPREQUEST, 3 in option 53 (RFC 2132); by a DHCPDISCOVER nobody gets one of other hosts.
    What has a tag goes first, and every guest has that of its interface's name.
    """
    lines = [f"dhcp-match=set:{_KEEPS},53,3b"]
    for ip in served:
        lines += [line.replace("=", f"=tag:{network.bridge.name},", 1) for line in _ranges(ip, is_alone=False)]
        if ip.version == 4 and ip.ranges:
            ends = (format_ip(4, number) for number in (ip.subnet.first + 1, ip.subnet.last - 1))
            words = [*ends, netmask_of_prefix(ip.prefix), *_lease(ip.ranges[0])]
            lines.append(f"dhcp-range=tag:{_KEEPS},{','.join(words)}")
    return lines


def _capacity(ip: "Ip") -> int:
    """The leases that may be out at once. Not the number of what is handed out: that changes while dnsmasq runs."""
    subnet = ip.subnet
    return min(subnet.last - subnet.first, RANGE_MAX)


def _fixed_host(host: "DhcpHost", pool: _Pool) -> list[str]:
    words = (host.mac or "", _id(host), _address(host), name_of(host.name or ""), *_lease_of(host, pool))
    return [word for word in words if word]


def _id(host: "DhcpHost") -> str:
    return f"id:{host.id}" if host.id else ""


def _address(host: "DhcpHost") -> str:
    return f"[{host.ip}]" if host.ip and ":" in host.ip else host.ip or ""


def _lease_of(host: "DhcpHost", pool: _Pool) -> list[str]:
    """A host outside of the ranges has the default, where dnsmasq would give it that of any of them."""
    if host.lease_s is None and host.ip and pool.has_times and not pool.has_address(host.ip):
        return [lease_time(LEASE_DEFAULT_S[pool.version])]
    return _lease(host)


def _lease(item: "DhcpRange | DhcpHost") -> list[str]:
    return [] if item.lease_s is None else [lease_time(item.lease_s)]
