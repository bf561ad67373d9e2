"""The user's editor on a text of ours, in a private directory; what he wrote is kept until it is done with."""

import os
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING

from vnethook.cli import report
from vnethook.errors import HostError, UsageError
from vnethook.names import shown

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

DEFAULTS = ("sensible-editor", "vi")
TEXT_MAX = 2 << 20
"""Bytes; more than a definition may have (definition/syntax.py)."""
COULD_NOT_START = 127
"""The shell's status for a command that there is not. Source: sh(1), Exit status."""


class Draft:
    """A text while it is edited: its file is private to the user, and stays if an error ends the work on it."""

    def __init__(self, text: str, *, name: str) -> None:
        self.original = text
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
        return self.text != self.original

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
