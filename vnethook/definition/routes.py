"""How a network reaches others by itself: static routes by a guest, and what its masquerading turns addresses into."""

from vnethook.address import Subnet, check_canonical, class_prefix, parse_ip, subnet_of
from vnethook.definition.spelling import Spelt
from vnethook.live.record import DEFAULT_PREFIX
from vnethook.names import refuse

METRIC_DEFAULT = 1
"""As libvirt has it: virNetDevIPRouteGetMetric()."""
METRIC_MAX = 0xFFFFFFFF
PORT_MAX = 65535
NAT_PORTS = (1024, PORT_MAX)
"""Those of TCP and UDP that are taken unless others are written."""


class Route(Spelt):
    """A route by a gateway on the network; `metric` None: METRIC_DEFAULT.

    `said`: of "family" and "netmask" (in place of a prefix), both of IPv4, what is written.
    """

    address: str
    prefix: int
    gateway: str
    metric: int | None = None
    said: tuple[str, ...] = ()

    @property
    def subnet(self) -> Subnet:
        """Where it leads."""
        return subnet_of(self.address, self.prefix)

    @property
    def leads_everywhere(self) -> bool:
        """Whether it is a default route, or as good as one, so that it is in nobody's way but another's."""
        return self.prefix <= DEFAULT_PREFIX[self.subnet.version]

    @property
    def effective_metric(self) -> int:
        """The metric that it has in force."""
        return self.metric or METRIC_DEFAULT

    def _check(self) -> None:
        check_canonical("route", self.address)
        check_canonical("route: gateway", self.gateway)
        version, number = parse_ip(self.address)
        if self.subnet.first != number:
            refuse(f"route {self.address}/{self.prefix}: the network address is {self.subnet}")
        if parse_ip(self.gateway)[0] != version:
            refuse(f"route {self.address}/{self.prefix}: gateway {self.gateway} is of another family")
        if self.metric is not None and not 0 < self.metric <= METRIC_MAX:
            refuse(f"route {self.address}/{self.prefix}: metric {self.metric}: must be 1 to {METRIC_MAX}")


def default_prefix(address: str) -> int:
    """The prefix length of a route that says none: that of its address's class, 0 for all addresses, IPv6 64."""
    return 0 if parse_ip(address)[1] == 0 else class_prefix(address)


class Nat(Spelt):
    """How mode nat masquerades.

    `addresses`: (first, last), None: the uplink's own; `ports`: (first, last) for TCP and UDP, None: 1024 to 65535;
    `ipv6`: also IPv6, which is else routed. `said`: of "ipv6" and "port" what is written.
    """

    addresses: tuple[str, str] | None = None
    ports: tuple[int, int] | None = None
    ipv6: bool = False
    said: tuple[str, ...] = ()

    def _check(self) -> None:
        if self.addresses is not None:
            start, end = self.addresses
            for address in self.addresses:
                check_canonical("nat: address", address)
                if ":" in address:
                    refuse(f"nat: address {address}: must be IPv4")
            if parse_ip(end)[1] < parse_ip(start)[1]:
                refuse(f"nat: address {start} to {end}: the end lies before the start")
        if self.ports is not None:
            first, last = self.ports
            if not 0 < first <= last <= PORT_MAX:
                refuse(f"nat: port {first} to {last}: must be a range within 1 to {PORT_MAX}")
