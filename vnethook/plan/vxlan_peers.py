"""The step that lets in by VXLAN only whom it leads to."""

from vnethook.live import nftables
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host

_CHAIN = "peers"
_NUMBER = "@th,96,24"
"""The VXLAN's number behind the UDP header: RFC 7348, section 5."""


class AdmitPeers(Step):
    """Drop VXLANs of a network that do not come from whom they lead to: the kernel takes them from everybody.

    `rows`: (number, UDP port, address). Their table is the network's own: no other one depends on it.
    """

    _about = ("table",)
    table: str
    rows: tuple[tuple[int, int, str], ...]

    def is_done(self, host: "Host") -> bool:
        return host.nft.foreign_uses(nftables.INET, self.table, (_CHAIN,)) == {_CHAIN: len(self.rows)}

    def require(self, host: "Host") -> None:
        host.nft.require()

    def do(self, host: "Host") -> None:
        lines = [f"add chain inet {self.table} {_CHAIN} {{ type filter hook input priority -155; }}"]
        for number, port, address in self.rows:
            what = f"meta l4proto 17 udp dport {port} {_NUMBER} {number}"
            source = f"{'ip6' if ':' in address else 'ip'} saddr != {address}"
            lines.append(f"add rule inet {self.table} {_CHAIN} {what} {source} counter drop")
        host.nft.apply(f"{self._removal()}add table inet {self.table}\n" + "\n".join([*lines, ""]))

    def undo(self, host: "Host") -> None:
        if host.nft.foreign_uses(nftables.INET, self.table, (_CHAIN,)):
            host.nft.apply(self._removal())

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def _removal(self) -> str:
        return f"add table inet {self.table}\ndelete table inet {self.table}\n"

    def __str__(self) -> str:
        return "take VXLAN from " + ", ".join(address for _, _, address in self.rows)
