"""The step that connects a network to another one of this host."""

from vnethook.errors import HostError
from vnethook.live import files, link_names, link_port, record
from vnethook.live.lock import Lock
from vnethook.plan.link_guard import GuardLinks
from vnethook.plan.links_bridge import JoinBridges
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.record import LiveNetwork


class JoinNetwork(Step):
    """Join the bridge of a network's links to another network that is up, and hold that one; MTU in bytes.

    `is_leaf`: the network can have no other link, so that no loop goes through it: then its frames come in at the
    other's own bridge, where no spanning tree lets them wait; else at the bridge of the other's links.
    """

    _about = ("network", "other")
    network: str
    uuid: str
    other: str
    bridge: str
    mtu: int
    is_leaf: bool
    has_guard: bool

    def is_done(self, host: "Host") -> bool:
        live = record.read(host.paths, self.other)
        return (
            live is not None
            and files.exists(self._hold(host))
            and all(step.is_done(host) for step in self._steps(live))
        )

    def do(self, host: "Host") -> None:
        with Lock(host.paths.lock(self.other), shared=True):
            self.join(host)

    def join(self, host: "Host") -> None:
        """Make the change, for whoever holds the lock of the other network; raise HostError."""
        live = record.read(host.paths, self.other)
        if live is None:
            msg = f"network {self.network!r}: connection to network {self.other!r}: that is not up"
            raise HostError(msg, hint=f"see `vnet net-start {self.other}`")
        if live.mtu != self.mtu:
            msg = (
                f"network {self.network!r}: connection to network {self.other!r}:"
                f" MTU {self.mtu} here and {live.mtu} there"
            )
            raise HostError(msg, hint=f"write <mtu size='{min(live.mtu, self.mtu)}'/> in both")
        files.write_text(self._hold(host), "")
        for step in self._steps(live):
            step.do(host)

    def undo(self, host: "Host") -> None:
        port, other_port = link_names.local_cable(self.uuid, self.other)
        if self.has_guard:
            GuardLinks(other_port, self._chain).undo(host)
        host.links.delete(port)
        host.links.delete(other_port)
        files.remove(self._hold(host))
        files.remove_directory(host.paths.holders(self.other))
        files.remove_directory(host.paths.links(self.other))

    def _hold(self, host: "Host") -> str:
        return f"{host.paths.holders(self.other)}/{self.network}"

    @property
    def _chain(self) -> str:
        return f"o{self.uuid.replace('-', '')}{link_names.local_cable('', self.other)[0]}"

    def _steps(self, live: "LiveNetwork") -> list[Step]:
        """What joins the two, by what the other one is as it is up."""
        port, other_port = link_names.local_cable(self.uuid, self.other)
        there = live.bridge if self.is_leaf else link_names.links_bridge(live.uuid)
        steps: list[Step] = [
            JoinBridges(other_port, there, port, self.bridge, self.mtu, isolated=link_port.is_apart(live))
        ]
        if self.has_guard and self.is_leaf:
            own = [*live.addresses, *filter(None, [live.guard.link_local])]
            addresses = tuple(address.partition("/")[0] for address in own)
            steps.append(GuardLinks(other_port, self._chain, link_port.serves(live), addresses))
        return steps

    def __str__(self) -> str:
        return f"connect network {self.network} to network {self.other}"
