"""What a network's dnsmasq answers by itself, and whom it asks for the rest: its settings, as text."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Forwarder, Network
    from vnethook.host.facts import Facts

QUERIES_MAX = 1000
"""Questions that one network may have under way at the host's resolver, so that a guest cannot exhaust it."""


def settings(network: "Network", facts: "Facts") -> list[str]:
    """The lines about names in dnsmasq.conf."""
    no_hosts = "no-hosts"  # the names of the host's /etc/hosts are not the guests' business
    domain = [f"domain={network.domain}"] if network.domain else []
    if not network.dns.enable:
        return [no_hosts, "port=0", *domain]
    lines = [
        no_hosts,
        f"addn-hosts={facts.paths.dnsmasq(network.name)}/names.hosts",
        f"dns-forward-max={QUERIES_MAX}",
    ]
    lines += [*domain, *(["expand-hosts"] if domain else [])]
    return lines + _forwarding(network, facts)


def hosts_file(network: "Network") -> str:
    """The names with a fixed address, as in hosts(5)."""
    return "".join(f"{' '.join([host.ip, *host.names])}\n" for host in network.dns.hosts)


def reserved_names(network: "Network") -> tuple[str, ...]:
    """The DNS labels that the definition itself gives away, so that no guest may take them."""
    fixed = [host.name for ip in network.ips for host in ip.hosts if host.name and (host.mac or host.id)]
    return tuple(
        sorted({name.lower() for name in fixed} | {name.lower() for host in network.dns.hosts for name in host.names})
    )


def _forwarding(network: "Network", facts: "Facts") -> list[str]:
    """Who is asked for what is not answered here."""
    forwarders = [_server(item) for item in network.dns.forwarders]
    if network.forward == "none" or any(item.domain is None for item in network.dns.forwarders):
        return ["no-resolv", *forwarders]
    # the host's own resolver, which dnsmasq follows when it changes
    return [f"resolv-file={facts.paths.resolv_conf}", *forwarders]


def _server(forwarder: "Forwarder") -> str:
    domain = f"/{forwarder.domain}/" if forwarder.domain else ""
    return f"server={domain}{forwarder.address or '#' if domain else forwarder.address}"
