"""A small rtnetlink client: links, addresses, routes. Names in, names out; every refusal is a HostError.

Source of the formats: rtnetlink(7), linux/if_link.h, linux/if_bridge.h, linux/rtnetlink.h.
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from errno import EADDRNOTAVAIL, EEXIST, EINVAL, ENODEV, ENOENT, EPERM

from vnethook.errors import HostError
from vnethook.live.netlink import CREATE, DUMP, EXCLUSIVE, ROUTE, Netlink, NetlinkError, attributes, number, pack, text
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW_LINK, _DELETE_LINK, _GET_LINK, _SET_LINK = 16, 17, 18, 19
_NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS, _GET_ROUTE = 20, 21, 22, 26
LINK = Struct("=BxHiII")
ADDRESS = Struct("=BBBBi")
ROUTE_HEAD = Struct("=BBBBBBBBI")
_U32 = Struct("=I")
_IFLA_ADDRESS, _IFLA_NAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_INFO, _IFLA_EXT_MASK = 1, 3, 4, 10, 18, 29
_INFO_KIND, _INFO_DATA = 1, 2
_BRIDGE_DELAY, _BRIDGE_STP = 1, 5
_SKIP_STATISTICS = 1 << 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_FLAGS = 1, 2, 4, 8
_NO_DAD, _NO_ROUTE = 0x02, 0x200
_RTA_DESTINATION, _RTA_OUT, _RTA_GATEWAY, _RTA_METRIC, _RTA_TABLE = 1, 4, 5, 6, 15
_UNICAST = 1
_UP, _LOOPBACK, _LOWER_UP = 0x1, 0x8, 0x10000
_CENTISECONDS = 100
"""The unit of a bridge's timers is 1/USER_HZ."""


class Link(Value):
    """A network device: index, MAC, MTU in bytes, its bridge's index (0: none), kind ("bridge", "tun", "veth")."""

    name: str
    index: int
    mac: str
    mtu: int
    master: int
    kind: str
    is_up: bool
    has_carrier: bool
    stp: int = 0
    delay_s: int = 0
    is_loopback: bool = False


class Route(Value):
    """A unicast route: IP version, first and last address as numbers, prefix length, index of its device (0: none).

    `gateway`: empty for one that leads to the device itself, or to several gateways.
    """

    version: int
    first: int
    last: int
    prefix: int
    device: int
    table: int
    gateway: str = ""
    metric: int = 0


