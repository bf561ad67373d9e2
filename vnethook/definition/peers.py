"""Links of a network with another: what it listens for, and where it connects to."""

from vnethook.address import check_canonical
from vnethook.names import check_network_name, is_domain_name, refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

TRANSPORTS = ("tls", "ssh", "tcp", "vxlan")
VXLAN_PORT = 4789
"""Source: RFC 7348, section 5."""
WITH_PORT = ("tls", "tcp")
"""Those without a port of their own."""
PORT_MAX = 65535


class Listen(Value):
    """Others may connect: hosts, at `address` (None: all) and `port`; or, if `is_local`, networks of this host."""

    transport: str = "tls"
    address: str | None = None
    port: int | None = None
    is_local: bool = False

    def _check(self) -> None:
        if self.is_local:
            if (self.transport, self.address, self.port) != ("tls", None, None):
                refuse("listen: with local= it has no transport, address or port")
            return
        _check_transport("listen", self.transport, self.port)
        if self.address is not None:
            check_canonical("listen", self.address)
        if self.transport == "ssh" and (self.address or self.port):
            refuse("listen: ssh comes in by the host's sshd: it takes no address or port")


class Connection(Value):
    """A link to a network of another host (`address`: IP or host name) or, without one, of this host (`network`)."""

    transport: str = "tls"
    address: str | None = None
    port: int | None = None
    network: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it leads to another network of this host."""
        return self.address is None

    def own_end(self, listens: "Iterable[Listen]") -> Listen | None:
        """What of a network's `<listen>` says from which address a VXLAN goes; None if none does."""
        for item in listens if self.address else ():
            is_one_kind = item.address is not None and (":" in item.address) == (":" in (self.address or ""))
            is_one_port = (item.port or VXLAN_PORT) == (self.port or VXLAN_PORT)
            if item.transport == "vxlan" and is_one_kind and is_one_port:
                return item
        return None

    def _check(self) -> None:
        if self.network is not None:
            check_network_name(self.network)
        if self.address is None:
            if self.network is None:
                refuse("connection: needs the address of a host or a network of this one")
            if self.transport != "tls" or self.port is not None:
                refuse(f"connection to network {shown(self.network)} of this host: takes no transport or port")
            return
        if self.transport == "vxlan" or not is_domain_name(self.address):
            check_canonical("connection", self.address)
        _check_transport(f"connection to {self.address}", self.transport, self.port)


def _check_transport(what: str, transport: str, port: int | None) -> None:
    if transport not in TRANSPORTS:
        refuse(f"{what}: transport {shown(transport)}: must be {', '.join(TRANSPORTS[:-1])} or {TRANSPORTS[-1]}")
    if port is None and transport in WITH_PORT:
        refuse(f"{what}: {transport} needs a port")
    if port is not None and not 0 < port <= PORT_MAX:
        refuse(f"{what}: port {port}: must be 1 to {PORT_MAX}")
