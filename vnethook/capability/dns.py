"""What a network's dnsmasq answers by itself, and whom it asks for the rest: its settings, as text."""

from vnethook.address import BITS
from vnethook.capability.dnsmasq_text import name_of, quoted
from vnethook.definition.dns import NOWHERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.model import DnsSrv, Forwarder, Network
    from vnethook.host.facts import Facts

QUERIES_MAX = 1000
"""Questions that one network may have under way at the host's resolver, so that a guest cannot exhaust it."""


def settings(network: "Network", facts: "Facts") -> list[str]:
    """The lines about names in dnsmasq.conf."""
    no_hosts = "no-hosts"  # the names of the host's /etc/hosts are not the guests' business
    domain = [f"domain={name_of(network.domain)}"] if network.domain else []
    if not network.dns.enable:
        return [no_hosts, "port=0", *domain]
    lines = [
        no_hosts,
        f"addn-hosts={facts.paths.dnsmasq(network.name)}/names.hosts",
        f"dns-forward-max={QUERIES_MAX}",
    ]
    lines += [*domain, *(["expand-hosts"] if domain else [])]
    lines += [f"txt-record={name_of(txt.name)},{quoted(txt.value)}" for txt in network.dns.txts]
    lines += [_service(srv, network.domain) for srv in network.dns.srvs]
    return lines + _forwarding(network, facts)


def hosts_file(network: "Network") -> str:
    """The names with a fixed address, as in hosts(5)."""
    return "".join(f"{' '.join([host.ip, *map(name_of, host.names)])}\n" for host in network.dns.hosts)


def reserved_names(network: "Network") -> tuple[str, ...]:
    """The DNS labels that the definition itself gives away, so that no guest may take them."""
    fixed = [host.name for ip in network.ips for host in ip.hosts if host.name and (host.mac or host.id)]
    return tuple(
        sorted({name.lower() for name in fixed} | {name.lower() for host in network.dns.hosts for name in host.names})
    )


def reverse_zones(subnet: "Subnet") -> list[str]:
    """The DNS zones for the names of a subnet's addresses: several where its prefix ends within an octet or a nibble.

    Source: RFC 1035, section 3.5; RFC 3596, section 2.5.
    """
    step, base, suffix = (8, 10, "in-addr.arpa") if subnet.version == 4 else (4, 16, "ip6.arpa")
    bits = BITS[subnet.version]
    labels = -(-subnet.prefix // step)
    first = subnet.first >> (bits - labels * step)
    zones = []
    for number in range(first, first + (1 << (labels * step - subnet.prefix))):
        digits = [number >> place * step & (1 << step) - 1 for place in range(labels)]
        zones.append(".".join([*(f"{digit:{'x' if base == 16 else 'd'}}" for digit in digits), suffix]))
    return zones


def _service(srv: "DnsSrv", domain: str | None) -> str:
    domain = srv.domain or domain
    words = [f"_{srv.service}._{srv.protocol}" + (f".{domain}" if domain else "")]
    if srv.target and srv.target != NOWHERE:
        words += [srv.target, str(srv.port or 1), str(srv.priority or 0), str(srv.weight or 0)]
    return f"srv-host={name_of(','.join(words))}"


def _forwarding(network: "Network", facts: "Facts") -> list[str]:
    """What is asked of nobody, and who is asked for the rest."""
    lines = ["strict-order"]  # as resolv.conf(5) has it: the first may be a VPN's, which alone knows some names
    lines += [] if network.dns.plain_names else ["domain-needed", "local=//"]
    lines += [f"local=/{name_of(zone)}/" for zone in own_zones(network)]
    forwarders = [_server(item) for item in network.dns.forwarders]
    if network.forward == "none" or any(item.domain is None for item in network.dns.forwarders):
        return [*lines, "no-resolv", *forwarders]
    # the host's own name servers, which dnsmasq follows when they change
    servers = facts.paths.resolv_conf
    if facts.user:
        from vnethook.host import uplink  # noqa: PLC0415 (only for ordinary users, who do not reach the machine's own)

        servers = uplink.servers_file(facts.paths)
    return [*lines, f"resolv-file={servers}", *forwarders]


def own_zones(network: "Network") -> list[str]:
    """The zones for which nobody else is asked; a domain that the host asks us for would come back to us, and first."""
    zones = [zone for ip in network.ips if ip.local_ptr for zone in reverse_zones(ip.subnet)]
    if network.domain and (network.domain_local or network.domain_register):
        zones.insert(0, network.domain)
    return zones


def _server(forwarder: "Forwarder") -> str:
    domain = f"/{name_of(forwarder.domain)}/" if forwarder.domain else ""
    port = f"#{forwarder.port}" if forwarder.port else ""
    return f"server={domain}{forwarder.address or '#'}{port}"
