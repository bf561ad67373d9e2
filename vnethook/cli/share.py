"""The verbs that let guests onto the network of a NIC of the host's: share, unshare, confirm."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import known, report, share_files, slow
from vnethook.cli.verb import Number, value, verb
from vnethook.errors import UsageError
from vnethook.names import check_link_name

if TYPE_CHECKING:
    from vnethook.host.host import Host

BRIDGE, PROXYARP = "bridge", "proxyarp"
"""How guests are on a NIC's network: by a bridge that it is a port of, or as hosts for which this one answers."""
GUARD_S, GUARD_MAX_S = 60, 86400
"""How long a guard waits to be told that the host is reached."""


@verb
@value("--nic", "nic", metavar="NIC", required=True, help="The NIC.", shell_complete=known.links)
@click.option("--bridge", metavar="NAME", default="", help="What its bridge is to be called, in place of ebrNIC.")
@click.option(
    "--layout", type=click.Choice(["bridge", "proposal"]), default="bridge", help="Which of them is called NIC."
)
@click.option(
    "--mode",
    "proxied",
    type=click.Choice([BRIDGE, PROXYARP]),
    default=BRIDGE,
    callback=lambda _, __, mode: mode == PROXYARP,
    help="How guests are on the network: see above.",
)
@click.option("--range", "ranges", metavar="FIRST-LAST", multiple=True, help="With proxyarp: what is set aside for it.")
@click.option("--antispoof", is_flag=True, help="Hold guests' ports to their addresses.")
@click.option("--timeout", metavar="SECONDS", type=Number(1, GUARD_MAX_S), default=GUARD_S, help="To confirm within.")
@click.option("--yes", is_flag=True, help="Keep it at once if the gateways answer, without `vnet confirm`.")
@click.option(
    "--force", is_flag=True, help="Also where packet filters know NIC alone, or with the system on the network."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@share_files.options
def share(
    nic: str, bridge: str, timeout: int, ranges: tuple[str, ...], *, written: share_files.Files, **flags: bool
) -> None:
    """Let guests onto the physical network of a NIC.

    It becomes a port of a bridge, which takes over its addresses and routes; the host is on the network throughout.
    Unless `vnet confirm` follows in time, all is taken back.

    With --mode proxyarp it does not, as on Wi-Fi: a network of its name is made, whose guests are hosts there for
    which this host answers. Ranges of addresses are set aside for that; the first of each is the bridge's.
    """
    check_link_name(nic)
    check_link_name(bridge or nic)
    _check_bridge(nic, bridge, written.layout)
    if flags["proxied"]:
        if written.layout != "bridge":
            msg = f"--layout {written.layout} is for --mode bridge"
            raise UsageError(msg, hint="with proxyarp the NIC stays as it is")
        _proxyarp(nic, ranges, bridge=bridge, is_dry=flags["dry_run"])
        return
    if ranges:
        msg = "--range is for --mode proxyarp"
        raise UsageError(msg, hint="guests on a bridge get their addresses from the network itself")
    if written.is_printed:
        share_files.show(nic, bridge, written)
        return
    host = _machine()
    terms = slow.sharing.Terms(
        bridge, flags["antispoof"] or None, timeout, flags["yes"], written.layout, flags["force"]
    )
    terms = terms.replace(is_persistent=written.is_persistent, form=written.form or "")
    if flags["dry_run"]:
        steps = slow.sharing.preview(host, nic, terms)
        _say(nic, [str(step) for step in steps])
        share_files.say_plan(slow.sharing.planned_files(host, nic, terms) if steps else None)
        return
    shared = slow.sharing.start(host, nic, terms)
    if shared is None:
        report.done(
            f"Interface {nic}: its bridge stays as it is; guests join it by a network with "
            f"<forward mode='bridge'/><bridge name='{bridge or nic}'/>"
        )
    elif shared.confirm_by:
        report.done(f"Interface {nic} shared by bridge {shared.bridge} until it is confirmed or given back")
        left_s = slow.sharing.left_s(shared)
        report.warning(f"within {left_s} s say `vnet confirm {nic}`, or all will be as it was")
    else:
        report.done(f"Interface {nic} shared by bridge {shared.bridge}")


@verb
@value("--nic", "nic", metavar="NIC", required=True, help="The NIC or its bridge.", shell_complete=known.links)
@click.option("--force", is_flag=True, help="Also with guests on the bridge, which lose the network.")
def unshare(nic: str, *, force: bool) -> None:
    """Give a shared NIC back what its bridge has taken over."""
    check_link_name(nic)
    shared = slow.sharing.stop(_machine(), nic, is_forced=force, guard_s=GUARD_S)
    given_back = shared.nic if shared else slow.proxyarp.stop(_machine(), nic, is_forced=force)
    if given_back:
        report.done(f"Interface {given_back} is no longer shared")
    else:
        report.warning(f"interface {nic!r}: is not shared: nothing done")


@verb
@value("--nic", "nic", metavar="NIC", default="", help="The NIC or its bridge.", shell_complete=known.links)
def confirm(nic: str) -> None:
    """Keep what `vnet share` did."""
    check_link_name(nic or "eth0")
    kept = slow.sharing.confirm(_machine(), nic)
    for shared in kept:
        report.done(f"Interface {shared.nic} stays shared by bridge {shared.bridge}")
    if not kept:
        report.warning(f"{f'interface {nic!r}' if nic else 'no interface'}: nothing waits to be confirmed")


def _machine() -> "Host":
    """The machine, for root; raise HostError for an ordinary user."""
    host = slow.host()
    slow.sharing.require_machine(host)
    return host


def _check_bridge(nic: str, bridge: str, layout: str) -> None:
    """Raise UsageError if a name of a bridge and a layout contradict each other."""
    if layout == BRIDGE and bridge == nic:
        msg = f"--bridge {bridge}: is the name of the NIC"
        raise UsageError(msg, hint="--layout proposal gives the bridge that, and the NIC another")
    if layout != BRIDGE and bridge not in {"", nic}:
        msg = f"--bridge {bridge}: is for --layout {BRIDGE}"
        raise UsageError(msg, hint=f"with --layout {layout} the bridge has the name of the NIC")


def _proxyarp(nic: str, ranges: tuple[str, ...], *, bridge: str, is_dry: bool) -> None:
    if is_dry:
        _say(nic, [str(step) for step in slow.proxyarp.preview(_machine(), nic, ranges, bridge=bridge)])
        return
    network, warnings = slow.proxyarp.start(_machine(), nic, ranges, bridge=bridge)
    for warning in warnings:
        report.warning(warning)
    report.done(f"Interface {nic} shared by network {network.name}, for whose guests it answers")


def _say(nic: str, steps: list[str]) -> None:
    report.line(f"Interface {nic} would be shared:" if steps else f"Interface {nic} is shared")
    for step in steps:
        report.line(f"  {report.safe(step)}")
    report.end()
