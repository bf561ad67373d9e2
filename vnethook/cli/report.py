"""What `vnet` says: results on stdout as virsh prints them, warnings and errors on stderr, nothing that a terminal obeys."""

import json
import sys
from typing import TYPE_CHECKING

import click

from vnethook.errors import UsageError, VnetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vnethook.cli.table import Table

USAGE = UsageError.exit_status
BUG = VnetError.exit_status
INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""
CLOSED_PIPE = 141
"""128 + SIGPIPE: what a program without a handler for it ends with."""
LENGTH_MAX = 300
"""Characters of somebody's words in a refusal of ours."""


def safe(text: str) -> str:
    """The text on one line, with what a terminal would obey or not show written as an escape (`\\x1b`)."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def line(text: str = "") -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def end() -> None:
    """Print the empty line with which every command of virsh ends; not with --quiet."""
    if not _is_quiet():
        line()


def done(text: str) -> None:
    """Say what was done; not with --quiet."""
    if not _is_quiet():
        line(safe(text))
        line()


def table(content: "Table") -> None:
    """Print a table as virsh does; with --quiet its rows only."""
    sys.stdout.write(content.text(with_header=not _is_quiet()))
    end()


def as_json(value: object) -> None:
    """Print a value as JSON."""
    line(json.dumps(value, indent=2))


def warning(text: str) -> None:
    """Print what the user should know on stderr."""
    sys.stderr.write(f"warning: {safe(text)}\n")


def error(found: VnetError) -> int:
    """Print an error and its advice on stderr; give its exit status."""
    sys.stderr.write(f"error: {safe(found.message)}\n")
    for hint in found.hint.splitlines():
        sys.stderr.write(f"  {safe(hint)}\n")
    return found.exit_status


def usage_error(found: click.ClickException) -> int:
    """Print click's refusal of the command line as one of ours; give its exit status."""
    words = " ".join(found.format_message().split()).removesuffix(".")
    words = words if len(words) <= LENGTH_MAX else f"{words[:LENGTH_MAX]}…"
    context = found.ctx if isinstance(found, click.UsageError) else None
    place = context.command_path if context else "vnet"
    return error(UsageError(f"{place}: {words[:1].lower()}{words[1:]}", hint=f"see `{place} --help`"))


def each(names: "Iterable[str]", action: "Callable[[str], None]") -> int:
    """Do `action` for every name, reporting failures and going on; the exit status of the first failure, else 0."""
    status = 0
    for name in names:
        try:
            action(name)
        except VnetError as found:
            found_status = error(found)
            status = status or found_status
    return status


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("quiet"))
