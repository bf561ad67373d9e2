"""The host as it is at one moment, read at once: for a look at many networks, each of which asks for the same."""

from functools import cached_property

from vnethook.live import nftables
from vnethook.live.rtnl import Link, Links, Route


class Sight(Links):
    """The links, addresses and routes at the time of the first question, and the chains of our firewall.

    `ours`: the indexes of bridges whose own subnets are no news, so that their routes are left out.
    """

    def __init__(self, ours: set[int]) -> None:
        super().__init__()
        self._ours = ours

    @cached_property
    def chain_uses(self) -> dict[str, int]:
        """The use of each chain; raise HostError where the kernel has no nf_tables, or we may not ask."""
        return nftables.all_chain_uses(nftables.NETDEV) | nftables.all_chain_uses(nftables.INET)

    def link(self, name: str) -> Link | None:  # noqa: D102 (as in Links)
        return self._by_name.get(name)

    def link_at(self, index: int) -> Link | None:  # noqa: D102
        return self._by_index.get(index)

    def ports(self, bridge: int) -> list[Link]:  # noqa: D102
        return self._by_master.get(bridge, [])

    def addresses_at(self, index: int) -> list[str]:  # noqa: D102
        return self._by_link.get(index, [])

    def routes(self) -> list[Route]:  # noqa: D102
        return self._routes

    @cached_property
    def _by_name(self) -> dict[str, Link]:
        return {link.name: link for link in self.all_links()}

    @cached_property
    def _by_index(self) -> dict[int, Link]:
        return {link.index: link for link in self._by_name.values()}

    @cached_property
    def _by_master(self) -> dict[int, list[Link]]:
        found: dict[int, list[Link]] = {}
        for link in self._by_name.values():
            found.setdefault(link.master, []).append(link)
        return found

    @cached_property
    def _by_link(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for index, address in self.all_addresses():
            found.setdefault(index, []).append(address)
        return found

    @cached_property
    def _routes(self) -> list[Route]:
        return [route for route in super().routes() if route.gateway or route.device not in self._ours]
