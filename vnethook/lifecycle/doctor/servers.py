"""Other programs on the ports of DNS and DHCP, which keep the dnsmasq of a network from answering."""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor.finding import STOPS, Finding, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.host.listeners import Listener
    from vnethook.lifecycle.doctor.survey import NetworkSeen, Survey

DNS, DHCP, DHCP6 = 53, 67, 547
PORTS = frozenset({DNS, DHCP, DHCP6})
_WORDS = {DNS: "DNS", DHCP: "DHCP", DHCP6: "DHCPv6"}
_UNITS = {
    "dnsmasq": "dnsmasq",
    "named": "named",
    "unbound": "unbound",
    "dhcpd": "isc-dhcp-server",
    "coredns": "coredns",
}
_COMMANDS = {
    "dnsmasq": "echo bind-dynamic >/etc/dnsmasq.d/vnethook.conf && systemctl restart dnsmasq",
    "unbound": "bind it to its own addresses (interface: in unbound.conf), or: systemctl disable --now unbound",
    "named": "bind it to its own addresses (listen-on in named.conf), or: systemctl disable --now named",
}


def taken(survey: "Survey") -> "Iterator[Finding]":
    """Ports that a network which is down would need, and that are taken on all addresses, or on its own.

    One that is up has its servers already; `net-check` sees those.
    """
    seen = set()
    for network in survey.networks:
        if network.is_active:
            continue
        for listener in survey.listeners:
            key = (network.name, listener.port, listener.pid)
            if key not in seen and _is_in_the_way(listener, network):
                seen.add(key)
                yield _finding(listener, network)


def _is_in_the_way(listener: "Listener", network: "NetworkSeen") -> bool:
    is_served = {DNS: network.has_dns, DHCP: network.has_dhcp and 4 in network.versions, DHCP6: network.has_dhcp}
    if not is_served.get(listener.port, False):
        return False
    if listener.port == DHCP6 and 6 not in network.versions:
        return False
    if listener.is_everywhere:
        return any(version in network.versions for version in listener.versions)
    return listener.address in network.gateways


def _finding(listener: "Listener", network: "NetworkSeen") -> Finding:
    who = f"{listener.program} (process {listener.pid})" if listener.program else "another program"
    where = "on all addresses" if listener.is_everywhere else f"on {listener.address}"
    what = f"is taken by {who} {where}: network {network.name!r} could not serve {_WORDS[listener.port]}"
    unit = _UNITS.get(listener.program, listener.program)
    otherwise = f"systemctl disable --now {unit}" if is_plain(unit) else "end it, or bind it to its own addresses"
    return Finding(
        STOPS,
        f"port {listener.protocol}/{listener.port}",
        what,
        _COMMANDS.get(listener.program, otherwise),
        network.name,
    )
