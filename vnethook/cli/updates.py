"""The verb that changes a part of a network."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import Number, value, verb
from vnethook.errors import UsageError

if TYPE_CHECKING:
    from vnethook.lifecycle.updates import Affected

SECTIONS = "ip-dhcp-host, ip-dhcp-range, forward-interface, portgroup, dns-host, dns-txt or dns-srv"

INDEX = Number(-(2**31), 2**31 - 1)


@verb
@arguments.network
@value("--command", "command", metavar="CMD", required=True, help="add, add-first, add-last, delete or modify.")
@value("--section", "section", metavar="SECTION", required=True, help=f"{SECTIONS}.")
@value("--xml", "xml", metavar="XML", required=True, help="The element, or a file that holds it.")
@click.option("--parent-index", metavar="N", type=INDEX, default=-1, help="Which <ip>, from 0; else the one with DHCP.")
@arguments.affected
def net_update(  # noqa: PLR0913 (what virsh's takes)
    network: str, command: str, section: str, xml: str, *, parent_index: int, on: "Affected"
) -> None:
    """Change a part of a network, without restarting it.

    Guests keep their links and leases.
    """
    updates = slow.updates
    command = "add-last" if command == "add" else command
    if report.is_virsh():
        _require_known(command, section)
    change = updates.Change(command, section, parent_index)
    is_literal = xml.lstrip().startswith("<")
    text, source = (xml, updates.SOURCE) if is_literal else (arguments.content(xml), arguments.source(xml))
    node = updates.element(change, text, source=source)
    done = updates.update(slow.host(), network, change, node, on=on)
    parts = [part for part, is_done in (("persistent config", done.config), ("live state", done.live)) if is_done]
    report.told(f"Updated network {network} {' and '.join(parts)}")


def _require_known(command: str, section: str) -> None:
    """Raise UsageError in virsh's words."""
    for what, word, known in (("command", command, slow.updates.COMMANDS), ("section", section, slow.updates.SECTIONS)):
        if word not in known.values():
            msg = f"unrecognized {what} name '{word}'"
            raise UsageError(msg)
