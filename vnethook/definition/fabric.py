"""A network on many hosts at once: VXLAN between them, told by BGP EVPN who is where. Source: RFC 7432, RFC 8365.

The speaker of BGP is the host's FRR, whose words these are; its EVPN of Debian 12 knows IPv4 tunnels only.
"""

from vnethook.address import Subnet, check_canonical, is_ipv4, parse_ip, parse_subnet
from vnethook.names import is_link_name, refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network

KINDS = ("evpn",)
VNI_MAX = (1 << 24) - 1
"""Source: RFC 7348, section 5; 0 is the kernel's for none."""
AS_MAX = (1 << 32) - 1
"""Source: RFC 6793."""
PORT, PORT_MAX = 4789, 65535
"""Source: RFC 7348, section 8."""
AS_DEFAULT = 65000
"""One for private use: RFC 6996. All hosts have the same (iBGP)."""
PEERS_MAX = 256


class Peer(Value):
    """Who tells the host where guests are: another host, a route reflector, or all hosts of a subnet that may call.

    `address`: canonical, or a subnet "192.0.2.0/24". `is_client`: the host reflects to it what others tell (RFC 4456).
    """

    address: str
    is_client: bool = False

    @property
    def subnet(self) -> Subnet | None:
        """The subnet of those that may call, None for a peer of its own."""
        return parse_subnet(self.address) if "/" in self.address else None

    def _check(self) -> None:
        if (subnet := self.subnet) is not None:
            if subnet.version != 4 or str(subnet) != self.address:
                refuse(f"peer {self.address}: must be an IPv4 address or subnet, without host bits")
            return
        _check_tunnel_end("peer", self.address)


class Fabric(Value):
    """Where a network goes on: VXLAN `vni` between this host's `address` (VTEP) and those that its `peers` tell of.

    Without an address: that of `device`; without either: that from which the first peer is reached. `port`: UDP.
    `as_number`: of all hosts. None of these: the default. Without peers FRR's configuration is the administrator's.
    """

    vni: int
    address: str | None = None
    device: str | None = None
    port: int | None = None
    as_number: int | None = None
    peers: tuple[Peer, ...] = ()
    _nested = {"peers": Peer}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def effective_port(self) -> int:
        """The UDP port of the tunnels."""
        return self.port or PORT

    @property
    def effective_as(self) -> int:
        """The number of the autonomous system."""
        return self.as_number or AS_DEFAULT

    @property
    def gateway_mac(self) -> str:
        """What the bridge has on every host, so that a guest that moves finds its gateway: locally administered."""
        return f"02:e0:fb:{self.vni.to_bytes(3).hex(':')}"

    @property
    def first_peer(self) -> str | None:
        """The first peer that has an address of its own."""
        return next((peer.address for peer in self.peers if peer.subnet is None), None)

    def _check(self) -> None:
        what = f"connections: fabric: vni {self.vni}"
        if not 0 < self.vni <= VNI_MAX:
            refuse(f"{what}: must be 1 to {VNI_MAX}")
        if self.address is not None and self.device is not None:
            refuse("connections: fabric: address and dev exclude each other")
        if self.address is not None:
            _check_tunnel_end("connections: fabric", self.address)
        if self.device is not None and not is_link_name(self.device):
            refuse(f"connections: fabric: dev {shown(self.device)}: not a name for a network interface")
        if self.port is not None and not 0 < self.port <= PORT_MAX:
            refuse(f"connections: fabric: port {self.port}: must be 1 to {PORT_MAX}")
        if self.as_number is not None and not 0 < self.as_number <= AS_MAX:
            refuse(f"connections: fabric: as {self.as_number}: must be 1 to {AS_MAX}")
        if not (self.address or self.device or self.first_peer):
            refuse("connections: fabric: needs an address, a dev or a peer, to know from which address it leads away")
        self._check_peers()

    def _check_peers(self) -> None:
        if len(self.peers) > PEERS_MAX:
            refuse(f"connections: fabric: more than {PEERS_MAX} peers; name a route reflector")
        known = {peer.address for peer in self.peers}
        if len(known) < len(self.peers):
            refuse("connections: fabric: a peer is given twice")
        if self.address in known:
            refuse(f"connections: fabric: peer {self.address}: is the host itself")


def check(network: "Network") -> None:
    """Raise DefinitionError for what does not go together with a fabric."""
    if not network.owns_bridge:
        refuse(f"connections: fabric: mode {shown(network.forward)} has no bridge of ours to extend")
    if network.listens or network.connections:
        refuse("connections: fabric: a network that is on all hosts takes no listen and no connection")
    if network.wants_subnet:
        refuse("connections: fabric: all hosts have the same address: write it in <ip>")
    if network.bridge.stp:
        refuse(
            "connections: fabric: takes no bridge stp: a fabric has no loops, and no host may block another's guests"
        )
    if network.bridge.mac_table == "libvirt":
        refuse("connections: fabric: takes no macTableManager 'libvirt': guests that move must be found elsewhere")
    if network.vlan or any(group.vlan for group in network.portgroups):
        refuse("connections: fabric: takes no vlan: a VNI is one LAN; define a network with a vni for each")
    if network.proxied:
        refuse("connections: fabric: takes no proxyarp: its guests have no addresses of the uplink's network")


def _check_tunnel_end(what: str, address: str) -> None:
    check_canonical(what, address)
    if not is_ipv4(address) or parse_ip(address)[1] == 0:
        refuse(f"{what} {address}: must be an IPv4 address: EVPN of FRR has no others")
