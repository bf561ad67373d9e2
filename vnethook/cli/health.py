"""The verbs that look after networks: plan, check, repair."""

from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb
from vnethook.errors import HostError
from vnethook.live import record

DRIFT = HostError.exit_status
"""The host is not as the definition says."""


@verb
@arguments.network
@arguments.as_json
def net_plan(network: str, *, as_json: bool) -> None:
    """Show what bringing a network up would do.

    Step by step, and what of it is done already. Changes nothing on the host.
    """
    plan = slow.health.plan(slow.host(), network)
    if as_json:
        report.as_json([{"step": type(step).__name__, "text": str(step), "done": is_done} for step, is_done in plan])
        return
    rows = Table("Done", "Step")
    for step, is_done in plan:
        rows.add("yes" if is_done else "no", step)
    report.table(rows)


@verb
@arguments.network
@arguments.as_json
def net_check(network: str, *, as_json: bool) -> int:
    """Say what of a network is not as defined.

    Exit status 0: nothing; 5: something, a line each; 4: the network is down.
    """
    found = slow.health.check(slow.host(), network)
    if as_json:
        report.as_json(found)
    elif found:
        _tell(f"Network {network} is not as defined:", found)
    else:
        report.done(f"Network {network} is as defined")
    return DRIFT if found else 0


@verb
@arguments.network_if_any
@arguments.as_json
def net_repair(network: str, *, as_json: bool) -> int:
    """Mend networks in place, with their guests attached.

    One network, or all that are up. It goes on past a network that cannot be mended; the exit status is that of the
    first failure.
    """
    host = slow.host()
    repaired: dict[str, list[str]] = {}

    def repair(name: str) -> None:
        found = repaired[name] = slow.health.repair(host, name)
        if as_json:
            return
        if found:
            _tell(f"Network {name} repaired:", found)
        else:
            report.done(f"Network {name} is as defined")

    status = report.each([network] if network else record.names(host.paths), repair)
    if as_json:
        report.as_json(repaired)
    return status


def _tell(headline: str, found: list[str]) -> None:
    report.line(headline)
    for fault in found:
        report.line(f"  {report.safe(fault)}")
    report.end()
