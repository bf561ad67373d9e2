"""The step that marks the guards of a network's ports as being there."""

from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class MarkGuards(Step):
    """Set the mark that is gone as soon as another program has flushed the guards of a network's ports.

    The guards themselves come and go with the NICs.
    """

    _about = ("network",)
    network: str
    chain: str

    def is_done(self, host: "Host") -> bool:
        return host.guards.is_marked(self.chain)

    def require(self, host: "Host") -> None:
        host.guards.require()

    def do(self, host: "Host") -> None:
        host.guards.mark(self.chain)

    def undo(self, host: "Host") -> None:
        host.guards.unmark(self.chain)

    def __str__(self) -> str:
        return f"guard the ports of network {self.network}"
