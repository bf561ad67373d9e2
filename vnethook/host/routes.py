"""Routes by a gateway on a link. Source of the format: rtnetlink(7), linux/rtnetlink.h."""

from _socket import AF_INET, AF_INET6, inet_pton
from errno import EEXIST, ENODEV, ESRCH

from vnethook.errors import HostError
from vnethook.live.netlink import CREATE, EXCLUSIVE, NetlinkError, number, pack
from vnethook.live.rtnl import ROUTE_HEAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.rtnl import Links

MAIN_TABLE = 254
"""RT_TABLE_MAIN."""
_NEW_ROUTE, _DELETE_ROUTE = 24, 25
_DESTINATION, _DEVICE, _GATEWAY, _METRIC = 1, 4, 5, 6
_STATIC, _ANYBODYS = 4, 0
"""Who made a route: RTPROT_STATIC, an administrator."""
_UNICAST = 1


class Routes:
    """The routes of the main table to a subnet, "192.0.2.0/24", by a gateway on a link."""

    def __init__(self, links: "Links") -> None:
        self._links = links

    def add(self, link: str, destination: str, *, gateway: str, metric: int) -> None:
        """Add a route; HostError if the kernel refuses it, also if there is one of this metric already."""
        try:
            self._ask(_NEW_ROUTE, link, (destination, gateway, metric), protocol=_STATIC)
        except HostError as error:
            if _errno(error) != EEXIST:
                raise
            raise HostError(str(error), hint=f"the host has one of metric {metric} already") from error

    def remove(self, link: str, destination: str, *, gateway: str, metric: int) -> None:
        """Remove a route; nothing if the link or the route is gone."""
        try:
            self._ask(_DELETE_ROUTE, link, (destination, gateway, metric), protocol=_ANYBODYS)
        except HostError as error:
            if _errno(error) not in {ENODEV, ESRCH}:
                raise

    def _ask(self, kind: int, link: str, route: tuple[str, str, int], *, protocol: int) -> None:
        destination, gateway, metric = route
        found = self._links.link(link)
        if found is None:
            if kind == _DELETE_ROUTE:
                return
            msg = f"link {link!r}: no such network interface"
            raise HostError(msg)
        address, _, prefix = destination.partition("/")
        family = AF_INET6 if ":" in address else AF_INET
        body = ROUTE_HEAD.pack(family, int(prefix), 0, 0, MAIN_TABLE, protocol, 0, _UNICAST, 0)
        if int(prefix):
            body += pack(_DESTINATION, inet_pton(family, address))
        body += pack(_GATEWAY, inet_pton(family, gateway)) + number(_DEVICE, found.index) + number(_METRIC, metric)
        verb, flags = ("add", CREATE | EXCLUSIVE) if kind == _NEW_ROUTE else ("remove", 0)
        self._links.ask(f"route {destination} by {gateway} on {link!r}", verb, kind, flags, body)


def _errno(error: HostError) -> int:
    cause = error.__cause__
    return cause.errno if isinstance(cause, NetlinkError) and cause.errno else 0
