"""An ordinary user's networks: of which kind each is, what is not a user's to have, and into which host a call goes."""

from vnethook.definition import compiled
from vnethook.definition.backend import NAMESPACE, USER, VDE
from vnethook.errors import UnsupportedError
from vnethook.host import log, user_namespace
from vnethook.host.namespace_calls import ForbiddenError
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths

FIRST_PORT = 1024
"""The first port that is not for the machine's services. Source: ip_unprivileged_port_start, ip-sysctl.rst."""


def enter(host: "Host", name: str) -> None:
    """Go where a network is to come up: into the user's namespace, made if need be, but not for one of kind vde.

    One whose definition leaves the kind open, on a machine that forbids namespaces, is of kind vde. Raises HostError.
    """
    if is_vde(host.paths, name):
        return
    try:
        host.enter(is_made=True)
    except ForbiddenError as error:
        network = compiled.read(host.paths, name)
        if network is None or network.forward != USER or network.backend == NAMESPACE:
            raise
        log.warning(f"network {name!r}: is of kind {VDE!r}: {error}")


def leave(host: "Host") -> None:
    """Have no namespace where no network is up, though this process may be in it for a while yet."""
    if not user_namespace.is_outside(host.paths):
        user_namespace.end_unused(host.paths)


def is_vde(paths: "Paths", name: str) -> bool:
    """Whether a network is said to be of kind vde, as far as its definition is compiled."""
    network = compiled.read(paths, name)
    return network is not None and network.backend == VDE


def require(host: "Host", network: "Network") -> None:
    """Raise UnsupportedError for what only an ordinary user's network can be, or only the machine's."""
    reason, hint = _users(network) if host.paths.user else _machines(network)
    if reason:
        msg = f"network {network.name!r}: {reason}"
        raise UnsupportedError(msg, hint=hint)


def _machines(network: "Network") -> tuple[str, str]:
    if network.forward != USER:
        return "", ""
    return "forward: mode 'user' is for an ordinary user's own network", "root's goes out by mode 'nat'"


def _users(network: "Network") -> tuple[str, str]:
    """Why an ordinary user cannot have a network, and what would help; empty if nothing is wrong."""
    if not network.owns_bridge:
        hint = "where root's bridge.conf allows it, `-netdev bridge` with qemu-bridge-helper joins it"
        return f"forward: mode {shown(network.forward)} uses what is the machine's: a user has none of it", hint
    if network.uplinks:
        return f"forward dev {network.uplinks[0]!r}: is the machine's: a user's network goes out as the user does", (
            "leave the dev out, or use mode 'user'"
        )
    if network.nat.addresses:
        return "forward nat address: a user's network goes out by the machine's own addresses", "leave it out"
    if network.bridge.zone:
        return "bridge zone: firewalld is the machine's, and sees no bridge of a user's", "leave it out"
    if network.domain_register:
        return "domain register: the resolver is the machine's", "leave it out"
    if network.fabric is not None:
        return "connections fabric: other hosts are reached by the machine's FRR", "have root define the network"
    if network.vde is not None and network.vde.socket_mode != "0600":
        return "vde: a user's switch is for that user alone", "write <vde/>, without group and mode"
    for forward in network.port_forwards:
        if forward.ports[0] < FIRST_PORT:
            return f"{forward.label}: ports below {FIRST_PORT} are the machine's", "forward another port to it: to='…'"
    return _of_links(network)


def _of_links(network: "Network") -> tuple[str, str]:
    transports = [item.transport for item in network.listens] + [item.transport for item in network.connections]
    if "vxlan" in transports:
        return "transport 'vxlan': its packets are the machine's kernel's, not a user's", "link by 'tls' or 'tcp'"
    for listen in network.listens:
        if listen.transport == "ssh":
            return "listen by ssh: whom the machine's sshd lets in is outside of the user's namespace", (
                "listen by 'tls'; a connection by 'ssh' to another host works"
            )
        if listen.port and listen.port < FIRST_PORT:
            return f"listen port {listen.port}: ports below {FIRST_PORT} are the machine's", "listen at a higher one"
    return "", ""
