"""What becomes of a packet, read out of two definitions as docs/network-xml.md says it, without a look at any rule."""

from typing import NamedTuple

from tests.matrix.definitions import Led, Said
from tests.matrix.places import BEYOND, GUESTS, UPLINKS, addresses, is_in, link_of, subnets

PASSES, REFUSED, LOST = "passes", "refused", "lost"


class Packet(NamedTuple):
    """One from a place to an address; `port` is 0 for "icmp". `is_answer`: of a flow that the other side began.

    `source_port` is 0 where it does not matter which.
    """

    place: str
    source: str
    to: str
    protocol: str
    port: int = 0
    is_answer: bool = False
    source_port: int = 0

    @property
    def version(self) -> int:
        return 6 if ":" in self.to else 4


class Oracle:
    """Answers for two networks that are up together; `sees_frames`: the kernel shows bridged frames to the firewall."""

    def __init__(self, one: Said, two: Said, *, sees_frames: bool) -> None:
        self._said = {"one": one, "two": two}
        self._sees_frames = sees_frames

    def verdict(self, packet: Packet) -> str:
        """Whether it arrives, or else whether its sender is told; a sender with another's address is never told."""
        way_out = link_of(packet.to)
        if led := self.forward(packet):
            return self._led(packet, *led)
        if packet.place == "host":
            return PASSES
        if packet.place in BEYOND:
            return self._from_uplink(packet, BEYOND[packet.place], way_out)
        network = GUESTS[packet.place][0]
        if way_out == network:
            return PASSES
        said = self._said[network]
        if way_out == "host":
            return self._to_host(packet, said)
        return self._from_guest(packet, said, way_out)

    def forward(self, packet: Packet) -> tuple[Said, Led] | None:
        """The forward that a new packet to the host means, with its network."""
        if packet.is_answer or not packet.port or link_of(packet.to) != "host":
            return None
        if packet.to in self._gateways() and packet.port in {53, 547 if packet.version == 6 else 67}:
            return None  # DNS and DHCP on the networks' own addresses
        for said in self._said.values():
            for led in said.led:
                is_meant = led.first <= packet.port <= led.last and led.protocol in {packet.protocol, "both"}
                is_same = (":" in led.address) is (packet.version == 6)
                is_from = not led.source or is_in(packet.source, led.source)
                if is_meant and is_same and is_from and led.on in {"", packet.to}:
                    return said, led
        return None

    def answer(self, packet: Packet) -> Packet:
        """The answer to a packet that arrived."""
        return Packet(place_of(packet.to), packet.to, packet.source, packet.protocol, packet.port, is_answer=True)

    def owner(self, address: str) -> Said | None:
        """The network that has an address by its definition."""
        return next((each for each in self._said.values() if _is_own(address, each)), None)

    def seen_as(self, packet: Packet) -> tuple[str, tuple[int, int]]:
        """The source that the receiver of a packet that arrives sees, and the least and greatest port that it may have."""
        way_out = link_of(packet.to)
        anything = (1, 65535)
        if led := self.forward(packet):
            said = led[0]
            if not _is_own(packet.source, said):
                return packet.source, anything
            return next(i.gateway for i in subnets(said.network) if is_in(led[1].address, i.subnet)), anything
        said = self.owner(packet.source)
        if said is None or way_out not in UPLINKS or said.mode != "nat" or (packet.version == 6 and not said.nat_ipv6):
            return packet.source, anything
        if packet.place == "host" and said.dev and said.dev != way_out:
            return packet.source, anything  # a guest's does not get there
        ports = said.nat_ports if said.nat_ports[0] else (1024, 65535)
        if said.nat_address and packet.version == 4:
            return "192.0.2.9", ports
        return UPLINKS[way_out][packet.version == 6], ports

    def is_confused(self, packet: Packet) -> bool:
        """Whether one of the network's own guests would have it, and answer it past the host: the source is not the network's."""
        found = self.forward(packet)
        is_within = bool(found) and packet.place in GUESTS and GUESTS[packet.place][0] == found[0].network
        return is_within and not _is_own(packet.source, found[0])

    def _led(self, packet: Packet, said: Said, led: Led) -> str:
        """What becomes of one to a port of the host that leads to a guest of `said`."""
        if packet.place == "host":
            return PASSES
        if packet.place in BEYOND:
            return REFUSED if said.dev and said.dev != BEYOND[packet.place] else PASSES
        theirs = self._said[GUESTS[packet.place][0]]
        if theirs is said:
            return LOST if self._sees_frames and led.address in addresses(packet.place) else PASSES
        if not self._is_from(packet, theirs):
            return LOST
        return REFUSED if theirs.mode == "none" or theirs.dev or said.dev else PASSES

    def _is_from(self, packet: Packet, said: Said) -> bool:
        """Whether a guest's source is one that its network sends from."""
        if said.mode == "open" or (said.mode == "route" and said.behind):
            return link_of(packet.source) == said.network
        return _is_own(packet.source, said)

    def _from_uplink(self, packet: Packet, uplink: str, way_out: str) -> str:
        if way_out == "host":  # what the host serves is not ours to close, but for the networks' own DNS
            is_dns = packet.port == 53 and not packet.is_answer and packet.to in self._gateways()
            return LOST if is_dns else PASSES
        if way_out in UPLINKS:
            return PASSES
        said = self._said[way_out]
        if said.mode == "open":
            return PASSES
        if said.mode == "none" or (said.dev and said.dev != uplink):
            return REFUSED
        if packet.is_answer:
            return PASSES
        if (said.incoming or ("allow" if said.mode == "route" else "deny")) == "deny":
            is_led = said.mode == "route" and any(_leads_directly(packet, led) for led in said.led)
            return PASSES if is_led else REFUSED
        is_behind = said.mode == "route" and said.behind
        return PASSES if is_behind or _is_own(packet.to, said) else REFUSED

    def _from_guest(self, packet: Packet, said: Said, way_out: str) -> str:
        if not self._is_from(packet, said):
            return LOST
        if way_out in self._said:
            return PASSES if said.mode == "open" and self._said[way_out].mode == "open" else REFUSED
        if said.mode == "open":
            return PASSES
        if said.mode == "none" or (said.dev and said.dev != way_out):
            return REFUSED
        return PASSES if packet.is_answer else _outgoing(packet, said)

    def _to_host(self, packet: Packet, said: Said) -> str:
        by_way = said.mode == "open" or said.behind
        if not (link_of(packet.source) == said.network if by_way else _is_own(packet.source, said)):
            return LOST
        if packet.is_answer or packet.protocol == "icmp":
            return PASSES
        own = [item.gateway for item in subnets(said.network) if item.key in said.ips]
        if packet.to in own and _is_served(packet, said):
            return PASSES
        if said.offers is None or packet.to in self._gateways() - set(own):
            return REFUSED
        is_offered = said.offers == "all" or any(
            first <= packet.port <= last and protocol in {packet.protocol, "both"}
            for first, last, protocol in said.offers
        )
        return PASSES if is_offered else REFUSED

    def _gateways(self) -> set[str]:
        return {item.gateway for name, said in self._said.items() for item in subnets(name) if item.key in said.ips}


