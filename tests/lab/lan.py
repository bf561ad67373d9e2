"""A host's NIC on a physical network: a router that answers for both IP versions, and all that a NIC can have."""

import json
from typing import Any

from tests.lab.host import HOOKS, Host
from tests.lab.machine import Machine, wait_for

SCRIPT = HOOKS / "xen/network-vnet"
GATEWAY, GATEWAY6, OURS, OURS6 = "192.0.2.1", "2001:db8::1", "192.0.2.20", "2001:db8::20"

PLAIN = f"""
address add {OURS}/24 dev eth0
-6 address add {OURS6}/64 dev eth0 nodad
route add default via {GATEWAY} dev eth0 metric 100
-6 route add default via {GATEWAY6} dev eth0 metric 300
"""

RICH = f"""
link set eth0 mtu 1450
address add {OURS}/24 brd + dev eth0 metric 50
address add 192.0.2.21/24 dev eth0 label eth0:1
address add 198.51.100.7/32 dev eth0 scope host
address add 10.9.0.1/24 dev eth0 noprefixroute
address add 10.8.0.1 peer 10.8.0.2/32 dev eth0
-6 address add {OURS6}/64 dev eth0 nodad
-6 address add 2001:db8::21/64 dev eth0
-6 address add 2001:db8:7::1/128 dev eth0 noprefixroute
-6 address add 2001:db8:8::1/64 dev eth0 preferred_lft 0 nodad
route add default via {GATEWAY} dev eth0 metric 100
route add 203.0.113.0/24 via {GATEWAY} dev eth0 src 192.0.2.21 table 100 mtu 1300
route add 203.0.113.0/24 via 10.77.0.1 dev eth0 onlink
route add 10.66.0.0/16 dev eth0 scope link tos 0x10
-6 route add default via {GATEWAY6} dev eth0 metric 300
-6 route add 2001:db8:66::/48 via {GATEWAY6} dev eth0 src 2001:db8::21 table 100
-6 route add 2001:db8:67::/48 dev eth0 proto static pref high
-6 route delete 2001:db8:8::/64 dev eth0
rule add from 192.0.2.21 lookup 100
neighbour add 192.0.2.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
"""


def connect(host: Host, router: Machine, lines: str = PLAIN) -> None:
    """Give the host a NIC `eth0` on the router's network, and it all that `lines` say, as `ip` reads them."""
    router.lay_cable("lan0", host, "eth0")
    for words in (f"address add {GATEWAY}/24 dev lan0", f"-6 address add {GATEWAY6}/64 dev lan0 nodad"):
        router.run(["ip", *words.split()])
    wait_for(lambda: has_settled(host, "eth0") and has_settled(router, "lan0"), "link-local addresses")
    for line in filter(None, lines.splitlines()):
        if " src " in line:
            wait_for(lambda: has_settled(host, "eth0"), "the addresses to be found to be nobody else's")
        host.run(["ip", *line.split()])
    wait_for(lambda: has_settled(host, "eth0"), "the addresses to be found to be nobody else's")


def has_settled(machine: Machine, link: str) -> bool:
    """Whether the link has a link-local address, and none that is still being checked."""
    [found] = machine.json(["ip", "-json", "-6", "address", "show", "dev", link]) or [{}]
    addresses = found.get("addr_info", [])
    return any(one["scope"] == "link" for one in addresses) and not any(one.get("tentative") for one in addresses)


def layer3(host: Host) -> list[str]:
    """All that `ip -json` says of addresses, routes of all tables, rules and lasting neighbours, but for lifetimes."""
    seen: list[str] = []
    for link in host.json(["ip", "-json", "address", "show"]):
        seen += [json.dumps([link["ifname"], link["mtu"], _without_lifetimes(one)]) for one in link["addr_info"]]
    for version in ("-4", "-6"):
        found = host.json(["ip", "-json", version, "route", "show", "table", "all"])
        seen += [json.dumps(_without_lifetimes(route)) for route in found]
        seen += [json.dumps(rule) for rule in host.json(["ip", "-json", version, "rule", "show"])]
    seen += sorted(json.dumps(one) for one in host.json(["ip", "-json", "neighbour", "show", "nud", "permanent"]))
    return seen


def _without_lifetimes(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in fields.items()
        if name not in {"preferred_life_time", "valid_life_time", "expires"}
    }


def answers(host: Host, address: str) -> bool:
    """Whether a real ping is answered."""
    return host.run(["ping", "-c1", "-W5", address], check=False).returncode == 0


def call(host: Host, *words: str) -> tuple[int, str]:
    """The status of network-vnet, and all that it says."""
    done = host.run([SCRIPT, *words], check=False)
    return done.returncode, done.stdout + done.stderr


def add_second_nic(host: Host, router: Machine) -> None:
    """Give the host a NIC `eth1` on another network of the router's."""
    router.lay_cable("lan1", host, "eth1")
    router.run(["ip", "address", "add", "198.51.100.1/24", "dev", "lan1"])
    host.run(["ip", "address", "add", "198.51.100.20/24", "dev", "eth1"])
    wait_for(lambda: has_settled(host, "eth1") and has_settled(router, "lan1"), "link-local addresses")


def master(host: Host, link: str) -> str:
    """The bridge that a link is a port of, empty for none."""
    [found] = host.json(["ip", "-json", "link", "show", "dev", link])
    return found.get("master", "")  # type: ignore[no-any-return]


def let_only_through(router: Machine, mac: str) -> None:
    """Take from the host's end of the cable frames of this MAC alone, as an access point does with a station's."""
    rules = f"type filter hook ingress device lan0 priority 0\n ether saddr != {mac} drop"
    router.run(["nft", "-f", "-"], stdin=f"table netdev air {{\n chain station {{\n {rules}\n }}\n}}\n")
