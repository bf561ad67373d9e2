"""A topology as text: a box for each bridge, its uplinks above it, its guests below it. Pure."""

from typing import TYPE_CHECKING

from vnethook.cli.report import safe
from vnethook.cli.screen import cut
from vnethook.cli.table import width
from vnethook.lifecycle.topology import PHYSICAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.lifecycle.guests import GuestNic
    from vnethook.lifecycle.topology import Segment, Topology, Uplink

ASCII = str.maketrans("─│┌┐└┘├┬┴╳–", "-|+++++++X-") | str.maketrans({"✓": "ok ", "✗": "NO ", "…": "..."})
"""For where only ASCII can be shown."""
ASCII_MORE = 2
"""How many columns a line may get longer by it."""
WHOLE, FEW = 12, 10
"""So many ports are drawn a line each; of more than that the first few, and the rest as names."""
_STEM = 4
"""The column of the line through a segment."""
_ISOLATED = {"none": "isolated: no way out of this host"}


def text(found: "Topology", columns: int) -> list[str]:
    """The lines of a topology, none wider than `columns`."""
    lines = [f"host {safe(found.host)}"]
    for segment in found.segments:
        if segment.is_active:
            lines += ["", *_segment(segment, columns)]
    down = [_down(segment) for segment in found.segments if not segment.is_active]
    lines += ["", "not active:", *(f"  {line}" for line in down)] if down else []
    return [cut(line, columns).rstrip() for line in lines]


def label(guest: "GuestNic", segment: "Segment") -> list[str]:
    """What is known of a guest's NIC: the guest's name, addresses, and which of several networks it is on."""
    name = f"({guest.nic.network})" if len(segment.networks) > 1 and guest.nic.network != segment.bridge else ""
    return [part for part in (safe(guest.nic.guest), guest.ip, guest.mac, name) if part]


def way(segment: "Segment", uplink: "Uplink") -> str:
    """An uplink in words."""
    name = f"{uplink.link} (shared {uplink.nic})" if uplink.nic not in {"", uplink.link} else uplink.link
    parts = [safe(name), *global_ones(uplink.addresses)] if segment.kind != PHYSICAL else [safe(name), uplink.mac]
    return "  ".join([*filter(None, parts), *(() if uplink.is_up else ("down",))])


def global_ones(addresses: "Iterable[str]") -> list[str]:
    """The addresses without those that every link has."""
    return [address for address in addresses if not address.startswith("fe80:")]


def kind(segment: "Segment") -> str:
    """What a segment is: the physical network, or a network by its mode."""
    if segment.kind == PHYSICAL:
        return PHYSICAL
    words = {"none": "isolated", "nat": "NAT", "route": "routed", "open": "open"}
    return ", ".join(filter(None, (segment.kind, words.get(segment.forward, segment.forward))))


def _segment(segment: "Segment", columns: int) -> list[str]:
    lines = [*_above(segment), *_box(segment, columns)]
    ports = [
        *(_guest(guest, segment) for guest in segment.guests),
        *(
            (safe(port.link), "  ".join(filter(None, (f"not ours ({port.kind or 'hardware'})", port.ip, port.mac))))
            for port in segment.others
        ),
    ]
    if not ports:
        return lines
    shown, rest = (ports, []) if len(ports) <= WHOLE else (ports[:FEW], ports[FEW:])
    size = max(width(link) for link, _ in shown)
    for number, (link, words) in enumerate(shown):
        corner = "├" if rest or number < len(shown) - 1 else "└"
        line = (
            f"{' ' * _STEM}{corner}─ {link}{' ' * (size - width(link))} ─ {words}"
            if words
            else f"{' ' * _STEM}{corner}─ {link}"
        )
        lines.append(line)
    if rest:
        names = [
            *(safe(guest.nic.guest) or safe(guest.nic.interface) for guest in segment.guests),
            *(safe(port.link) for port in segment.others),
        ]
        begin = f"{' ' * _STEM}└─ {len(rest)} more: "
        lines += _wrapped(begin, names[FEW:], columns)
    return lines


def _above(segment: "Segment") -> list[str]:
    """From the outside down to the bridge."""
    stem = " " * _STEM
    if segment.kind != PHYSICAL and segment.forward == "none":
        return []
    if not segment.uplinks:
        return [f"{stem}╳ no way out of this host now"]
    place = "physical network" if segment.kind == PHYSICAL else "outside"
    return [f"  {place}", *(f"{stem}│ {way(segment, uplink)}" for uplink in segment.uplinks)]


def _box(segment: "Segment", columns: int) -> list[str]:
    """The bridge: whose it is, what the host has and does there."""
    head = [f"{safe(segment.name)}  ({kind(segment)})"]
    others = [name for name in segment.networks if name != segment.bridge]
    lines = [
        *_wrapped("", head, columns - 4),
        *_wrapped("", [segment.bridge, *global_ones(segment.addresses)], columns - 4),
    ]
    lines += _wrapped("", segment.services, columns - 4) if segment.services else []
    lines += _wrapped("networks ", others, columns - 4) if others else []
    lines += _wrapped("linked to ", segment.links, columns - 4) if segment.links else []
    lines += _wrapped("! ", segment.problem.split(), columns - 4, between=" ") if segment.problem else []
    inner = max(_STEM, *map(width, lines))
    joint = "┴" if _above(segment) and segment.uplinks else "─"
    has_ports = bool(segment.guests or segment.others)
    top = f"┌{'─' * (_STEM - 1)}{joint}{'─' * (inner + 2 - _STEM)}┐"
    bottom = f"└{'─' * (_STEM - 1)}{'┬' if has_ports else '─'}{'─' * (inner + 2 - _STEM)}┘"
    return [top, *(f"│ {line}{' ' * (inner - width(line))} │" for line in lines), bottom]


def _guest(guest: "GuestNic", segment: "Segment") -> tuple[str, str]:
    return safe(guest.nic.interface), "  ".join(label(guest, segment))


def _down(segment: "Segment") -> str:
    words = f"{safe(segment.name)}  ({kind(segment)})"
    return f"{words}: {safe(segment.problem)}" if segment.problem else words


def _wrapped(begin: str, words: "Iterable[str]", columns: int, *, between: str = "  ") -> list[str]:
    """Words after a beginning, in lines that are no wider than `columns`; the others are indented as the first."""
    lines = [begin]
    is_empty = True
    for word in words:
        room = columns - width(lines[-1]) - (0 if is_empty else len(between))
        if not is_empty and width(word) > room:
            lines.append(" " * width(begin))
            is_empty = True
        lines[-1] += cut(word, max(1, columns - width(lines[-1]))) if is_empty else between + word
        is_empty = False
    return lines
