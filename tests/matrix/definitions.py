"""Definitions by the hundred, each from a number: what they say as plain facts, and as XML."""

from random import Random
from typing import NamedTuple

from tests.matrix.places import BEYOND, NAT_ADDRESS, behind, bridge, subnets

Rule = tuple[str, int, int, str]
"""Action, first and last port, protocol."""
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
        lines = [f"<incoming default='{self.incoming}'/>"] if self.incoming else []
        if self.outgoing:
            default, rules = self.outgoing
            words = [
                f"<{action} {_ports(first, last)} protocol='{protocol}'/>" for action, first, last, protocol in rules
            ]
            lines.append(f"<outgoing default='{default}'>{''.join(words)}</outgoing>")
        return ["<forwarding>", *lines, "</forwarding>"]


def definition(random: Random, network: str) -> Said:
    """Any definition of a network."""
    mode = random.choice(["nat", "nat", "nat", "route", "route", "open", "none"])
    is_ours = mode in {"nat", "route"}
    every = tuple(item.key for item in subnets(network))
    ips = random.choice([every, every, ("v4",), ("v6",), ("v4", "v6"), ("more", "v6"), () if not is_ours else every])
    likely = lambda part: random.random() < part  # noqa: E731 (said often)
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
        incoming=random.choice(["", "", "allow", "deny"]) if is_ours else "",
        outgoing=(random.choice(["allow", "deny"]), _rules(random)) if is_ours and likely(0.5) else None,
        nat_ipv6=mode == "nat" and likely(0.4),
        nat_address=mode == "nat" and likely(0.25),
        nat_ports=(20000, 20999) if mode == "nat" and likely(0.25) else (0, 0),
    )


def _range(random: Random) -> tuple[int, int]:
    first, last = sorted(random.choices(EDGES, k=2))
    return (first, first) if random.random() < 0.5 else (first, last)


def _offers(random: Random) -> "tuple[tuple[int, int, str], ...] | str":
    if random.random() < 0.15:
        return "all"
    return tuple((*_range(random), random.choice(["tcp", "udp", "both"])) for _ in range(random.randint(1, 3)))


def _rules(random: Random) -> tuple[Rule, ...]:
    return tuple(
        (random.choice(["allow", "deny"]), *_range(random), random.choice(["tcp", "udp", "both"]))
        for _ in range(random.randint(0, 4))
    )


def _service(service: tuple[int, int, str]) -> str:
    first, last, protocol = service
    return (str(first) if first == last else f"{first}-{last}") + ("" if protocol == "both" else f"/{protocol}")


def _ports(first: int, last: int) -> str:
    return f"port='{first}'" if first == last else f"port='{first}-{last}'"
