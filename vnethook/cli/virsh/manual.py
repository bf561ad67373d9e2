"""What `virsh help` prints: of all commands, of a group, of one. Source: vshCmddefHelp() of libvirt's tools/vsh.c."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import report
from vnethook.cli.main import VERBS, vnet
from vnethook.cli.verb import Value
from vnethook.cli.virsh import builtin
from vnethook.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP, ITSELF = "Networking (help keyword 'network')", "Virsh itself (help keyword 'virsh')"
USAGE = """
virsh [options]... [<command_string>]
virsh [options]... <command> [args...]

  options:
    -c | --connect=URI      which connection: any on this host, they are all the same
    -d | --debug=NUM        taken and ignored
    -e | --escape <char>    taken and ignored
    -h | --help             this help
    -k | --keepalive-interval=NUM
                            taken and ignored
    -K | --keepalive-count=NUM
                            taken and ignored
    -l | --log=FILE         taken and ignored
    -q | --quiet            results only
    -r | --readonly         refuse what changes something
    -t | --timing           say how long a command took
    -v                      short version
    -V                      long version
         --version[=TYPE]   version, TYPE is short or long (default short)
  commands (non interactive mode):
"""


def network_verbs() -> dict[str, click.Command]:
    """Virsh's network commands, and those that we add to them."""
    context = click.Context(vnet)
    found = {name: vnet.get_command(context, name) for name in sorted(VERBS) if name.startswith("net-")}
    return {name: command for name, command in found.items() if command is not None and not command.hidden}


def show_usage() -> None:
    """`virsh --help`."""
    for line in USAGE.splitlines():
        report.line(line)
    _show_groups(f" {GROUP}", f" {ITSELF}")


def show(words: "Sequence[str]") -> None:
    """`virsh help [COMMAND or GROUP]`; raise UsageError for one that there is not."""
    if not words:
        report.line("Grouped commands:\n")
        _show_groups(f" {GROUP}:", f" {ITSELF}:")
    elif words[0] in {"network", "Networking"}:
        _show_verbs(f" {GROUP}:")
    elif words[0] in {"virsh", "Virsh itself"}:
        _show_builtin(f" {ITSELF}:")
    elif words[0] in builtin.COMMANDS:
        _show_verb(words[0], builtin.COMMANDS[words[0]])
    elif words[0] in VERBS and words[0].startswith("net-"):
        _show_verb(words[0], network_verbs()[words[0]])
    else:
        msg = f"command or command group '{words[0]}' doesn't exist"
        raise UsageError(msg)


def _show_groups(verbs: str, itself: str) -> None:
    _show_verbs(verbs)
    report.line()
    _show_builtin(itself)
    report.line()


def _show_verbs(title: str) -> None:
    report.line(title)
    for name, command in network_verbs().items():
        report.line(f"    {name:30} {_summary(command)}")


def _show_builtin(title: str) -> None:
    report.line(title)
    for name, command in builtin.COMMANDS.items():
        report.line(f"    {name:30} {_summary(command)}")


def _show_verb(name: str, command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    report.line(f"  NAME\n    {name} - {_summary(command)}\n")
    report.line(f"  SYNOPSIS\n    {' '.join([name, *map(_usage, options)])}\n")
    report.line(f"  DESCRIPTION\n    {' '.join((command.help or '').split())}\n")
    if options:
        report.line("  OPTIONS")
        for option in options:
            report.line(f"    {_label(option):15}  {option.help}")
        report.line()


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(200).removesuffix(".")


def _usage(option: click.Option) -> str:
    name = option.opts[0]
    if option.is_flag:
        return f"[{name}]"
    if not isinstance(option, Value):
        return f"[{name} {_kind(option)}]"
    if option.multiple and not option.virsh_needs:
        return f"[[{name}] <string>]..."
    return f"<{name.removeprefix('--')}>" if option.virsh_needs else f"[{name} <string>]"


def _label(option: click.Option) -> str:
    name = option.opts[0]
    if option.is_flag:
        return name
    is_place = isinstance(option, Value) and (option.virsh_needs or option.multiple)
    return f"[{name}] <string>" if is_place else f"{name} {_kind(option)}"


def _kind(option: click.Option) -> str:
    return "<number>" if isinstance(option.type, type(click.INT)) else "<string>"
