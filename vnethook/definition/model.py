"""The network as the administrator defined it: immutable values, valid by construction, no I/O.

A `Network` read from XML may lack what is chosen at define time (uuid, bridge name, MAC, a subnet); `is_complete` says
whether anything is missing, and only a complete one is compiled and brought up. Units: MTU in bytes, delay in seconds.
The vocabulary is libvirt's (formatnetwork.html) in the words of this package.
"""

from vnethook.address import Subnet, format_ip
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip, check_canonical, every_range
from vnethook.mac import canonical_mac, is_multicast_mac
from vnethook.names import check_network_name, is_domain_name, is_link_name, refuse, shown
from vnethook.value import Value

__all__ = ["Bridge", "DhcpHost", "DhcpRange", "Dns", "DnsHost", "Forwarder", "Ip", "Network"]

FORWARD_MODES = ("nat", "route", "none")
MTU_MIN, MTU_MAX = 68, 65535
"""Source: RFC 791 (68), the kernel's limit for a bridge (65535)."""
MTU_MIN_IPV6 = 1280
"""Source: RFC 8200, section 5."""
DELAY_MAX_S = 30
"""Source: IEEE 802.1D, table 17-1; the kernel's br_private_stp.h."""
IPS_MAX = 64
"""Addresses of one network; each is compared with each other."""


class Bridge(Value):
    """The bridge of a network: its name (None: chosen at define), spanning tree and forward delay."""

    name: str | None = None
    stp: bool = False
    delay_s: int = 0

    def _check(self) -> None:
        if self.name is not None and not is_link_name(self.name):
            refuse(f"bridge name {shown(self.name)}: must be 1 to 15 letters, digits and _.+@:-")
        if not 0 <= self.delay_s <= DELAY_MAX_S:
            refuse(f"bridge delay {self.delay_s}: must be 0 to {DELAY_MAX_S} seconds")


class DnsHost(Value):
    """Names that the network's DNS answers with a fixed address."""

    ip: str
    names: tuple[str, ...]

    def _check(self) -> None:
        check_canonical("DNS host", self.ip)
        if not self.names:
            refuse(f"DNS host {self.ip}: needs a hostname")
        if len(set(self.names)) < len(self.names):
            refuse(f"DNS host {self.ip}: a hostname is given twice")
        for name in self.names:
            if not is_domain_name(name):
                refuse(f"DNS host {self.ip}: hostname {shown(name)}: not a DNS name")


class Forwarder(Value):
    """Where DNS questions go: `address` (None: the host's name servers), for one `domain` or for all."""

    address: str | None = None
    domain: str | None = None

    def _check(self) -> None:
        if self.address is None and self.domain is None:
            refuse("DNS forwarder: needs an addr, a domain or both")
        if self.address is not None:
            check_canonical("DNS forwarder", self.address)
        if self.domain is not None and not is_domain_name(self.domain):
            refuse(f"DNS forwarder: domain {shown(self.domain)}: not a DNS name")


class Dns(Value):
    """The network's DNS server."""

    enable: bool = True
    hosts: tuple[DnsHost, ...] = ()
    forwarders: tuple[Forwarder, ...] = ()
    _nested = {"hosts": DnsHost, "forwarders": Forwarder}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        if not self.enable and (self.hosts or self.forwarders):
            refuse("dns: has children although it is off")
        if len({host.ip for host in self.hosts}) < len(self.hosts):
            refuse("dns: two hosts with one ip; put its hostnames into one element")
        if len(set(self.forwarders)) < len(self.forwarders):
            refuse("dns: a forwarder is given twice")


class Network(Value):
    """A network: what a guest that names it is attached to.

    `forward` is "nat", "route" or "none" (isolated). `mac` is the bridge's, canonical. `domain` is the DNS domain.
    """

    name: str
    uuid: str | None = None
    bridge: Bridge = Bridge()
    mac: str | None = None
    mtu: int | None = None
    forward: str = "none"
    ips: tuple[Ip, ...] = ()
    dns: Dns = Dns()
    domain: str | None = None
    _nested = {"bridge": Bridge, "ips": Ip, "dns": Dns}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def subnets(self) -> tuple[Subnet, ...]:
        """The subnets of all its addresses that are known."""
        return tuple(ip.subnet for ip in self.ips if ip.address)

    @property
    def wants_subnet(self) -> bool:
        """Whether a free subnet has to be chosen for it."""
        return any(ip.address is None for ip in self.ips) or (self.forward in {"nat", "route"} and not self.ips)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to choose, so that it can be brought up."""
        return bool(self.uuid and self.bridge.name and self.mac) and not self.wants_subnet

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
        if self.forward in {"nat", "route"} and ips == (Ip(whole_range=True),):
            ips = ()  # what a network without <ip> gets
        return self.replace(ips=ips)

    def _check(self) -> None:
        check_network_name(self.name)
        if self.uuid is not None and not _is_uuid(self.uuid):
            refuse(f"uuid {shown(self.uuid)}: must be 32 hexadecimal digits in the form 8-4-4-4-12, lower case")
        if self.mac is not None and (canonical_mac(self.mac) != self.mac or is_multicast_mac(self.mac)):
            refuse(f"mac {self.mac}: must be a unicast address in lower case")
        if self.forward not in FORWARD_MODES:
            refuse(f"forward mode {shown(self.forward)}: must be one of {', '.join(FORWARD_MODES)}")
        if self.domain is not None and not is_domain_name(self.domain):
            refuse(f"domain {shown(self.domain)}: not a DNS name")
        self._check_mtu()
        self._check_ips()

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


def _is_uuid(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")