def place_of(address: str) -> str:
    """Who has an address by right."""
    return next(place for place in ("host", *GUESTS, *BEYOND) if address in addresses(place))


def _is_own(address: str, said: Said) -> bool:
    """Whether it is in a subnet that the definition gives the network."""
    return any(is_in(address, item.subnet) for item in subnets(said.network) if item.key in said.ips)


def _leads_directly(packet: Packet, led: Led) -> bool:
    """Whether a packet to a guest's own address is for what a port of the host leads to."""
    is_meant = led.to <= packet.port <= led.to + led.last - led.first and led.protocol in {packet.protocol, "both"}
    return is_meant and packet.to == led.address and (not led.source or is_in(packet.source, led.source))


def _is_served(packet: Packet, said: Said) -> bool:
    """DNS, DHCP and TFTP at the network's own address."""
    if packet.port == 53:
        return said.dns
    if packet.protocol != "udp":
        return False
    key = next(item.key for item in subnets(said.network) if item.gateway == packet.to)
    serves = {67: ("v4", said.dhcp), 547: ("v6", said.dhcp), 69: ("v4", said.tftp)}
    wanted, is_on = serves.get(packet.port, ("", False))
    return is_on and key == wanted


def _outgoing(packet: Packet, said: Said) -> str:
    default, rules = said.outgoing or ("allow", ())
    for rule in rules:
        kinds = {"any": {"tcp", "udp", "icmp"}, "both": {"tcp", "udp"}}.get(rule.protocol, {rule.protocol})
        is_port = not rule.first or rule.first <= packet.port <= rule.last
        is_there = not rule.destination or is_in(packet.to, rule.destination)
        is_from = not rule.source or is_in(packet.source, rule.source)
        if packet.protocol in kinds and is_port and is_there and is_from:
            return PASSES if rule.action == "allow" else REFUSED
    return PASSES if default == "allow" else REFUSED
