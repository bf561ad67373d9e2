"""Guests with addresses of the uplink's own network: a route to each, and the host answering for it at the uplink.

Attach puts that there, detach takes it away; loaded only where a network is such a one. What is ours bears our number,
so that nothing of an administrator's is taken for it, and what a killed hook has left is found.
Source of the formats: rtnetlink(7), linux/neighbour.h, linux/rtnetlink.h.
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from errno import EEXIST, ENODEV, ENOENT, ESRCH

from vnethook.errors import HostError, StateError
from vnethook.live import nics
from vnethook.live.netlink import CREATE, DUMP, EXCLUSIVE, attributes, number, pack
from vnethook.live.rtnl import ROUTE_HEAD, Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork

OURS = 118
"""Who made a route or an entry: a number that rtnetlink.h (RTPROT_…) and iproute2's rt_protos give to nobody."""
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_NEW_ENTRY, _DELETE_ENTRY, _GET_ENTRY = 28, 29, 30
_ENTRY = Struct("=BxHiHBB")
_PROXY, _PERMANENT = 0x08, 0x80
"""NTF_PROXY; NUD_PERMANENT, by which an entry outlives a carrier that is lost, since Linux 6.14."""
_ADDRESS, _MADE_BY = 1, 12
"""NDA_DST, NDA_PROTOCOL."""
_DESTINATION, _OUT, _TABLE = 1, 4, 15
_MAIN, _ON_LINK, _UNICAST = 254, 253, 1
_FAMILIES = {4: AF_INET, 6: AF_INET6}


def put(paths: "Paths", links: Links, live: "LiveNetwork", nic: "Nic", before: "Nic | None") -> None:
    """Lead what is for a NIC's addresses to the bridge, and answer for them at the uplink.

    `before`: the NIC that was the last on the interface, whose own are led there no longer. Raises StateError for a NIC
    of which no address is known, HostError for an address that is the host's or a gateway's, or that the host has a
    route to.
    """
    if before is not None and before.proxied and _place(before) != _place(nic):
        end_all(paths, links, before.replace(addresses=_other(before, nic)))
    if not nic.proxied:
        return
    if not nic.addresses:
        what = "no address is known for it" if nic.mac else "its MAC is not known, so no address is"
        msg = f"interface {nic.interface!r}: attach to network {live.name!r}: {what}"
        raise StateError(msg, hint="a <host> or a <range> in its <dhcp> gives it one, or the guest's configuration")
    if before is None or _place(before) != _place(nic):
        _require_free(links, nic)
    for address in nic.addresses:
        _lead(links, live, address)
        answer(links, live.proxied, address)


def _other(before: "Nic", nic: "Nic") -> tuple[str, ...]:
    """The addresses that the NIC before had and this one has not; all if it was on another network."""
    is_same = _place(before)[:2] == _place(nic)[:2]
    return tuple(address for address in before.addresses if not (is_same and address in nic.addresses))


def _place(nic: "Nic") -> tuple[str, str, tuple[str, ...]]:
    return nic.network, nic.proxied, nic.addresses


def _require_free(links: Links, nic: "Nic") -> None:
    """Raise HostError for an address of the host's own, or of a gateway of its: everybody would lose what is there."""
    own = {text.partition("/")[0] for _, text in links.all_addresses()}
    gateways = {route.gateway for route in links.routes() if route.gateway}
    for address in nic.addresses:
        what = "the host's own" if address in own else "that of a gateway of the host's"
        if address in own or address in gateways:
            msg = f"interface {nic.interface!r}: address {address}: is {what}"
            raise HostError(msg, hint="give the guest one that is set aside for it")


def withdraw(paths: "Paths", nic: "Nic") -> None:
    """Take away what is there for the addresses of a NIC that is about to be forgotten."""
    links = Links()
    try:
        end_all(paths, links, nic)
    finally:
        links.close()


def end_all(paths: "Paths", links: Links, nic: "Nic") -> None:
    """Take away what was there for the addresses of a NIC, but for those that another NIC has, too."""
    others = (other for other in nics.attached(paths, nic.network) if other.interface != nic.interface)
    kept = {address for other in others for address in other.addresses if nics.is_attached(links, other)}
    for address in nic.addresses:
        if address not in kept:
            end(links, nic.proxied, address)
            _lead_no_more(links, address)


def sweep(paths: "Paths", links: Links, live: "LiveNetwork") -> None:
    """Take away what a killed hook has left: what is there for an address that no NIC has."""
    known = {address for nic in nics.attached(paths, live.name) for address in nic.addresses}
    own = {address.partition("/")[0] for address in live.addresses}
    for address in answered(links, live.proxied) - known - own:
        if _is_in(live, address):
            end(links, live.proxied, address)
    for address in led(links, live.index) - known:
        _lead_no_more(links, address)


