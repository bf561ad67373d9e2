"""The verbs that let guests onto the network of a NIC of the host's: share, unshare, confirm."""

import click

from vnethook.cli import known, report, slow
from vnethook.cli.verb import value, verb
from vnethook.names import check_link_name


@verb
@value("--nic", "nic", metavar="NIC", required=True, help="The NIC.", shell_complete=known.links)
@click.option("--bridge", metavar="NAME", default="", help="What its bridge is to be called, in place of ebrNIC.")
@click.option("--yes", is_flag=True, help="Keep it at once if the gateways answer, without `vnet confirm`.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def share(nic: str, bridge: str, *, yes: bool, dry_run: bool) -> None:
    """Let guests onto the physical network of a NIC.

    It becomes a port of a bridge, which takes over its addresses and routes; the host is on the network throughout.
    """
    check_link_name(nic)
    check_link_name(bridge or nic)
    del yes
    if dry_run:
        steps = slow.sharing.preview(slow.host(), nic, bridge)
        report.line(f"Interface {nic} would be shared:" if steps else f"Interface {nic} is shared")
        for step in steps:
            report.line(f"  {report.safe(str(step))}")
        report.end()
        return
    slow.sharing.start(slow.host(), nic, bridge)
    report.done(f"Interface {nic} shared")


@verb
@value("--nic", "nic", metavar="NIC", required=True, help="The NIC or its bridge.", shell_complete=known.links)
def unshare(nic: str) -> None:
    """Give a shared NIC back what its bridge has taken over."""
    check_link_name(nic)
    host = slow.host()
    if slow.sharing.chosen(host, nic, "") is None:
        report.warning(f"interface {nic!r}: is not shared: nothing done")
        return
    slow.sharing.stop(host, nic)
    report.done(f"Interface {nic} is no longer shared")


@verb
@value("--nic", "nic", metavar="NIC", help="The NIC or its bridge.", shell_complete=known.links)
def confirm(nic: str | None) -> None:
    """Keep what `vnet share` did."""
    check_link_name(nic or "eth0")
    report.warning("nothing waits to be confirmed")
