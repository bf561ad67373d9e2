"""What the files of a network manager are to say of a shared NIC and its bridge, valid by construction.

Some of these files are sourced by a shell as root, so each value has a fixed pattern, and holds nothing that a shell,
a YAML or a keyfile reader would take for more than a word.
"""

from vnethook.address import BITS, canonical_ip, parse_ip, subnet_of
from vnethook.definition.text import check_mac
from vnethook.errors import DefinitionError
from vnethook.names import LINK_MAX, is_domain_name, refuse, shown
from vnethook.value import Value

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_BRIDGE = _ALNUM | frozenset("_-")
_NIC = _BRIDGE | frozenset(".")
_RESERVED = frozenset(("all", "default", "lo"))
"""Names that mean something else to sysctls and managers."""
NONE, AUTO, STATIC = "none", "auto", "static"
MODES = (NONE, AUTO, STATIC)
"""Of IPv6: off, as routers on the network advertise it, or the addresses that are given and no advertisements."""
BRIDGE, PROPOSAL = "bridge", "proposal"
LAYOUTS = (BRIDGE, PROPOSAL)
"""The NIC keeps its name; or it is called p and its name, and the bridge has its name."""
MTU_MIN, MTU_MAX = 68, 65535
ZONE_MAX = 17
"""firewalld.zone(5)."""
_TABLE_MAX, _NUMBER_MAX = 0xFFFFFFFF, 0xFFFFFFFF


class Address(Value):
    """An address of the bridge: ("192.0.2.20", 24); `label`: what follows the name and a colon in its label."""

    ip: str
    prefix: int
    label: str = ""

    def _check(self) -> None:
        version = check_ip("address", self.ip)
        _check_number(f"address {self.ip}: prefix", self.prefix, 0, BITS[version])
        is_label = version == 4 and _ALNUM.issuperset(self.label) and len(self.label) < LINK_MAX
        if self.label and not is_label:
            refuse(f"address {self.ip}: label {shown(self.label)}: must be letters and digits, and of IPv4")

    @property
    def version(self) -> int:
        """Its IP version."""
        return 6 if ":" in self.ip else 4

    def __str__(self) -> str:
        return f"{self.ip}/{self.prefix}"


class Route(Value):
    """A route by the bridge: `destination` as "198.51.100.0/24", "0.0.0.0/0" or "::/0"; without a gateway on the link.

    `metric`, `table`: 0 as the manager has it; `is_onlink`: the gateway is on the link, whatever addresses say;
    `source`: the address that the host then uses.
    """

    destination: str
    gateway: str = ""
    metric: int = 0
    table: int = 0
    is_onlink: bool = False
    source: str = ""

    def _check(self) -> None:
        what = f"route {shown(self.destination)}"
        _check_subnet("route", self.destination)
        for name, ip in (("gateway", self.gateway), ("source", self.source)):
            if ip and check_ip(f"{what}: {name}", ip) != self.version:
                refuse(f"{what}: {name} {ip}: is of the other IP version")
        _check_number(f"{what}: metric", self.metric, 0, _NUMBER_MAX)
        _check_number(f"{what}: table", self.table, 0, _TABLE_MAX)
        if not self.gateway and self.is_onlink:
            refuse(f"{what}: onlink: there is no gateway to be on the link")

    @property
    def version(self) -> int:
        """Its IP version."""
        return 6 if ":" in self.destination else 4

    @property
    def is_default(self) -> bool:
        """Whether it leads everywhere."""
        return self.destination in {"0.0.0.0/0", "::/0"}

    @property
    def is_plain_default(self) -> bool:
        """Whether it is what managers call the gateway."""
        return self.is_default and not self.table and not self.source and bool(self.gateway)


class Rule(Value):
    """A routing rule: packets from `source` or to `destination`, subnets or empty, are looked up in `table`."""

    table: int
    source: str = ""
    destination: str = ""
    priority: int = 0

    def _check(self) -> None:
        for name, subnet in (("from", self.source), ("to", self.destination)):
            if subnet:
                _check_subnet(f"rule: {name}", subnet)
        _check_number("rule: table", self.table, 1, _TABLE_MAX)
        _check_number("rule: priority", self.priority, 0, _NUMBER_MAX)
        if not self.source and not self.destination:
            refuse(f"rule: table {self.table}: it says neither where packets come from nor where they go")
        if self.source and self.destination and (":" in self.source) != (":" in self.destination):
            refuse(f"rule: from {self.source} to {self.destination}: of two IP versions")

    @property
    def version(self) -> int:
        """Its IP version."""
        return 6 if ":" in self.source + self.destination else 4


