"""The system log, for what nobody waits at a terminal to read. Source: syslog(3)."""

import syslog


def warning(text: str) -> None:
    """Log a line as a warning of the daemon facility."""
    _write(syslog.LOG_WARNING, text)


def error(text: str) -> None:
    """Log lines as an error of the daemon facility."""
    _write(syslog.LOG_ERR, text)


def _write(priority: int, text: str) -> None:
    syslog.openlog("vnethook", syslog.LOG_PID, syslog.LOG_DAEMON)
    for line in text.splitlines():
        syslog.syslog(priority, line.replace("\0", "?").encode("utf-8", "backslashreplace").decode())
