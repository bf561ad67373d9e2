"""Steps on links: a bridge, its addresses, its sysctls."""

from vnethook.errors import HostError
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class CreateBridge(Step):
    """Create a bridge with a fixed MAC; MTU in bytes, delay in seconds. Undone, one with another MAC stays."""

    _about = ("name",)
    name: str
    mac: str
    mtu: int
    stp: bool
    delay_s: int

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.name)
        return (
            link is not None
            and link.kind == "bridge"
            and link.mac == self.mac
            and link.mtu == self.mtu
            and bool(link.stp) == self.stp
            and (link.delay_s == self.delay_s or self.stp)  # with STP on the kernel raises it to 2 s at least
        )

    def do(self, host: "Host") -> None:
        link = host.links.link(self.name)
        if link is None:
            host.links.create_bridge(self.name, mac=self.mac, stp=self.stp, delay_s=self.delay_s)
        elif link.kind != "bridge":
            msg = f"bridge {self.name!r}: create: a link of that name exists and is no bridge"
            raise HostError(msg, hint="choose another name in <bridge name='…'/>")
        else:
            host.links.set_bridge(self.name, stp=self.stp, delay_s=self.delay_s)
        host.links.set_link(self.name, mac=self.mac if link else "", mtu=self.mtu)

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.name)
        if link is not None and link.kind == "bridge" and link.mac == self.mac:
            host.links.delete(self.name)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)  # in place, with its ports

    def __str__(self) -> str:
        extra = f", STP on, delay {self.delay_s} s" if self.stp else ""
        return f"create bridge {self.name}, MAC {self.mac}, MTU {self.mtu}{extra}"


class RequireBridge(Step):
    """Need a bridge that is there, the administrator's, which is never changed."""

    _about = ("name",)
    name: str

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.name)
        return link is not None and link.kind == "bridge"

    def require(self, host: "Host") -> None:
        link = host.links.link(self.name)
        if link is None:
            from vnethook.live import shared_interface  # noqa: PLC0415 (only on the way to an error)

            msg = f"bridge {self.name!r}: no such bridge"
            shared = shared_interface.read(host.paths, self.name)
            hint = "mode 'bridge' uses one that is there: make it first, or see `ip link`"
            raise HostError(msg, hint=f"`vnet share {shared.nic}` makes it anew" if shared is not None else hint)
        if link.kind != "bridge":
            what = "of Open vSwitch, which is not supported" if link.kind == "openvswitch" else "no bridge"
            msg = f"bridge {self.name!r}: the interface of that name is {what}"
            raise HostError(msg, hint="mode 'bridge' uses a bridge of the kernel's: `ip link show type bridge`")

    def do(self, host: "Host") -> None:
        self.require(host)

    def undo(self, host: "Host") -> None:
        """Nothing: it was there before."""

    def __str__(self) -> str:
        return f"use bridge {self.name}"


class SetLinkUp(Step):
    """Bring a link up; undone, one with another MAC, which is another program's, stays up."""

    _about = ("link",)
    link: str
    mac: str

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.link)
        return link is not None and link.is_up

    def do(self, host: "Host") -> None:
        host.links.set_link(self.link, up=True)

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.link)
        if link is not None and link.mac == self.mac:
            host.links.set_link(self.link, up=False)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"bring {self.link} up"


class AddAddress(Step):
    """Add an address ("192.0.2.1/24") to a link."""

    link: str
    address: str

    def is_done(self, host: "Host") -> bool:
        return self.address in host.links.addresses(self.link)

    def do(self, host: "Host") -> None:
        host.links.add_address(self.link, self.address)

    def undo(self, host: "Host") -> None:
        host.links.remove_address(self.link, self.address)

    def __str__(self) -> str:
        return f"add address {self.address} to {self.link}"


class SetLinkSysctls(Step):
    """Set sysctls that go away with their link: (path below /proc/sys, value); one that the kernel lacks is skipped."""

    _about = ("link",)
    link: str
    values: tuple[tuple[str, str], ...]

    def is_done(self, host: "Host") -> bool:
        if host.links.link(self.link) is None:
            return False
        return all(host.sysctls.read(path) in {value, None} for path, value in self.values)

    def do(self, host: "Host") -> None:
        for path, value in self.values:
            if host.sysctls.read(path) not in {value, None}:
                host.sysctls.write(path, value)

    def undo(self, host: "Host") -> None:
        """Nothing: they go with the link."""

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"set on {self.link}: " + ", ".join(f"{path.rsplit('/', 1)[-1]}={value}" for path, value in self.values)
