"""Addresses of this host's own ranges that guests have taken along to other hosts of a fabric.

The lease that such a guest has here ends, since it renews elsewhere, and dnsmasq would give its address to another.
FRR tells the kernel who is elsewhere, by MAC and address; so before a guest comes, what is ours of that is kept for
whom it belongs to, as with --dhcp-host of dnsmasq(8). A ping would not find them: the answer goes to the gateway
next to the guest, which is another host. Source: linux/neighbour.h, zebra's rt_netlink.c.
"""

from _socket import AF_INET, inet_ntop
from _struct import Struct

from vnethook.live import files, naming
from vnethook.live.netlink import DUMP, attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

_GET_NEIGHBOUR = 30
_NEIGHBOUR = Struct("=BxxxiHBB")
_ADDRESS, _MAC = 1, 2
_TOLD = 0x10
"""NTF_EXT_LEARNED: not seen by the kernel itself."""
_PREFIX = "away-"


def keep_addresses(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic") -> None:
    """Keep what is away for whom it belongs to, but not for the NIC that comes now; give back what is not any more."""
    directory = f"{paths.dnsmasq(live.name)}/guests"
    if not live.pools or not files.is_directory(directory):
        return
    fixed = {key for key, _, _ in live.fixed} | {text for _, words, _ in live.fixed for text in words.split(",")}
    wanted = {
        f"{_PREFIX}{mac}-{address}": f"{mac},{address}\n"
        for mac, address in _away(links, live)
        if mac != nic.mac and fixed.isdisjoint({mac, address})
    }
    there = {name for name in files.names(directory) if name.startswith(_PREFIX)}
    for name in there - wanted.keys():
        files.remove(f"{directory}/{name}")
    if not there <= wanted.keys():
        naming.reload_daemon(live)  # dnsmasq adds what is new at once, but forgets only when told
    for name in wanted.keys() - there:
        files.write_text(f"{directory}/{name}", wanted[name])


def _away(links: "Links", live: "LiveNetwork") -> list[tuple[str, str]]:
    """(MAC, address) of guests elsewhere whose address is of this host's ranges."""
    found = []
    for answer in links.ask("neighbours", "list", _GET_NEIGHBOUR, DUMP, _NEIGHBOUR.pack(AF_INET, 0, 0, 0, 0)):
        _, index, _, flags, _ = _NEIGHBOUR.unpack_from(answer)
        values = dict(attributes(answer, 12))
        if index != live.index or not flags & _TOLD or _MAC not in values or _ADDRESS not in values:
            continue
        number = int.from_bytes(values[_ADDRESS], "big")
        if any(version == 4 and first <= number <= last for version, first, last in live.pools):
            found.append((values[_MAC].hex(":"), inet_ntop(AF_INET, values[_ADDRESS])))
    return found
