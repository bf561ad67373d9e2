"""One address of a network's bridge: its subnet, and the DHCP that is served on it. Pure values, no I/O."""

from vnethook.address import Subnet, check_canonical, format_ip, parse_ip, subnet_of
from vnethook.definition.spelling import Spelt
from vnethook.definition.text import check_ascii, check_mac
from vnethook.names import is_dnsmasq_keyword, is_domain_name, refuse, shown

LEASE_MIN_S = 120
"""Source: dnsmasq(8), --dhcp-range: the shortest lease is two minutes."""
LEASE_MAX_S = 0xFFFFFFFE
"""Source: RFC 2131, section 3.3: all ones stand for ever."""
RANGE_MAX = 65535
"""Addresses of one DHCP range, as in libvirt."""
CLIENT_ID_MAX = 389
"""Characters of a client id or DUID: 130 octets in hexadecimal with colons. Source: RFC 8415, section 11.1."""
BOOT_FILE_MAX = 127
"""Characters of the file that a guest boots: the field of 128 octets ends with a zero. Source: RFC 2131, figure 1."""
TFTP_ROOT_MAX = 1000
"""dnsmasq reads lines of up to 1024 characters."""
PREFIX_DEFAULT = {4: 24, 6: 64}


class DhcpRange(Spelt):
    """The addresses that DHCP hands out, both ends included; `lease_s`: how long, 0: for ever, None: the default.

    `said`: the unit in which that is written.
    """

    start: str
    end: str
    lease_s: int | None = None
    said: tuple[str, ...] = ()

    def _check(self) -> None:
        _check_lease(f"DHCP range {self.start} to {self.end}", self.lease_s)
        version, first = parse_ip(self.start)
        other, last = parse_ip(self.end)
        check_canonical("DHCP range", self.start)
        check_canonical("DHCP range", self.end)
        if version != other:
            refuse(f"DHCP range {self.start} to {self.end}: the two are of different families")
        if last < first:
            refuse(f"DHCP range {self.start} to {self.end}: the end lies before the start")
        if last - first >= RANGE_MAX:
            refuse(f"DHCP range {self.start} to {self.end}: more than {RANGE_MAX} addresses")


