"""Run other programs: by absolute path, with a clean environment, no inherited descriptors, and a time limit.

A child inherits the locks that we hold, so that what it changes stays guarded even if we are killed meanwhile. What
QEMU leaves to its scripts is taken back: a tap as descriptor 3, SIGPIPE ignored, other signals blocked.
"""

import os
import select
from _signal import SIG_DFL, SIG_IGN, getsignal, signal  # type: ignore[import-not-found]  # signal loads enum
from errno import ENOENT

from vnethook.errors import HostError
from vnethook.live import lock

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
PACKAGES = {
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base (Debian) or dnsmasq (Fedora)",
    "resolvectl": "systemd-resolved",
}
TIMEOUT_S = 20.0
_SIGPIPE, _SIGKILL, _SIGCHLD = 13, 9, 17


class Finished:
    """How a program ended: its exit status (128 + signal if killed), what it wrote, both as text."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = errors

    @property
    def reason(self) -> str:
        """The last line that it wrote to stderr, else its status."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self.status}"


def find(program: str) -> str | None:
    """The absolute path of a program in the system's directories, None if it is not installed."""
    for place in PLACES:
        path = f"{place}/{program}"
        if os.access(path, os.X_OK):
            return path
    return None


def require(program: str) -> str:
    """The absolute path of a program; raise HostError that names its package if it is not installed."""
    path = find(program)
    if path is None:
        package = PACKAGES.get(program, program)
        msg = f"program {program!r}: not installed"
        raise HostError(msg, hint=f"install the package {package}: apt-get install or dnf install")
    return path


def run(
    argv: list[str], *, text: str = "", timeout_s: float = TIMEOUT_S, environment: dict[str, str] | None = None
) -> Finished:
    """Run a program to its end with `text` as its input; raise HostError if it cannot be started or does not end."""
    source, output, errors = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
    try:
        os.write(source, text.encode("utf-8", "surrogateescape"))
        os.lseek(source, 0, os.SEEK_SET)
        pid = _spawn(argv, (source, output, errors), ENVIRONMENT if environment is None else environment)
        status = _wait(pid, argv[0], timeout_s)
        return Finished(status, _content(output), _content(errors))
    finally:
        for fd in (source, output, errors):
            os.close(fd)


def _spawn(argv: list[str], streams: tuple[int, int, int], environment: dict[str, str]) -> int:
    if getsignal(_SIGCHLD) is SIG_IGN:
        signal(_SIGCHLD, SIG_DFL)  # else the kernel reaps our children, and nobody learns how they ended
    kept = set(lock.held())
    actions: list[tuple[int, int] | tuple[int, int, int]] = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in kept and fd not in streams and _is_open(fd):
            actions.append((os.POSIX_SPAWN_CLOSE, fd))
    actions += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
    actions += [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in kept]  # to itself: takes close-on-exec off, posix_spawn(3)
    actions += [(os.POSIX_SPAWN_CLOSE, fd) for fd in streams]
    try:
        return os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsigmask=[], setsigdef=[_SIGPIPE])
    except OSError as error:
        reason = "not installed" if error.errno == ENOENT else os.strerror(error.errno or 0)
        msg = f"program {argv[0]!r}: start: {reason}"
        raise HostError(msg) from error


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False  # the descriptor of the listing itself
    return True


def _wait(pid: int, program: str, timeout_s: float) -> int:
    handle = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            os.kill(pid, _SIGKILL)
            os.waitpid(pid, 0)
            msg = f"program {program!r}: did not end within {timeout_s:.0f} s"
            raise HostError(msg, hint="it was ended; the host may be overloaded")
        return _exit_status(os.waitpid(pid, 0)[1])
    finally:
        os.close(handle)


def _exit_status(wait_status: int) -> int:
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code


def _content(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    parts = []
    while part := os.read(fd, 1 << 16):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def call_vnet(words: list[str], *, text: str = "") -> Finished:
    """Have the installed `vnet` do what takes a library, with `text` as its input; how it ended."""
    environment = dict(ENVIRONMENT)
    if "VNETHOOK_ROOT" in os.environ:
        environment["VNETHOOK_ROOT"] = os.environ["VNETHOOK_ROOT"]
    return run([vnet(), *words], text=text, environment=environment)


def run_vnet(words: list[str], *, text: str = "") -> None:
    """What `call_vnet` does; raise the error that `vnet` reports, with its exit status."""
    finished = call_vnet(words, text=text)
    if finished.status:
        said = [line.strip() for line in finished.errors.splitlines()]
        lines = [line for line in said if line and not line.startswith("warning: ")] or [finished.reason]
        error = HostError(lines[0].removeprefix("error: "), hint=" ".join(lines[1:]))
        error.exit_status = finished.status
        raise error


def vnet() -> str:
    """The `vnet` command that belongs to this package: of its virtual environment, its checkout, or the system's."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    above = os.path.dirname(package)
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(above)))  # PREFIX/lib/pythonX.Y/site-packages
    for path in (f"{above}/.venv/bin/vnet", f"{prefix}/bin/vnet", "/usr/local/bin/vnet", "/usr/bin/vnet"):
        if os.access(path, os.X_OK):
            return path
    msg = "command 'vnet': not found beside the package"
    raise HostError(msg, hint="install it with `pip install .`, then run `vnet hooks install`")
