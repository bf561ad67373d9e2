"""A link with a network of another host as a port of the bridge: no guest's NIC, so it has records of its own.

The record is written before the device is touched, so that whoever comes after a killed one finds what it has made.
"""

from vnethook.errors import HostError
from vnethook.live import files, sysctl
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links


class LinkPort(Value):
    """The port of one link: its device, whose index was `index` when it was joined, and whom it leads to.

    `peer`: the name in the far host's certificate, or its address; `is_incoming`: the far host has connected.
    """

    device: str
    network: str
    peer: str
    transport: str = "tls"
    is_incoming: bool = False
    index: int = 0


def join(paths: "Paths", links: "Links", live: "LiveNetwork", port: LinkPort) -> LinkPort:
    """Make the device of a link a port of the network's bridge; raise HostError if it is gone or refused.

    For whoever holds the network's lock, shared or not. May be called again at any time.
    """
    link = links.link(port.device)
    if link is None:
        msg = f"link {port.device!r}: join network {live.name!r}: no such network interface"
        raise HostError(msg)
    port = port.replace(network=live.name, index=link.index)
    files.write_json(_path(paths, live.name, port.device), port.to_plain())
    sysctl.set_ipv6(link.name, enabled=False)
    links.set_link(link.name, up=True, mtu=live.mtu if link.mtu != live.mtu else 0, master=live.index)
    return port


def leave(paths: "Paths", links: "Links", port: LinkPort) -> None:
    """Take a link off the network, and its device off the host; never fails on what is gone."""
    link = links.link(port.device)
    if link is not None and link.index == port.index:
        links.delete(port.device)
    files.remove(_path(paths, port.network, port.device))


def ports(paths: "Paths", network: str) -> list[LinkPort]:
    """The ports of the network's links that have a record, also those whose device is gone."""
    found = []
    for device in files.names(_directory(paths, network), ".json"):
        try:
            found.append(LinkPort.from_plain(files.read_json(_path(paths, network, device))))
        except (AttributeError, HostError, TypeError):
            found.append(LinkPort(device, network, ""))
    return found


def is_joined(links: "Links", live: "LiveNetwork", port: LinkPort) -> bool:
    """Whether the device of a record is still the one that was joined, on the network's bridge."""
    link = links.link(port.device)
    return link is not None and (link.index, link.master) == (port.index, live.index)


def _directory(paths: "Paths", network: str) -> str:
    return f"{paths.links(network)}/ports"


def _path(paths: "Paths", network: str, device: str) -> str:
    return f"{_directory(paths, network)}/{device}.json"