class DhcpHost(Spelt):
    """A fixed host: what it is recognised by (MAC, client id or DUID, or its guest's name) and what it is given.

    `lease_s`: for how long it is given its address, 0: for ever, None: as its range says; `said`: in which unit.
    """

    mac: str | None = None
    id: str | None = None
    name: str | None = None
    ip: str | None = None
    lease_s: int | None = None
    said: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a message calls it."""
        return self.mac or shown(self.id or self.name)

    def _check(self) -> None:
        if self.mac is None and self.id is None and self.name is None:
            refuse("DHCP host: needs a mac, an id or a name")
        if self.mac is not None:
            check_mac("DHCP host: mac", self.mac)
        if self.name is not None and not (is_domain_name(self.name) and self.name[0].isalnum()):
            refuse(f"DHCP host: name {shown(self.name)}: must be a DNS name that begins with a letter or digit")
        if self.name is not None and is_dnsmasq_keyword(self.name):
            refuse(f"DHCP host: name {shown(self.name)}: dnsmasq would take it for a lease time or a setting")
        if self.id is not None and not (
            0 < len(self.id) <= CLIENT_ID_MAX and set(self.id) <= set("0123456789abcdefABCDEF:")
        ):
            refuse(f"DHCP host: id {shown(self.id)}: must be hexadecimal digits separated by colons")
        if self.ip is not None:
            check_canonical("DHCP host", self.ip)
        elif self.name is None:
            refuse(f"DHCP host {self.label}: needs an ip or a name")
        _check_lease(f"DHCP host {self.label}", self.lease_s)


class Ip(Spelt):
    """One address of the bridge with its subnet and DHCP; `address` None: a free subnet is chosen at define.

    `prefix` 0 stands for the default of the family: 24 or 64. `automatic`: the address was chosen, not written.
    `whole_range`: hand out every address of the subnet but the bridge's; only for an address that is or will be
    chosen, a written one has its ranges spelt out. `dhcp`: False keeps ranges and hosts without serving them.
    `bootp_file`, `bootp_server` (None: the bridge): what a guest that boots from the network is told. `tftp_root`: the
    directory that the bridge serves by TFTP. `local_ptr`: whether only we answer for names of its addresses. `said`: of
    "family", "prefix" (of IPv4: in place of a netmask) and "localPtr" what is written.
    """

    address: str | None = None
    prefix: int = 0
    ranges: tuple[DhcpRange, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    dhcp: bool = True
    whole_range: bool = False
    automatic: bool = False
    bootp_file: str | None = None
    bootp_server: str | None = None
    tftp_root: str | None = None
    local_ptr: bool = False
    said: tuple[str, ...] = ()
    _nested = {"ranges": DhcpRange, "hosts": DhcpHost}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def version(self) -> int:
        """4 or 6; 4 for an address that is still to be chosen."""
        return 6 if self.address and ":" in self.address else 4

    @property
    def subnet(self) -> Subnet:
        """Its subnet; raise DefinitionError for an address that is still to be chosen."""
        if self.address is None:
            refuse("ip: the address is not chosen yet")
        return subnet_of(self.address, self.prefix)

    @property
    def serves_dhcp(self) -> bool:
        """Whether DHCP runs on this address."""
        return self.dhcp and bool(self.ranges or self.hosts)

    def without_automatic(self) -> "Ip":
        """What was asked for before the address was chosen; itself where it was written.

        A chosen address that a host's address or a range of the administrator's depends on counts as written.
        """
        if not self.automatic or self.address is None:
            return self
        chosen = every_range(self.address, self.prefix) if self.whole_range else ()
        if self.ranges != chosen or any(host.ip for host in self.hosts):
            return self.replace(automatic=False, whole_range=False)
        return self.replace(address=None, prefix=0, ranges=(), automatic=False)

    def _check(self) -> None:
        if not self.prefix:
            self.__dict__["prefix"] = PREFIX_DEFAULT[self.version]
        self._check_boot()
        if self.address is None:
            self._check_unchosen()
            return
        if self.whole_range and not self.automatic:
            refuse(f"ip {self.address}: a written address has its DHCP ranges spelt out")
        check_canonical("ip", self.address)
        subnet = self.subnet
        number = parse_ip(self.address)[1]
        self._check_prefix()
        if number == subnet.first or (subnet.version == 4 and number == subnet.last):
            refuse(f"ip {self.address}/{self.prefix}: is the network or broadcast address of its subnet")
        if _is_unusable(subnet.version, number):
            refuse(f"ip {self.address}: a loopback, multicast, link-local or unspecified address cannot be a bridge's")
        if len(set(self.ranges)) < len(self.ranges):
            refuse(f"ip {self.address}: a DHCP range is given twice")
        for item in self.ranges:
            _check_range(item, subnet)
        self._check_hosts(subnet)

    def _check_prefix(self) -> None:
        if self.prefix < 8:
            refuse(f"ip {self.address}/{self.prefix}: the prefix is too short, 8 is the least")
        if self.prefix > {4: 30, 6: 126}[self.version]:
            refuse(f"ip {self.address}/{self.prefix}: no room for guests")
        if self.version == 6 and self.serves_dhcp and self.prefix < PREFIX_DEFAULT[6]:
            refuse(f"ip {self.address}/{self.prefix}: DHCP on IPv6 needs a prefix of at least {PREFIX_DEFAULT[6]}")

    def _check_boot(self) -> None:
        if self.version == 6 and (self.bootp_file or self.tftp_root):
            refuse(f"ip {self.address}: tftp and bootp are for IPv4")
        if self.tftp_root is not None:
            check_ascii("tftp: root", self.tftp_root, without='"\\')
            if len(self.tftp_root) > TFTP_ROOT_MAX:
                refuse(f"tftp: root {shown(self.tftp_root)}: longer than {TFTP_ROOT_MAX} characters")
            if not self.tftp_root.startswith("/"):
                refuse(f"tftp: root {shown(self.tftp_root)}: must be an absolute path")
        if self.bootp_file is not None:
            check_ascii("bootp: file", self.bootp_file, without='"\\')
            if len(self.bootp_file) > BOOT_FILE_MAX:
                refuse(f"bootp: file {shown(self.bootp_file)}: longer than {BOOT_FILE_MAX} characters")
        if self.bootp_server is not None and self.bootp_file is None:
            refuse("bootp: a server needs a file")
        if self.bootp_server is not None and not is_domain_name(self.bootp_server):
            refuse(f"bootp: server {shown(self.bootp_server)}: must be an IPv4 address or a host name")

    def _check_unchosen(self) -> None:
        if self.prefix != PREFIX_DEFAULT[4]:
            refuse(f"ip: prefix {self.prefix} without an address")
        if self.automatic:
            refuse("ip: an address that was chosen automatically is missing")
        if self.ranges or any(host.ip for host in self.hosts):
            refuse("ip: a DHCP range or a host's address needs the address and netmask of the network")
        if not self.whole_range and (self.hosts or not self.dhcp):
            refuse("ip: DHCP in a subnet that is to be chosen hands out the whole of it")
        _check_recognised(self.hosts)

    def _check_hosts(self, subnet: Subnet) -> None:
        for host in self.hosts:
            if host.ip and not subnet.has_address(host.ip):
                refuse(f"DHCP host {host.label}: {host.ip} is not in {subnet}")
            if subnet.version == 6 and host.mac:
                refuse(f"DHCP host {host.mac}: an IPv6 host is recognised by id or name, not by mac")
            if subnet.version == 4 and not (host.mac or host.name):
                refuse(f"DHCP host {host.label}: an IPv4 host is recognised by mac or name, not by id alone")
            if self.dhcp and not host.ip and not self.ranges:
                refuse(f"DHCP host {host.label}: has no ip, and there is no range to take one from")
            if host.ip == self.address:
                refuse(f"DHCP host {host.label}: {host.ip} is the bridge's own address")
        _check_recognised(self.hosts)


def every_range(address: str, prefix: int) -> tuple[DhcpRange, ...]:
    """The ranges of all addresses of a subnet but the bridge's own `address`, each cut off at RANGE_MAX addresses."""
    subnet = subnet_of(address, prefix)
    version, own = parse_ip(address)
    last = subnet.last - 1 if version == 4 else subnet.last
    return tuple(
        DhcpRange(format_ip(version, start), format_ip(version, min(end, start + RANGE_MAX - 1)))
        for start, end in ((subnet.first + 1, own - 1), (own + 1, last))
        if start <= end
    )


