"""The network as the administrator defined it: immutable values, valid by construction, no I/O.

A `Network` read from XML may lack what is chosen at define time (uuid, bridge name, MAC, a subnet); `is_complete` says
whether anything is missing, and only a complete one is compiled and brought up. Units: MTU in bytes, delay in seconds.
The vocabulary is libvirt's (formatnetwork.html) in the words of this package.
"""

from vnethook.address import BITS, Subnet, format_ip
from vnethook.definition.backend import USER
from vnethook.definition.consistency import check_parts
from vnethook.definition.dns import Dns, DnsHost, DnsSrv, DnsTxt, Forwarder
from vnethook.definition.element import Element
from vnethook.definition.fabric import Fabric
from vnethook.definition.forwarding import Forwarding
from vnethook.definition.guard import Guard
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip, every_range
from vnethook.definition.offers import Offers
from vnethook.definition.options import check_option
from vnethook.definition.peers import Connection, Listen
from vnethook.definition.routes import Nat, Route
from vnethook.definition.spelling import Spelt
from vnethook.definition.text import check_ascii, check_line, check_mac, check_prose, is_uuid
from vnethook.definition.traffic import Bandwidth, PortGroup, Vlan
from vnethook.definition.vde import Vde
from vnethook.names import check_network_name, is_domain_name, is_link_name, refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.forwarding import Outgoing, PortForward

__all__ = [
    "Bandwidth",
    "Bridge",
    "Connection",
    "DhcpHost",
    "DhcpRange",
    "Dns",
    "DnsHost",
    "DnsSrv",
    "DnsTxt",
    "Element",
    "Fabric",
    "Forwarder",
    "Forwarding",
    "Guard",
    "Ip",
    "Listen",
    "Nat",
    "Network",
    "Offers",
    "PortGroup",
    "Route",
    "Vde",
    "Vlan",
]

OWN_MODES = ("nat", "route", "open", "none", USER)
"""Those whose network has a bridge that we make."""
MACVTAP_MODES = ("private", "vepa", "passthrough", "hostdev")
"""libvirt's for macvtap and SR-IOV, without a bridge; kept, and never brought up."""
FORWARD_MODES = (*OWN_MODES, "bridge", *MACVTAP_MODES)
ROUTED_MODES = ("nat", "route", USER)
"""Those in which we decide what goes in and out."""
MAC_TABLES = ("kernel", "libvirt")
MTU_MIN, MTU_MAX = 68, 65535
"""Source: RFC 791 (68), the kernel's limit for a bridge (65535)."""
MTU_MIN_IPV6 = 1280
"""Source: RFC 8200, section 5."""
DELAY_MAX_S = 30
"""Source: IEEE 802.1D, table 17-1; the kernel's br_private_stp.h."""
IPS_MAX = 64
"""Addresses of one network; each is compared with each other."""


class Bridge(Value):
    """The bridge of a network: its name (None: chosen at define), spanning tree and forward delay.

    `zone`: of firewalld. `mac_table`: who fills the bridge's table of MACs, "kernel" by learning (None: the same) or
    "libvirt", whose part we take: by what is attached.
    """

    name: str | None = None
    stp: bool = False
    delay_s: int = 0
    zone: str | None = None
    mac_table: str | None = None

    def _check(self) -> None:
        if self.zone is not None:
            check_ascii("bridge zone", self.zone, without=" ")
        if self.mac_table is not None and self.mac_table not in MAC_TABLES:
            refuse(f"bridge macTableManager {shown(self.mac_table)}: must be {' or '.join(MAC_TABLES)}")
        if self.name is not None and not is_link_name(self.name):
            refuse(f"bridge name {shown(self.name)}: must be 1 to 15 letters, digits and _.+@:-")
        if not 0 <= self.delay_s <= DELAY_MAX_S:
            refuse(f"bridge delay {self.delay_s}: must be 0 to {DELAY_MAX_S} seconds")


