"""Definitions by the hundred, each from a number: what they say as plain facts, and as XML."""

from random import Random
from typing import NamedTuple

from tests.matrix.places import BEYOND, GUESTS, NAT_ADDRESS, addresses, behind, bridge, is_in, subnets


class Rule(NamedTuple):
    """A rule for what goes out: "allow" or "deny" for a protocol, its ports (0: any), a destination and a source."""

    action: str
    protocol: str
    first: int = 0
    last: int = 0
    destination: str = ""
    source: str = ""

    @property
    def xml(self) -> str:
        ports = f" {_ports(self.first, self.last)}" if self.first else ""
        ends = (("destination", self.destination), ("from", self.source))
        more = "".join(f" {name}='{value}'" for name, value in ends if value)
        return f"<{self.action}{ports} protocol='{self.protocol}'{more}/>"


class Led(NamedTuple):
    """Ports of the host that lead to a guest: (first, last), the protocol, its address and ports; from where, and where."""

    first: int
    last: int
    protocol: str
    address: str
    to: int
    source: str = ""
    on: str = ""


EDGES = (22, 53, 69, 80, 8000, 8005, 8010)


class Said(NamedTuple):
    """What a definition says. `ips`: keys of the network's subnets; `offers`: None, "all" or (first, last, protocol)s."""

    network: str
    mode: str
    ips: tuple[str, ...]
    dev: str = ""
    dns: bool = False
    dhcp: bool = False
    tftp: bool = False
    behind: bool = False
    offers: "tuple[tuple[int, int, str], ...] | str | None" = None
    incoming: str = ""
    outgoing: "tuple[str, tuple[Rule, ...]] | None" = None
    nat_ipv6: bool = False
    nat_address: bool = False
    nat_ports: tuple[int, int] = (0, 0)
    led: tuple[Led, ...] = ()

    @property
    def xml(self) -> str:
        lines = [f"<network><name>{self.network}</name>", self._forward(), f"<bridge name='{bridge(self.network)}'/>"]
        lines.append("<dns/>" if self.dns else "<dns enable='no'/>")
        for item in subnets(self.network):
            if item.key in self.ips:
                lines += self._ip(item.key, item.subnet, item.gateway)
        if self.behind:
            subnet, gateway = behind(self.network)
            lines.append(f"<route address='{subnet.split('/')[0]}' prefix='24' gateway='{gateway}'/>")
        if self.offers is not None:
            words = "all" if self.offers == "all" else ", ".join(map(_service, self.offers))
            lines.append(f"<host allow='{words}'/>")
        return "\n  ".join([*lines, *self._forwarding()]) + "\n</network>"

    def _forward(self) -> str:
        dev = f" dev='{self.dev}'" if self.dev else ""
        inside = f"<address start='{NAT_ADDRESS}' end='{NAT_ADDRESS}'/>" if self.nat_address else ""
        inside += f"<port start='{self.nat_ports[0]}' end='{self.nat_ports[1]}'/>" if self.nat_ports[0] else ""
        nat = f"<nat ipv6='{'yes' if self.nat_ipv6 else 'no'}'>{inside}</nat>" if self.mode == "nat" else ""
        return f"<forward mode='{self.mode}'{dev}>{nat}</forward>"

    def _ip(self, key: str, subnet: str, gateway: str) -> list[str]:
        prefix = subnet.partition("/")[2]
        tftp = "<tftp root='/srv/tftp'/>" if self.tftp and key == "v4" else ""
        base = gateway.removesuffix("1")
        ends = f"<range start='{base}100' end='{base}120'/>"
        dhcp = f"<dhcp>{ends}</dhcp>" if self.dhcp and key != "more" else ""
        family = " family='ipv6'" if key == "v6" else ""
        return [f"<ip{family} address='{gateway}' prefix='{prefix}'>{tftp}{dhcp}</ip>"]

    def _forwarding(self) -> list[str]:
        if not (self.incoming or self.outgoing):
            return []
        led = "".join(map(_allow, self.led))
        lines = [f"<incoming default='{self.incoming}'>{led}</incoming>"] if self.incoming else []
        if self.outgoing:
            default, rules = self.outgoing
            words = [rule.xml for rule in rules]
            lines.append(f"<outgoing default='{default}'>{''.join(words)}</outgoing>")
        return ["<forwarding>", *lines, "</forwarding>"]