class Links:
    """The links of this network namespace, or of that of an open rtnetlink socket."""

    def __init__(self, descriptor: int = -1) -> None:
        try:
            self._netlink = Netlink(ROUTE, descriptor)
        except OSError as error:
            msg = f"rtnetlink: open: {error.strerror}"
            raise HostError(msg) from error

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def follow(self) -> None:
        """Be the links of the namespace that this process has moved into."""
        self._netlink.close()
        self._netlink = Netlink(ROUTE)

    def link(self, name: str) -> Link | None:
        """The link of that name, None if there is none."""
        return self._get(0, text(_IFLA_NAME, name), name)

    def link_at(self, index: int) -> Link | None:
        """The link of that index, None if there is none."""
        return self._get(index, b"", str(index))

    def all_links(self) -> list[Link]:
        """Every link."""
        body = LINK.pack(0, 0, 0, 0, 0) + number(_IFLA_EXT_MASK, _SKIP_STATISTICS)
        return [_link(answer) for answer in self.ask("links", "list", _GET_LINK, DUMP, body)]

    def ports(self, bridge: int) -> list[Link]:
        """The links on the bridge of that index."""
        body = LINK.pack(0, 0, 0, 0, 0) + number(_IFLA_EXT_MASK, _SKIP_STATISTICS) + number(_IFLA_MASTER, bridge)
        found = [_link(answer) for answer in self.ask("links", "list", _GET_LINK, DUMP, body)]
        return [link for link in found if link.master == bridge]

    def create_bridge(self, name: str, *, mac: str, stp: bool, delay_s: int) -> None:
        """Create a bridge that is down; HostError if the name is taken."""
        data = number(_BRIDGE_STP, int(stp)) + number(_BRIDGE_DELAY, delay_s * _CENTISECONDS)
        if not stp:
            data = number(_BRIDGE_DELAY, delay_s * _CENTISECONDS) + number(_BRIDGE_STP, 0)
        info = text(_INFO_KIND, "bridge") + pack(_INFO_DATA, data)
        body = LINK.pack(0, 0, 0, 0, 0) + text(_IFLA_NAME, name) + pack(_IFLA_ADDRESS, _mac_bytes(mac))
        self.ask(f"bridge {name!r}", "create", _NEW_LINK, CREATE | EXCLUSIVE, body + pack(_IFLA_INFO, info))

    def set_bridge(self, name: str, *, stp: bool, delay_s: int) -> None:
        """Change a bridge's spanning tree and forward delay (seconds)."""
        data = number(_BRIDGE_STP, int(stp)) + number(_BRIDGE_DELAY, delay_s * _CENTISECONDS)
        info = text(_INFO_KIND, "bridge") + pack(_INFO_DATA, data)
        body = LINK.pack(0, 0, self._index(name), 0, 0) + pack(_IFLA_INFO, info)
        self.ask(f"bridge {name!r}", "set", _NEW_LINK, 0, body)

    def delete(self, name: str) -> None:
        """Delete a link; nothing if it is gone."""
        link = self.link(name)
        if link is None:
            return
        message = (_DELETE_LINK, 0, LINK.pack(0, 0, link.index, 0, 0))
        self.ask_unless((ENODEV,), f"link {name!r}", "delete", message)

    def set_link(
        self, name: str, *, up: bool | None = None, mac: str = "", mtu: int = 0, master: int | None = None
    ) -> None:
        """Change a link in one message: MAC, then MTU, then master (an index; 0 takes it off its bridge), then up."""
        body = b""
        if mac:
            body += pack(_IFLA_ADDRESS, _mac_bytes(mac))
        if mtu:
            body += number(_IFLA_MTU, mtu)
        if master is not None:
            body += number(_IFLA_MASTER, master)
        flags, change = (int(up), _UP) if up is not None else (0, 0)
        head = LINK.pack(0, 0, self._index(name), flags, change)
        self.ask(f"link {name!r}", "set", _SET_LINK, 0, head + body)

    def addresses(self, name: str) -> list[str]:
        """The addresses of a link, as "192.0.2.1/24"; none for a link that does not exist."""
        link = self.link(name)
        return self.addresses_at(link.index) if link else []

    def addresses_at(self, index: int) -> list[str]:
        """The addresses of the link of that index; none where there is no such link."""
        return [address for _, address in self._addresses(index)]

    def all_addresses(self) -> list[tuple[int, str]]:
        """(index of the link, "192.0.2.1/24") of every address."""
        return list(self._addresses(0))

    def add_address(self, name: str, address: str, *, has_route: bool = True) -> None:
        """Add "192.0.2.1/24" to a link; nothing if it has it. `has_route`: of IPv6, whether its subnet is there.

        IPv6 without duplicate address detection: a bridge without carrier would hold it as tentative for ever.
        """
        flags = _NO_DAD if has_route else _NO_DAD | _NO_ROUTE
        message = (_NEW_ADDRESS, CREATE | EXCLUSIVE, self._address_body(name, address, flags))
        self.ask_unless((EEXIST,), f"link {name!r}", f"add address {address}", message)

    def remove_address(self, name: str, address: str) -> None:
        """Remove an address from a link; nothing if the link or the address is gone."""
        if self.link(name) is None:
            return
        message = (_DELETE_ADDRESS, 0, self._address_body(name, address))
        self.ask_unless((EADDRNOTAVAIL, ENODEV), f"link {name!r}", f"remove address {address}", message)

    def routes(self) -> list[Route]:
        """The unicast routes of all tables and both families."""
        found = []
        for family in (AF_INET, AF_INET6):
            body = ROUTE_HEAD.pack(family, 0, 0, 0, 0, 0, 0, _UNICAST, 0)
            for answer in self.ask("routes", "list", _GET_ROUTE, DUMP, body):
                route = _route(answer)
                if route is not None:
                    found.append(route)
        return found

    def _get(self, index: int, attribute: bytes, name: str) -> Link | None:
        body = LINK.pack(0, 0, index, 0, 0) + attribute + number(_IFLA_EXT_MASK, _SKIP_STATISTICS)
        found = self.ask_unless((ENODEV, ENOENT), f"link {name!r}", "read", (_GET_LINK, 0, body))
        return _link(found[0]) if found else None

    def _index(self, name: str) -> int:
        link = self.link(name)
        if link is None:
            msg = f"link {name!r}: no such network interface"
            raise HostError(msg)
        return link.index

    def _addresses(self, index: int) -> "Iterator[tuple[int, str]]":
        message = (_GET_ADDRESS, DUMP, ADDRESS.pack(0, 0, 0, 0, index))
        for answer in self.ask_unless((ENODEV,) if index else (), "addresses", "list", message):
            family, prefix, _, _, at = ADDRESS.unpack_from(answer)
            if index and at != index:
                continue
            found = dict(attributes(answer, 8))
            packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
            if packed and family in {AF_INET, AF_INET6}:
                yield at, f"{inet_ntop(family, packed)}/{prefix}"

    def _address_body(self, name: str, address: str, flags: int = _NO_DAD) -> bytes:
        host, _, length = address.partition("/")
        family = AF_INET6 if ":" in host else AF_INET
        packed = inet_pton(family, host)
        body = pack(_IFA_LOCAL, packed) + pack(_IFA_ADDRESS, packed)
        if family == AF_INET:
            last = int.from_bytes(packed, "big") | ((1 << (32 - int(length))) - 1)
            body += pack(_IFA_BROADCAST, last.to_bytes(4, "big"))
        else:
            body += number(_IFA_FLAGS, flags)
        return ADDRESS.pack(family, int(length), 0, 0, self._index(name)) + body

    def ask(self, what: str, verb: str, kind: int, flags: int, body: bytes) -> list[bytes]:
        """The answers to one message; raise HostError that says what of what was refused."""
        return self.ask_unless((), what, verb, (kind, flags, body))

    def ask_unless(
        self, reasons: "tuple[int, ...]", what: str, verb: str, message: "tuple[int, int, bytes]"
    ) -> list[bytes]:
        """What `ask` does; none if the kernel refuses the message for one of these reasons (errno)."""
        try:
            return self._netlink.request(*message)
        except NetlinkError as error:
            if error.errno in reasons:
                return []
            raise _refused(what, verb, error) from error


