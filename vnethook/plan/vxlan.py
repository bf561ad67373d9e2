"""Steps for a VXLAN device, and for what is a port of a bridge without a guest behind it.

Source: linux/if_link.h (IFLA_VXLAN_*), vxlan_nl2conf() in the kernel; ip-link(8), bridge(8).
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from errno import EEXIST
from zlib import crc32

from vnethook.errors import HostError
from vnethook.live import bridge_port
from vnethook.live.bridge_port import ISOLATED, LEARNING
from vnethook.live.netlink import CREATE, EXCLUSIVE, NetlinkError, number, pack, text
from vnethook.live.rtnl import LINK
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host

KIND = "vxlan"
SUPPRESSES = 32
"""IFLA_BRPORT_NEIGH_SUPPRESS: the bridge answers ARP and ND for whom it knows, and does not ask behind that port."""
_MAC, _NAME, _MTU, _INFO = 1, 3, 4, 18
_INFO_KIND, _INFO_DATA = 1, 2
_ID, _REMOTE, _LOCAL, _LEARNS, _PORT, _REMOTE6, _LOCAL6 = 1, 2, 4, 7, 15, 16, 17
_U32, _PORT_NUMBER = Struct("=I"), Struct("!H")


class CreateVxlan(Step):
    """Create a VXLAN device: `vni`, UDP `port`, MTU in bytes; `remote`: the only other end, or, if empty, those told.

    It learns from nobody where guests are but from who fills its table, unless there is one other end only.
    """

    _about = ("link",)
    link: str
    vni: int
    port: int
    local: str
    mtu: int
    remote: str = ""

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.link)
        if link is None or link.kind != KIND or link.mtu != self.mtu:
            return False
        return bool(link.index) and self._is_meant(bridge_port.kind_data(host.links, link.index))

    def _is_meant(self, said: "dict[int, bytes]") -> bool:
        ends = [_address(said, four, six) for four, six in ((_LOCAL, _LOCAL6), (_REMOTE, _REMOTE6))]
        return (
            _U32.unpack(said.get(_ID, bytes(4)))[0] == self.vni
            and _PORT_NUMBER.unpack(said.get(_PORT, bytes(2)))[0] == self.port
            and ends == [self.local, self.remote]
            and (said.get(_LEARNS, b"\1") != b"\0") == bool(self.remote)
        )

    def _mac(self) -> bytes:
        """The device's own, which no frame has: the same each time, so that a host that is mended is as it was."""
        return b"\x02\xfe" + crc32(f"{self.link} {self.local}".encode()).to_bytes(4)

    def do(self, host: "Host") -> None:
        link = host.links.link(self.link)
        if link is not None and link.kind != KIND:
            msg = f"link {self.link!r}: create: a link of that name exists and is no VXLAN"
            raise HostError(msg, hint="it is another program's: rename it")
        host.links.delete(self.link)
        data = (
            number(_ID, self.vni)
            + pack(_PORT, _PORT_NUMBER.pack(self.port))
            + pack(_LEARNS, bytes([bool(self.remote)]))
        )
        data += _end(self.local, _LOCAL, _LOCAL6) + (_end(self.remote, _REMOTE, _REMOTE6) if self.remote else b"")
        info = text(_INFO_KIND, KIND) + pack(_INFO_DATA, data)
        body = (
            LINK.pack(0, 0, 0, 0, 0)
            + text(_NAME, self.link)
            + pack(_MAC, self._mac())
            + number(_MTU, self.mtu)
            + pack(_INFO, info)
        )
        what, verb = f"vxlan {self.link!r}", f"create with vni {self.vni}"
        try:
            host.links.ask(what, verb, bridge_port.NEW_LINK, CREATE | EXCLUSIVE, body)
        except HostError as error:
            if not (isinstance(error.__cause__, NetlinkError) and error.__cause__.errno == EEXIST):
                raise
            hint = "`ip -details link show type vxlan` shows another one with that VNI and UDP port"
            raise HostError(error.message, hint=hint) from error

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.link)
        if link is not None and link.kind == KIND:
            host.links.delete(self.link)

    def __str__(self) -> str:
        to = f" to {self.remote}" if self.remote else ""
        return f"create VXLAN {self.link}, VNI {self.vni}, from {self.local}{to}, UDP port {self.port}, MTU {self.mtu}"


class JoinBridge(Step):
    """Make a link that is no guest's a port of a bridge, and bring it up.

    `learns`: the bridge learns who is behind it; `suppresses`, see SUPPRESSES; `isolated`: as between guests.
    """

    _about = ("link",)
    link: str
    bridge: str
    learns: bool = True
    suppresses: bool = False
    isolated: bool = False

    def _flags(self) -> dict[int, bool]:
        return {LEARNING: self.learns, SUPPRESSES: self.suppresses, ISOLATED: self.isolated}

    def is_done(self, host: "Host") -> bool:
        link, bridge = host.links.link(self.link), host.links.link(self.bridge)
        if link is None or bridge is None or link.master != bridge.index or not link.is_up:
            return False
        found = bridge_port.port_flags(host.links, link)
        return all(found.get(flag) == value for flag, value in self._flags().items())

    def do(self, host: "Host") -> None:
        link, bridge = host.links.link(self.link), host.links.link(self.bridge)
        if link is None or bridge is None:
            msg = f"link {self.link!r}: make a port of {self.bridge!r}: no such network interface"
            raise HostError(msg)
        if link.master != bridge.index:
            host.links.set_link(self.link, master=bridge.index)
        body = bridge_port.flags_message(link.index, self._flags())
        host.links.ask(f"link {self.link!r}", "set port flags", bridge_port.NEW_LINK, 0, body)
        host.links.set_link(self.link, up=True)

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.link)
        if link is not None:
            host.links.set_link(self.link, up=False, master=0)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        words = ["" if self.learns else "without learning", "suppressing ARP and ND" if self.suppresses else ""]
        words += ["isolated" if self.isolated else ""]
        return ", ".join([f"make {self.link} a port of {self.bridge}", *(word for word in words if word)])


def _end(address: str, four: int, six: int) -> bytes:
    return pack(six, inet_pton(AF_INET6, address)) if ":" in address else pack(four, inet_pton(AF_INET, address))


def _address(said: "dict[int, bytes]", four: int, six: int) -> str:
    if six in said:
        return inet_ntop(AF_INET6, said[six])
    return inet_ntop(AF_INET, said[four]) if said.get(four, bytes(4)) != bytes(4) else ""