def _is_in(live: "LiveNetwork", address: str) -> bool:
    found = int.from_bytes(inet_pton(_family(address), address), "big")
    return any(_FAMILIES[of] == _family(address) and first <= found <= last for of, first, last in live.subnets)


def fault(live: "LiveNetwork", links: Links) -> str:
    """Whether the uplink has forgotten whom the host answers for, as it does with its last address."""
    if links.link(live.proxied) is None:
        return ""
    marks = {address.partition("/")[0] for address in live.addresses}
    return "" if marks <= answered(links, live.proxied) else f"nobody answers for guests on {live.proxied!r}"


def faults(links: Links, live: "LiveNetwork", nic: "Nic") -> list[str]:
    """What of `put` is not there for a NIC, a line each."""
    own = set(nic.addresses)
    missing = own - answered(links, live.proxied) if links.link(live.proxied) is not None else set()
    found = [f"nobody answers for {text} on {live.proxied}" for text in sorted(missing)]
    return found + [f"no route leads to {text} on {live.bridge}" for text in sorted(own - led(links, live.index))]


def answered(links: Links, name: str) -> set[str]:
    """The addresses that we have the kernel answer for at a link; none if it is not there."""
    link = links.link(name)
    found = set()
    for family in (AF_INET, AF_INET6) if link is not None else ():
        for entry in links.ask("neighbours", "list", _GET_ENTRY, DUMP, _ENTRY.pack(family, 0, 0, 0, _PROXY, 0)):
            of, _, index, _, _, _ = _ENTRY.unpack_from(entry)
            said = dict(attributes(entry, _ENTRY.size))
            if link is not None and index == link.index and said.get(_MADE_BY) == bytes([OURS]):
                found.add(inet_ntop(of, said[_ADDRESS]))
    return found


def answer(links: Links, name: str, address: str) -> None:
    """Have the kernel answer for an address at a link; nothing if the link is not there."""
    link = links.link(name)
    if link is not None:
        body = _entry(link.index, address) + pack(_MADE_BY, bytes([OURS]))
        links.ask_unless((ENODEV,), f"address {address}", f"answer for it on {name!r}", (_NEW_ENTRY, CREATE, body))


def end(links: Links, name: str, address: str) -> None:
    """Answer for an address at a link no longer; nothing if that was so."""
    link = links.link(name)
    if link is not None:
        message = (_DELETE_ENTRY, 0, _entry(link.index, address))
        links.ask_unless((ENOENT, ENODEV), f"address {address}", f"answer for it on {name!r} no longer", message)


def _entry(index: int, address: str) -> bytes:
    family = _family(address)
    return _ENTRY.pack(family, 0, index, _PERMANENT, _PROXY, 0) + pack(_ADDRESS, inet_pton(family, address))


def led(links: Links, bridge: int) -> set[str]:
    """The addresses to which routes of ours lead on the bridge of that index."""
    found = set()
    for family, bits in ((AF_INET, 32), (AF_INET6, 128)):
        body = ROUTE_HEAD.pack(family, 0, 0, 0, 0, OURS, 0, _UNICAST, 0)
        for route in links.ask("routes", "list", _GET_ROUTE, DUMP, body):
            _, prefix, _, _, _, made_by, _, _, _ = ROUTE_HEAD.unpack_from(route)
            said = dict(attributes(route, ROUTE_HEAD.size))
            is_on = said.get(_OUT) == number(_OUT, bridge)[4:]
            if is_on and prefix == bits and made_by == OURS:
                found.add(inet_ntop(family, said[_DESTINATION]))
    return found


def _lead(links: Links, live: "LiveNetwork", address: str) -> None:
    """Lead what is for an address to the bridge; raise HostError if the host has a route of its own to it."""
    body = _route(address) + number(_OUT, live.index)
    try:
        links.ask(f"route to {address}", f"add by {live.bridge!r}", _NEW_ROUTE, CREATE | EXCLUSIVE, body)
    except HostError as error:
        if getattr(error.__cause__, "errno", 0) != EEXIST:
            raise
        if address not in led(links, live.index):
            msg = f"network {live.name!r}: address {address}: the host has a route to it already"
            raise HostError(msg, hint=f"see `ip route show {address}`") from error


def _lead_no_more(links: Links, address: str) -> None:
    message = (_DELETE_ROUTE, 0, _route(address))
    links.ask_unless((ESRCH,), f"route to {address}", "remove", message)


def _route(address: str) -> bytes:
    family = _family(address)
    bits, scope = (32, _ON_LINK) if family == AF_INET else (128, 0)
    head = ROUTE_HEAD.pack(family, bits, 0, 0, _MAIN, OURS, scope, _UNICAST, 0)
    return head + pack(_DESTINATION, inet_pton(family, address))


def _family(address: str) -> int:
    return AF_INET6 if ":" in address else AF_INET
