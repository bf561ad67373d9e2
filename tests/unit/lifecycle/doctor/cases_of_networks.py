"""Networks that are not as those of the healthy host, or in whose way something is, and what the doctor says of them."""

from tests.unit.lifecycle.doctor.healthy import DOWN, LAB
from vnethook.host.listeners import Listener
from vnethook.host.rules import ACCEPT, DROP, Chain, Match, Rule, Table
from vnethook.lifecycle.doctor.finding import STOPS, WARNS


def chain(hook: str, *rules: Rule, policy: str = DROP) -> Chain:
    return Chain(hook.upper(), hook, policy, rules)


FORWARD_DROPS = Table("ip", "filter", (chain("forward"), Chain("DOCKER")), "iptables")
INPUT_DROPS = Table("inet", "mine", (chain("input", Rule((Match("state", ("established",)),), ACCEPT)),))
FIREWALLD = Table("inet", "firewalld", (chain("forward", Rule((), DROP), policy=ACCEPT),))
# What is not as on the healthy host, and all that is said of it: level, "subject: what", command.
CASES = {
    "a definition that is not in order": (
        {"networks": (DOWN.replace(problem="bad.xml:3: no such element"),)},
        [(STOPS, "network 'lab': bad.xml:3: no such element", "vnet net-edit lab")],
    ),
    "the same of one that is up": (
        {"networks": (LAB.replace(problem="bad.xml:3: no such element"),)},
        [(WARNS, "network 'lab': bad.xml:3: no such element", "vnet net-edit lab")],
    ),
    "an autostart that failed": (
        {"networks": (DOWN.replace(failure="dnsmasq: start: it ended at once", is_autostart=True),)},
        [
            (
                STOPS,
                "network 'lab': did not come up the last time, and it is to start at boot: dnsmasq: start: it ended at once",
                "vnet net-start lab",
            )
        ],
    ),
    "a network that does not reach other hosts": (
        {"networks": (LAB.replace(apart=("fabric: FRR: does not run",)),)},
        [(WARNS, "network 'lab': fabric: FRR: does not run", "vnet fabric-list lab")],
    ),
    "a link that is down": (
        {"networks": (LAB.replace(unlinked=("link to 192.0.2.1 (tls): is down: Connection refused",)),)},
        [
            (
                WARNS,
                "network 'lab': link to 192.0.2.1 (tls): is down: Connection refused",
                "vnet link-list lab",
            )
        ],
    ),
    "a program that only links need": (
        {"missing_programs": ("vde_plug",)},
        [
            (
                WARNS,
                "program 'vde_plug': not installed: no network is linked with other hosts by tls, tcp or ssh",
                "apt-get install vdeplug   (Fedora: dnf install vde2)",
            )
        ],
    ),
    "a certificate that ends soon, of two networks that are linked": (
        {
            "networks": tuple(
                LAB.replace(name=name, bridge=name, certificate="certificate '/c.pem': ends on 2026-12-01")
                for name in ("lab", "lab2")
            )
        },
        [(WARNS, "certificate '/c.pem': ends on 2026-12-01: links by tls need it", "vnet link-cert show")],
    ),
    "a network with faults": (
        {"networks": (LAB.replace(faults=("run dnsmasq", "NIC tap0: the link is gone")),)},
        [(STOPS, "network 'lab': is not as defined: run dnsmasq; and 1 more", "vnet net-repair lab")],
    ),
    "a VPN over a network that is down": (
        {"networks": (DOWN.replace(overlap="subnet A overlaps the route B dev wg0 in table 51820"),)},
        [
            (
                STOPS,
                "network 'lab': subnet A overlaps the route B dev wg0 in table 51820: it cannot be started",
                "vnet net-edit lab",
            )
        ],
    ),
    "a VPN over one whose subnet is chosen again": ({"networks": (DOWN.replace(overlap="X", is_chosen=True),)}, []),
    "a VPN over one that is up": (
        {"networks": (LAB.replace(overlap="X", is_chosen=True),)},
        [(STOPS, "network 'lab': X: one of the two does not reach what it should", "vnet net-restart lab")],
    ),
    "a DNS server on all addresses": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 812, "named"),)},
        [
            (
                STOPS,
                "port udp/53: is taken by named (process 812) on all addresses: network 'lab' could not serve DNS",
                "bind it to its own addresses (listen-on in named.conf), or: systemctl disable --now named",
            )
        ],
    ),
    "the system's own dnsmasq without bind-dynamic": (
        {"networks": (DOWN,), "listeners": (Listener("tcp", "::", 53, 0, 9, "dnsmasq"),)},
        [
            (
                STOPS,
                "port tcp/53: is taken by dnsmasq (process 9) on all addresses: network 'lab' could not serve DNS",
                "echo bind-dynamic >/etc/dnsmasq.d/vnethook.conf && systemctl restart dnsmasq",
            )
        ],
    ),
    "a DHCP server on all interfaces": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 67, 0, 9, "dhcpd"),)},
        [
            (
                STOPS,
                "port udp/67: is taken by dhcpd (process 9) on all addresses: network 'lab' could not serve DHCP",
                "systemctl disable --now isc-dhcp-server",
            )
        ],
    ),
    "a server on the network's own address": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "10.77.0.1", 53),)},
        [
            (
                STOPS,
                "port udp/53: is taken by another program on 10.77.0.1: network 'lab' could not serve DNS",
                "end it, or bind it to its own addresses",
            )
        ],
    ),
    "a DNS server on all addresses of the other IP version": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "::", 53, 0, 8, "named", is_ipv6_only=True),)},
        [],
    ),
    "a DNS server where none is needed": (
        {"networks": (DOWN.replace(has_dns=False),), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, "named"),)},
        [],
    ),
    "a DNS server on all addresses while the network serves": (
        {"networks": (LAB,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, "named"),)},
        [],
    ),
    "Docker's policy": (
        {"tables": (FORWARD_DROPS,)},
        [
            (
                STOPS,
                "the filter that Docker shares: drops what guests send outside and what comes back to guests, of network 'lab' (table ip filter, chain FORWARD)",
                "vnet net-repair lab",
            )
        ],
    ),
    "a policy of the administrator's": (
        {"tables": (INPUT_DROPS,), "networks": (DOWN,)},
        [
            (
                STOPS,
                "the nftables table 'mine': drops guests' DNS and guests' DHCP, of network 'lab' (table inet mine, chain INPUT)",
                "nft 'insert rule inet mine INPUT iifname \"vnbr7\" accept'   (and in the file that makes the table)",
            )
        ],
    ),
    "firewalld without our zone": (
        {"tables": (FIREWALLD,), "networks": (LAB,)},
        [
            (
                STOPS,
                "firewalld: drops what guests send outside and what comes back to guests, of network 'lab' (table inet firewalld, chain FORWARD)",
                "vnet hooks install   (brings a zone for all bridges of that name)",
            )
        ],
    ),
    "firewalld and a bridge of another name": (
        {"tables": (FIREWALLD,), "networks": (LAB.replace(bridge="br0"),)},
        [
            (
                STOPS,
                "firewalld: drops what guests send outside and what comes back to guests, of network 'lab' (table inet firewalld, chain FORWARD)",
                "vnet hooks install && vnet net-repair lab",
            )
        ],
    ),
    "firewalld and a bridge of another name that is down": (
        {"tables": (FIREWALLD,), "networks": (DOWN.replace(bridge="br0"),)},
        [],
    ),
    "Docker's policy while no network is up": ({"tables": (FORWARD_DROPS,), "networks": (DOWN,)}, []),
    "an isolated network behind a policy": (
        {"tables": (FORWARD_DROPS,), "networks": (LAB.replace(forward="none"),)},
        [],
    ),
    "the same where br_netfilter hands over what guests send to each other": (
        {"tables": (FORWARD_DROPS,), "networks": (LAB.replace(forward="none"),), "lans": (), "bridges_call": (4,)},
        [
            (
                STOPS,
                "the filter that Docker shares: drops what guests send to each other (br_netfilter), of network 'lab' (table ip filter, chain FORWARD)",
                "vnet net-repair lab",
            )
        ],
    ),
}
