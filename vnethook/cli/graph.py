"""graph: what is connected to what, as a drawing, for Graphviz, or as JSON."""

import shutil
import sys
from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import verb

if TYPE_CHECKING:
    from vnethook.lifecycle.topology import Segment, Topology

TEXT, DOT, JSON = "text", "dot", "json"
_COLUMNS, _COLUMNS_MIN = 80, 40


@verb
@arguments.segment_if_any
@click.option("--format", "form", type=click.Choice([TEXT, DOT, JSON]), default=TEXT, help="What to write (text).")
@arguments.as_json
def graph(segment: str, *, form: str, as_json: bool) -> None:
    """Draw what is connected to what on this host.

    Guests, the bridges that they are on, what the host does for them there, and the uplinks.
    """
    found = slow.topology.topology(slow.host(), segment)
    if as_json or form == JSON:
        report.as_json(plain(found))
        return
    for text in _dot(found) if form == DOT else _text(found):
        report.line(text)


def plain(found: "Topology") -> dict[str, object]:
    """A topology as JSON says it."""
    return {"host": found.host, "networks": [_plain(segment) for segment in found.segments]}


def _plain(segment: "Segment") -> dict[str, object]:
    return {
        "name": segment.name,
        "type": segment.kind,
        "state": "active" if segment.is_active else "inactive",
        "forward": segment.forward,
        "bridge": segment.bridge,
        "addresses": list(segment.addresses),
        "services": list(segment.services),
        "uplinks": [uplink.to_plain() for uplink in segment.uplinks],
        "guests": [
            {
                "interface": guest.nic.interface,
                "network": guest.nic.network,
                "guest": guest.nic.guest,
                "hostname": guest.nic.hostname,
                "mac": guest.mac,
                "ip": guest.ip,
            }
            for guest in segment.guests
        ],
        "others": [port.to_plain() for port in segment.others],
        "networks": list(segment.networks),
        "links": list(segment.links),
        "problem": segment.problem,
    }


def _dot(found: "Topology") -> list[str]:
    from vnethook.cli import dot  # noqa: PLC0415 (most drawings are text)

    return dot.text(found)


def _text(found: "Topology") -> list[str]:
    from vnethook.cli import drawing  # noqa: PLC0415 (as above)

    columns = shutil.get_terminal_size((_COLUMNS, 24)).columns if sys.stdout.isatty() else _COLUMNS
    columns = max(columns, _COLUMNS_MIN)
    if "utf" in (sys.stdout.encoding or "").lower():
        return drawing.text(found, columns)
    return [line.translate(drawing.ASCII) for line in drawing.text(found, columns - drawing.ASCII_MORE)]
