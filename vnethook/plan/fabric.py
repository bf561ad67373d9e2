"""The step that keeps what is each host's own off the fabric: DHCP, routers, and who is the gateway."""

from vnethook.live import nftables
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


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
