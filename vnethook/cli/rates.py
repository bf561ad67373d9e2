"""What goes on between two moments: rates of links and use of processes, of what was there at both. Pure."""

from typing import TYPE_CHECKING, NamedTuple

from vnethook.lifecycle.places import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.cli.traffic import Count, Usage
    from vnethook.lifecycle.places import Place

BITS = 8
Link = tuple[str, int]
"""Name and index: another link may have the name at any time."""
Process = tuple[int, int]
"""Pid and start time."""
NO_PROCESS = (0, 0)
NAME, RX, TX, DROPS, CPU = "name", "rx", "tx", "drops", "cpu"
SORTS = (NAME, RX, TX, DROPS, CPU)


class Sample(NamedTuple):
    """The host at a moment, in seconds of some clock: where guests are, what links and processes have counted."""

    at_s: float
    places: "list[Place]"
    counts: "dict[Link, Count]"
    usage: "dict[Process, Usage]"


class Rates(NamedTuple):
    """Bits, packets and drops in a second, as a guest receives and sends."""

    rx_bits: float = 0.0
    tx_bits: float = 0.0
    rx_packets: float = 0.0
    tx_packets: float = 0.0
    drops: float = 0.0


class Use(NamedTuple):
    """What processes use now: of one CPU in percent, None if that is not known yet; memory in bytes."""

    cpu_percent: float | None
    rss_bytes: int


class Row(NamedTuple):
    """A place (`interface` is empty) or a NIC: what goes on there; None: not known.

    `guests`: how many NICs of guests are there; `is_uplink`: the NIC is the host's own, and so are its rates.
    """

    place: str
    is_physical: bool
    interface: str = ""
    guest: str = ""
    guests: int = 0
    is_uplink: bool = False
    rates: Rates | None = None
    use: Use | None = None


class View(NamedTuple):
    """The places, and the NICs."""

    places: list[Row]
    nics: list[Row]


def view(before: Sample, after: Sample, *, sort: str = NAME) -> View:
    """What goes on, from two samples; by name, or the most first."""
    places, nics = [], []
    for place in after.places:
        kind = (place.name, place.is_physical)
        if place.link[0]:
            own = _rates(before, after, place.link)
            turned = Rates(own[1], own[0], own[3], own[2], own[4]) if own else None
            nics.append(Row(*kind, place.link[0], is_uplink=True, rates=turned))
        rows = [
            Row(
                *kind,
                nic.interface,
                nic.guest,
                rates=_rates(before, after, (nic.interface, nic.index)),
                use=_use(before, after, [nic.owner]),
            )
            for nic in place.nics
        ]
        nics += rows
        total = _sum([row.rates for row in rows if row.rates])
        daemons = _use(before, after, [(pid, start) for _, pid, start in place.daemons])
        places.append(Row(*kind, guests=len(rows), rates=total if before is not after else None, use=daemons))
    return View(_sorted(places, sort), _sorted(nics, sort))


def _rates(before: Sample, after: Sample, link: Link) -> Rates | None:
    """The rates of a link; None if it was not there at both moments, or was another one: no counter goes back."""
    old, new, seconds = before.counts.get(link), after.counts.get(link), after.at_s - before.at_s
    if old is None or new is None or seconds <= 0 or any(late < early for early, late in zip(old, new, strict=True)):
        return None
    rx_bytes, tx_bytes, *rest = ((late - early) / seconds for early, late in zip(old, new, strict=True))
    return Rates(rx_bytes * BITS, tx_bytes * BITS, *rest)


def _sum(found: "list[Rates]") -> Rates:
    return Rates(*(sum(column) for column in zip(*found, strict=True))) if found else Rates()


def _use(before: Sample, after: Sample, processes: "Iterable[Process]") -> Use | None:
    """What processes use together; None if none of them is to be seen."""
    known = [process for process in processes if process != NO_PROCESS and process in after.usage]
    if not known:
        return None
    both, seconds = [process for process in known if process in before.usage], after.at_s - before.at_s
    spent = sum(after.usage[process].cpu_s - before.usage[process].cpu_s for process in both)
    cpu = max(0.0, 100 * spent / seconds) if both and seconds > 0 else None
    return Use(cpu, sum(after.usage[process].rss_bytes for process in known))


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    def key(row: Row) -> tuple[object, ...]:
        rates, use = row.rates or Rates(), row.use
        numbers = {RX: rates.rx_bits, TX: rates.tx_bits, DROPS: rates.drops, CPU: (use and use.cpu_percent) or 0.0}
        return (-numbers.get(sort, 0.0), in_order(row.place), not row.is_uplink, in_order(row.interface))

    return sorted(rows, key=key)
