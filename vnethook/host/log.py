"""The system log, for what nobody waits at a terminal to read, and for who does. Source: syslog(3)."""

import syslog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_listeners: "list[Callable[[str], None]]" = []


def listen(tell: "Callable[[str], None]") -> None:
    """Tell `tell` every text, too, from now on."""
    if tell not in _listeners:
        _listeners.append(tell)


def warning(text: str) -> None:
    """Log a line as a warning of the daemon facility."""
    _write(syslog.LOG_WARNING, text)


def error(text: str) -> None:
    """Log lines as an error of the daemon facility."""
    _write(syslog.LOG_ERR, text)


def _write(priority: int, text: str) -> None:
    for tell in _listeners:
        tell(text)
    syslog.openlog("vnethook", syslog.LOG_PID, syslog.LOG_DAEMON)
    for line in text.splitlines():
        syslog.syslog(priority, line.replace("\0", "?").encode("utf-8", "backslashreplace").decode())
