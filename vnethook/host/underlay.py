"""By which address of this host another one is reached, and what fits through on the way there.

Source: rtnetlink(7), linux/rtnetlink.h; RTM_GETROUTE answers with the one route that the kernel would take.
"""

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from _struct import Struct
from errno import EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT, ESRCH

from vnethook.address import BITS
from vnethook.live.netlink import attributes, pack
from vnethook.live.rtnl import ROUTE_HEAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.rtnl import Links

MTU_DEFAULT = 1500
_GET_ROUTE = 26
_DESTINATION, _OUT, _SOURCE, _METRICS = 1, 4, 7, 8
_MTU = 2
"""RTAX_MTU."""
_U32 = Struct("=I")
_NO_WAY = (EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT, ESRCH)


def way(links: "Links", peer: str) -> tuple[str, int] | None:
    """The address from which packets to `peer` leave, and the bytes of one that fits; None if no route leads there."""
    family, version = (AF_INET6, 6) if ":" in peer else (AF_INET, 4)
    body = ROUTE_HEAD.pack(family, BITS[version], 0, 0, 0, 0, 0, 0, 0) + pack(_DESTINATION, inet_pton(family, peer))
    found = links.ask_unless(_NO_WAY, f"route to {peer}", "read", (_GET_ROUTE, 0, body))
    said = dict(attributes(found[0], 12)) if found else {}
    link = links.link_at(_U32.unpack(said[_OUT])[0]) if _OUT in said else None
    if link is None or _SOURCE not in said:
        return None
    metrics = dict(attributes(said.get(_METRICS, b"")))
    mtu = _U32.unpack(metrics[_MTU])[0] if _MTU in metrics else link.mtu
    return inet_ntop(family, said[_SOURCE]), mtu


def of_device(links: "Links", device: str) -> tuple[str, int] | None:
    """The first IPv4 address of a link but for 127.0.0.0/8, and its MTU; None without one."""
    link = links.link(device)
    found = [text.partition("/")[0] for text in links.addresses_at(link.index)] if link else []
    for address in found:
        if link is not None and ":" not in address and not address.startswith("127."):
            return address, MTU_DEFAULT if link.is_loopback else link.mtu
    return None


def of_address(links: "Links", address: str) -> int:
    """The MTU of the link that has an address; the usual one for that of a loopback, or of nobody."""
    for index, text in links.all_addresses():
        link = links.link_at(index) if text.partition("/")[0] == address else None
        if link is not None and not link.is_loopback:
            return link.mtu
    return MTU_DEFAULT


def tunnel_end(links: "Links", address: str, device: str, peer: str) -> tuple[str, int] | None:
    """The end of tunnels to `peer` on this host and the MTU of the way there; all but one of the words may be empty.

    None where there is none now: the device lacks an address, or no route leads to the peer.
    """
    by_route = way(links, peer) if peer else None
    if address:
        return address, by_route[1] if by_route else of_address(links, address)
    if device:
        found = of_device(links, device)
        return (found[0], by_route[1]) if found and by_route else found
    return by_route
