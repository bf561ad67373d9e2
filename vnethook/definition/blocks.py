"""Which subnets overlap a given one, asked of thousands at once."""

from bisect import bisect_left, insort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.address import Subnet

    Block = tuple[int, int, int]
    """IP version, first address as a number, prefix length."""


class Blocks:
    """Subnets with the names of their owners; two of them may be equal, or one may hold another.

    Subnets are never half over each other, so one that overlaps another either holds it, which a look for each prefix
    length in use tells, or begins in it, which a sorted list tells.
    """

    def __init__(self) -> None:
        self._owners: dict[Block, list[str]] = {}
        self._sorted: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        self._lengths: dict[tuple[int, int], int] = {}

    def add(self, block: "Block", owner: str) -> None:
        """Add a subnet; an owner may add one twice."""
        owners = self._owners.setdefault(block, [])
        if not owners:
            version, first, prefix = block
            insort(self._sorted[version], (first, prefix))
            self._lengths[version, prefix] = self._lengths.get((version, prefix), 0) + 1
        owners.append(owner)

    def discard(self, block: "Block", owner: str) -> None:
        """Take away a subnet that was added, once."""
        owners = self._owners[block]
        owners.remove(owner)
        if not owners:
            version, first, prefix = block
            del self._owners[block]
            order = self._sorted[version]
            del order[bisect_left(order, (first, prefix))]
            self._lengths[version, prefix] -= 1
            if not self._lengths[version, prefix]:
                del self._lengths[version, prefix]

    def overlapping(self, subnet: "Subnet") -> "Iterator[tuple[Block, str]]":
        """Each subnet that shares an address with this one, and each of its owners."""
        bits = 32 if subnet.version == 4 else 128
        for version, prefix in self._lengths:
            if version == subnet.version and prefix < subnet.prefix:
                holder = (version, subnet.first >> (bits - prefix) << (bits - prefix), prefix)
                for owner in self._owners.get(holder, ()):
                    yield holder, owner
        order = self._sorted[subnet.version]
        at = bisect_left(order, (subnet.first, subnet.prefix))
        while at < len(order) and order[at][0] <= subnet.last:
            block = (subnet.version, *order[at])
            for owner in self._owners[block]:
                yield block, owner
            at += 1
