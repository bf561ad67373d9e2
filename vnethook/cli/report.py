"""What `vnet` says: results on stdout as virsh prints them, the rest on stderr, no terminal's control codes."""

import json
import os
import re
import sys
from errno import EACCES, EPERM
from typing import TYPE_CHECKING

import click

from vnethook.errors import HostError, UsageError, VnetError
from vnethook.live import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vnethook.cli.table import Table

USAGE = UsageError.exit_status
BUG = VnetError.exit_status
INTERRUPTED = 130
"""128 + SIGINT, as a shell reports it."""
CLOSED_PIPE = 141
"""128 + SIGPIPE: what a program without a handler for it ends with."""
ENDED_BY_SIGNAL = {INTERRUPTED, CLOSED_PIPE}
VIRSH = "virsh"
"""The name under which we are called for it."""
LENGTH_MAX = 300
"""Characters of somebody's words in a refusal of ours."""


class Unread(Exception):  # noqa: N818 (no error of ours: whoever read our output has heard enough)
    """Standard output is a pipe that nobody reads any more. No OSError: click would make status 1 of it."""


def safe(text: str) -> str:
    """The text on one line, with what a terminal would obey or not show written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def prose(text: str) -> str:
    """The text in its lines, each as `safe` gives it."""
    return "\n".join(safe(part) for part in text.expandtabs().split("\n"))


def line(text: str = "") -> None:
    """Print a line."""
    write(f"{text}\n")


def flush() -> None:
    """Have everything arrive that was printed; raise as printing does."""
    write("", is_last=True)


def end() -> None:
    """Print the empty line with which every command of virsh ends; not with --quiet."""
    if not _is_quiet():
        line()


def done(text: str) -> None:
    """Say what was done; not with --quiet."""
    if not _is_quiet():
        line(safe(text))
        line()


def told(text: str) -> None:
    """Say what was done, where virsh ends with no empty line; not with --quiet."""
    if not _is_quiet():
        line(safe(text))


def table(content: "Table") -> None:
    """Print a table as virsh does; with --quiet its rows only."""
    write(content.text(with_header=not _is_quiet()))
    end()


def as_json(value: object) -> None:
    """Print a value as JSON."""
    line(json.dumps(value, indent=2))


def warning(text: str) -> None:
    """Print what the user should know on stderr, once a command: defining a network and starting it may both say it."""
    context = click.get_current_context(silent=True)
    said: set[str] = vars(context).setdefault("warnings_said", set()) if context else set()
    if text not in said:
        said.add(text)
        sys.stderr.write(f"warning: {safe(text)}\n")


def error(found: VnetError) -> int:
    """Print an error and its advice on stderr; give its exit status."""
    for message in _messages(found):
        sys.stderr.write(f"error: {safe(message)}\n")
    for hint in (*found.hint.splitlines(), *_missing_right(found)):
        sys.stderr.write(f"  {safe(hint)}\n")
    return found.exit_status


def usage_error(found: click.ClickException) -> int:
    """Print click's refusal of the command line as one of ours; give its exit status."""
    context = found.ctx if isinstance(found, click.UsageError) else None
    if is_virsh(context):
        from vnethook.cli.virsh import words as virsh  # noqa: PLC0415 (only under that name)

        for message in virsh.misuse(found):
            sys.stderr.write(f"error: {safe(message[:LENGTH_MAX])}\n")
        return USAGE
    words = " ".join(found.format_message().split()).removesuffix(".")
    words = words if len(words) <= LENGTH_MAX else f"{words[:LENGTH_MAX]}…"
    place = context.command_path if context else "vnet"
    return error(UsageError(f"{place}: {words[:1].lower()}{words[1:]}", hint=f"see `{place} --help`"))


def misuse(text: str, *, virsh: str, hint: str = "") -> UsageError:
    """The error to raise for a call that cannot be meant, in our words or, under its name, in virsh's."""
    return UsageError(virsh if is_virsh() else text, hint=hint)


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


def is_virsh(context: click.Context | None = None) -> bool:
    """Whether we were called by virsh's name: then the words and the status are virsh's alone."""
    context = context or click.get_current_context(silent=True)
    return bool(context and context.find_root().info_name == VIRSH)


def outcome(action: "Callable[[], object]") -> int:
    """Do `action`; report what it raises; the exit status."""
    try:
        result = action()
    except VnetError as found:
        return _bug() if found.exit_status == BUG else error(found)
    except click.ClickException as found:
        return usage_error(found)
    except Unread:
        return CLOSED_PIPE
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("error: interrupted\n")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 (the one place: a bug must end in a status that a script sees)
        return _bug()
    return result if isinstance(result, int) else 0


def ask(prompt: str) -> str:
    """What the user or a script answers to a prompt; raise EOFError if nothing comes any more.

    A script's answer is printed, as the terminal prints a user's.
    """
    if sys.stdin.isatty():
        import readline  # noqa: F401, PLC0415 (so that a line can be edited)

        return input(prompt)
    write(prompt, is_last=True)
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    line(answer.rstrip("\n"))
    return answer.rstrip("\n")


def _bug() -> int:
    import traceback  # noqa: PLC0415 (a bug may cost time)

    sys.stderr.write("error: internal error, please report it:\n")
    for text in traceback.format_exc().splitlines():
        sys.stderr.write(f"{safe(text)}\n")
    return BUG


def _messages(found: VnetError) -> list[str]:
    context = click.get_current_context(silent=True)
    if context is None or not is_virsh():
        return [found.message]
    from vnethook.cli.virsh import words as virsh  # noqa: PLC0415 (only under that name)

    return virsh.failure(context, found)


def write(text: str, *, is_last: bool = False) -> None:
    """Write to stdout, at once if it is the last; raise Unread or HostError if that fails."""
    try:
        sys.stdout.write(text)
        if is_last:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_the_rest()
        raise Unread from None
    except OSError as found:
        _discard_the_rest()
        msg = f"standard output: write: {os.strerror(found.errno or 0)}"
        raise HostError(msg) from None


def _discard_the_rest() -> None:
    """Let what is still buffered go nowhere: the interpreter writes it at its end, and would complain."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _missing_right(found: VnetError) -> list[str]:
    """What to say to a user who is refused because of who he is."""
    is_refused = isinstance(found.__cause__, OSError) and found.__cause__.errno in {EACCES, EPERM}
    if os.geteuid() == 0 or not is_refused:
        return []
    if _is_of_a_place(found.message):
        return ["see that HOME and the XDG_… variables are this user's: `su -` and `sudo -i` set them"]
    return [f"user {os.geteuid()} may not do that: the networks of the host need root, try `sudo vnet`"]


def _is_of_a_place(message: str) -> bool:
    """Whether an error is about where a user's own networks are kept, or what that lies in."""
    places = paths.current()
    own = (places.etc, places.run, places.state) if places.user and not os.environ.get(paths.ROOT) else ()
    named = re.findall(r"'(/[^']*)'", message)
    return any(f"{place}/".startswith(f"{path}/") or path.startswith(f"{place}/") for path in named for place in own)


def _is_quiet() -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().params.get("quiet"))
