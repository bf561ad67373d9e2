"""`vnet run`: a command where the user's own networks are, as a guest's own QEMU wants it."""

import errno
import os
import signal
from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, known, slow
from vnethook.cli.verb import Verb, value
from vnethook.errors import HostError, NoNetworkError, VnetError
from vnethook.live import sessions
from vnethook.names import shown

if TYPE_CHECKING:
    from typing import NoReturn

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The exit statuses of a shell. Source: POSIX, Shell Command Language, 2.8.2."""
_COMMAND = "vnethook.command"


class WithCommand(Verb):
    """A verb whose words after `--` are a command with arguments of its own."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        """Keep the command apart."""
        place = words.index("--") if "--" in words else len(words)
        context.meta[_COMMAND] = words[place + 1 :]
        return super().parse_args(context, words[:place])

    def collect_usage_pieces(self, context: click.Context) -> list[str]:
        """The line of usage."""
        return [*super().collect_usage_pieces(context), "[-- COMMAND...]"]


@click.command(cls=WithCommand)
@value("--network", "networks", multiple=True, metavar="NET", help="To be up.", shell_complete=known.networks)
def run(networks: tuple[str, ...]) -> None:
    """Run a command where your own networks are.

    Each NET is brought up as for a guest, and goes down some time after its last one, but not before the command ends.
    The first is what the hooks of a QEMU in there attach to (VNET_NETWORK). Without a command it is a shell.
    """
    context = click.get_current_context()
    umask = context.find_root().obj
    host = slow.host()
    host.enter(is_made=True)
    names = _names(networks, context.meta[_COMMAND])
    try:
        for name in names:
            sessions.begin(host.paths, name)
            slow.attach.bring_up(host, name)
        if names:
            os.environ["VNET_NETWORK"] = names[0]
        host.close(stays=True)
        become(context.meta[_COMMAND] or [os.environ.get("SHELL") or "/bin/sh"], umask=umask)
    except VnetError:
        for name in names:
            sessions.end(host.paths, name)
        raise


def _names(words: tuple[str, ...], command: list[str]) -> list[str]:
    """The networks that are named; raise NoNetworkError for what is none, perhaps a command."""
    try:
        return [arguments.named(word) for word in words]
    except NoNetworkError as error:
        if not command:
            error.hint += "; a command stands after --: vnet run NET -- COMMAND"
        raise


def become(command: list[str], *, umask: int) -> "NoReturn":
    """Be the command from now on, as if the caller had started it; raise HostError if there is none."""
    os.umask(umask)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, for itself
        signal.signal(ignored, signal.SIG_DFL)
    try:
        if not command[0]:
            raise FileNotFoundError(errno.ENOENT, "")  # as the kernel does; os would call it a bug
        os.execvp(command[0], command)  # noqa: S606 (it is the caller who says what runs)
    except OSError as error:
        msg = f"command {shown(command[0])}: {os.strerror(error.errno or 0)}"
        failure = HostError(msg)
        failure.exit_status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        raise failure from error
