"""A topology in the language of Graphviz. Source: https://graphviz.org/doc/info/lang.html. Pure."""

from typing import TYPE_CHECKING

from vnethook.cli.drawing import global_ones, kind, label, way
from vnethook.cli.report import safe
from vnethook.lifecycle.topology import PHYSICAL

if TYPE_CHECKING:
    from vnethook.lifecycle.topology import Segment, Topology

_BEGIN = (
    "  graph [rankdir=TB, fontname=sans];",
    "  node [shape=box, fontname=sans, fontsize=10];",
    "  edge [fontsize=9];",
)


def text(found: "Topology") -> list[str]:
    """The lines of a graph with a cluster for each segment that is up."""
    active = [segment for segment in found.segments if segment.is_active]
    bridges = {segment.bridge for segment in active}
    lines = [f"graph {_quoted(found.host)} {{", *_BEGIN]
    for segment in active:
        lines += [f"  {line}" for line in _cluster(segment)]
    for segment in active:
        lines += _ways(segment, bridges)
    for one, other in sorted({(min(pair), max(pair)) for pair in _links(active)}):
        lines.append(f"  {_quoted(f'bridge {one}')} -- {_quoted(f'bridge {other}')} [style=bold];")
    return [*lines, "}"]


def _cluster(segment: "Segment") -> list[str]:
    """The bridge with its guests, and ports of others."""
    bridge = _bridge(segment)
    said = [segment.bridge, *global_ones(segment.addresses), " ".join(segment.services)]
    lines = [
        f"subgraph {_quoted(f'cluster {segment.kind} {segment.name}')} {{",
        f"  label={_quoted(f'{segment.name} ({kind(segment)})')};",
        f"  {bridge} [label={_label(said)}, style=bold];",
    ]
    for guest in segment.guests:
        node = _quoted(f"guest {guest.nic.interface}")
        lines.append(f"  {node} [label={_label(label(guest, segment) or ['?'])}, shape=component];")
        lines.append(f"  {bridge} -- {node} [label={_quoted(guest.nic.interface)}];")
    for port in segment.others:
        node = _quoted(f"port {port.link}")
        lines.append(f"  {node} [label={_label([port.link, port.kind, port.ip, port.mac])}, style=dashed];")
        lines.append(f"  {bridge} -- {node} [style=dashed];")
    return [*lines, "}"]


def _ways(segment: "Segment", bridges: set[str]) -> list[str]:
    """From the bridge to its uplinks; one that is a bridge of the drawing is that one."""
    lines = []
    for uplink in segment.uplinks:
        node = _quoted(f"bridge {uplink.link}" if uplink.link in bridges else f"link {uplink.link}")
        if uplink.link not in bridges:
            lines.append(f"  {node} [label={_label(way(segment, uplink).split('  '))}, shape=cds];")
        mode = "" if segment.kind == PHYSICAL else kind(segment).partition(", ")[2]
        lines.append(f"  {node} -- {_bridge(segment)} [label={_quoted(mode)}];")
    return lines


def _links(active: "list[Segment]") -> list[tuple[str, str]]:
    """The bridges of segments that are connected to each other."""
    names = {segment.name: segment.bridge for segment in active}
    return [(segment.bridge, names[other]) for segment in active for other in segment.links if other in names]


def _bridge(segment: "Segment") -> str:
    return _quoted(f"bridge {segment.bridge}")


def _label(lines: list[str]) -> str:
    return '"' + "\\n".join(_escaped(line) for line in lines if line) + '"'


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """The text inside of quotes; a backslash would begin an escape of the label's."""
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')
