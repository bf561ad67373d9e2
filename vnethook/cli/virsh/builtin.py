"""virsh's commands about itself: they need no network."""

import os
from typing import TYPE_CHECKING

from vnethook import __version__
from vnethook.cli import report
from vnethook.errors import HostError, UsageError
from vnethook.host import connection

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

COMPATIBLE = "9.8.0"
"""The release of libvirt that added the last of its network commands: what we answer to scripts that compare."""
SUMMARIES = {
    "cd": "change the current directory",
    "connect": "name the connection: this host's networks, whatever it is",
    "echo": "print the arguments",
    "exit": "quit this interactive terminal",
    "help": "print help",
    "hostname": "print the host's name",
    "pwd": "print the current directory",
    "quit": "quit this interactive terminal",
    "uri": "print the connection's URI",
    "version": "show version",
}
QUITTING = ("exit", "quit")


def run(context: "click.Context", words: list[str]) -> None:
    """Run a command about virsh itself, one of SUMMARIES; raise UsageError for words that it does not take."""
    name, *rest = words
    if name == "help":
        from vnethook.cli.virsh import manual  # noqa: PLC0415 (loads every verb)

        manual.show(rest)
    elif name not in QUITTING:
        _ACTIONS[name](context, rest)
    if name not in QUITTING:
        report.end()


def show_version(*, is_long: bool) -> None:
    """`virsh --version`, `virsh -V`."""
    if is_long:
        report.line(f"Virsh command line of vnethook {__version__}, as of libvirt {COMPATIBLE} for networks")
    else:
        report.line(COMPATIBLE)


def uri(context: "click.Context") -> str:
    """The URI of the connection: what was asked for."""
    asked = (context.params.get("connect"), *map(os.environ.get, ("VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI")))
    return next((text for text in asked if text), connection.SYSTEM)


def _cd(context: "click.Context", words: list[str]) -> None:
    if context.params.get("words"):
        msg = "cd: command valid only in interactive mode"
        raise UsageError(msg)
    try:
        os.chdir(words[0] if words else os.path.expanduser("~"))
    except OSError as error:
        msg = f"cd: {words[0] if words else '~'}: {os.strerror(error.errno or 0)}"
        raise HostError(msg) from error


def _connect(context: "click.Context", words: list[str]) -> None:
    options = [word for word in words if word.startswith("--")]
    uris = [word for word in words if not word.startswith("--")]
    if options not in ([], ["--readonly"]) or len(uris) > 1:
        msg = f"unexpected data '{(uris[1:] or options)[0]}'"
        raise UsageError(msg)
    context.params.update(connect=uris[0] if uris else None, readonly=bool(options))
    connection.require_this_host(uri(context))  # each command that follows asks again


def _echo(_context: "click.Context", words: list[str]) -> None:
    report.write(report.safe(" ".join(words)))


def _hostname(_context: "click.Context", _words: list[str]) -> None:
    report.line(os.uname().nodename)


def _pwd(_context: "click.Context", _words: list[str]) -> None:
    report.line(report.safe(os.getcwd()))


def _uri(context: "click.Context", _words: list[str]) -> None:
    report.line(report.safe(uri(context)))


def _version(_context: "click.Context", _words: list[str]) -> None:
    report.line(f"Using library: vnethook {__version__}\nUsing API: libvirt {COMPATIBLE}")


_ACTIONS: "dict[str, Callable[[click.Context, list[str]], None]]" = {
    "cd": _cd,
    "connect": _connect,
    "echo": _echo,
    "hostname": _hostname,
    "pwd": _pwd,
    "uri": _uri,
    "version": _version,
}
