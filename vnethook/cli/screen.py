"""A terminal's screen that is drawn again and again, and the keys that are pressed meanwhile.

Where standard output is no terminal, or one that obeys nothing, each drawing follows the last one.
"""

import os
import select
import shutil
import signal
import sys
import termios
import tty
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from vnethook.cli import report
from vnethook.cli.table import width

if TYPE_CHECKING:
    from types import FrameType

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""The alternate screen without a cursor, and back. Source: xterm's ctlseqs, DEC private modes 1049 and 25."""
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_SIZE = (80, 24)


class Screen:
    """`with Screen() as screen: screen.show(lines); key = screen.wait(2)`. SIGTERM and SIGHUP end it as SIGINT does."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._keys = sys.stdin.fileno() if sys.stdout.isatty() and sys.stdin.isatty() else None
        self._before: list[object] = []
        self._is_first = True

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        if self.is_terminal:
            report.write(_ENTER, is_last=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._keys is not None:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)  # type: ignore[arg-type]  # what it gave
        if self.is_terminal:
            report.write(_LEAVE, is_last=True)

    def show(self, lines: list[str]) -> None:
        """Draw these lines; on a terminal, what does not fit is left out."""
        if self.is_terminal:
            columns, rows = shutil.get_terminal_size(_SIZE)
            shown = [f"{writable(cut(line, columns))}{_END_OF_LINE}" for line in lines[: max(rows - 1, 1)]]
            report.write("\n".join([f"{_HOME}{shown[0]}", *shown[1:], _END_OF_SCREEN]), is_last=True)
        else:
            if not self._is_first:
                report.line()
            for line in lines:
                report.line(writable(line))
            report.flush()
        self._is_first = False

    def wait(self, seconds: float) -> str:
        """The key that is pressed, empty if none is for so long."""
        watched = [] if self._keys is None else [self._keys]
        if not select.select(watched, [], [], seconds)[0] or self._keys is None:
            return ""
        key = os.read(self._keys, 1).decode("ascii", "replace")
        if not key:  # the terminal is gone
            raise KeyboardInterrupt
        return key


def cut(text: str, columns: int) -> str:
    """The beginning of a line that has room in so many columns; an ellipsis where something is left out."""
    if width(text) <= columns:
        return text
    while text and width(text) >= columns:
        text = text[:-1]
    return f"{text}…" if columns > 0 else ""


def writable(text: str) -> str:
    """The text without an ellipsis where standard output has none."""
    return text if "utf" in (sys.stdout.encoding or "").lower() else text.replace("…", "~")


def _interrupt(_number: int, _frame: "FrameType | None") -> None:
    raise KeyboardInterrupt
