"""virsh's commands about itself: they need no network."""

import os

import click

from vnethook import __version__
from vnethook.cli import report
from vnethook.cli.verb import value, verb
from vnethook.errors import HostError, UsageError
from vnethook.host import connection

COMPATIBLE = "9.8.0"
"""The release of libvirt that added the last of its network commands: what we answer to scripts that compare."""
QUITTING = ("exit", "quit")
XML = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&apos;", '"': "&quot;"})


@verb
@value("--dir", "directory", metavar="DIR", help="Where to; else home.")
def cd(directory: str | None) -> None:
    """Change the current directory."""
    if _virsh().params.get("words"):
        msg = "cd: command valid only in interactive mode"
        raise UsageError(msg)
    try:
        os.chdir(directory or os.path.expanduser("~"))
    except OSError as error:
        msg = f"cd: {directory or '~'}: {os.strerror(error.errno or 0)}"
        raise HostError(msg) from error


@verb
@value("--name", "name", metavar="URI", help="Any on this host.")
@click.option("--readonly", is_flag=True, help="Refuse what changes something.")
def connect(name: str | None, *, readonly: bool) -> None:
    """Name the connection: this host's networks, whatever it is."""
    context = _virsh()
    context.params.update(connect=name, readonly=readonly)
    connection.require_this_host(uri_of(context))  # each command that follows asks again


@verb
@value("--string", "words", metavar="TEXT", multiple=True, help="What to print.")
@click.option("--shell", is_flag=True, help="As words of a shell.")
@click.option("--xml", is_flag=True, help="As text of XML.")
@click.option("--err", is_flag=True, help="On standard error.")
def echo(words: tuple[str, ...], *, shell: bool, xml: bool, err: bool) -> None:
    """Print the arguments."""
    if xml:
        words = tuple(word.translate(XML) for word in words)
    if shell:
        words = tuple(map(_quoted, words))
    text = report.safe(" ".join(words))
    if err:
        click.echo(f"error: {text}", err=True)
    else:
        report.write(text)


@verb
def leave() -> None:
    """Quit this interactive terminal."""


@verb
@value("--command", "words", metavar="COMMAND", multiple=True, help="Of one command, or of a group of them.")
def tell(words: tuple[str, ...]) -> None:
    """Print help."""
    from vnethook.cli.virsh import manual  # noqa: PLC0415 (loads every verb)

    manual.show(words)


@verb
def hostname() -> None:
    """Print the host's name."""
    report.line(os.uname().nodename)


@verb
def pwd() -> None:
    """Print the current directory."""
    report.line(report.safe(os.getcwd()))


@verb
def uri() -> None:
    """Print the connection's URI."""
    report.line(report.safe(uri_of(_virsh())))


@verb
@click.option("--daemon", is_flag=True, help="For virsh's sake: there is no daemon, it is the version of this program.")
def version(*, daemon: bool) -> None:
    """Show version."""
    report.line(f"Compiled against library: libvirt {COMPATIBLE}")
    report.line(f"Using library: libvirt {COMPATIBLE}")
    report.line(f"Using API: vnethook {COMPATIBLE}")
    report.line(f"Running hypervisor: vnethook {__version__}")
    if daemon:
        report.line(f"Running against daemon: {COMPATIBLE}")


COMMANDS = {
    "cd": cd,
    "connect": connect,
    "echo": echo,
    "exit": leave,
    "help": tell,
    "hostname": hostname,
    "pwd": pwd,
    "quit": leave,
    "uri": uri,
    "version": version,
}


def show_version(*, is_long: bool) -> None:
    """`virsh --version`, `virsh -V`."""
    if is_long:
        report.line(f"Virsh command line tool of libvirt {COMPATIBLE}")
        report.line(f"For networks only, by vnethook {__version__}")
    else:
        report.line(COMPATIBLE)


def uri_of(context: click.Context) -> str:
    """The URI of virsh's connection: what was asked for."""
    asked = (context.params.get("connect"), *map(os.environ.get, ("VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI")))
    return next((text for text in asked if text), connection.SYSTEM)


def _virsh() -> click.Context:
    return click.get_current_context().find_root()


def _quoted(word: str) -> str:
    """A word as a shell reads it. Source: virBufferEscapeShell() of libvirt."""
    safe = word and all(char.isascii() and (char.isalnum() or char in "%+-./:=@_,") for char in word)
    return word if safe else "'" + word.replace("'", "'\\''") + "'"
