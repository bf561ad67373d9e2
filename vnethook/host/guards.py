"""The guards of this host's ports, as far as no NIC is attached: the mark that they are there, what is left over."""

from vnethook.live import guard, netdev, nftables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Links


class Guards:
    """Chains of `table netdev vnethook`: see live/guard.py.

    A mark is a chain that no frame passes. It is gone as soon as another program has flushed what guards ports.
    """

    def __init__(self, paths: "Paths", links: "Links") -> None:
        self._paths = paths
        self._links = links

    def require(self) -> None:
        """Raise HostError if the kernel lacks nf_tables."""
        nftables.chain_uses(())

    def is_marked(self, chain: str) -> bool:
        """Whether the mark is there."""
        return nftables.chain_uses([chain], family=nftables.NETDEV).get(chain) == nftables.MARKED

    def mark(self, chain: str) -> None:
        """Set the mark; raise HostError."""
        rule = netdev.verdict(netdev.RETURN)
        netdev.apply(
            lambda: netdev.replacement(chain, "", [rule], is_there=netdev.is_there(chain)), f"chain {chain!r}: make"
        )

    def unmark(self, chain: str) -> None:
        """Remove the mark, and the table if nothing else is in it; nothing if it is gone."""
        netdev.remove_last([chain])

    def sweep(self, network: str, *, is_up: bool) -> None:
        """Remove the guards of links that are gone and those of a network that are no NIC's; not `is_up`: all of it."""
        guard.sweep(self._paths, self._links, network, is_up=is_up)
