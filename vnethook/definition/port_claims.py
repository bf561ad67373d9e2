"""Which ports of the host definitions lead to guests or listen at: asked for what another definition has already.

A range of ports is some blocks of them with as many as a power of two, so that what is known of subnets tells the
overlaps of thousands (blocks.py).
"""

from vnethook.address import Subnet
from vnethook.definition.blocks import Blocks
from vnethook.definition.forwarding import NUMBERS, PortForward
from vnethook.definition.peers import WITH_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from vnethook.definition.model import Network
    from vnethook.definition.peers import Listen

    Found = tuple[PortForward, str, PortForward]
    Rows = list[list[Any]]

_DUMMY = {(4,): "0.0.0.0", (6,): "::", (4, 6): None}  # noqa: S104 (nobody listens there)
"""What stands for a guest's address, of which only the IP version matters."""


class ListenPort(PortForward):
    """A port of the host's by which links come in."""

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"listen port {self.ports[0]}"

    @property
    def use(self) -> str:
        """What the network that has it does."""
        return "is listened at by"


class PortClaims:
    """Forwards and listeners with the names of their networks."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, PortForward]] = {}
        self._by_place: dict[tuple[int, str | None], Blocks] = {}

    def add(self, owner: str, network: str, item: PortForward) -> None:
        """Add a forward, by an owner of its own."""
        self._known[owner] = (network, item)
        for place, block in _blocks(item):
            self._by_place.setdefault(place, Blocks()).add((block.version, block.first, block.prefix), owner)

    def discard(self, owner: str) -> None:
        """Take away a forward that was added."""
        _, item = self._known.pop(owner)
        for place, block in _blocks(item):
            self._by_place[place].discard((block.version, block.first, block.prefix), owner)

    def first(self, items: "Iterable[PortForward]", *, but: str) -> "Found | None":
        """The first of `items` that a network other than `but` has already, that network and what it has; or None."""
        for item in items:
            for owner in self._near(item):
                network, other = self._known[owner]
                if network != but and _share_source(item, other):
                    return item, network, other
        return None

    def _near(self, item: PortForward) -> "Iterator[str]":
        """The owners of those with a protocol, a port and an address of the host in common."""
        places = ("",) if item.on is None else (None, item.on)  # "" has all, None those on any address
        for protocol in item.protocols:
            for block in _of_range(item.ports):
                for on in places:
                    found = self._by_place.get((NUMBERS[protocol], on))
                    for _, owner in found.overlapping(block) if found else ():
                        yield owner


def plain(network: "Network") -> "Rows":
    """The forwards of a definition that are in force while it is up, and where it listens, as JSON's types."""
    return [
        [*item.ports, item.protocol, _DUMMY[item.versions], item.source, item.on, isinstance(item, ListenPort)]
        for item in (*network.port_forwards, *listened(network.listens))
    ]


def listened(listens: "Iterable[Listen]") -> "Iterator[ListenPort]":
    """The ports of the host at which a network listens. That of VXLAN is shared by all that have it."""
    for item in listens:
        if item.port and item.transport in WITH_PORT:
            domain = None if item.address else "any"
            yield ListenPort((item.port, item.port), "tcp", domain=domain, address=item.address, on=item.address)


def read(row: "list[Any]") -> PortForward:
    """What stands in `plain`, to be asked for its overlaps."""
    first, last, protocol, address, source, on, is_listen = row
    domain = None if address else "any"
    kind = ListenPort if is_listen else PortForward
    return kind((first, last), protocol, domain=domain, address=address, source=source, on=on)


def _share_source(one: PortForward, other: PortForward) -> bool:
    return any(mine.overlaps(its) for mine in one.sources() for its in other.sources())


def _blocks(item: PortForward) -> "Iterator[tuple[tuple[int, str | None], Subnet]]":
    for protocol in item.protocols:
        for block in _of_range(item.ports):
            yield (NUMBERS[protocol], ""), block
            yield (NUMBERS[protocol], item.on), block


def _of_range(ports: tuple[int, int]) -> "Iterator[Subnet]":
    """A range as blocks, written as subnets of IPv4."""
    first, last = ports
    while first <= last:
        size = min(first & -first or 1 << 16, 1 << (last - first + 1).bit_length() - 1)
        yield Subnet(4, first, 33 - size.bit_length())
        first += size
