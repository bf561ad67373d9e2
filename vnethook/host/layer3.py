"""What a link has at layer 3, to be read and to be given to another link: addresses, routes, neighbours.

Read and given as the kernel's own attributes, so that what this version has no word for goes along.
Source of the formats: rtnetlink(7), linux/neighbour.h.
"""

from _socket import AF_INET, AF_INET6
from _struct import Struct
from errno import EADDRNOTAVAIL, EBUSY, EEXIST, ENODEV, ENOENT, ESRCH
from sys import byteorder

from vnethook.errors import HostError
from vnethook.host import link_address, link_route, link_rule
from vnethook.live.netlink import CREATE, DUMP, EXCLUSIVE, attributes, pack, text
from vnethook.live.rtnl import ADDRESS, LINK, ROUTE_HEAD
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vnethook.host.link_address import LinkAddress
    from vnethook.host.link_route import LinkRoute
    from vnethook.host.link_rule import LinkRule
    from vnethook.live.rtnl import Link, Links

_GET_LINK, _SET_LINK = 18, 19
_IFLA_NAME = 3
_RUNNING = 0x40
_NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS = 20, 21, 22
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_NEW_NEIGHBOUR, _DELETE_NEIGHBOUR, _GET_NEIGHBOUR = 28, 29, 30
_NEW_RULE, _DELETE_RULE, _GET_RULE = 32, 33, 34
_APPEND, _REPLACE = 0x800, 0x100
_NEIGHBOUR = Struct("=BxxxiHBB")
_DESTINATION, _HARDWARE = 1, 2
_INCOMPLETE, _REACHABLE, _FAILED, _PERMANENT = 0x01, 0x02, 0x20, 0x80
_PROXY = 0x08
_KNOWN = _REACHABLE | 0x04 | 0x08 | 0x10 | _PERMANENT
"""States in which a neighbour's hardware address is of use: reachable, stale, delay, probe, permanent."""
_AF_SPEC, _TOKEN, _GENERATION_MODE = 26, 7, 8
_UNICAST, _LOCAL, _LOCAL_TABLE = 1, 2, 255
_ROUTE_TO, _ROUTE_OUT = 1, 4
_GONE = (EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH)


class Neighbour(Value):
    """Who is on the link: family, address and hardware address in hexadecimal, whether the entry stays."""

    family: int
    address: str
    hardware: str
    is_permanent: bool


