"""Which subnet a network gets that did not say, and whether one that it has is in the host's way."""

from zlib import crc32

from vnethook.address import Subnet, parse_subnet
from vnethook.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vnethook.definition.model import Network, Route
    from vnethook.host.facts import Taken


def choose(seed: str, pools: "Sequence[str]", prefix: int, is_taken: "Callable[[Subnet], bool]") -> Subnet:
    """A free subnet of the pools, beginning the search where `seed` (a uuid) points, so that it is the same each time.

    `is_taken`: whether something overlaps a subnet, in either direction. Raises DefinitionError if there is none left.
    """
    blocks = [block for block in (parse_subnet(pool) for pool in pools) if block.prefix <= prefix]
    counts = [1 << (prefix - block.prefix) for block in blocks]
    total = sum(counts)
    size = 1 << (32 - prefix)
    start = crc32(seed.encode()) % total if total else 0
    for offset in range(total):
        number = (start + offset) % total
        for block, count in zip(blocks, counts, strict=True):
            if number < count:
                candidate = Subnet(4, block.first + number * size, prefix)
                break
            number -= count
        if not is_taken(candidate):
            return candidate
    msg = f"subnet: none is free: all {total} of {', '.join(pools)} overlap a route, an address or a network"
    raise DefinitionError(msg, hint="add a pool in vnethook.toml, [subnets] pools = […], or write an <ip>")


def overlap(network: "Network", taken: "Iterable[Taken]") -> "tuple[Subnet, Taken] | None":
    """The first subnet of the network that the host uses otherwise, and by what; None if there is none."""
    for item in taken:
        for subnet in network.subnets:
            if subnet.overlaps(item.subnet):
                return subnet, item
    return None


def captured(network: "Network", taken: "Iterable[Taken]") -> "tuple[Route, Taken] | None":
    """The first static route that would take packets from where the host sends them now, and what from; None if none.

    A route that is wider than one of the host's takes nothing: the narrower one counts. Of two to the same place that
    of the lower metric does, so a default route by a guest may stand behind the host's own, in case that goes.
    """
    for item in taken:
        for route in network.routes:
            if item.metric is not None:
                is_captured = route.subnet == item.subnet and route.effective_metric <= item.metric
            else:
                is_captured = item.subnet.overlaps(route.subnet) and item.subnet.prefix <= route.prefix
            if is_captured:
                return route, item
    return None
