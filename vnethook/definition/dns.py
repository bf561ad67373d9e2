"""What the network's DNS server is told: hosts, text and service records, and where other questions go."""

from vnethook.address import check_canonical
from vnethook.definition.spelling import Spelt
from vnethook.definition.text import check_ascii
from vnethook.names import is_domain_name, refuse, shown
from vnethook.value import Value

TXT_MAX = 255
"""Octets of one string in a TXT record. Source: RFC 1035, section 3.3."""
NAME_MAX = 253
"""Characters of a name. Source: RFC 1035, section 2.3.4."""
PORT_MAX = 65535
PROTOCOLS = ("tcp", "udp")
NOWHERE = "."
"""The target of a service that is decidedly not there. Source: RFC 2782."""


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
    port: int | None = None

    def _check(self) -> None:
        if self.address is None and self.domain is None:
            refuse("DNS forwarder: needs an addr, a domain or both")
        if self.address is not None:
            check_canonical("DNS forwarder", self.address)
        if self.domain is not None and not is_domain_name(self.domain):
            refuse(f"DNS forwarder: domain {shown(self.domain)}: not a DNS name")
        if self.port is not None and self.address is None:
            refuse("DNS forwarder: a port needs an addr")
        if self.port is not None and not 0 < self.port <= PORT_MAX:
            refuse(f"DNS forwarder: port {self.port}: must be 1 to {PORT_MAX}")


class DnsTxt(Value):
    """A text record."""

    name: str
    value: str = ""

    def _check(self) -> None:
        check_ascii("DNS txt: name", self.name, without=' ,="\\')
        if len(self.name) > NAME_MAX:
            refuse(f"DNS txt {shown(self.name)}: name longer than {NAME_MAX} characters")
        if len(self.value) > TXT_MAX:
            refuse(f"DNS txt {shown(self.name)}: value longer than {TXT_MAX} characters")
        if self.value:
            check_ascii(f"DNS txt {shown(self.name)}: value", self.value, without='"\\')


class DnsSrv(Value):
    """A service record; without a target, or with ".", the service is said not to be there (RFC 2782)."""

    service: str
    protocol: str
    domain: str | None = None
    target: str | None = None
    port: int | None = None
    priority: int | None = None
    weight: int | None = None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What tells it from others."""
        return (self.service, self.protocol, self.domain, self.target)

    def _check(self) -> None:
        what = f"DNS srv {shown(self.service)}"
        if not is_domain_name(self.service) or "." in self.service:
            refuse(f"{what}: the service must be one DNS label")
        if self.protocol not in PROTOCOLS:
            refuse(f"{what}: protocol {shown(self.protocol)}: must be {' or '.join(PROTOCOLS)}")
        for name, value in (("domain", self.domain), ("target", self.target)):
            if value is not None and not is_domain_name(value) and (name, value) != ("target", NOWHERE):
                refuse(f"{what}: {name} {shown(value)}: not a DNS name")
        numbers = (("port", self.port, 1), ("priority", self.priority, 0), ("weight", self.weight, 0))
        for name, number, least in numbers:
            if number is not None and not least <= number <= PORT_MAX:
                refuse(f"{what}: {name} {number}: must be {least} to {PORT_MAX}")
            if number is not None and self.target is None:
                refuse(f"{what}: a {name} needs a target")


class Dns(Spelt):
    """The network's DNS server. `plain_names`: whether names without a dot are asked of other name servers.

    `said`: of "enable" and "forwardPlainNames" what is written.
    """

    enable: bool = True
    plain_names: bool = True
    forwarders: tuple[Forwarder, ...] = ()
    txts: tuple[DnsTxt, ...] = ()
    srvs: tuple[DnsSrv, ...] = ()
    hosts: tuple[DnsHost, ...] = ()
    said: tuple[str, ...] = ()
    _nested = {"hosts": DnsHost, "forwarders": Forwarder, "txts": DnsTxt, "srvs": DnsSrv}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def has_records(self) -> bool:
        """Whether it answers questions by itself, beside those for guests."""
        return bool(self.hosts or self.txts or self.srvs)

    def _check(self) -> None:
        if not self.enable and (self.has_records or self.forwarders or not self.plain_names):
            refuse("dns: has children or other attributes although it is off")
        if len({host.ip for host in self.hosts}) < len(self.hosts):
            refuse("dns: two hosts with one ip; put its hostnames into one element")
        if len(set(self.forwarders)) < len(self.forwarders):
            refuse("dns: a forwarder is given twice")
        if len({txt.name for txt in self.txts}) < len(self.txts):
            refuse("dns: two txt with one name")
        if len({srv.identity for srv in self.srvs}) < len(self.srvs):
            refuse("dns: two srv with one service, protocol, domain and target")
