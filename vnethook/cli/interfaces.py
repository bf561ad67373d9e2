"""The verbs that show the host's interfaces, in virsh's words and columns: list, dumpxml, name, mac."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, known, report, slow
from vnethook.cli.net_list import ACTIVE, INACTIVE
from vnethook.cli.table import Table
from vnethook.cli.verb import value, verb

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERFACE = value(
    "--interface", "interface", metavar="IFACE", required=True, help="A link.", shell_complete=known.links
)


@verb
@click.option("--inactive", is_flag=True, help="Those that are down.")
@click.option("--all", "every", is_flag=True, help="Those that are up and those that are down.")
@arguments.as_json
def iface_list(*, inactive: bool, every: bool, as_json: bool) -> None:
    """List the host's interfaces that are up.

    Without ports of bridges, which stand in their bridge's XML, and guests' taps.
    """
    found = [one for one in slow.interfaces.every(slow.host()) if every or one.is_active is not inactive]
    if as_json:
        report.as_json([{"name": one.name, "state": _state(one.is_active), "mac": one.mac} for one in found])
        return
    rows = Table("Name", "State", "MAC Address")
    for one in found:
        rows.add(one.name, _state(one.is_active), one.mac)
    report.table(rows)


@verb
@_INTERFACE
@click.option("--inactive", is_flag=True, expose_value=False, help="For virsh's sake: what there is, it is all of.")
@arguments.parts_of_xml
def iface_dumpxml(interface: str, show: "Callable[[str], None]") -> None:
    """Print what an interface is as XML: of a bridge, its ports."""
    show(slow.interfaces.xml(slow.host(), interface))


@verb
@value("--interface", "mac", metavar="MAC", required=True, help="Its MAC address.")
def iface_name(mac: str) -> None:
    """Print the name of the interface with a MAC address."""
    report.line(report.safe(slow.interfaces.by_mac(slow.host(), arguments.mac(mac)).name))
    report.end()


@verb
@_INTERFACE
def iface_mac(interface: str) -> None:
    """Print the MAC address of an interface."""
    report.line(slow.interfaces.named(slow.host(), interface).mac)
    report.end()


def _state(is_active: bool) -> str:  # noqa: FBT001 (the value is what is shown)
    return ACTIVE if is_active else INACTIVE
