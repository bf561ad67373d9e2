"""The end that a hook sets itself, before its caller kills it without a word; and what a signal does instead of that.

It is as if the hook had been killed, which the next call repairs, but for a last word: to go on and undo would race
with a program that the hook has started.
"""

import _signal as signals  # type: ignore[import-not-found]  # what `signal` stands on, and takes 2 ms to dress up
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = {signals.SIGHUP: "SIGHUP", signals.SIGINT: "SIGINT", signals.SIGTERM: "SIGTERM"}
_SIGNALLED = 128
"""Added to a signal's number it is the exit status of who was ended by it, as shells have it."""
TIMED_OUT = 5


def begin(seconds: float, last_word: "Callable[[str], None]") -> None:
    """From now on end the process after `seconds`, or on a signal that its caller does not ignore, with a last word."""

    def end(number: int, _: object) -> None:
        signals.setitimer(signals.ITIMER_REAL, 0)
        for one in _NAMES:
            signals.signal(one, signals.SIG_IGN)
        try:
            last_word(f"ended by {_NAMES[number]}" if number in _NAMES else f"not done within {seconds:g} s")
        finally:
            posix._exit(_SIGNALLED + number if number in _NAMES else TIMED_OUT)  # noqa: SLF001 (its only name)

    for number in _NAMES:
        if signals.getsignal(number) != signals.SIG_IGN:
            signals.signal(number, end)
    signals.signal(signals.SIGALRM, end)
    signals.pthread_sigmask(signals.SIG_UNBLOCK, [signals.SIGALRM, *_NAMES])
    signals.setitimer(signals.ITIMER_REAL, seconds)


def finish() -> None:
    """The work is done: nothing ends the process any more."""
    signals.setitimer(signals.ITIMER_REAL, 0)
