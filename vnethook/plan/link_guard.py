"""The step that judges what comes in by the links of a network, or by a cable from another one."""

from _socket import AF_INET, AF_INET6, inet_pton
from _struct import Struct

from vnethook.live import netdev, nftables
from vnethook.live.netdev import LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER, masked, payload
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host

_PROTOCOL, _TRANSPORT = 1, 16
"""Keys of `meta`."""
_ARP, _IPV6 = (netdev.meta(_PROTOCOL, bytes.fromhex(kind)) for kind in ("0806", "86dd"))
_UDP, _ICMPV6 = netdev.meta(_TRANSPORT, b"\x11"), _IPV6 + netdev.meta(_TRANSPORT, b"\x3a")
_DROP = netdev.verdict(netdev.DROP)
_RESERVED, _RESERVED_MASK = bytes.fromhex("0180c2000000"), bytes.fromhex("fffffffffff0")
"""What never passes a bridge, a tree's messages among it: IEEE 802.1D, table 7-10."""
_PORT = Struct("!H")


class GuardLinks(Step):
    """Drop what comes in by a link and belongs to its other side: messages of a spanning tree, at both ends of a cable.

    `serves`: the network is the one with DHCP, so that no answer of a server and no router comes in; `addresses`: the
    bridge's, which nobody else has. Who is on the far side is for the far host to say.
    """

    _about = ("link",)
    link: str
    chain: str
    serves: bool = False
    addresses: tuple[str, ...] = ()

    def is_done(self, host: "Host") -> bool:
        if host.links.link(self.link) is None:
            return False
        return nftables.chain_uses([self.chain], family=nftables.NETDEV).get(self.chain) == len(self._rules())

    def require(self, host: "Host") -> None:
        host.guards.require()

    def do(self, host: "Host") -> None:
        del host
        rules = self._rules()
        netdev.apply(
            lambda: netdev.replacement(self.chain, self.link, rules, is_there=netdev.is_there(self.chain)),
            f"link {self.link!r}: guard",
        )

    def undo(self, host: "Host") -> None:
        del host
        netdev.remove(self.chain)
        netdev.drop_table()

    def supersede(self, host: "Host", old: "Self") -> None:
        if old.chain != self.chain:
            old.undo(host)
        self.do(host)

    def _rules(self) -> list[bytes]:
        found = [masked(LINK_HEADER, 0, _RESERVED, _RESERVED_MASK) + _DROP]
        if self.serves:
            ports = ((0, 67), (2, 68), (0, 547), (2, 546))
            found += [_UDP + payload(TRANSPORT_HEADER, at, _PORT.pack(port)) + _DROP for at, port in ports]
            found += [_ICMPV6 + payload(TRANSPORT_HEADER, 0, bytes([kind])) + _DROP for kind in (134, 137)]
        for address in self.addresses:
            if ":" in address:
                own = inet_pton(AF_INET6, address)
                found.append(
                    _ICMPV6 + payload(TRANSPORT_HEADER, 0, b"\x88") + payload(TRANSPORT_HEADER, 8, own) + _DROP
                )
                found.append(_IPV6 + payload(NETWORK_HEADER, 8, own) + _DROP)  # a solicitation tells its sender's MAC
            else:
                found.append(_ARP + payload(NETWORK_HEADER, 14, inet_pton(AF_INET, address)) + _DROP)
        return found

    def __str__(self) -> str:
        return f"guard link {self.link}" + (", behind which nobody serves DHCP" if self.serves else "")
