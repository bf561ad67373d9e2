"""Steps for a port of the bridge that is the network's own: a tap, its guard, its place on the bridge."""

from vnethook.errors import HostError
from vnethook.host import taps, vde
from vnethook.live import bridge_port, own_port
from vnethook.live.record import LiveNetwork
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host
    from vnethook.live.rtnl import Link


class CreateTap(Step):
    """Make a tap that stays without the program that serves it, for the user as whom switches run.

    It is known by its MAC; undone, one with another MAC stays.
    """

    _about = ("name",)
    name: str
    mac: str

    def is_done(self, host: "Host") -> bool:
        return _is_ours(host.links.link(self.name), self.mac)

    def require(self, host: "Host") -> None:
        link = host.links.link(self.name)
        if link is not None and not _is_ours(link, self.mac):
            msg = f"tap {self.name!r}: create: a link of that name exists and is not ours"
            raise HostError(msg, hint=f"it is another program's: ip link delete {self.name}, or rename it")

    def do(self, host: "Host") -> None:
        self.require(host)
        taps.create(self.name, owner=vde.account()[0])
        host.links.set_link(self.name, mac=self.mac)

    def undo(self, host: "Host") -> None:
        if self.is_done(host):
            host.links.delete(self.name)

    def __str__(self) -> str:
        return f"create tap {self.name}, MAC {self.mac}"


class GuardPort(Step):
    """Hold a port of the network's own to what none of the guests behind it may send.

    `live`: of the network what guards are made of; `held`: see GUARDS in live/nics.py.
    """

    _about = ("link",)
    link: str
    held: tuple[str, ...]
    live: LiveNetwork
    _nested = {"live": LiveNetwork}  # noqa: RUF012 (ClassVar needs typing)

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.link)
        return link is not None and own_port.is_guarded(self.live, link, self.held)

    def do(self, host: "Host") -> None:
        own_port.guard(self.live, _link(host, self.link), self.held)

    def undo(self, host: "Host") -> None:
        own_port.unguard(self.link)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"guard {self.link}: {' '.join(self.held)}"


class JoinPort(Step):
    """Make a link a port of the network's bridge; `vlans`: (id, flags), none: those of any port."""

    _about = ("link",)
    link: str
    bridge: str
    vlans: tuple[tuple[int, int], ...] = ()

    def is_done(self, host: "Host") -> bool:
        link, bridge = host.links.link(self.link), host.links.link(self.bridge)
        if link is None or bridge is None:
            return False
        is_port = link.is_up and link.master == bridge.index and link.mtu == bridge.mtu
        return is_port and (not self.vlans or bridge_port.vlans(host.links, link.index) == self.vlans)

    def do(self, host: "Host") -> None:
        link, bridge = _link(host, self.link), _link(host, self.bridge)
        if self.vlans and link.master != bridge.index:
            host.links.set_link(link.name, up=False)  # no frame passes before it is in its VLANs
            host.links.set_link(link.name, master=bridge.index)
        if self.vlans:
            bridge_port.set_vlans(host.links, f"port {link.name!r}", link.index, self.vlans)
        own_port.join(host.links, link, bridge)

    def undo(self, host: "Host") -> None:
        link, bridge = host.links.link(self.link), host.links.link(self.bridge)
        if link is not None and bridge is not None and link.master == bridge.index:
            host.links.set_link(self.link, master=0, up=False)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"make {self.link} a port of {self.bridge}"


def _is_ours(link: "Link | None", mac: str) -> bool:
    return link is not None and link.kind == "tun" and link.mac == mac


def _link(host: "Host", name: str) -> "Link":
    link = host.links.link(name)
    if link is None:
        msg = f"link {name!r}: no such link"
        raise HostError(msg, hint="something removes it as soon as it is made")
    return link
