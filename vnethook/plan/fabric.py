"""Steps for what is each host's own and stays off the fabric, and for how long a bridge remembers its guests."""

from _struct import Struct

from vnethook.live import bridge_port, nftables
from vnethook.live.netlink import number, pack, text
from vnethook.live.rtnl import LINK
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


_INFO, _INFO_KIND, _INFO_DATA, _AGEING = 18, 1, 2, 4
"""linux/if_link.h: IFLA_LINKINFO, IFLA_INFO_*, IFLA_BR_AGEING_TIME, in hundredths of a second."""
_U32, _HUNDREDTHS = Struct("=I"), 100
_AGEING_DEFAULT_S = 300
"""The kernel's: IEEE 802.1D."""


class RememberGuests(Step):
    """Have a bridge forget a MAC only when nothing came from it for so long, in seconds; or its port goes."""

    _about = ("bridge",)
    bridge: str
    ageing_s: int

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.bridge)
        if link is None or link.kind != "bridge":
            return False
        found = bridge_port.kind_data(host.links, link.index).get(_AGEING, bytes(4))
        return bool(_U32.unpack(found)[0] == self.ageing_s * _HUNDREDTHS)

    def do(self, host: "Host") -> None:
        self._set(host, self.ageing_s)

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.bridge)
        if link is not None and link.kind == "bridge":
            self._set(host, _AGEING_DEFAULT_S)

    def _set(self, host: "Host", seconds: int) -> None:
        link = host.links.link(self.bridge)
        info = text(_INFO_KIND, "bridge") + pack(_INFO_DATA, number(_AGEING, seconds * _HUNDREDTHS))
        body = LINK.pack(0, 0, link.index if link else 0, 0, 0) + pack(_INFO, info)
        host.links.ask(f"bridge {self.bridge!r}", "set ageing", bridge_port.NEW_LINK, 0, body)

    def __str__(self) -> str:
        return f"have {self.bridge} remember guests for {self.ageing_s} s"


class FilterFabric(Step):
    """Install chains for what goes to other hosts by a link and comes from them, in a table of their own.

    `rules`: of nft, the same in both directions; `incoming`: before those, of what comes in.
    """

    _about = ("link",)
    link: str
    table: str
    rules: tuple[str, ...]
    incoming: tuple[str, ...]

    def _uses(self) -> dict[str, int]:
        return {"ingress": len(self.incoming) + len(self.rules), "egress": len(self.rules)}

    def is_done(self, host: "Host") -> bool:
        found = host.nft.foreign_uses(nftables.NETDEV, self.table, tuple(self._uses()))
        return found == self._uses()

    def require(self, host: "Host") -> None:
        host.nft.require()

    def do(self, host: "Host") -> None:
        host.nft.apply(self._removal() + self.install)

    @property
    def install(self) -> str:
        """The transaction that installs the table."""
        lines = [f"add table netdev {self.table}"]
        for chain, rules in (("ingress", (*self.incoming, *self.rules)), ("egress", self.rules)):
            hook = f'type filter hook {chain} device "{self.link}" priority -500; policy accept;'
            lines.append(f"add chain netdev {self.table} {chain} {{ {hook} }}")
            lines += [f"add rule netdev {self.table} {chain} {rule}" for rule in rules]
        return "\n".join(lines) + "\n"

    def undo(self, host: "Host") -> None:
        host.nft.apply(self._removal())

    def _removal(self) -> str:
        return f"add table netdev {self.table}\ndelete table netdev {self.table}\n"

    def __str__(self) -> str:
        return f"keep DHCP, router advertisements and the gateway's addresses off {self.link}"
