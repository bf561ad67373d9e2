"""The firewall of the 2007 dialect: ports forwarded to guests, and what guests may reach outside."""

from _socket import IPPROTO_TCP, IPPROTO_UDP

from vnethook.address import Subnet, check_canonical, parse_ip, parse_subnet
from vnethook.definition.blocks import Blocks
from vnethook.names import is_domain_name, label_of, refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PORT_MAX = 65535
MOVED_MAX = 1024
"""Ports of one forward that become others: the firewall holds a pair for each."""
PROTOCOLS = ("tcp", "udp", "both")
NUMBERS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}
"""What forwards are for, by the numbers that protocols have in packets."""
WITH_PORTS = (*PROTOCOLS, "sctp")
OUTGOING = (*WITH_PORTS, "icmp", "gre", "esp", "ah", "any")
"""What guests may send outside is said by these."""
ACTIONS = ("allow", "deny")


class PortForward(Value):
    """Connections to `ports` of the host go to a guest: of that name (`domain`) or `address`, at ports `to`.

    `ports`, `to`: (first, last); `to` None: the same. `source`: only from that subnet. `on`: only to that address of
    the host's.
    """

    ports: tuple[int, int]
    protocol: str = "both"
    to: tuple[int, int] | None = None
    domain: str | None = None
    address: str | None = None
    source: str | None = None
    on: str | None = None

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"incoming port {shown_ports(self.ports)}"

    @property
    def use(self) -> str:
        """What the network does that has the port."""
        return "is forwarded by"

    @property
    def protocols(self) -> tuple[str, ...]:
        """Its protocols, "tcp" and "udp"."""
        return ("tcp", "udp") if self.protocol == "both" else (self.protocol,)

    @property
    def versions(self) -> tuple[int, ...]:
        """The IP versions that it is for: nothing is translated from one to the other."""
        said = [text for text in (self.address, self.source, self.on) if text is not None]
        return (6 if ":" in said[0] else 4,) if said else (4, 6)

    def sources(self) -> "Iterator[Subnet]":
        """Where connections may come from, a subnet for each IP version."""
        if self.source is not None:
            yield parse_subnet(self.source)
        else:
            yield from (EVERYWHERE[version] for version in self.versions)

    def _check(self) -> None:
        check_ports(self.ports)
        check_protocol(self.protocol)
        if self.to is not None:
            self._check_to(self.to)
        if (self.domain is None) is (self.address is None):
            refuse(f"{self.label}: needs either a domain, the guest's name, or an address")
        if self.domain is not None:
            check_guest(self.label, self.domain)
        if self.address is not None:
            check_canonical(self.label, self.address)
        if self.source is not None and str(parse_subnet(self.source)) != self.source:
            refuse(f"{self.label}: from {shown(self.source)}: write it as {parse_subnet(self.source)}")
        if self.on is not None:
            check_canonical(f"{self.label}: on", self.on)
            if parse_ip(self.on)[1] == 0:
                refuse(f"{self.label}: on {self.on}: without it, it is all addresses of the host")
        for what, text in (("from", self.source), ("on", self.on)):
            if text is not None and (":" in text) is not (self.versions == (6,)):
                refuse(f"{self.label}: {what} {text}: is of another IP version than the rest")

    def _check_to(self, to: tuple[int, int]) -> None:
        check_ports(to)
        count = self.ports[1] - self.ports[0]
        if to[1] - to[0] != count:
            refuse(f"{self.label}: to {shown_ports(to)}: must be as many ports")
        if to != self.ports and count >= MOVED_MAX:
            refuse(f"{self.label}: to {shown_ports(to)}: at most {MOVED_MAX} ports can become others")


class PortRule(Value):
    """Whether guests may send something outside; `action`: "allow" or "deny".

    `ports`: (first, last), None: any; `protocol`: one of OUTGOING. `destination`: only to that subnet. Of a guest of
    the name `domain`, or from an address or subnet in `source`; None: of all.
    """

    action: str
    ports: tuple[int, int] | None = None
    protocol: str = "both"
    destination: str | None = None
    domain: str | None = None
    source: str | None = None

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"outgoing {self.action}" + (f" port {shown_ports(self.ports)}" if self.ports else "")

    def _check(self) -> None:
        if self.action not in ACTIONS:
            refuse(f"outgoing rule {shown(self.action)}: must be {' or '.join(ACTIONS)}")
        if self.ports is not None:
            check_ports(self.ports)
        if self.protocol not in OUTGOING:
            refuse(f"protocol {shown(self.protocol)}: must be {', '.join(OUTGOING[:-1])} or {OUTGOING[-1]}")
        if self.ports is not None and self.protocol not in WITH_PORTS:
            refuse(f"{self.label}: protocol {self.protocol!r} has no ports")
        if self.domain is not None:
            if self.source is not None:
                refuse(f"{self.label}: takes either a domain, the guest's name, or from")
            check_guest(self.label, self.domain)
        for what, text in (("destination", self.destination), ("from", self.source)):
            if text is not None and str(parse_subnet(text)) != text:
                refuse(f"{self.label}: {what} {shown(text)}: write it as {parse_subnet(text)}")
        if self.destination and self.source and (":" in self.destination) is not (":" in self.source):
            refuse(f"{self.label}: destination and from are of two IP versions")


