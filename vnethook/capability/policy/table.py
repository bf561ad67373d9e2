"""The table that all networks share: the sets and maps that lead a packet to its network's chains, and base chains.

A base chain looks a packet up once by its interface, or by its source where it is masqueraded, so that one more network
makes no packet's way longer.
"""

from vnethook.plan.firewall import KEY

NAME = KEY.removeprefix("table ")
TCP_UDP, ICMP = "6, 17", "1, 58"
"""Protocols by number: nft reads their names from /etc/protocols, which a small host does not have (netbase)."""
_LINK_LOCAL = "224.0.0.0/24, 255.255.255.255"
"""What never leaves the link is not masqueraded: local multicast (RFC 5771), broadcast (RFC 919)."""
HOLDERS = tuple(
    line.format(t=NAME)
    for line in (
        "add set {t} bridges {{ type ifname; }}",
        "add set {t} masqueraded {{ type ipv4_addr; flags interval; }}",
        "add set {t} gateways {{ type ipv4_addr; }}",
        "add set {t} gateways6 {{ type ipv6_addr; }}",
        "add map {t} from_guest {{ type ifname : verdict; }}",
        "add map {t} to_guest {{ type ifname : verdict; }}",
        "add map {t} to_host {{ type ifname : verdict; }}",
        "add map {t} counted {{ type ifname : verdict; }}",
        "add set {t} kept_flows {{ type ifname . ether_addr; size 65535; flags dynamic; }}",
        "add set {t} new_flows {{ type ifname . ether_addr; size 65535; flags dynamic, timeout; timeout 1m; }}",
        "add map {t} translated {{ type ipv4_addr : verdict; flags interval; }}",
        "add map {t} translated6 {{ type ipv6_addr : verdict; flags interval; }}",
        # protocol, port, source, address of the host
        "add map {t} forwards {{ type inet_proto . inet_service . ipv4_addr . ipv4_addr : verdict; flags interval; }}",
        "add map {t} forwards6 {{ type inet_proto . inet_service . ipv6_addr . ipv6_addr : verdict; flags interval; }}",
        "add map {t} returning {{ type ifname : verdict; }}",
    )
)
"""The sets and maps."""
FORGET_FLOWS = tuple(f"flush set {NAME} {holder}" for holder in ("kept_flows", "new_flows"))
"""Begin to count anew."""
_FORWARDING = (
    # DNS and DHCP of ours are never taken away from guests
    f"ip daddr @gateways meta l4proto {{ {TCP_UDP} }} th dport {{ 53, 67 }} return",
    f"ip6 daddr @gateways6 meta l4proto {{ {TCP_UDP} }} th dport {{ 53, 547 }} return",
    f"ip6 daddr fe80::/10 meta l4proto {{ {TCP_UDP} }} th dport {{ 53, 547 }} return",
    # only what is for the host itself (CVE-2025-67499)
    "fib daddr type local meta l4proto . th dport . ip saddr . ip daddr vmap @forwards",
    # and not ::1: the kernel takes no answer to it from a link (RFC 4291, section 2.5.3)
    "ip6 daddr != ::1 fib daddr type local meta l4proto . th dport . ip6 saddr . ip6 daddr vmap @forwards6",
)
"""How a new connection finds the forward that it means."""
_BEGINS = "ct state new ct status & confirmed == 0"
"""The first packet of a connection. The others are new, too, until there is an answer: of a stream there is none."""
_RULES = (
    ("input", f"{_BEGINS} iifname vmap @counted"),
    ("forward", f"{_BEGINS} iifname vmap @counted"),
    ("input", "iifname vmap @to_host"),
    # the networks' DNS is for their guests, whichever way a question comes in (CVE-2012-3411)
    ("input", f'iifname != "lo" ip daddr @gateways meta l4proto {{ {TCP_UDP} }} th dport 53 drop'),
    ("input", f'iifname != "lo" ip6 daddr @gateways6 meta l4proto {{ {TCP_UDP} }} th dport 53 drop'),
    ("forward", "iifname vmap @from_guest"),
    ("forward", "oifname vmap @to_guest"),
    # where forwards from 127.0.0.1 make the kernel route loopback addresses, a guest could use them (CVE-2020-8558)
    ("loopback", 'ip daddr 127.0.0.0/8 iifname != "lo" drop'),
    *((chain, rule) for chain in ("prerouting", "output") for rule in _FORWARDING),
    ("postrouting", "ct status dnat oifname vmap @returning"),
    ("postrouting", "oifname @bridges return"),
    ("postrouting", 'oifname "lo" return'),
    ("postrouting", f"ip daddr {{ {_LINK_LOCAL} }} return"),
    ("postrouting", "ip6 daddr ff02::/16 return"),  # RFC 4291, section 2.7
    ("postrouting", "ip saddr vmap @translated"),
    ("postrouting", "ip6 saddr vmap @translated6"),
    # a guest's privileged port must not become the host's: servers trust those (as libvirt does)
    ("postrouting", f"ip saddr @masqueraded meta l4proto {{ {TCP_UDP} }} masquerade to :1024-65535"),
    ("postrouting", "ip saddr @masqueraded masquerade"),
)
_HOOKS = {
    "loopback": "filter hook prerouting priority -300",
    "prerouting": "nat hook prerouting priority dstnat",
    "output": "nat hook output priority -100",
    "input": "filter hook input priority filter",
    "forward": "filter hook forward priority filter",
    "postrouting": "nat hook postrouting priority srcnat",
}
BASE = (
    *(f"add chain {NAME} {chain} {{ type {hook}; policy accept; }}" for chain, hook in _HOOKS.items()),
    *(f"flush chain {NAME} {chain}" for chain in _HOOKS),
    *(f"add rule {NAME} {chain} {rule}" for chain, rule in _RULES),
)
"""The base chains, made anew with every change."""
USES = tuple((chain, sum(item == chain for item, _ in _RULES)) for chain in _HOOKS)
"""How often each base chain is used: by its rules."""
