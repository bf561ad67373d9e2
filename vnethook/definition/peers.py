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
WITH_NAMES = ("tls", "ssh")
"""Those by which a host proves what it is called."""
PORT_MAX = 65535
USER_MAX = 32


class Listen(Value):
    """Others may connect: hosts, at `address` (None: all) and `port`; or, if `is_local`, networks of this host.

    `peers`: the names of the hosts that may, as their certificates or keys have them; none: all that can.
    """

    transport: str = "tls"
    address: str | None = None
    port: int | None = None
    is_local: bool = False
    peers: tuple[str, ...] = ()

    def _check(self) -> None:
        if self.is_local:
            if (self.transport, self.address, self.port, self.peers) != ("tls", None, None, ()):
                refuse("listen: with local= it has no transport, address, port or peers")
            return
        _check_transport("listen", self.transport, self.port)
        if self.address is not None:
            check_canonical("listen", self.address)
        if self.transport == "ssh" and (self.address or self.port):
            refuse("listen: ssh comes in by the host's sshd: it takes no address or port")
        if self.peers and self.transport not in WITH_NAMES:
            refuse(f"listen: {self.transport} knows no names of peers: only {' and '.join(WITH_NAMES)} do")
        for name in self.peers:
            _check_peer("listen", name)
        if len(set(self.peers)) < len(self.peers):
            refuse("listen: a peer is named twice")


class Connection(Value):
    """A link to a network of another host (`address`: IP or host name) or, without one, of this host (`network`).

    `peer`: the name that the far host's certificate is to have, if it is not the address; `user`: whom to be there with
    ssh, None: root.
    """

    transport: str = "tls"
    address: str | None = None
    port: int | None = None
    network: str | None = None
    peer: str | None = None
    user: str | None = None

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
            if self.transport != "tls" or (self.port, self.peer, self.user) != (None, None, None):
                refuse(f"connection to network {shown(self.network)} of this host: takes no transport or port")
            return
        if self.peer is not None:
            _check_peer(f"connection to {self.address}", self.peer)
        for said, what, transport in ((self.peer, "peer", "tls"), (self.user, "user", "ssh")):
            if said is not None and self.transport != transport:
                refuse(f"connection to {self.address}: {what}= is for {transport}")
        if self.user is not None and not is_user_name(self.user):
            refuse(f"connection to {self.address}: user {shown(self.user)}: cannot be the name of a user")
        if self.transport == "vxlan" or not is_domain_name(self.address):
            check_canonical("connection", self.address)
        _check_transport(f"connection to {self.address}", self.transport, self.port)


def is_user_name(text: str) -> bool:
    """Whether a string may be the name of a user. Source: useradd(8), and no word that ssh would take for an option."""
    letters = "abcdefghijklmnopqrstuvwxyz_"
    return 0 < len(text) <= USER_MAX and text[0] in letters and not text.strip(letters + "0123456789-.")


def _check_peer(what: str, name: str) -> None:
    if not is_domain_name(name):
        check_canonical(f"{what}: peer", name)


def _check_transport(what: str, transport: str, port: int | None) -> None:
    if transport not in TRANSPORTS:
        refuse(f"{what}: transport {shown(transport)}: must be {', '.join(TRANSPORTS[:-1])} or {TRANSPORTS[-1]}")
    if port is None and transport in WITH_PORT:
        refuse(f"{what}: {transport} needs a port")
    if port is not None and not 0 < port <= PORT_MAX:
        refuse(f"{what}: port {port}: must be 1 to {PORT_MAX}")