class Network(Spelt):
    """A network: what a guest that names it is attached to.

    `forward` is one of FORWARD_MODES, "none": isolated. `mac` is the bridge's, canonical. `domain` is the DNS domain;
    `domain_local`: its names are asked of nobody else; `domain_register`: the host resolves them. `backend`: what a
    user's is made of (None: not said). `uplinks`: the devices that `forward` is confined to; `proxied`: guests have
    addresses of the uplink's own subnets, and the host answers for them there (RFC 1027, RFC 4389).
    `ipv6_between_guests`: without an IPv6 address. `isolated`: guests do not reach each other, `guard`: what they may
    not send (None: not said). `offers`: what they reach of the host. `vde`: a switch for guests without a tap;
    `fabric`: how it goes on at other hosts. `metadata`: other programs' elements, as XML. `options`: dnsmasq's lines.
    `managed`, `trusts_filters`, `foreign`, `virtualport`: libvirt's for SR-IOV and macvtap. `said`: of the domain's
    "localOnly" and "register" what is written.
    """

    name: str
    uuid: str | None = None
    bridge: Bridge = Bridge()
    mac: str | None = None
    mtu: int | None = None
    forward: str = "none"
    backend: str | None = None
    uplinks: tuple[str, ...] = ()
    proxied: bool = False
    nat: Nat = Nat()
    ips: tuple[Ip, ...] = ()
    dns: Dns = Dns()
    domain: str | None = None
    domain_local: bool = False
    domain_register: bool = False
    routes: tuple[Route, ...] = ()
    vlan: Vlan | None = None
    bandwidth: Bandwidth | None = None
    isolated: bool | None = None
    guard: Guard | None = None
    vde: Vde | None = None
    portgroups: tuple[PortGroup, ...] = ()
    options: tuple[str, ...] = ()
    ipv6_between_guests: bool = False
    forwarding: Forwarding | None = None
    offers: Offers | None = None
    listens: tuple[Listen, ...] = ()
    connections: tuple[Connection, ...] = ()
    fabric: Fabric | None = None
    title: str | None = None
    description: str | None = None
    metadata: tuple[str, ...] = ()
    managed: bool | None = None
    trusts_filters: bool | None = None
    foreign: tuple[Element, ...] = ()
    virtualport: Element | None = None
    said: tuple[str, ...] = ()
    _nested = {  # noqa: RUF012 (ClassVar needs typing)
        "bridge": Bridge,
        "nat": Nat,
        "ips": Ip,
        "dns": Dns,
        "routes": Route,
        "vlan": Vlan,
        "bandwidth": Bandwidth,
        "guard": Guard,
        "vde": Vde,
        "portgroups": PortGroup,
        "forwarding": Forwarding,
        "offers": Offers,
        "listens": Listen,
        "connections": Connection,
        "fabric": Fabric,
        "foreign": Element,
        "virtualport": Element,
    }

    @property
    def owns_bridge(self) -> bool:
        """Whether it has a bridge that comes and goes with it; else one of the administrator's, or none."""
        return self.forward in OWN_MODES

    @property
    def as_planned(self) -> "Network":
        """The network with the mode that it is planned by: what leads out of a user's namespace is its uplink there."""
        return self.replace(forward="nat", backend=None) if self.forward == USER else self

    @property
    def effective_guard(self) -> Guard:
        """How ports are guarded: by default those of a bridge of its own; on another one a guest may be anything.

        Among the hosts of a physical network a guest is held to its own address.
        """
        return self.guard or Guard(("strict" if self.proxied else "standard") if self.owns_bridge else "off")

    @property
    def port_forwards(self) -> "tuple[PortForward, ...]":
        """The forwards that are in force while it is up."""
        return self.forwarding.port_forwards if self.forwarding else ()

    @property
    def outgoing(self) -> "Outgoing | None":
        """What is said of what goes out while it is up; None: all may."""
        return self.forwarding.outgoing if self.forwarding and self.forwarding.enabled else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The bridge's, "192.0.2.1/24". One of the uplink's subnet is alone: its broadcasts are the uplink's."""
        alone = {4} if self.proxied else set()
        return tuple(f"{ip.address}/{BITS[4] if ip.version in alone else ip.prefix}" for ip in self.ips if ip.address)

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """The subnets of all its addresses that are known."""
        return tuple(ip.subnet for ip in self.ips if ip.address)

    @property
    def claims(self) -> tuple[Subnet, ...]:
        """What no other network can have: its subnets, and where its routes lead."""
        return (*self.subnets, *(route.subnet for route in self.routes if not route.leads_everywhere))

    @property
    def wants_subnet(self) -> bool:
        """Whether a free subnet has to be chosen for it."""
        return any(ip.address is None for ip in self.ips) or (self.forward in ROUTED_MODES and not self.ips)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to choose, so that it can be brought up."""
        has_bridge = bool(self.bridge.name and self.mac) or not self.owns_bridge
        return bool(self.uuid) and has_bridge and not self.wants_subnet

    @property
    def has_ipv6(self) -> bool:
        """Whether one of its addresses is an IPv6 one."""
        return any(ip.version == 6 for ip in self.ips if ip.address)

    def with_subnet(self, subnet: Subnet) -> "Network":
        """The network with its missing IPv4 subnet filled in: first address for the bridge, the rest for guests."""
        address = format_ip(4, subnet.first + 1)
        every = every_range(address, subnet.prefix)
        filled = []
        for ip in self.ips or (Ip(whole_range=True),):
            if ip.address is None:
                ranges = every if ip.whole_range else ()
                filled.append(ip.replace(address=address, prefix=subnet.prefix, ranges=ranges, automatic=True))
            else:
                filled.append(ip)
        return self.replace(ips=tuple(filled))

    def without_automatic(self) -> "Network":
        """What was asked for before a subnet was chosen, so that `wants_subnet` asks for one again."""
        ips = tuple(ip.without_automatic() for ip in self.ips)
        if self.forward in ROUTED_MODES and ips == (Ip(whole_range=True),) and not ips[0].said:
            ips = ()  # what a network without <ip> gets
        return self.replace(ips=ips)

    def _check(self) -> None:
        check_network_name(self.name)
        if self.uuid is not None and not is_uuid(self.uuid):
            refuse(f"uuid {shown(self.uuid)}: must be 32 hexadecimal digits in the form 8-4-4-4-12, lower case")
        if self.mac is not None:
            check_mac("mac", self.mac)
        if self.forward not in FORWARD_MODES:
            refuse(f"forward mode {shown(self.forward)}: must be one of {', '.join(FORWARD_MODES)}")
        self._check_text()
        self._check_mtu()
        self._check_ips()
        check_parts(self)

    def _check_text(self) -> None:
        if self.title is not None:
            check_line("title", self.title)
        if self.description is not None:
            check_prose("description", self.description)
        if self.domain is None and (self.domain_local or self.domain_register):
            refuse("domain: localOnly and register need a name")
        if self.domain is not None and not is_domain_name(self.domain):
            refuse(f"domain {shown(self.domain)}: not a DNS name")
        for option in self.options:
            check_option(option)

    def _check_mtu(self) -> None:
        if self.mtu is None:
            return
        if not MTU_MIN <= self.mtu <= MTU_MAX:
            refuse(f"mtu {self.mtu}: must be {MTU_MIN} to {MTU_MAX}")
        if self.has_ipv6 and self.mtu < MTU_MIN_IPV6:
            refuse(f"mtu {self.mtu}: IPv6 needs at least {MTU_MIN_IPV6}")

    def _check_ips(self) -> None:
        if len(self.ips) > IPS_MAX:
            refuse(f"ip: more than {IPS_MAX} addresses")
        if sum(ip.address is None for ip in self.ips) > 1:
            refuse("ip: only one subnet can be chosen automatically")
        subnets = self.subnets
        for index, subnet in enumerate(subnets):
            for other in subnets[:index]:
                if subnet.overlaps(other):
                    refuse(f"ip: {subnet} overlaps {other} of the same network")
        for version in (4, 6):
            if sum(ip.serves_dhcp for ip in self.ips if ip.version == version) > 1:
                refuse(f"ip: DHCP on two IPv{version} addresses of one network")