def _link(answer: bytes) -> Link:
    _, _, index, flags, _ = LINK.unpack_from(answer)
    name, mac, kind = "", "", ""
    mtu = master = stp = delay = 0
    for what, data in attributes(answer, 16):
        if what == _IFLA_NAME:
            name = data.rstrip(b"\0").decode(errors="replace")
        elif what == _IFLA_ADDRESS:
            mac = data.hex(":")
        elif what == _IFLA_MTU:
            mtu = _U32.unpack(data)[0]
        elif what == _IFLA_MASTER:
            master = _U32.unpack(data)[0]
        elif what == _IFLA_INFO:
            info = dict(attributes(data))
            kind = info.get(_INFO_KIND, b"").rstrip(b"\0").decode()
            if kind == "bridge":
                bridge = dict(attributes(info.get(_INFO_DATA, b"")))
                stp = _U32.unpack(bridge.get(_BRIDGE_STP, b"\0\0\0\0"))[0]
                delay = _U32.unpack(bridge.get(_BRIDGE_DELAY, b"\0\0\0\0"))[0] // _CENTISECONDS
    return Link(
        name,
        index,
        mac,
        mtu,
        master,
        kind,
        bool(flags & _UP),
        bool(flags & _LOWER_UP),
        stp,
        delay,
        bool(flags & _LOOPBACK),
    )


def _route(answer: bytes) -> Route | None:
    family, prefix, _, _, table, _, _, kind, _ = ROUTE_HEAD.unpack_from(answer)
    if kind != _UNICAST:
        return None
    found = dict(attributes(answer, 12))
    bits = 32 if family == AF_INET else 128
    first = int.from_bytes(found.get(_RTA_DESTINATION, b""), "big")
    device, table, metric = (
        _U32.unpack(found[what])[0] if what in found else default
        for what, default in ((_RTA_OUT, 0), (_RTA_TABLE, table), (_RTA_METRIC, 0))
    )
    gateway = inet_ntop(family, found[_RTA_GATEWAY]) if _RTA_GATEWAY in found else ""
    last = first | ((1 << (bits - prefix)) - 1)
    return Route(4 if family == AF_INET else 6, first, last, prefix, device, table, gateway, metric)


def _mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _refused(what: str, verb: str, error: NetlinkError) -> HostError:
    hint = ""
    if error.errno == EPERM:
        hint = "needs the capability CAP_NET_ADMIN: run it as root"
    elif error.errno == EEXIST:
        hint = "another program owns it; choose another name in <bridge name='…'/>"
    elif error.errno == EINVAL and verb == "set":
        hint = "the driver does not support it"
    return HostError(f"{what}: {verb}: {error.strerror}", hint=hint)
