"""The verb `watch`: keep networks that are up as they are defined, as a service or once."""

import os
import sys

import click

from vnethook.cli import report, slow
from vnethook.cli.verb import verb
from vnethook.live import record

LOCK_S = 30.0
"""How long `--once` waits for whoever is changing a network."""


@verb
@click.option("--once", is_flag=True, help="Look once, mend what has drifted, and end: for cron.")
def watch(*, once: bool) -> int | None:
    """Mend networks that are up as soon as others undo them.

    Flushed rules, a dead dnsmasq, a deleted bridge, guests' ports taken off, forwarding turned off. A line on standard
    error for each repair. Runs until SIGTERM or SIGINT; one on a host. A network that is down stays down.
    """
    if once:
        return _once()
    from vnethook.host import log  # noqa: PLC0415 (only here)
    from vnethook.lifecycle.watch import Watch  # noqa: PLC0415 (as above)

    if "JOURNAL_STREAM" not in os.environ:  # else what is logged is where stderr goes, systemd.exec(5)
        log.listen(_say)
    Watch(slow.host().paths, _say).run()
    return None


def _once() -> int:
    host = slow.host()

    def mend(name: str) -> None:
        found = slow.health.repair_drift(host, name, deadline_s=LOCK_S)
        if found:
            report.line(f"Network {name} repaired:")
            for fault in found:
                report.line(f"  {report.safe(fault)}")

    return report.each(record.names(host.paths), mend)


def _say(text: str) -> None:
    sys.stderr.write("".join(f"{report.safe(line)}\n" for line in text.splitlines()))
    sys.stderr.flush()