class Incoming(Value):
    """What comes in: the forwards, and whether connections to a guest's own address do ("allow", "deny")."""

    default: str = "deny"
    forwards: tuple[PortForward, ...] = ()
    _nested = {"forwards": PortForward}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        _check_default("incoming", self.default)
        _check_overlaps(self.forwards)


class Outgoing(Value):
    """What goes out: the first rule that matches counts, then `default`."""

    default: str = "allow"
    rules: tuple[PortRule, ...] = ()
    _nested = {"rules": PortRule}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        _check_default("outgoing", self.default)


class Forwarding(Value):
    """Rules beside the forward mode; None: what the mode means. `enabled` False keeps them for an isolated network."""

    enabled: bool = True
    incoming: Incoming | None = None
    outgoing: Outgoing | None = None
    _nested = {"incoming": Incoming, "outgoing": Outgoing}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def port_forwards(self) -> tuple[PortForward, ...]:
        """The forwards that are in force while the network is up."""
        return self.incoming.forwards if self.enabled and self.incoming else ()


def shown_ports(ports: tuple[int, int]) -> str:
    """(80, 80) -> "80", (80, 90) -> "80-90"."""
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"


def check_guest(what: str, name: str) -> None:
    """Raise DefinitionError for what no guest is called."""
    if not (is_domain_name(name) and label_of(name)):
        refuse(f"{what}: domain {shown(name)}: must be the name of a guest")


class Claims:
    """Which forwards some connection could mean beside a given one; asked of thousands at once.

    By protocol and address of the host ("": any), the subnets that connections may come from.
    """

    def __init__(self) -> None:
        self._on: dict[tuple[str, str], Blocks] = {}
        self._all = {"tcp": Blocks(), "udp": Blocks()}

    def add(self, item: PortForward, owner: str) -> None:
        """Add a forward, by a name of its own."""
        for protocol, subnet in _parts(item):
            block = (subnet.version, subnet.first, subnet.prefix)
            self._on.setdefault((protocol, item.on or ""), Blocks()).add(block, owner)
            self._all[protocol].add(block, owner)

    def discard(self, item: PortForward, owner: str) -> None:
        """Take away a forward that was added, once."""
        for protocol, subnet in _parts(item):
            block = (subnet.version, subnet.first, subnet.prefix)
            self._on[protocol, item.on or ""].discard(block, owner)
            self._all[protocol].discard(block, owner)

    def like(self, item: PortForward) -> "Iterator[str]":
        """The owners of those that have a protocol, an address of the host and a source in common with this one."""
        for protocol, subnet in _parts(item):
            if item.on is None:
                found = [self._all[protocol]]
            else:
                found = [blocks for on in (item.on, "") if (blocks := self._on.get((protocol, on))) is not None]
            for blocks in found:
                for _, owner in blocks.overlapping(subnet):
                    yield owner


def _parts(item: PortForward) -> "Iterator[tuple[str, Subnet]]":
    return ((protocol, subnet) for protocol in item.protocols for subnet in item.sources())


def _check_overlaps(forwards: tuple[PortForward, ...]) -> None:
    """Refuse two that some connection could mean. Along the ports, each is asked for the sources only that are open."""
    edges = [edge for place, item in enumerate(forwards) for edge in _edges(place, item)]
    open_now = Claims()
    for _, begins, place in sorted(edges):
        item = forwards[place]
        if not begins:
            open_now.discard(item, str(place))
            continue
        for other in open_now.like(item):
            one, two = sorted((place, int(other)))
            refuse(f"{forwards[two].label}: is forwarded already by {forwards[one].label}")
        open_now.add(item, str(place))


EVERYWHERE = {4: Subnet(4, 0, 0), 6: Subnet(6, 0, 0)}
"""All addresses of an IP version."""


def _edges(place: int, item: PortForward) -> tuple[tuple[int, bool, int], tuple[int, bool, int]]:
    """Where its ports begin and end, what ends before what begins."""
    return (item.ports[0], True, place), (item.ports[1] + 1, False, place)


def check_ports(ports: tuple[int, int]) -> None:
    """Raise DefinitionError for what is no range of ports."""
    if not 0 < ports[0] <= ports[1] <= PORT_MAX:
        refuse(f"port {shown_ports(ports)}: must be 1 to {PORT_MAX}, or a range as in 8000-8010")


def check_protocol(protocol: str) -> None:
    """Raise DefinitionError for what is not one of PROTOCOLS."""
    if protocol not in PROTOCOLS:
        refuse(f"protocol {shown(protocol)}: must be {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}")


def _check_default(what: str, default: str) -> None:
    if default not in ACTIONS:
        refuse(f"{what}: default {shown(default)}: must be {' or '.join(ACTIONS)}")