class InterfaceConfig(Value):
    """A shared NIC: its present name, its bridge's name, its MAC; what the bridge has at layer 3.

    A bridge of the NIC's own name means layout "proposal". `mtu`: bytes, 0 as the driver has it; `dhcp4`: IPv4 by DHCP,
    beside the addresses; `ipv6`: one of MODES; `zone`: firewalld's, empty for its default.
    """

    _nested = {"addresses": Address, "routes": Route, "rules": Rule}  # noqa: RUF012 (ClassVar: not at run time)
    nic: str
    bridge: str
    mac: str
    mtu: int = 0
    dhcp4: bool = False
    ipv6: str = AUTO
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    zone: str = ""

    def _check(self) -> None:
        self._check_names()
        check_mac("MAC address", self.mac)
        if self.mtu:
            _check_number("MTU", self.mtu, MTU_MIN, MTU_MAX)
        for server in self.dns:
            check_ip("DNS server", server)
        for domain in self.search:
            if not is_domain_name(domain):
                refuse(f"search domain {shown(domain)}: not a domain name")
        if self.zone and not (len(self.zone) <= ZONE_MAX and _BRIDGE.issuperset(self.zone) and self.zone[0] in _ALNUM):
            refuse(f"zone {shown(self.zone)}: must be 1 to {ZONE_MAX} of A-Z a-z 0-9 _-, a letter or digit first")
        self._check_layer3()

    def _check_names(self) -> None:
        _check_name("interface", self.nic, _NIC)
        _check_name("bridge", self.bridge, _BRIDGE)
        if len(self.port) > LINK_MAX:
            msg = f"interface {self.nic!r}: layout proposal: {self.port!r} is longer than {LINK_MAX} characters"
            raise DefinitionError(msg, hint="use the layout in which it keeps its name: --layout bridge")

    def _check_layer3(self) -> None:
        if self.ipv6 not in MODES:
            refuse(f"IPv6 mode {shown(self.ipv6)}: must be {', '.join(MODES)}")
        for address in self.addresses:
            if address.label and len(f"{self.bridge}:{address.label}") > LINK_MAX:
                refuse(f"address {address}: label: {self.bridge}:{address.label} is longer than {LINK_MAX} characters")
        if self.ipv6 == NONE:
            known = [str(address) for address in self.addresses if address.version == 6]
            known += [route.destination for route in self.routes if route.version == 6]
            known += [rule.source or rule.destination for rule in self.rules if rule.version == 6]
            if known:
                refuse(f"IPv6 mode 'none': {known[0]} is of IPv6")

    @property
    def layout(self) -> str:
        """One of LAYOUTS."""
        return PROPOSAL if self.bridge == self.nic else BRIDGE

    @property
    def port(self) -> str:
        """What the NIC is called as a port."""
        return f"p{self.nic}" if self.layout == PROPOSAL else self.nic

    def of_version(self, version: int) -> tuple[Address, ...]:
        """The addresses of an IP version."""
        return tuple(address for address in self.addresses if address.version == version)

    def gateway(self, version: int) -> Route | None:
        """The default route of an IP version that managers call the gateway, None for none."""
        return next((route for route in self.routes if route.version == version and route.is_plain_default), None)

    def further_routes(self, version: int) -> tuple[Route, ...]:
        """The routes of an IP version beside the gateway."""
        gateway = self.gateway(version)
        return tuple(route for route in self.routes if route.version == version and route is not gateway)

    def is_on_link(self, route: Route) -> bool:
        """Whether the gateway of a route is in a subnet of the bridge's, or a link-local address."""
        if route.gateway.startswith("fe80:"):
            return True
        return any(subnet_of(one.ip, one.prefix).has_address(route.gateway) for one in self.of_version(route.version))


def check_ip(what: str, ip: str) -> int:
    """The IP version of an address in its canonical form; raise DefinitionError that names what it is of."""
    try:
        version, _ = parse_ip(ip)
    except DefinitionError:
        refuse(f"{what} {shown(ip)}: neither an IPv4 nor an IPv6 address")
    if canonical_ip(ip) != ip:
        refuse(f"{what} {shown(ip)}: write it as {canonical_ip(ip)}")
    return version


def _check_subnet(what: str, text: str) -> None:
    ip, slash, prefix = text.partition("/")
    version = check_ip(what, ip)
    if not slash or not prefix.isascii() or not prefix.isdigit() or str(int(prefix)) != prefix:
        refuse(f"{what} {shown(text)}: must end with its prefix length, as in 192.0.2.0/24")
    _check_number(f"{what} {shown(ip)}: prefix", int(prefix), 0, BITS[version])
    if str(subnet_of(ip, int(prefix))) != text:
        refuse(f"{what} {text}: the subnet is {subnet_of(ip, int(prefix))}")


def _check_number(what: str, number: int, first: int, last: int) -> None:
    if not first <= number <= last:
        refuse(f"{what} {shown(number)}: must be {first} to {last}")


def _check_name(what: str, name: str, allowed: frozenset[str]) -> None:
    if not (0 < len(name) <= LINK_MAX and allowed.issuperset(name) and name[0] in _ALNUM and name not in _RESERVED):
        signs = "_.-" if "." in allowed else "_-"
        refuse(f"{what} {shown(name)}: must be 1 to {LINK_MAX} of A-Z a-z 0-9 {signs}, a letter or digit first")
