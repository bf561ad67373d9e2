"""The verb that brings a running network to its stored definition: apply."""

import click

from vnethook.cli import arguments, report, slow


@click.command
@arguments.network
@click.option("--dry-run", is_flag=True, help="Only say what would be changed.")
@arguments.as_json
def net_apply(network: str, *, dry_run: bool, as_json: bool) -> None:
    """Bring a running network to its definition.

    With the fewest steps and its guests attached; refused as a whole where the host refuses one of them.
    """
    act = slow.changes.preview if dry_run else slow.changes.apply
    changes = act(slow.host(), network)
    if as_json:
        report.as_json(
            [{"change": one.verb, "step": type(one.step).__name__, "text": str(one.step)} for one in changes]
        )
        return
    if not changes:
        report.done(f"Network {network} is as defined")
        return
    report.line(f"Network {network} would be changed:" if dry_run else f"Network {network} changed:")
    for change in changes:
        report.line(f"  {report.safe(str(change))}")
    report.end()
