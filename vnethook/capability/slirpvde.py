"""A user's switch with slirpvde at it: what that is told, what it cannot do, and what it costs.

Source: slirpvde(1).
"""

from vnethook.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network

INSTALL = "install libslirp's plug, which can (apt-get install libvdeplug-slirp), or write <backend type='namespace'/>"
WARNINGS = (
    "slirpvde: guests reach what listens on this machine's loopback, by the address of their gateway",
    "slirpvde: forgets its leases when it has to be started again, and may then give a guest's address to another",
)
"""What it costs, a line each; libslirp's plug does it without."""
MTU = 1500


def require(network: "Network") -> None:
    """Raise UnsupportedError for the first part of a network that libslirp's plug does and slirpvde does not."""
    found = {
        "ip: IPv6": any(ip.version == 6 and ip.address for ip in network.ips),
        "domain": network.domain,
        f"mtu {network.mtu}": network.mtu not in {None, MTU},
        **{f"{item.label}: on {item.on}": item.on for item in network.port_forwards},
    }
    for what, value in found.items():
        if value:
            msg = f"network {network.name!r}: {what}: slirpvde cannot do that"
            raise UnsupportedError(msg, hint=INSTALL)


def arguments(network: "Network", name_server: str) -> tuple[str, ...]:
    """What it is told of a network that it can do, but for its switch."""
    ip = next(ip for ip in network.ips if ip.version == 4 and ip.address)
    words = ["-H", f"{ip.address}/{ip.prefix}", "-N", name_server, *(f"--dhcp={item.start}" for item in ip.ranges)]
    for item in network.port_forwards:
        first = (item.to or item.ports)[0]
        for protocol, option in (("tcp", "-L"), ("udp", "-U")):
            for port in range(item.ports[0], item.ports[1] + 1) if protocol in item.protocols else ():
                words += [option, f"{port}:{item.address}:{first + port - item.ports[0]}"]
    return tuple(words)
