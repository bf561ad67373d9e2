"""Which of many addresses somebody on a link has: the kernel asks for all of them at once, and nothing else is sent.

Source: rtnetlink(7), linux/neighbour.h (NTF_USE).
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from time import monotonic, sleep

from vnethook.live.netlink import CREATE, DUMP, attributes, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.live.rtnl import Link, Links

_NEW, _GET = 28, 30
_ENTRY = Struct("=BxHiHBB")
_USE = 0x01
_INCOMPLETE, _ANSWERED = 0x01, 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""NUD_…: being asked for; reachable, stale, delay, probe, permanent."""
_ADDRESS = 1
_TURN_S = 0.02


def occupied(links: "Links", link: "Link", addresses: "Iterable[str]", *, deadline_s: float) -> list[str]:
    """Those of the addresses that are answered for on the link before the deadline, in their order."""
    asked = list(addresses)
    for address in asked:
        family = AF_INET6 if ":" in address else AF_INET
        body = _ENTRY.pack(family, 0, link.index, 0, _USE, 0) + pack(_ADDRESS, inet_pton(family, address))
        links.ask(f"address {address}", f"ask for it on {link.name!r}", _NEW, CREATE, body)
    end = monotonic() + deadline_s
    while True:
        found = _states(links, link)
        if not any(found.get(address, 0) & _INCOMPLETE for address in asked) or monotonic() > end:
            return [address for address in asked if found.get(address, 0) & _ANSWERED]
        sleep(_TURN_S)


def _states(links: "Links", link: "Link") -> dict[str, int]:
    """The state of each neighbour on a link."""
    found = {}
    for family in (AF_INET, AF_INET6):
        for answer in links.ask("neighbours", "list", _GET, DUMP, _ENTRY.pack(family, 0, 0, 0, 0, 0)):
            of, _, index, state, _, _ = _ENTRY.unpack_from(answer)
            if index == link.index:
                found[inet_ntop(of, dict(attributes(answer, _ENTRY.size))[_ADDRESS])] = state
    return found
