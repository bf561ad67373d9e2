"""The machines that all definitions stand on, made once: links, bridges, addresses, routes and neighbours, no rules."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab import Host, Machine
from tests.matrix.places import (
    BEYOND,
    FAR,
    FORGED,
    GUESTS,
    NAT_ADDRESS,
    NETWORKS,
    UPLINKS,
    addresses,
    behind,
    bridge,
    subnets,
)

_SYSCTLS = (
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv4.conf.all.send_redirects=0",
    "net.ipv4.conf.default.send_redirects=0",
    "net.ipv4.conf.all.accept_redirects=0",
    "net.ipv4.icmp_ratelimit=0",
    "net.ipv6.icmp.ratelimit=0",
    "net.ipv6.conf.all.accept_dad=0",
    "net.ipv6.conf.default.accept_dad=0",
    "net.ipv6.conf.default.accept_ra=0",
)
_FORWARDING = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")


class Ground:
    """The machines, and an open file of each one's network namespace."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.machines: dict[str, Machine] = {"host": host}
        self.namespaces: dict[str, int] = {}

    def ip(self, place: str, *batch: str) -> None:
        """Many commands of ip(8)."""
        self.machines[place].run(["ip", "-batch", "-"], stdin="\n".join(batch))


@contextmanager
def ground() -> Iterator[Ground]:
    """All machines, up."""
    with ExitStack() as stack:
        made = Ground(stack.enter_context(Host()))
        for place in (*BEYOND, *GUESTS):
            made.machines[place] = stack.enter_context(Machine(place))
        for place, machine in made.machines.items():
            machine.run(["sysctl", "-qw", *_SYSCTLS, *(_FORWARDING if place == "host" else ())])
            made.ip(place, "link set lo up")
            made.namespaces[place] = os.open(f"/proc/{machine.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, made.namespaces[place])
        for place, uplink in BEYOND.items():
            _far(made, place, uplink)
        for network in NETWORKS:
            _network(made, network)
        for guest, (network, _) in GUESTS.items():
            _guest(made, guest, network)
        _introduce(made)
        yield made


def _far(made: Ground, place: str, uplink: str) -> None:
    made.machines[place].lay_cable("eth0", made.host, uplink)
    near4, near6 = UPLINKS[uplink]
    own = [f"address add {address}/{_prefix(address)} dev eth0{_nodad(address)}" for address in FAR[place]]
    made.ip(
        place,
        *own,
        f"route add default via {near4}",
        f"route add ::/0 via {near6}",
    )
    extra = (NAT_ADDRESS,) if uplink == "uplink0" else ()
    made.ip("host", *(f"address add {one}/{_prefix(one)} dev {uplink}{_nodad(one)}" for one in (near4, near6, *extra)))
    if place == "outside":
        made.ip("host", f"route add default via {FAR[place][0]}", f"route add ::/0 via {FAR[place][2]}")


def _network(made: Ground, network: str) -> None:
    name = bridge(network)
    own = (
        f"address add {item.gateway}/{item.subnet.partition('/')[2]} dev {name}{_nodad(item.gateway)}"
        for item in subnets(network)
    )
    made.ip("host", f"link add {name} type bridge", f"link set {name} up", *own)


def _guest(made: Ground, guest: str, network: str) -> None:
    made.machines[guest].lay_cable("eth0", made.host, f"v{guest}")
    made.ip("host", f"link set v{guest} master {bridge(network)}")
    lines = []
    for address in addresses(guest):
        is_behind = ".9." in address
        length = 32 if is_behind else _prefix(address)
        lines.append(f"address add {address}/{length} dev {'lo' if is_behind else 'eth0'}{_nodad(address)}")
    lines += [f"address add {one}/{128 if ':' in one else 32} dev lo{_nodad(one)}" for one in FORGED[guest]]
    gateways = {item.key: item.gateway for item in subnets(network)}
    made.ip(guest, *lines, f"route add default via {gateways['v4']}", f"route add ::/0 via {gateways['v6']}")
    if guest in {"a", "c"}:
        made.ip("host", "route add {} via {}".format(*behind(network)))


def _introduce(made: Ground) -> None:
    """Let all who share a link know each other's MACs for good: no packet ever waits for a neighbour."""
    links = {"host": {name: name for name in (*UPLINKS, *map(bridge, NETWORKS))}}
    for place, uplink in BEYOND.items():
        links[place] = {uplink: "eth0"}
    for guest, (network, _) in GUESTS.items():
        links[guest] = {bridge(network): "eth0"}
    known: dict[str, list[tuple[str, str, str]]] = {}
    for place, ways in links.items():
        for segment, link in ways.items():
            [about] = made.machines[place].json(["ip", "-json", "address", "show", "dev", link])
            for address in about["addr_info"]:
                known.setdefault(segment, []).append((place, address["local"], about["address"]))
    for place, ways in links.items():
        lines = [
            f"neighbour replace {address} lladdr {mac} dev {link} nud permanent"
            for segment, link in ways.items()
            for other, address, mac in known[segment]
            if other != place
        ]
        made.ip(place, *lines)


def _prefix(address: str) -> int:
    if address in {"203.0.113.80", "2001:db8:ffff::80"}:
        return 128 if ":" in address else 32
    return 64 if ":" in address else 24


def _nodad(address: str) -> str:
    return " nodad" if ":" in address else ""
