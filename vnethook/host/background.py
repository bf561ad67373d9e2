"""Go on in the background, out of the session of whoever started it. Source: daemon(7)."""

import os

from vnethook.live import files


def enter(pid_file: str) -> None:
    """Become a daemon; the first process ends once the pid is written. What was inherited, locks too, is let go."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    ready, done = os.pipe()
    if os.fork():
        os.close(done)
        os.read(ready, 1)
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    files.write_text(pid_file, f"{os.getpid()}\n")
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, 16)
