"""The step that keeps a network's links with other hosts up."""

from vnethook.live import link_port
from vnethook.plan.daemon import RunDaemon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class KeepLinks(RunDaemon):
    """Run the supervisor of a network's links; undone, what it has made on the host goes with it.

    `network`: whose links they are.
    """

    network: str = ""

    def undo(self, host: "Host") -> None:
        super().undo(host)
        for port in link_port.ports(host.paths, self.network):
            link_port.leave(host.paths, host.links, port)

    def __str__(self) -> str:
        return f"keep the links of {self.link} up"