def _check_range(item: DhcpRange, subnet: Subnet) -> None:
    for end in (item.start, item.end):
        if not subnet.has_address(end):
            refuse(f"DHCP range {item.start} to {item.end}: {end} is not in {subnet}")
    if subnet.version == 4:
        if parse_ip(item.start)[1] == subnet.first:
            refuse(f"DHCP range {item.start} to {item.end}: begins with the network address of {subnet}")
        if parse_ip(item.end)[1] == subnet.last:
            refuse(f"DHCP range {item.start} to {item.end}: ends with the broadcast address of {subnet}")


def _check_lease(what: str, lease_s: int | None) -> None:
    if lease_s and not LEASE_MIN_S <= lease_s <= LEASE_MAX_S:
        refuse(f"{what}: lease of {lease_s} seconds: must be {LEASE_MIN_S} to {LEASE_MAX_S}, or 0: for ever")


def _check_recognised(hosts: tuple[DhcpHost, ...]) -> None:
    """Refuse two hosts with one MAC, id or address, and two entries by name alone with one name."""
    seen: set[tuple[str, str]] = set()
    for host in hosts:
        keys = [("mac", host.mac), ("ip", host.ip), ("id", host.id and host.id.lower())]
        if not host.mac and not host.id:
            keys.append(("name", host.name))
        for kind, value in keys:
            if value and (kind, value) in seen:
                refuse(f"DHCP host {host.label}: {kind} {shown(value)} is given to two hosts")
            if value:
                seen.add((kind, value))


def _is_unusable(version: int, number: int) -> bool:
    blocks = (
        (("0.0.0.0", 8), ("127.0.0.0", 8), ("169.254.0.0", 16), ("224.0.0.0", 3))  # noqa: S104 (refused, not bound to)
        if version == 4
        else (("::", 96), ("fe80::", 10), ("ff00::", 8))
    )
    found = [subnet_of(address, prefix) for address, prefix in blocks]
    return any(block.first <= number <= block.last for block in found)
