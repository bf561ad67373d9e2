"""What a hook has to say before it ends: once, on stderr and to the system log."""

import posix

from vnethook.errors import VnetError
from vnethook.host import log
from vnethook.live import files
from vnethook.names import shown

BUG = 70
"""EX_SOFTWARE, sysexits.h."""


def failure(path: str, error: Exception) -> int:
    """Report why the hook that was called by this path failed; give its exit status."""
    base = files.base_name(path)
    name = base if base.isprintable() and base.isascii() else shown(base)  # a link may hold anything
    if isinstance(error, VnetError):
        say(f"{name}: {error.report()}")
        return error.exit_status
    import traceback  # noqa: PLC0415 (a bug may cost time)

    lines = "".join(traceback.format_exception(error))
    say(f"{name}: internal error, please report it:\n{lines}")
    return BUG


def say(text: str) -> None:
    """Lines for whoever reads stderr, and for the log."""
    log.error(text)
    tell(text)


def tell(text: str) -> None:
    """Lines for whoever reads stderr."""
    try:
        posix.write(2, f"{text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody can be told there