def definition(random: Random, network: str) -> Said:
    """Any definition of a network."""
    mode = random.choice(["nat", "nat", "nat", "route", "route", "open", "none"])
    is_ours = mode in {"nat", "route"}
    every = tuple(item.key for item in subnets(network))
    ips = random.choice([every, every, ("v4",), ("v6",), ("v4", "v6"), ("more", "v6"), () if not is_ours else every])
    likely = lambda part: random.random() < part  # noqa: E731 (said often)
    led = _led(random, network, ips) if is_ours and likely(0.6) else ()
    return Said(
        network,
        mode,
        ips,
        dev=random.choice(list(BEYOND.values())) if is_ours and likely(0.25) else "",
        dns=likely(0.5),
        dhcp=likely(0.5),
        tftp=likely(0.3),
        behind="v4" in ips and likely(0.25),
        offers=_offers(random) if (ips or mode != "none") and likely(0.6) else None,
        incoming=(random.choice(["", "", "allow", "deny"]) or ("deny" if led else "")) if is_ours else "",
        outgoing=(random.choice(["allow", "deny"]), _rules(random, network, ips)) if is_ours and likely(0.5) else None,
        nat_ipv6=mode == "nat" and likely(0.4),
        nat_address=mode == "nat" and likely(0.25),
        nat_ports=(20000, 20999) if mode == "nat" and likely(0.25) else (0, 0),
        led=led,
    )


_LED = {"one": ((22, 22), (8000, 8005), (53, 53)), "two": ((80, 80), (8010, 8011), (67, 67))}
"""Two networks that claim one port are refused."""


def _led(random: Random, network: str, ips: tuple[str, ...]) -> tuple[Led, ...]:
    found = []
    for first, last in _LED[network]:
        for version in (4, 6):
            guests = [
                address
                for guest, (on, _) in GUESTS.items()
                for address in addresses(guest)
                if on == network and any(item.key in ips and is_in(address, item.subnet) for item in subnets(network))
            ]
            guests = [address for address in guests if (":" in address) is (version == 6)]
            if guests and random.random() < 0.7:
                every = [one for one in addresses("host") if (":" in one) is (version == 6)]
                source = random.choice(_SOURCES[version]) if random.random() < 0.3 else ""
                on = random.choice(every) if random.random() < 0.3 else ""
                to = first if first != last or random.random() < 0.5 else 8011
                protocol = random.choice(["tcp", "udp", "both"])
                found.append(Led(first, last, protocol, random.choice(guests), to, source, on))
    return tuple(found)


_SOURCES = {
    4: ("192.0.2.0/24", "198.51.100.0/24", "10.71.0.0/24", "10.72.0.0/16"),
    6: ("2001:db8:1::/64", "fd00:71::/64", "fd00:72::/64"),
}


def _allow(led: Led) -> str:
    to = "" if led.to == led.first else f" to='{led.to}'"
    more = "".join(f" {name}='{value}'" for name, value in (("from", led.source), ("on", led.on)) if value)
    return f"<allow {_ports(led.first, led.last)} protocol='{led.protocol}' address='{led.address}'{to}{more}/>"


def _range(random: Random) -> tuple[int, int]:
    first, last = sorted(random.choices(EDGES, k=2))
    return (first, first) if random.random() < 0.5 else (first, last)


def _offers(random: Random) -> "tuple[tuple[int, int, str], ...] | str":
    if random.random() < 0.15:
        return "all"
    return tuple((*_range(random), random.choice(["tcp", "udp", "both"])) for _ in range(random.randint(1, 3)))


def _rules(random: Random, network: str, ips: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(_rule(random, network, ips) for _ in range(random.randint(0, 4)))


def _rule(random: Random, network: str, ips: tuple[str, ...]) -> Rule:
    protocol = random.choice(["tcp", "udp", "both", "both", "icmp", "any"])
    first, last = (0, 0) if protocol in {"icmp", "any"} or random.random() < 0.2 else _range(random)
    destination = random.choice(_DESTINATIONS) if random.random() < 0.3 else ""
    guests = [one for guest in GUESTS for one in addresses(guest) if _has(network, ips, one)]
    guests = [one for one in guests if not destination or (":" in one) is (":" in destination)]
    source = random.choice(guests) if guests and random.random() < 0.3 else ""
    return Rule(random.choice(["allow", "deny"]), protocol, first, last, destination, source)


_DESTINATIONS = ("192.0.2.0/24", "203.0.113.80", "198.51.100.0/24", "2001:db8::/32", "2001:db8:2::1")


def _has(network: str, ips: tuple[str, ...], address: str) -> bool:
    return any(item.key in ips and is_in(address, item.subnet) for item in subnets(network))


def _service(service: tuple[int, int, str]) -> str:
    first, last, protocol = service
    return (str(first) if first == last else f"{first}-{last}") + ("" if protocol == "both" else f"/{protocol}")


def _ports(first: int, last: int) -> str:
    return f"port='{first}'" if first == last else f"port='{first}-{last}'"
