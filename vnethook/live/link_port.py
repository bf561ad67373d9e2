"""A link with a network of another host as a port of the bridge: no guest's NIC, so it has records of its own.

The record is written before the device is touched, so that whoever comes after a killed one finds what it has made.
"""

from vnethook.errors import HostError
from vnethook.live import bridge_port, files, link_names, sysctl
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
    """Make the device of a link a port of the bridge of the network's links; raise HostError if it is gone or refused.

    Of a network that serves isolated guests, links reach neither those nor each other. For whoever holds the network's
    lock, shared or not. May be called again at any time.
    """
    link = links.link(port.device)
    if link is None:
        msg = f"link {port.device!r}: join network {live.name!r}: no such network interface"
        raise HostError(msg)
    bridge = _bridge(links, live)
    port = port.replace(network=live.name, index=link.index)
    files.write_json(_path(paths, live.name, port.device), port.to_plain())
    sysctl.set_ipv6(link.name, enabled=False)
    links.set_link(link.name, mtu=live.mtu if link.mtu != live.mtu else 0, master=bridge)
    if is_apart(live):
        flags = bridge_port.flags_message(link.index, {bridge_port.ISOLATED: True})
        links.ask(f"link {port.device!r}", "set port flags", bridge_port.NEW_LINK, 0, flags)
    links.set_link(link.name, up=True)
    return port


def is_apart(live: "LiveNetwork") -> bool:
    """Whether a network serves guests that are held apart."""
    return serves(live) and any(not group.name and group.isolated for group in live.classes)


def serves(live: "LiveNetwork") -> bool:
    """Whether a network gives guests their addresses, so that nobody behind a link does."""
    return bool(live.pools or live.fixed or live.guard.leased)


def claim(paths: "Paths", port: LinkPort) -> None:
    """Say that a device of that name is about to be made for a link."""
    files.write_json(_path(paths, port.network, port.device), port.to_plain())


def leave(paths: "Paths", links: "Links", port: LinkPort) -> None:
    """Take a link off the network, and its device off the host; never fails on what is gone."""
    link = links.link(port.device)
    if link is not None and (link.index == port.index or (not port.index and link.kind == "tun")):
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
    """Whether the device of a record is still the one that was joined, on the bridge of the network's links."""
    link, bridge = links.link(port.device), links.link(link_names.links_bridge(live.uuid))
    return link is not None and bridge is not None and (link.index, link.master) == (port.index, bridge.index)


def _bridge(links: "Links", live: "LiveNetwork") -> int:
    """The index of the bridge of a network's links; HostError where it is gone."""
    name = link_names.links_bridge(live.uuid)
    bridge = links.link(name)
    if bridge is None:
        msg = f"bridge {name!r} of the links of network {live.name!r} is gone"
        raise HostError(msg, hint=f"`vnet net-repair {live.name}` makes it anew")
    return bridge.index


def _directory(paths: "Paths", network: str) -> str:
    return f"{paths.links(network)}/ports"


def _path(paths: "Paths", network: str, device: str) -> str:
    return f"{_directory(paths, network)}/{device}.json"
