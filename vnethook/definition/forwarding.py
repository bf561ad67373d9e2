"""The firewall of the 2007 dialect: ports forwarded to guests, and what guests may reach outside."""

from vnethook.address import Subnet, check_canonical, parse_subnet
from vnethook.definition.blocks import Blocks
from vnethook.names import is_domain_name, label_of, refuse, shown
from vnethook.value import Value

PORT_MAX = 65535
PROTOCOLS = ("tcp", "udp", "both")
ACTIONS = ("allow", "deny")


class PortForward(Value):
    """Connections to `ports` of the host go to a guest: of that name (`domain`) or `address`, at ports `to`.

    `ports`, `to`: (first, last); `to` None: the same. `source`: only from that subnet.
    """

    ports: tuple[int, int]
    protocol: str = "both"
    to: tuple[int, int] | None = None
    domain: str | None = None
    address: str | None = None
    source: str | None = None

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"incoming port {shown_ports(self.ports)}"

    def _check(self) -> None:
        _check_ports(self.ports)
        _check_protocol(self.protocol)
        if self.to is not None:
            _check_ports(self.to)
            if self.to[1] - self.to[0] != self.ports[1] - self.ports[0]:
                refuse(f"{self.label}: to {shown_ports(self.to)}: must be as many ports")
        if (self.domain is None) is (self.address is None):
            refuse(f"{self.label}: needs either a domain, the guest's name, or an address")
        if self.domain is not None and not (is_domain_name(self.domain) and label_of(self.domain)):
            refuse(f"{self.label}: domain {shown(self.domain)}: must be the name of a guest")
        if self.address is not None:
            check_canonical(self.label, self.address)
        if self.source is not None and str(parse_subnet(self.source)) != self.source:
            refuse(f"{self.label}: from {shown(self.source)}: write it as {parse_subnet(self.source)}")


class PortRule(Value):
    """Whether guests may open connections to `ports` (first, last) outside; `action`: "allow" or "deny"."""

    action: str
    ports: tuple[int, int]
    protocol: str = "both"

    def _check(self) -> None:
        if self.action not in ACTIONS:
            refuse(f"outgoing rule {shown(self.action)}: must be {' or '.join(ACTIONS)}")
        _check_ports(self.ports)
        _check_protocol(self.protocol)


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


def shown_ports(ports: tuple[int, int]) -> str:
    """(80, 80) -> "80", (80, 90) -> "80-90"."""
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"


def _check_overlaps(forwards: tuple[PortForward, ...]) -> None:
    """Refuse two that some connection could mean. Along the ports, each is asked for the sources only that are open."""
    edges = [edge for place, item in enumerate(forwards) for edge in _edges(place, item)]
    open_now = {"tcp": Blocks(), "udp": Blocks()}
    for _, begins, place in sorted(edges):
        item = forwards[place]
        for protocol in ("tcp", "udp") if item.protocol == "both" else (item.protocol,):
            for subnet in _EVERYWHERE if item.source is None else (parse_subnet(item.source),):
                if not begins:
                    open_now[protocol].discard((subnet.version, subnet.first, subnet.prefix), str(place))
                    continue
                for _, other in open_now[protocol].overlapping(subnet):
                    one, two = sorted((place, int(other)))
                    refuse(f"{forwards[two].label}: is forwarded already by {forwards[one].label}")
                open_now[protocol].add((subnet.version, subnet.first, subnet.prefix), str(place))


_EVERYWHERE = (Subnet(4, 0, 0), Subnet(6, 0, 0))


def _edges(place: int, item: PortForward) -> tuple[tuple[int, bool, int], tuple[int, bool, int]]:
    """Where its ports begin and end, what ends before what begins."""
    return (item.ports[0], True, place), (item.ports[1] + 1, False, place)


def _check_ports(ports: tuple[int, int]) -> None:
    if not 0 < ports[0] <= ports[1] <= PORT_MAX:
        refuse(f"port {shown_ports(ports)}: must be 1 to {PORT_MAX}, or a range as in 8000-8010")


def _check_protocol(protocol: str) -> None:
    if protocol not in PROTOCOLS:
        refuse(f"protocol {shown(protocol)}: must be {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}")


def _check_default(what: str, default: str) -> None:
    if default not in ACTIONS:
        refuse(f"{what}: default {shown(default)}: must be {' or '.join(ACTIONS)}")
