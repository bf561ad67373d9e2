"""The network as the administrator defined it: immutable values, valid by construction, no I/O.

A `Network` read from XML may lack what is chosen at define time (uuid, bridge name, MAC, a subnet); `is_complete` says
whether anything is missing, and only a complete one is compiled and brought up. Units: MTU in bytes, delay in seconds.
The vocabulary is libvirt's (formatnetwork.html) in the words of this package.
"""

from vnethook.address import (
    Subnet,
    canonical_ip,
    canonical_mac,
    format_ip,
    is_multicast_mac,
    parse_ip,
    subnet_of,
)
from vnethook.definition.names import check_network_name, is_domain_name, is_link_name, shown
from vnethook.errors import DefinitionError
from vnethook.value import Value

FORWARD_MODES = ("nat", "route", "none")
MTU_MIN, MTU_MAX = 68, 65535
"""Source: RFC 791 (68), the kernel's limit for a bridge (65535)."""
MTU_MIN_IPV6 = 1280
"""Source: RFC 8200, section 5."""
DELAY_MAX_S = 30
"""Source: IEEE 802.1D, table 17-1; the kernel's br_private_stp.h."""
RANGE_MAX = 65535
"""Addresses of one DHCP range, as in libvirt."""


class Bridge(Value):
    """The bridge of a network: its name (None: chosen at define), spanning tree and forward delay."""

    name: str | None = None
    stp: bool = False
    delay_s: int = 0

    def _check(self) -> None:
        if self.name is not None and not is_link_name(self.name):
            _refuse(f"bridge name {shown(self.name)}: must be 1 to 15 letters, digits and _.+@:-")
        if not 0 <= self.delay_s <= DELAY_MAX_S:
            _refuse(f"bridge delay {self.delay_s}: must be 0 to {DELAY_MAX_S} seconds")


class DhcpRange(Value):
    """The addresses that DHCP hands out, both ends included."""

    start: str
    end: str

    def _check(self) -> None:
        version, first = parse_ip(self.start)
        other, last = parse_ip(self.end)
        if version != other:
            _refuse(f"DHCP range {self.start} to {self.end}: the two are of different families")
        if last < first:
            _refuse(f"DHCP range {self.start} to {self.end}: the end lies before the start")
        if last - first >= RANGE_MAX:
            _refuse(f"DHCP range {self.start} to {self.end}: more than {RANGE_MAX} addresses")


class DhcpHost(Value):
    """A fixed host: what it is recognised by (MAC, client id or DUID, or its guest's name) and what it is given."""

    mac: str | None = None
    id: str | None = None
    name: str | None = None
    ip: str | None = None

    def _check(self) -> None:
        if not (self.mac or self.id or self.name):
            _refuse("DHCP host: needs a mac, an id or a name")
        if self.mac and (canonical_mac(self.mac) != self.mac or is_multicast_mac(self.mac)):
            _refuse(f"DHCP host: MAC {self.mac}: must be a unicast address in lower case")
        if self.name and not is_domain_name(self.name):
            _refuse(f"DHCP host: name {shown(self.name)}: not a DNS name")
        if self.id and not (len(self.id) <= 389 and set(self.id) <= set("0123456789abcdefABCDEF:")):
            _refuse(f"DHCP host: id {shown(self.id)}: must be hexadecimal digits separated by colons")
        if self.ip:
            parse_ip(self.ip)
        elif not self.name:
            _refuse(f"DHCP host {self.mac or self.id}: needs an ip or a name")


