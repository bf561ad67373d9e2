"""The verb `doctor`: what on this host would stop guests, and what mends it."""

import os
from typing import TYPE_CHECKING

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import verb
from vnethook.errors import HostError
from vnethook.live import files

if TYPE_CHECKING:
    from vnethook.cli.installation import Installation, Item
    from vnethook.lifecycle.doctor.finding import Finding
    from vnethook.lifecycle.doctor.survey import Hook

STOPS = HostError.exit_status
"""Something here stops guests."""
_FIELDS = ("level", "subject", "what", "command", "network")
_PATH = "sys.path.append("


@verb
@arguments.network_if_any
@arguments.as_json
def doctor(network: str, *, as_json: bool) -> int:
    """Say what on this host would stop guests, and what mends it.

    Programs, kernel, other firewalls, servers, routes, files, and the networks themselves: all, or one. Looks, and
    changes nothing. Exit status 0: nothing stops guests, though there may be warnings; 5: something does.
    """
    from vnethook.lifecycle.doctor import examine  # noqa: PLC0415 (only here)
    from vnethook.lifecycle.doctor.finding import STOPS as STOPPING  # noqa: PLC0415 (as above)
    from vnethook.lifecycle.doctor.look import look  # noqa: PLC0415 (as above)

    found = examine(look(slow.host(), network).replace(**_of_our_own()))
    if as_json:
        report.as_json([{name: getattr(one, name) for name in _FIELDS} for one in found])
    else:
        _print(found, network)
    return STOPS if any(one.level == STOPPING for one in found) else 0


def _print(found: "list[Finding]", network: str) -> None:
    for one in found:
        report.line(report.safe(str(one)))
        if one.command:
            report.line(f"  {report.safe(one.command)}")
    if not found:
        whom = f"guests of network {network}" if network else "guests"
        report.line(f"Nothing on this host stops {whom}")


def _of_our_own() -> "dict[str, object]":
    """What is known of the installed hooks, and of what they run on."""
    from vnethook.cli import installation, soundness  # noqa: PLC0415 (as above)

    root = os.environ.get("VNETHOOK_ROOT", "")
    try:
        there = installation.Installation(root)
        hooks = tuple(
            _hook(there, item) for item in installation.ITEMS if item.hypervisor in {"QEMU", "libvirt", "Xen"}
        )
    except HostError:
        hooks = ()
    python, *package = soundness.seen(installation.PACKAGE)
    return {"hooks": hooks, "python": python, "package": tuple(filter(None, package))}


def _hook(there: "Installation", item: "Item") -> "Hook":
    from vnethook.cli.installation import Kind, State  # noqa: PLC0415 (as above)
    from vnethook.lifecycle.doctor.survey import Hook  # noqa: PLC0415 (as above)

    state = there.state(item)
    is_ours = item.kind is Kind.PROGRAM and state in {State.INSTALLED, State.OUTDATED}
    lost = _lost(there.root + item.target) if is_ours else ""
    return Hook(item.name, item.hypervisor, item.target, state.value, lost)


def _lost(path: str) -> str:
    """The directory in which a hook looks for the package, if there is none."""
    text = files.read_text(path) or ""
    lines = [line for line in text.splitlines() if line.startswith(_PATH)]
    place = lines[0].removeprefix(_PATH).rstrip(")").strip("'\"") if lines else ""
    return place if place.startswith("/") and not os.path.isdir(f"{place}/vnethook") else ""
