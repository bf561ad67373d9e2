"""What the host has learned of guests: a bridge's MACs by its table of forwarding, their addresses by its neighbours.

Source: br_fdb_fillbuf() of the kernel; rtnetlink(7), linux/neighbour.h.
"""

from socket import AF_INET, AF_INET6, inet_ntop
from struct import Struct
from typing import TYPE_CHECKING

from vnethook.live.netlink import DUMP, attributes

if TYPE_CHECKING:
    from vnethook.live.rtnl import Links

_ENTRY_BYTES, _MAC_BYTES, _PORT_LOW, _IS_LOCAL, _PORT_HIGH = 16, 6, 6, 7, 12
"""struct __fdb_entry, linux/if_bridge.h."""
_GET_NEIGHBOUR = 30
_NEIGHBOUR = Struct("=BxxxiHBB")
_DESTINATION, _HARDWARE = 1, 2
_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
"""States in which a neighbour was heard of: reachable, stale, delay, probe, permanent."""
_LINK_LOCAL = "fe80:"


def macs(bridge: str, interface: str) -> set[str]:
    """The MACs that a bridge has seen behind a port; none if it is no port of it."""
    try:
        with open(f"/sys/class/net/{interface}/brport/port_no", encoding="ascii") as file:
            port = int(file.read(), 0)
        with open(f"/sys/class/net/{bridge}/brforward", "rb") as file:
            table = file.read()
    except (OSError, ValueError):
        return set()
    entries = [table[start : start + _ENTRY_BYTES] for start in range(0, len(table), _ENTRY_BYTES)]
    return {
        entry[:_MAC_BYTES].hex(":")
        for entry in entries
        if entry[_PORT_LOW] + (entry[_PORT_HIGH] << 8) == port and not entry[_IS_LOCAL]
    }


def mac(bridge: str, interface: str) -> str:
    """The only MAC that a bridge has seen behind a port; empty for none or several."""
    found = macs(bridge, interface)
    return found.pop() if len(found) == 1 else ""


def addresses(links: "Links") -> dict[tuple[int, str], str]:
    """The address of who is on a link, by (index of the link, MAC), as far as the host has talked to them.

    IPv4 goes before IPv6; link-local ones are none.
    """
    found: dict[tuple[int, str], str] = {}
    for family in (AF_INET, AF_INET6):
        body = _NEIGHBOUR.pack(family, 0, 0, 0, 0)
        for answer in links.ask("neighbours", "list", _GET_NEIGHBOUR, DUMP, body):
            _, index, state, _, _ = _NEIGHBOUR.unpack_from(answer)
            values = dict(attributes(answer, 12))
            if state & _KNOWN and _HARDWARE in values and _DESTINATION in values:
                address = inet_ntop(family, values[_DESTINATION])
                if not address.startswith(_LINK_LOCAL):
                    found.setdefault((index, values[_HARDWARE].hex(":")), address)
    return found
