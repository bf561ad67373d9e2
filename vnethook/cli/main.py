"""`vnet`: find the verb, run it, report what it raises once, as the exit status that the error has.

The verbs' modules are loaded when they are called for, and what they stand on when they use it (slow.py).
"""

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from vnethook import __version__
from vnethook.cli import report
from vnethook.errors import UsageError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

SECTIONS = {
    "Networks": {
        "net-list": "net_list:net_list",
        "net-info": "listing:net_info",
        "net-start": "networks:net_start",
        "net-stop": "networks:net_destroy",
        "net-destroy": "networks:net_destroy",
        "net-restart": "networks:net_restart",
        "net-apply": "changes:net_apply",
        "net-autostart": "networks:net_autostart",
        "net-dhcp-leases": "listing:net_dhcp_leases",
        "net-event": "events:net_event",
        "net-plan": "health:net_plan",
        "net-check": "health:net_check",
        "net-repair": "health:net_repair",
        "top": "top:top",
        "graph": "graph:graph",
    },
    "Definitions": {
        "net-define": "networks:net_define",
        "net-create": "networks:net_create",
        "net-edit": "edit:net_edit",
        "net-desc": "notes:net_desc",
        "net-metadata": "notes:net_metadata",
        "net-undefine": "networks:net_undefine",
        "net-update": "updates:net_update",
        "net-dumpxml": "listing:net_dumpxml",
        "net-name": "listing:net_name",
        "net-uuid": "listing:net_uuid",
        "net-compile": "networks:net_compile",
    },
    "Forwards": {
        "forward-list": "forwards:forward_list",
        "forward-add": "forwards:forward_add",
        "forward-remove": "forwards:forward_remove",
    },
    "Fabrics": {
        "fabric-list": "fabric:fabric_list",
        "fabric-config": "fabric:fabric_config",
    },
    "Links": {
        "link-list": "links:link_list",
        "link-cert": "certificates:link_cert",
        "link-key": "certificates:link_key",
    },
    "NICs": {
        "nic-list": "nics:nic_list",
        "nic-set": "nic_change:nic_set",
        "nic-mac": "nic_change:nic_mac",
        "vde-socket": "switch:vde_socket",
        "net-port-list": "ports:net_port_list",
        "net-port-create": "ports:net_port_create",
        "net-port-dumpxml": "ports:net_port_dumpxml",
        "net-port-delete": "ports:net_port_delete",
        "limit-rate": "ports:limit_rate",
        "attach": "nics:attach",
        "detach": "nics:detach",
        "run": "run:run",
    },
    "Host": {
        "share": "share:share",
        "unshare": "share:unshare",
        "confirm": "share:confirm",
        "doctor": "doctor:doctor",
        "watch": "watch:watch",
        "hooks": "hooks:hooks",
        "bridge-serve": "bridge_serve:bridge_serve",
        "iface-list": "interfaces:iface_list",
        "iface-dumpxml": "interfaces:iface_dumpxml",
        "iface-name": "interfaces:iface_name",
        "iface-mac": "interfaces:iface_mac",
        "completion": "completion:completion",
    },
}
"""The sections of the help; each verb and the function that does it. `network-VERB` (2007) means `net-VERB`."""
VERBS = {verb: place for section in SECTIONS.values() for verb, place in section.items()}
HINT = "`vnet --help` lists the verbs"
FAILED = 1
"""virsh's status for every failure."""
SUMMARY = 59
"""Characters of a verb's line in the help, so that it fits a terminal of 80."""


class Verbs(click.Group):
    """The verbs, loaded one by one."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """The verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of a verb, None if there is none."""
        place = VERBS.get(f"net-{name.removeprefix('network-')}" if name.startswith("network-") else name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(f"vnethook.cli.{module}"), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The help's list of verbs, by sections."""
        for title, section in SECTIONS.items():
            commands = ((verb, self.get_command(context, verb)) for verb in section)
            shown_ones = [(verb, command) for verb, command in commands if command and not command.hidden]
            with formatter.section(title):
                formatter.write_dl([(verb, command.get_short_help_str(SUMMARY)) for verb, command in shown_ones])

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word means; raise UsageError for an unknown one."""
        name = args[0]
        command = self.get_command(context, name)
        if command is not None:
            return name, command, args[1:]
        if context.resilient_parsing or name.startswith("-"):
            return super().resolve_command(context, args)
        from difflib import get_close_matches  # noqa: PLC0415 (only on the way to an error)

        close = get_close_matches(name[:40], VERBS, n=1)
        msg = f"verb {shown(name)}: there is no such verb"
        raise UsageError(msg, hint=f"did you mean {close[0]}? {HINT}" if close else HINT)


@click.group(cls=Verbs, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-q", "--quiet", is_flag=True, help="Print results only: no headers, no messages.")
@click.option("-c", "--connect", metavar="URI", help="For virsh's sake: the host is always this one.")
@click.version_option(__version__, "-V", "--version", prog_name="vnet", message="%(prog)s %(version)s")
def vnet(connect: str | None, **_: object) -> None:
    """Virtual networks for the guests of this host's hypervisors.

    NET is the name, the uuid or the bridge of a network. `vnet VERB --help` tells more about a verb, vnet(1) about all.
    """
    if connect is not None:
        from vnethook.host import connection  # noqa: PLC0415 (few say it)

        connection.require_this_host(connect)


def main() -> "NoReturn":
    """The console script; under the name `virsh`, by a link to it, what virsh is for networks."""
    name = os.path.basename(sys.argv[0])
    sys.exit(run(sys.argv[1:], name=report.VIRSH if name == report.VIRSH else "vnet"))


def run(words: "Sequence[str]", *, name: str = "vnet") -> int:
    """Run `vnet WORDS`, or `virsh WORDS`; give the exit status. Reports every error; ends nothing."""
    umask = os.umask(0o022)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8, a terminal neither
    status = report.outcome(lambda: _program(name).main(list(words), prog_name=name, standalone_mode=False, obj=umask))
    status = report.outcome(report.flush) or status
    return min(status, FAILED) if name == report.VIRSH and status not in report.ENDED_BY_SIGNAL else status


def _program(name: str) -> click.Command:
    if name != report.VIRSH:
        return vnet
    from vnethook.cli.virsh.program import virsh  # noqa: PLC0415 (only under that name)

    return virsh


if __name__ == "__main__":
    main()
