"""The user's editor on a text of ours, in a private directory; what he wrote is kept until it is done with."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from vnethook.cli import report
from vnethook.errors import HostError, UsageError, VnetError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

AGAIN, DROP, FORCE = "y", "n", "f"
MEANINGS = {
    AGAIN: "yes, start the editor again",
    DROP: "no, throw away what was written",
    FORCE: "force: define it also if somebody else has changed the definition",
}
DEFAULTS = ("sensible-editor", "vi")
TEXT_MAX = 2 << 20
"""Bytes; more than a definition may have (definition/syntax.py)."""
COULD_NOT_START = 127
"""The shell's status for a command that there is not. Source: sh(1), Exit status."""


class Draft:
    """A text while it is edited: its file is private to the user, and stays if an error ends the work on it.

    `before`: what it would change, if that is not the text that the user is given.
    """

    def __init__(self, text: str, *, name: str, before: str | None = None) -> None:
        self.original = text if before is None else before
        self.text = text
        try:
            self.path = f"{tempfile.mkdtemp(prefix='vnet-')}/{name}"
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            msg = f"temporary file: make: {os.strerror(error.errno or 0)}"
            raise HostError(msg, hint="TMPDIR says where") from error

    @property
    def is_changed(self) -> bool:
        """Whether the user wrote something else than he was given."""
        return self.text.rstrip("\n") != self.original.rstrip("\n")  # editors end the last line

    def edit(self) -> None:
        """Let the user edit the text; raise HostError if the editor fails, UsageError for what is no text."""
        status = _run(editor(), self.path)
        try:
            with open(self.path, "rb") as file:
                self.text = file.read(TEXT_MAX).decode()
        except OSError as error:
            msg = f"file {self.path!r}: read: {os.strerror(error.errno or 0)}"
            raise HostError(msg) from error
        except UnicodeDecodeError:
            self.text = ""
            msg = f"file {self.path!r}: is not UTF-8"
            raise UsageError(msg) from None
        if status:
            why = "could not be started" if status == COULD_NOT_START else f"ended with status {status}"
            msg = f"editor {shown(editor())}: {why}: nothing is changed"
            raise HostError(msg, hint="VISUAL or EDITOR says which one is used")

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: "TracebackType | None"
    ) -> None:
        if error is None or not self.is_changed:
            shutil.rmtree(os.path.dirname(self.path), ignore_errors=True)
        elif hasattr(error, "hint"):
            error.hint = "\n".join(filter(None, (error.hint, f"what you wrote is kept in {self.path}")))
        else:
            report.warning(f"what you wrote is kept in {self.path}")


def settle(draft: Draft, store: "Callable[[str], None]", *, force: "Callable[[], None] | None" = None) -> int | None:
    """Have the user edit a draft until `store` takes its text, he leaves it as it was, or he drops it.

    0: it is stored; None: it is as it was; else the status of the refusal after which it was dropped. Without a
    terminal to ask at, a refusal is raised. `force`, if there is one, makes `store` take what others would lose by.
    """
    draft.edit()
    while draft.is_changed:
        try:
            store(draft.text)
        except VnetError as error:
            answer = _answer(error, [AGAIN, DROP, *([FORCE] if force else [])])
            if answer == DROP:
                draft.text = draft.original
                return error.exit_status
            if answer == FORCE and force:
                force()
            else:
                draft.edit()
        else:
            return 0
    return None


def editor() -> str:
    """The editor's command: VISUAL, EDITOR, else the system's; the shell reads it, so it may have options."""
    asked = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    return asked or next(filter(shutil.which, DEFAULTS), DEFAULTS[-1])


def _run(command: str, path: str) -> int:
    """Run the editor in the user's terminal; the shell reads the user's command and never the path."""
    with subprocess.Popen(["/bin/sh", "-c", f'{command} "$1"', "sh", path]) as process:
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the editor is for the editor
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, earlier)


def _answer(error: VnetError, answers: list[str]) -> str:
    """What to do about a refusal: what the user at the terminal says; raise the error where there is none."""
    if not sys.stdin.isatty():
        raise error
    report.error(error)
    while True:
        try:
            answer = report.ask(f"Try again? [{','.join(answers)},?]: ").strip().lower()
        except EOFError:
            raise error from None
        if answer in answers:
            return answer
        for letter in answers:
            report.line(f"{letter} - {MEANINGS[letter]}")
