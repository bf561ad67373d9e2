"""The verb `hooks`: put the hooks where each hypervisor looks for them, say what is where, take them away."""

import os
from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, report
from vnethook.cli.table import Table
from vnethook.errors import UsageError, VnetError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.cli.installation import Installation, Item


def _root(verb: "Callable[..., None]") -> "Callable[..., None]":
    option = click.option("--root", metavar="DIR", default="", help="Put it below DIR, as for a package or an image.")
    return option(verb)


@click.group(no_args_is_help=False)
def hooks() -> None:
    """Install the hooks of hypervisors, say what is where."""


@hooks.command
@_root
@click.option("--replace", is_flag=True, help="Also in place of files that are not ours; they are kept beside.")
@click.option("--enable-autostart", is_flag=True, help="Have systemd start the marked networks at boot.")
@click.option("--enable-watch", is_flag=True, help="Have systemd run `vnet watch` from boot on.")
@click.option("--enable-users", is_flag=True, help="Have systemd listen for the bridge helper of ordinary users.")
def install(root: str, *, replace: bool, **enable: bool) -> None:
    """Install the hooks. May be repeated: what is in place stays, what is outdated is renewed.

    A file that is not ours stays as it is, unless --replace is said: it is then kept as FILE.before-vnethook.
    """
    from vnethook.cli import installation, soundness  # noqa: PLC0415 (only here does a program have to be started)

    there = _installation(root)
    is_zone_new = False
    wanted = {"autostart": installation.AUTOSTART, "watch": installation.WATCH, "users": installation.USERS}
    for item in (*installation.ITEMS, *(item for name, item in wanted.items() if enable[f"enable_{name}"])):
        before = there.state(item)
        if there.install(item, replace=replace):
            is_zone_new |= item.hypervisor == "firewalld" and before is not installation.State.INSTALLED
            report.line(f"Hook {item.name} installed at {item.target}")
            if item.once and before in {installation.State.MISSING, installation.State.OTHER}:
                report.line(f"  {item.once}")
        else:
            report.line(f"Hook {item.name} not installed: {item.target} is {there.owner(item) or 'not ours'}")
            report.line("  left alone; --replace puts ours there and keeps it")
    problems = [] if there.root else _tell_firewalls(is_zone_new=is_zone_new)
    report.end()
    for problem in problems:
        report.warning(problem)
    for problem in [] if there.root else soundness.problems(installation.PACKAGE):
        report.warning(problem)


@hooks.command
@_root
@arguments.as_json
def status(root: str, *, as_json: bool) -> None:
    """Show which hooks are where, and how a hypervisor is told to use them."""
    from vnethook.cli import installation  # noqa: PLC0415 (as above)

    there = _installation(root)
    found = [(item, *_state(there, item)) for item in installation.EVERY_ITEM]
    if as_json:
        report.as_json(
            [
                {
                    "hook": item.name,
                    "hypervisor": item.hypervisor,
                    "path": item.target,
                    "state": state,
                    "owner": owner,
                    "use": item.use,
                }
                for item, state, owner in found
            ]
        )
        return
    rows = Table("Hook", "Hypervisor", "Path", "State")
    for item, state, owner in found:
        rows.add(item.name, item.hypervisor, item.target, f"{state}: {owner}" if owner else state)
    report.table(rows)
    for item, state, _ in found:
        if item.use and state == installation.State.INSTALLED.value:
            report.line(f"{item.name}: {item.use}")
    if any(state == installation.State.INSTALLED.value for _, state, _ in found):
        report.end()


@hooks.command
@_root
def remove(root: str) -> None:
    """Take the hooks away, and put back what they replaced."""
    from vnethook.cli import installation  # noqa: PLC0415 (as above)

    there = _installation(root)
    is_zone_gone = False
    for item in reversed(installation.EVERY_ITEM):
        if there.remove(item):
            is_zone_gone |= item.hypervisor == "firewalld"
            report.line(f"Hook {item.name} removed from {item.target}")
    problems = [] if there.root else _tell_firewalls(is_zone_new=is_zone_gone, is_removal=True)
    report.end()
    for problem in problems:
        report.warning(problem)


def _tell_firewalls(*, is_zone_new: bool, is_removal: bool = False) -> list[str]:
    """Have the host's other firewalls know of our bridges, or of them no more; what they refused.

    The hooks are in their places by then, and work without them.
    """
    from vnethook.cli import other_firewalls  # noqa: PLC0415 (as above)

    refusals = []
    firewalld = [other_firewalls.reload_firewalld] if is_zone_new else []
    for tell in (*firewalld, other_firewalls.untell_ufw if is_removal else other_firewalls.tell_ufw):
        try:
            for line in tell():
                report.line(line)
        except VnetError as error:
            refusals.append(error.report())
    return refusals


def _installation(root: str) -> "Installation":
    from vnethook.cli.installation import Installation  # noqa: PLC0415 (as above)

    if root and not os.path.isdir(root):
        msg = f"argument --root: {shown(root)}: no such directory"
        raise UsageError(msg)
    return Installation(os.path.abspath(root) if root else "")


def _state(there: "Installation", item: "Item") -> tuple[str, str]:
    from vnethook.cli.installation import State  # noqa: PLC0415 (as above)

    state = there.state(item)
    return state.value, there.owner(item) if state is State.OTHER else ""
