"""Steps for the bridge that a network's links have to themselves, and for cables between bridges."""

from vnethook.errors import HostError
from vnethook.host import link_devices
from vnethook.live import bridge_port
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class CreateLinksBridge(Step):
    """Create a bridge for links, up, with a spanning tree that mends in seconds or with none; MTU in bytes."""

    _about = ("name",)
    name: str
    mtu: int
    has_tree: bool

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.name)
        if link is None or link.kind != "bridge" or (link.mtu, link.is_up) != (self.mtu, True):
            return False
        return link_devices.tree(host.links, self.name) == (self.has_tree, link_devices.TREE)

    def do(self, host: "Host") -> None:
        link = host.links.link(self.name)
        if link is not None and link.kind != "bridge":
            msg = f"bridge {self.name!r}: create: a link of that name exists and is no bridge"
            raise HostError(msg, hint="it is in the way of the network's links: rename it")
        link_devices.create_bridge(host.links, self.name, has_tree=self.has_tree)
        host.links.set_link(self.name, mtu=self.mtu, up=True)

    def undo(self, host: "Host") -> None:
        host.links.delete(self.name)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)  # in place, with its ports

    def __str__(self) -> str:
        return f"create bridge {self.name} for links, MTU {self.mtu}" + (", with a spanning tree" * self.has_tree)


class JoinBridges(Step):
    """Join two bridges by a cable: its end `port` on `bridge`, `other_port` on `other`; MTU in bytes.

    `isolated`: isolated ports of `bridge` do not reach it; `vlans`: those of `port`, (id, flags), none: as on any port.
    """

    _about = ("port",)
    port: str
    bridge: str
    other_port: str
    other: str
    mtu: int
    isolated: bool = False
    vlans: tuple[tuple[int, int], ...] = ()

    def is_done(self, host: "Host") -> bool:
        links = host.links
        return (
            link_devices.is_cable(links, self.port, self.other_port)
            and link_devices.is_on(links, self.port, self.bridge, mtu=self.mtu, isolated=self.isolated)
            and link_devices.is_on(links, self.other_port, self.other, mtu=self.mtu)
            and (not self._tells_vlans_apart(host) or bridge_port.vlans(links, _index(host, self.port)) == self.vlans)
        )

    def do(self, host: "Host") -> None:
        links = host.links
        if not link_devices.is_cable(links, self.port, self.other_port):
            links.delete(self.port)
            links.delete(self.other_port)
            link_devices.create_cable(links, self.port, self.other_port)
        link_devices.put_on(links, self.other_port, self.other, mtu=self.mtu)
        link_devices.put_on(links, self.port, self.bridge, mtu=self.mtu, isolated=self.isolated)
        if self._tells_vlans_apart(host):
            bridge_port.set_vlans(links, f"link {self.port!r}", _index(host, self.port), self.vlans)

    def _tells_vlans_apart(self, host: "Host") -> bool:
        """Whether VLANs are to be set: a kernel that knows none has refused the guests that need them."""
        return bool(self.vlans) and bool(bridge_port.filters_vlans(host.links, _index(host, self.bridge)))

    def undo(self, host: "Host") -> None:
        host.links.delete(self.port)
        host.links.delete(self.other_port)

    def supersede(self, host: "Host", old: "Self") -> None:
        if (old.other_port, bool(old.vlans)) != (self.other_port, bool(self.vlans)):
            old.undo(host)
        self.do(host)

    def __str__(self) -> str:
        return f"join {self.bridge} and {self.other} by {self.port} and {self.other_port}"


def _index(host: "Host", name: str) -> int:
    link = host.links.link(name)
    return link.index if link is not None else 0
