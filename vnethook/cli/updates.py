"""The verb that changes a part of a network."""

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import value, verb
from vnethook.errors import UsageError

SECTIONS = "ip-dhcp-host, ip-dhcp-range, forward-interface, portgroup, dns-host, dns-txt or dns-srv"


@verb
@arguments.network
@value("--command", "command", metavar="CMD", required=True, help="add, add-first, add-last, delete or modify.")
@value("--section", "section", metavar="SECTION", required=True, help=f"{SECTIONS}.")
@value("--xml", "xml", metavar="XML", required=True, help="The element, or a file that holds it.")
@click.option("--parent-index", metavar="N", type=int, default=-1, help="Which <ip>, from 0; else the one with DHCP.")
@click.option("--config", is_flag=True, help="Change the stored definition.")
@click.option("--live", is_flag=True, help="Change what is up.")
@click.option("--current", is_flag=True, help="Change what is up, or what is stored if it is down (the default).")
def net_update(network: str, command: str, section: str, xml: str, **given: bool | int) -> None:
    """Change a part of a network, without restarting it.

    Guests keep their links and leases.
    """
    config, live, current = (bool(given[flag]) for flag in ("config", "live", "current"))
    if current and (config or live):
        msg = f"net-update: --current and --{'live' if live else 'config'}: only one can be asked for"
        raise UsageError(msg)
    updates = slow.updates
    change = updates.Change("add-last" if command == "add" else command, section, int(given["parent_index"]))
    is_literal = xml.lstrip().startswith("<")
    text, source = (xml, updates.SOURCE) if is_literal else (arguments.content(xml), arguments.source(xml))
    node = updates.element(change, text, source=source)
    done = updates.update(slow.host(), network, change, node, on=updates.Affected(live, config))
    parts = [part for part, is_done in (("persistent config", done.config), ("live state", done.live)) if is_done]
    report.done(f"Updated network {network} {' and '.join(parts)}")
