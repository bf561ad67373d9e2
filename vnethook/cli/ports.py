"""The verbs for network ports, in virsh's words: list, create, dumpxml, delete; and the one that builds queues."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, known, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import value, verb
from vnethook.live import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.live.nics import Nic

_port = value("--port", "port", metavar="PORT", required=True, shell_complete=known.ports, help="The port's uuid.")


@verb
@arguments.network
@click.option("--uuid", is_flag=True, help="Print uuids, one a line.")
@click.option("--table", is_flag=True, help="Print a table (the default).")
@arguments.as_json
def net_port_list(network: str, *, uuid: bool, table: bool, as_json: bool) -> None:
    """List a network's ports.

    Those of the NICs that are attached, and those that wait for one.
    """
    if uuid and table:
        msg = "net-port-list: only one of --table and --uuid can be asked for"
        raise report.misuse(msg, virsh="Only one argument from --table and --uuid may be specified.")
    found = slow.ports.list_ports(slow.host(), network)
    if as_json:
        report.as_json([_plain(nic) for nic in found])
    elif uuid:
        for nic in found:
            report.line(nic.uuid)
        report.end()
    else:
        rows = Table("UUID")
        for nic in found:
            rows.add(nic.uuid)
        report.table(rows)


@verb
@arguments.network
@arguments.definition
def net_port_create(network: str, text: bytes, source: str) -> None:
    """Make a port that waits for the NIC with its MAC.

    The network comes up and stays up; the NIC takes the port when it is attached, with its portgroup and limits.
    """
    made = slow.ports.create_port(slow.host(), network, text, source=source)
    report.done(f"Network port {made.uuid} created from {source}")


@verb
@arguments.network
@_port
@arguments.parts_of_xml
def net_port_dumpxml(network: str, port: str, show: "Callable[[str], None]") -> None:
    """Print a port as XML."""
    show(slow.ports.port_xml(slow.host(), network, port))


@verb
@arguments.network
@_port
def net_port_delete(network: str, port: str) -> None:
    """Delete a port.

    A NIC that is attached there is detached.
    """
    slow.ports.delete_port(slow.host(), network, port)
    report.done(f"Network port {port} deleted")


@click.command(hidden=True)
@click.argument("index", type=int)
def limit_rate(index: int) -> None:
    """Build the queue of a link. Called by hooks, which have no pyroute2."""
    from vnethook.host import htb  # noqa: PLC0415 (its library takes long to load)
    from vnethook.live.queues import Tree  # noqa: PLC0415 (as above)

    tree = Tree.from_plain(files.loads(arguments.content("-").decode()))
    htb.build(slow.host().links, index, tree)


def _plain(nic: "Nic") -> dict[str, object]:
    return {
        "uuid": nic.uuid,
        "interface": nic.interface,
        "mac": nic.mac,
        "guest": nic.guest,
        "portgroup": nic.portgroup,
    }