class Ip(Value):
    """One address of the bridge with its subnet and DHCP; `address` None: a free subnet is chosen at define.

    `whole_range`: hand out every address of the subnet but the bridge's (an automatic subnet, the 2007 dialect).
    `automatic`: the address was chosen, not written. `dhcp`: False keeps ranges and hosts without serving them.
    """

    address: str | None = None
    prefix: int = 24
    ranges: tuple[DhcpRange, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    dhcp: bool = True
    whole_range: bool = False
    automatic: bool = False
    _nested = {"ranges": DhcpRange, "hosts": DhcpHost}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def version(self) -> int:
        """4 or 6; 4 for an address that is still to be chosen."""
        return parse_ip(self.address)[0] if self.address else 4

    @property
    def subnet(self) -> Subnet:
        """Its subnet; only for an address that is known."""
        if self.address is None:
            msg = "ip: the address is not chosen yet"
            raise DefinitionError(msg)
        return subnet_of(self.address, self.prefix)

    @property
    def serves_dhcp(self) -> bool:
        """Whether DHCP runs on this address."""
        return self.dhcp and bool(self.ranges or self.hosts)

    def _check(self) -> None:
        if self.address is None:
            if self.ranges or any(host.ip for host in self.hosts):
                _refuse("ip: a DHCP range or a host's address needs the address and netmask of the network")
            return
        if canonical_ip(self.address) != self.address:
            _refuse(f"ip {self.address}: write it as {canonical_ip(self.address)}")
        subnet = self.subnet
        number = parse_ip(self.address)[1]
        if self.prefix < 8 or (subnet.version == 4 and self.prefix > 30):
            _refuse(f"ip {self.address}/{self.prefix}: no room for guests" if self.prefix > 8 else f"prefix {self.prefix}: too short")
        if subnet.version == 6 and self.prefix > 126:
            _refuse(f"ip {self.address}/{self.prefix}: no room for guests")
        if number == subnet.first or (subnet.version == 4 and number == subnet.last):
            _refuse(f"ip {self.address}/{self.prefix}: is the network or broadcast address of its subnet")
        if _is_unusable(subnet.version, number):
            _refuse(f"ip {self.address}: a loopback, multicast, link-local or unspecified address cannot be a bridge's")
        for item in self.ranges:
            self._check_range(item, subnet)
        self._check_hosts(subnet)

    def _check_range(self, item: DhcpRange, subnet: Subnet) -> None:
        for end in (item.start, item.end):
            if not subnet.has_address(end):
                _refuse(f"DHCP range {item.start} to {item.end}: {end} is not in {subnet}")
        if subnet.version == 4:
            if parse_ip(item.start)[1] == subnet.first:
                _refuse(f"DHCP range {item.start} to {item.end}: begins with the network address of {subnet}")
            if parse_ip(item.end)[1] == subnet.last:
                _refuse(f"DHCP range {item.start} to {item.end}: ends with the broadcast address of {subnet}")

    def _check_hosts(self, subnet: Subnet) -> None:
        seen: set[str] = set()
        for host in self.hosts:
            if host.ip and not subnet.has_address(host.ip):
                _refuse(f"DHCP host {host.mac or host.id or host.name}: {host.ip} is not in {subnet}")
            if subnet.version == 6 and host.mac:
                _refuse(f"DHCP host {host.mac}: an IPv6 host is recognised by id or name, not by mac")
            for key in {host.mac, host.ip} - {None}:
                if key in seen:
                    _refuse(f"DHCP host {host.mac or host.id or host.name}: {key} is given to two hosts")
                seen.add(str(key))


class DnsHost(Value):
    """Names that the network's DNS answers with a fixed address."""

    ip: str
    names: tuple[str, ...]

    def _check(self) -> None:
        parse_ip(self.ip)
        if not self.names:
            _refuse(f"DNS host {self.ip}: needs a hostname")
        for name in self.names:
            if not is_domain_name(name):
                _refuse(f"DNS host {self.ip}: hostname {shown(name)}: not a DNS name")


class Forwarder(Value):
    """Where DNS questions go: `address` (None: answer nothing), for one `domain` or for all."""

    address: str | None = None
    domain: str | None = None

    def _check(self) -> None:
        if not (self.address or self.domain):
            _refuse("DNS forwarder: needs an addr, a domain or both")
        if self.address:
            parse_ip(self.address)
        if self.domain is not None and not is_domain_name(self.domain):
            _refuse(f"DNS forwarder: domain {shown(self.domain)}: not a DNS name")


class Dns(Value):
    """The network's DNS server."""

    enable: bool = True
    hosts: tuple[DnsHost, ...] = ()
    forwarders: tuple[Forwarder, ...] = ()
    _nested = {"hosts": DnsHost, "forwarders": Forwarder}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        if not self.enable and (self.hosts or self.forwarders):
            _refuse("dns: has children although it is off")
        addresses = [host.ip for host in self.hosts]
        for ip in addresses:
            if addresses.count(ip) > 1:
                _refuse(f"DNS host {ip}: written twice; put its hostnames into one element")


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
        chosen = Ip(
            address=format_ip(4, subnet.first + 1),
            prefix=subnet.prefix,
            ranges=(DhcpRange(format_ip(4, subnet.first + 2), format_ip(4, subnet.last - 1)),),
            automatic=True,
        )
        if not self.ips:
            return self.replace(ips=(chosen,))
        filled = []
        for ip in self.ips:
            if ip.address is not None:
                filled.append(ip)
                continue
            ranges = chosen.ranges if ip.whole_range else ()
            filled.append(chosen.replace(ranges=ranges, hosts=ip.hosts, dhcp=ip.dhcp, whole_range=ip.whole_range))
        return self.replace(ips=tuple(filled))

    def _check(self) -> None:
        check_network_name(self.name)
        if self.uuid is not None and not _is_uuid(self.uuid):
            _refuse(f"uuid {shown(self.uuid)}: must be 32 hexadecimal digits in the form 8-4-4-4-12, lower case")
        if self.mac is not None and (canonical_mac(self.mac) != self.mac or is_multicast_mac(self.mac)):
            _refuse(f"mac {self.mac}: must be a unicast address in lower case")
        if self.forward not in FORWARD_MODES:
            _refuse(f"forward mode {shown(self.forward)}: must be one of {', '.join(FORWARD_MODES)}")
        if self.domain is not None and not is_domain_name(self.domain):
            _refuse(f"domain {shown(self.domain)}: not a DNS name")
        self._check_mtu()
        self._check_ips()

    def _check_mtu(self) -> None:
        if self.mtu is None:
            return
        if not MTU_MIN <= self.mtu <= MTU_MAX:
            _refuse(f"mtu {self.mtu}: must be {MTU_MIN} to {MTU_MAX}")
        if self.has_ipv6 and self.mtu < MTU_MIN_IPV6:
            _refuse(f"mtu {self.mtu}: IPv6 needs at least {MTU_MIN_IPV6}")

    def _check_ips(self) -> None:
        if sum(ip.address is None for ip in self.ips) > 1:
            _refuse("ip: only one subnet can be chosen automatically")
        subnets = self.subnets
        for index, subnet in enumerate(subnets):
            for other in subnets[:index]:
                if subnet.overlaps(other):
                    _refuse(f"ip: {subnet} overlaps {other} of the same network")
        for version in (4, 6):
            if sum(ip.serves_dhcp for ip in self.ips if ip.version == version) > 1:
                _refuse(f"ip: DHCP on two IPv{version} addresses of one network")


def _refuse(message: str) -> None:
    raise DefinitionError(message)


def _is_uuid(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")


def _is_unusable(version: int, number: int) -> bool:
    blocks = (
        (("0.0.0.0", 8), ("127.0.0.0", 8), ("169.254.0.0", 16), ("224.0.0.0", 3))
        if version == 4
        else (("::", 96), ("fe80::", 10), ("ff00::", 8))
    )
    return any(subnet_of(address, prefix).first <= number <= subnet_of(address, prefix).last for address, prefix in blocks)