class Layer3:
    """Addresses, routes and neighbours of the links of this network namespace."""

    def __init__(self, links: "Links") -> None:
        self._links = links

    def addresses(self, link: "Link") -> "tuple[LinkAddress, ...]":
        """The addresses of a link, in the order in which they were added."""
        answers = self._links.ask("addresses", "list", _GET_ADDRESS, DUMP, ADDRESS.pack(0, 0, 0, 0, link.index))
        found = [
            address for index, address in (link_address.parse(one, link.name) for one in answers) if index == link.index
        ]
        # IPv6 tells the newest first: ipv6_link_dev_addr() in net/ipv6/addrconf.c
        by_age = [one for one in found if one.family == AF_INET], [one for one in found if one.family == AF_INET6]
        return (*by_age[0], *reversed(by_age[1]))

    def add_address(self, link: "Link", address: "LinkAddress") -> None:
        """Give a link an address, which is of use at once; an IPv6 one that it has gets its flags and lifetimes."""
        what, verb = f"link {link.name!r}", f"add address {address}"
        message = (_NEW_ADDRESS, CREATE | EXCLUSIVE, address.body(link.name, link.index, checked=True))
        self._links.ask_unless((EEXIST,), what, verb, message)
        if address.family == AF_INET6:  # and have it look as if it had been checked
            plain = address.body(link.name, link.index, checked=False)
            self._links.ask(what, verb, _NEW_ADDRESS, _REPLACE, plain)

    def set_lifetimes(self, link: "Link", address: "LinkAddress") -> None:
        """Give an address that a link has the lifetimes of `address`."""
        body = address.body(link.name, link.index, checked=False)
        self._links.ask(f"link {link.name!r}", f"change address {address}", _NEW_ADDRESS, _REPLACE, body)

    def remove_address(self, link: "Link", address: "LinkAddress") -> None:
        """Take an address from a link; nothing if it is gone."""
        message = (_DELETE_ADDRESS, 0, address.removal(link.index))
        self._links.ask_unless(_GONE, f"link {link.name!r}", f"remove address {address}", message)

    def is_addressed(self, link: "Link", address: "LinkAddress") -> bool:
        """Whether the host takes what is sent to an IPv6 address of a link's as its own.

        It does some time after it was given: addrconf_dad_work() in net/ipv6/addrconf.c makes the route for that.
        """
        body = ROUTE_HEAD.pack(AF_INET6, 0, 0, 0, _LOCAL_TABLE, 0, 0, _LOCAL, 0)
        for answer in self._links.ask("routes", "list", _GET_ROUTE, DUMP, body):
            found = dict(attributes(answer, ROUTE_HEAD.size))
            if found.get(_ROUTE_TO) == address.packed and found.get(_ROUTE_OUT) == link.index.to_bytes(4, byteorder):
                return True
        return False

    def routes(self, link: "Link", *, beside: int = 0) -> "tuple[LinkRoute, ...]":
        """The unicast routes of all tables that lead by a link, those first that others need: without a gateway.

        `beside`: the index of a link whose routes do not count for whether one is behind another's.
        """
        found: list[LinkRoute] = []
        for family in (AF_INET, AF_INET6):
            places = set()
            for answer in self._links.ask(
                "routes", "list", _GET_ROUTE, DUMP, ROUTE_HEAD.pack(family, 0, 0, 0, 0, 0, 0, _UNICAST, 0)
            ):
                for device, route in link_route.parse(answer):
                    if device == link.index:
                        found.append(route.replace(is_behind=route.place in places))
                    if device != beside:
                        places.add(route.place)
        return tuple(sorted(found, key=lambda route: bool(route.gateway)))

    def add_route(self, link: "Link", route: "LinkRoute") -> None:
        """Have a route lead by a link, beside the same by another link; nothing if there is the same by this one."""
        flags = CREATE | (_APPEND if route.is_behind and route.family == AF_INET else 0)
        message = (_NEW_ROUTE, flags, route.body(link.index))
        self._links.ask_unless((EEXIST,), f"link {link.name!r}", f"add route {route}", message)

    def remove_route(self, link: "Link", route: "LinkRoute") -> None:
        """Have a route lead no longer by a link; nothing if it is gone."""
        message = (_DELETE_ROUTE, 0, route.replace(expires_s=0).body(link.index))
        self._links.ask_unless(_GONE, f"link {link.name!r}", f"remove route {route}", message)

    def add_routes(self, link: "Link", routes: "Iterable[LinkRoute]", *, beside: int = 0) -> list[HostError]:
        """Have these routes lead by a link, too; give why some are refused: those that lead nowhere from here.

        `beside`: the index of the link by which they lead as well, 0 for none.
        """
        found = {route.key: route for route in self.routes(link, beside=beside)}
        errors = []
        for route in routes:
            made = found.get(route.key)
            try:
                if made is not None and made.is_behind and not route.is_behind and route.family == AF_INET:
                    self.remove_route(link, made)  # the kernel made it along with the address, as the last of its kind
                    made = None
                if made is None:
                    self.add_route(link, route)
            except HostError as error:
                errors.append(error)
        return errors

    def drop_made_routes(self, link: "Link", addresses: "Iterable[LinkAddress]", *, but: "Iterable[LinkRoute]") -> None:
        """Remove those routes that the kernel has made along with these addresses of a link, but for some."""
        subnets = {address.subnet for address in addresses}
        wanted = {route.key for route in but}
        for route in self.routes(link):
            if route.is_kernels and route.subnet in subnets and route.key not in wanted:
                self.remove_route(link, route)

    def copy_neighbours(self, source: "Link", target: "Link") -> list[HostError]:
        """Have one link know who is on the other, and answer for whom the other does; give what is refused."""
        errors = []
        for neighbour in self._neighbours(source):
            state = _PERMANENT if neighbour.is_permanent else _REACHABLE
            body = _NEIGHBOUR.pack(neighbour.family, target.index, state, 0, 0)
            body += pack(_DESTINATION, bytes.fromhex(neighbour.address))
            body += pack(_HARDWARE, bytes.fromhex(neighbour.hardware))
            try:
                self._links.ask(f"link {target.name!r}", "add neighbour", _NEW_NEIGHBOUR, CREATE | _REPLACE, body)
            except HostError as error:
                errors.append(error)
        for family, address in self._proxied(source):
            body = _NEIGHBOUR.pack(family, target.index, _PERMANENT, _PROXY, 0) + pack(_DESTINATION, address)
            self._links.ask(f"link {target.name!r}", "add proxy neighbour", _NEW_NEIGHBOUR, CREATE | _REPLACE, body)
        return errors

    def forget_unanswered(self, link: "Link") -> None:
        """Forget whom a link asks for in vain, along with the packets that wait for the answer."""
        what = f"link {link.name!r}"
        for family, state, values in list(self._all_neighbours(link)):
            if state & (_INCOMPLETE | _FAILED):
                body = _NEIGHBOUR.pack(family, link.index, 0, 0, 0) + pack(_DESTINATION, values[_DESTINATION])
                self._links.ask_unless(_GONE, what, "forget neighbour", (_DELETE_NEIGHBOUR, 0, body))

    def rules(self, name: str) -> "tuple[LinkRule, ...]":
        """The routing rules that name a link."""
        found = []
        for family in (AF_INET, AF_INET6):
            body = ROUTE_HEAD.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            found += [link_rule.parse(answer) for answer in self._links.ask("rules", "list", _GET_RULE, DUMP, body)]
        return tuple(rule for rule in found if name in {rule.incoming, rule.outgoing})

    def add_rule(self, rule: "LinkRule") -> None:
        """Add a routing rule; nothing if there is the same."""
        self._links.ask_unless((EEXIST,), f"rule {rule}", "add", (_NEW_RULE, CREATE | EXCLUSIVE, rule.body))

    def remove_rule(self, rule: "LinkRule") -> None:
        """Remove a routing rule; nothing if it is gone."""
        self._links.ask_unless(_GONE, f"rule {rule}", "remove", (_DELETE_RULE, 0, rule.body))

    def set_address_generation(self, link: "Link", mode: int) -> None:
        """How the kernel makes IPv6 link-local addresses on a link: 0 of the MAC, 1 not at all. Source: if_link.h."""
        spec = pack(_AF_SPEC, pack(AF_INET6, pack(_GENERATION_MODE, bytes([mode]))))
        body = LINK.pack(0, 0, link.index, 0, 0) + spec
        self._links.ask(f"link {link.name!r}", "set addrgenmode", _SET_LINK, 0, body)

    def set_identifier(self, link: "Link", identifier: str) -> None:
        """The last half of addresses that the kernel makes of a router's prefix on a link, in hexadecimal.

        The router is asked at once. Source: ip-token(8); inet6_set_iftoken() in net/ipv6/addrconf.c.
        """
        spec = pack(_AF_SPEC, pack(AF_INET6, pack(_TOKEN, bytes(8) + bytes.fromhex(identifier))))
        body = LINK.pack(0, 0, link.index, 0, 0) + spec
        self._links.ask(f"link {link.name!r}", f"set token ::{identifier}", _SET_LINK, 0, body)

    def rename(self, link: "Link", name: str) -> None:
        """Give a link that may be up another name; raise HostError if that is taken or it may not be now."""
        body = LINK.pack(0, 0, link.index, 0, 0) + text(_IFLA_NAME, name)
        try:
            self._links.ask(f"interface {link.name!r}", f"rename to {name!r}", _SET_LINK, 0, body)
        except HostError as error:
            if getattr(error.__cause__, "errno", 0) != EBUSY:
                raise
            msg = f"interface {link.name!r}: rename to {name!r}: the kernel renames none that is up"
            raise HostError(msg, hint="it does since Linux 6.2; before, use --layout bridge") from error

    def is_running(self, link: "Link") -> bool:
        """Whether packets leave by a link (IFF_RUNNING): it has a carrier, and the kernel has taken note of that."""
        body = LINK.pack(0, 0, link.index, 0, 0)
        [answer] = self._links.ask(f"interface {link.name!r}", "read", _GET_LINK, 0, body)
        return bool(LINK.unpack_from(answer)[3] & _RUNNING)

    def _proxied(self, link: "Link") -> "Iterator[tuple[int, bytes]]":
        """(family, address) of the neighbours for which a link answers."""
        for family in (AF_INET, AF_INET6):
            body = _NEIGHBOUR.pack(family, 0, 0, _PROXY, 0)
            for answer in self._links.ask("neighbours", "list", _GET_NEIGHBOUR, DUMP, body):
                _, index, _, flags, _ = _NEIGHBOUR.unpack_from(answer)
                if index == link.index and flags & _PROXY:
                    yield family, dict(attributes(answer, 12))[_DESTINATION]

    def _neighbours(self, link: "Link") -> list[Neighbour]:
        return [
            Neighbour(family, values[_DESTINATION].hex(), values[_HARDWARE].hex(), bool(state & _PERMANENT))
            for family, state, values in self._all_neighbours(link)
            if state & _KNOWN and _HARDWARE in values
        ]

    def _all_neighbours(self, link: "Link") -> "Iterator[tuple[int, int, dict[int, bytes]]]":
        """Family, state and attributes of every neighbour of a link."""
        for family in (AF_INET, AF_INET6):
            head = _NEIGHBOUR.pack(family, 0, 0, 0, 0)
            for answer in self._links.ask("neighbours", "list", _GET_NEIGHBOUR, DUMP, head):
                _, index, state, _, _ = _NEIGHBOUR.unpack_from(answer)
                if index == link.index:
                    yield family, state, dict(attributes(answer, 12))
