"""`virsh`: its options, one command or several, or a session that reads them; status 1 for every failure."""

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.cli import report
from vnethook.cli.main import vnet
from vnethook.cli.verb import BadNumber, Number, Value, Verb
from vnethook.cli.virsh import builtin, line
from vnethook.errors import StateError, UsageError
from vnethook.host import connection

if TYPE_CHECKING:
    from collections.abc import Callable

READING = {
    *("net-check", "net-dhcp-leases", "net-dumpxml", "net-event", "net-info", "net-list", "net-name", "net-plan"),
    *("net-port-dumpxml", "net-port-list", "net-uuid"),
}
"""What --readonly allows; of the next ones too, unless a parameter is given that changes something."""
READING_UNLESS = {"net-desc": ("edit", "new_desc"), "net-metadata": ("edit", "remove", "new")}
FUNCTIONS = {
    "net-autostart": "virNetworkSetAutostart",
    "net-create": "virNetworkCreateXML",
    "net-define": "virNetworkDefineXML",
    "net-desc": "virNetworkSetMetadata",
    "net-destroy": "virNetworkDestroy",
    "net-edit": "virNetworkDefineXML",
    "net-metadata": "virNetworkSetMetadata",
    "net-port-create": "virNetworkPortCreateXML",
    "net-port-delete": "virNetworkPortDelete",
    "net-start": "virNetworkCreate",
    "net-undefine": "virNetworkUndefine",
    "net-update": "virNetworkUpdate",
}
"""What libvirt says that --readonly prevents; of our own verbs it is the verb."""
ONLY_NETWORKS = "this virsh is vnethook's: it has the commands for networks, and no others"


class ReadOnlyError(StateError):
    """What changes something, on a connection that is only to read."""

    libvirt_code = 29


class Command(NamedTuple):
    """A command whose words are understood."""

    name: str
    run: "Callable[[], object]"


@click.command(cls=Verb, context_settings={"allow_interspersed_args": False, "help_option_names": []})
@click.option("-c", "--connect", metavar="URI")
@click.option("-d", "--debug", type=Number())
@click.option("-e", "--escape")
@click.option("-h", "--help", "wants_usage", is_flag=True)
@click.option("-k", "--keepalive-interval", type=Number(min=0))
@click.option("-K", "--keepalive-count", type=Number(min=0))
@click.option("-l", "--log", metavar="FILE")
@click.option("-q", "--quiet", is_flag=True)
@click.option("-r", "--readonly", is_flag=True)
@click.option("-t", "--timing", is_flag=True)
@click.option("-v", "short_version", is_flag=True)
@click.option("-V", "long_version", is_flag=True)
@click.option("--version", is_flag=False, flag_value="short", type=click.Choice(["short", "long"]))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def virsh(context: click.Context, /, words: tuple[str, ...], **options: object) -> int:
    """Do for networks what virsh does."""
    if options["wants_usage"]:
        from vnethook.cli.virsh import manual  # noqa: PLC0415 (loads every verb)

        manual.show_usage()
        return 0
    if options["short_version"] or options["long_version"] or options["version"]:
        builtin.show_version(is_long=bool(options["long_version"]) or options["version"] == "long")
        return 0

    def run() -> int:
        connection.require_this_host(builtin.uri_of(context))
        if not words:
            return _session(context)
        return _run(context, _understood(context, line.commands(words[0]) if len(words) == 1 else [list(words)]))

    return report.outcome(run)


def _session(context: click.Context) -> int:
    """Read commands and run them until there are no more; what fails does not end it, and is not its status."""
    if not context.params["quiet"]:
        report.line("Welcome to virsh by vnethook: the networks of this host.\n")
        report.line("Type:  'help' for help with commands\n       'quit' to quit\n")
    is_over = False

    def run(text: str) -> None:
        nonlocal is_over
        commands = _understood(context, line.commands(text))
        is_over = any(command.name in builtin.QUITTING for command in commands)
        _run(context, commands)
        if is_over:
            report.line()

    while not is_over:
        try:
            text = report.ask(f"virsh {'>' if context.params['readonly'] else '#'} ")
        except EOFError:
            report.line()
            break
        report.outcome(partial(run, text))
    return 0


def _understood(context: click.Context, lines: list[list[str]]) -> list[Command]:
    """The commands; raise UsageError or a click error if the words of one are wrong: then none is run."""
    if context.params["words"] == ("",):
        msg = "no command"
        raise UsageError(msg)
    return [_command(context, words) for words in lines]


def _command(context: click.Context, words: list[str]) -> Command:
    name = words[0]
    itself = builtin.COMMANDS.get(name)
    command = itself or (vnet.get_command(context, name) if name.startswith("net-") else None)
    if command is None:
        msg = f"unknown command: '{name}'"
        raise UsageError(msg, hint="" if name.startswith("net-") else ONLY_NETWORKS)
    if "--help" in words[1 : words.index("--") if "--" in words else None]:
        words, command = ["help", name], builtin.COMMANDS["help"]
        itself = command
    try:
        called = command.make_context(words[0], words[1:], parent=context)
    except BadNumber as error:
        return Command(name, partial(_refuse, error))  # virsh reads it as late as that

    def run() -> object:
        with called:
            return report.outcome(lambda: _invoke(called) if itself is None else _invoke_builtin(called))

    return Command(words[0], run)


def _refuse(error: Exception) -> None:
    raise error


def _invoke_builtin(called: click.Context) -> None:
    called.command.invoke(called)
    if called.info_name not in builtin.QUITTING:
        report.end()


def _invoke(called: click.Context) -> object:
    """Run a verb, unless virsh would refuse it."""
    for item in called.command.params:
        if isinstance(item, Value) and item.is_empty_for_virsh(called.params.get(item.name or "")):
            msg = f"Failed to get option '{item.opts[0].removeprefix('--')}': Option argument is empty"
            raise UsageError(msg)
    changing = READING_UNLESS.get(called.info_name or "", ())
    is_reading = called.info_name in READING or (changing and not any(map(called.params.get, changing)))
    if called.find_root().params["readonly"] and not is_reading:
        name = called.info_name or ""
        msg = f"read only access prevents {FUNCTIONS.get(name, name)}"
        raise ReadOnlyError(msg)
    connection.require_this_host(builtin.uri_of(called.find_root()))  # `connect` may have named another
    return called.command.invoke(called)


def _run(context: click.Context, commands: list[Command]) -> int:
    """Run commands one after the other; the status of the last one."""
    status = 0
    for command in commands:
        started = monotonic()
        status = report.outcome(command.run)
        if command.name in builtin.QUITTING or status in report.ENDED_BY_SIGNAL:
            break
        if status:
            report.end()
        if context.params["timing"]:
            if context.params["quiet"]:
                report.line()
            report.line(f"(Time: {(monotonic() - started) * 1000:.3f} ms)\n")
    return status
