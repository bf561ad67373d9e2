"""top: what goes over networks, shared NICs and guests' NICs right now, and what their processes use."""

import json
from time import monotonic, strftime
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.cli import arguments, rates, report, slow, traffic
from vnethook.cli.rates import Sample
from vnethook.cli.screen import Screen, cut, writable
from vnethook.cli.table import width
from vnethook.cli.verb import verb

if TYPE_CHECKING:
    from vnethook.cli.rates import Row, View

INTERVAL_MIN_S, INTERVAL_MAX_S = 0.1, 3600
QUIT = "qQ\x03\x04"
_NAME_MAX = 15
"""Columns for a name; as many as that of a link needs."""
_SCALE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


class Wish(NamedTuple):
    """What is to be shown, and how often."""

    segment: str
    interval: float
    sort: str
    once: bool
    as_json: bool


@verb
@arguments.segment_if_any
@click.option(
    "--interval",
    type=click.FloatRange(INTERVAL_MIN_S, INTERVAL_MAX_S),
    default=2.0,
    metavar="SECONDS",
    help="Over which rates are measured, and after which the screen is drawn again (default 2).",
)
@click.option("--once", is_flag=True, help="Measure once, print it and end.")
@click.option("--sort", type=click.Choice(rates.SORTS), default=rates.NAME, help="By name, or the most first.")
@arguments.as_json
def top(segment: str, *, interval: float, sort: str, once: bool, as_json: bool) -> None:
    """Show what goes over networks and NICs, again and again.

    q ends it. RX is what guests receive, TX what they send; of a NIC of the host's, what that receives and sends. JSON:
    an object for each measurement, on a line of its own unless it is the only one.
    """
    wish = Wish(segment, interval, sort, once, as_json)
    if once:
        _print(wish)
        return
    try:
        if as_json:
            _print(wish)
        with Screen() as screen:
            _draw(screen, wish)
    except KeyboardInterrupt:
        return


def short(number: float) -> str:
    """A number in at most five characters, in thousands of thousands where it is large: "0", "950", "1.2k", "34M"."""
    for scale, letter in _SCALE:
        if number >= scale * 0.9995:
            value = number / scale
            return f"{value:.1f}{letter}" if value < 99.95 else f"{value:.0f}{letter}"
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"


def lines(view: "View", title: str) -> list[str]:
    """A view as the lines of a screen."""
    places: list[tuple[str, ...]] = [("Network", "Type", "Guests", *_TITLES)]
    for row in view.places:
        kind = "physical" if row.is_physical else "virtual"
        places.append((row.place, kind, str(row.guests), *_cells(row), *_use(row)))
    nics: list[tuple[str, ...]] = [("Interface", "Network", "Guest", *_TITLES)]
    for row in view.nics:
        guest = "(the host)" if row.is_uplink else row.guest
        nics.append((row.interface, row.place, guest, *_cells(row), *_use(row)))
    return [title, "", *_aligned(places), "", *_aligned(nics)]


def plain(view: "View", seconds: float) -> dict[str, object]:
    """A view as JSON says it."""
    places = [
        {"name": row.place, "type": "physical" if row.is_physical else "virtual", "guests": row.guests, **_numbers(row)}
        for row in view.places
    ]
    nics = [
        {
            "interface": row.interface,
            "network": row.place,
            "guest": row.guest,
            "is_uplink": row.is_uplink,
            **_numbers(row),
        }
        for row in view.nics
    ]
    return {"seconds": round(seconds, 3), "networks": places, "nics": nics}


_RATES = ("RX b/s", "TX b/s", "RX p/s", "TX p/s", "drop/s")
_TITLES = (*_RATES, "CPU %", "RSS")


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines with aligned columns, numbers at the right; a long name is cut, so that the rates have room."""
    names = 3
    shown = [[cut(report.safe(cell) or "-", _NAME_MAX) for cell in row] for row in rows]
    sizes = [max(map(width, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(_padded(cell, sizes[at], is_name=at < names) for at, cell in enumerate(row)).rstrip() for row in shown
    ]


def _padded(cell: str, size: int, *, is_name: bool) -> str:
    blanks = " " * (size - width(cell))
    return cell + blanks if is_name else blanks + cell


def _print(wish: Wish) -> None:
    """Print one view, or JSON for each."""
    before = _sample(wish)
    pause = Screen()
    while True:
        pause.wait(wish.interval)
        after = _sample(wish)
        view = rates.view(before, after, sort=wish.sort)
        found = plain(view, after.at_s - before.at_s)
        if not wish.once:
            report.line(json.dumps(found))
            report.flush()
            before = after
            continue
        if wish.as_json:
            report.as_json(found)
        else:
            for text in lines(view, _title(view)):
                report.line(writable(text))
            report.end()
        return


def _draw(screen: Screen, wish: Wish) -> None:
    """Draw views until a key ends it: at first what is there, then what goes on."""
    before = after = _sample(wish)
    if screen.is_terminal:
        screen.show(lines(view := rates.view(before, after, sort=wish.sort), _title(view)))
    while (key := screen.wait(wish.interval)) not in QUIT or not key:
        before, after = after, _sample(wish)
        screen.show(lines(view := rates.view(before, after, sort=wish.sort), _title(view)))


def _sample(wish: Wish) -> Sample:
    host = slow.host()
    places = slow.places.places(host, wish.segment)
    counts, now_s = traffic.counts(), monotonic()
    links = {(nic.interface, nic.index) for place in places for nic in place.nics} | {place.link for place in places}
    processes = {(pid, start) for place in places for _, pid, start in place.daemons}
    processes |= {nic.owner for place in places for nic in place.nics} - {rates.NO_PROCESS}
    usages = {(pid, start): traffic.usage(pid, start) for pid, start in processes}
    return Sample(
        now_s,
        places,
        {link: counts[link[0]] for link in links if link[0] in counts},
        {process: usage for process, usage in usages.items() if usage},
    )


def _title(view: "View") -> str:
    count = sum(row.guests for row in view.places)
    return f"vnet top  {strftime('%H:%M:%S')}  {len(view.places)} networks, {count} NICs of guests"


def _cells(row: "Row") -> tuple[str, ...]:
    return tuple(map(short, row.rates)) if row.rates else ("",) * len(_RATES)


def _use(row: "Row") -> tuple[str, str]:
    if row.use is None:
        return "", ""
    return "" if row.use.cpu_percent is None else f"{row.use.cpu_percent:.1f}", short(row.use.rss_bytes)


def _numbers(row: "Row") -> dict[str, float | None]:
    names = ("rx_bits_per_s", "tx_bits_per_s", "rx_packets_per_s", "tx_packets_per_s", "drops_per_s")
    found: tuple[float | None, ...] = row.rates or (None,) * len(names)
    use = row.use
    return {
        **{name: None if value is None else round(value, 1) for name, value in zip(names, found, strict=True)},
        "cpu_percent": round(use.cpu_percent, 1) if use and use.cpu_percent is not None else None,
        "rss_bytes": use.rss_bytes if use else None,
    }
