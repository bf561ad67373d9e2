"""Run other programs: by absolute path, with a clean environment, no inherited descriptors, and a time limit.

A child inherits the locks that we hold, so that what it changes stays guarded even if we are killed meanwhile. What
QEMU leaves to its scripts is taken back: a tap as descriptor 3, SIGPIPE ignored, other signals blocked.

How a child ended is told to its parent, once: a program that ignores SIGCHLD is not told at all, and one whose handler
or other thread waits for any child may be told elsewhere. There a shell in between writes it into a pipe.
"""

import posix
import select
from _signal import SIG_DFL, getsignal  # type: ignore[import-not-found]  # signal loads enum
from errno import EAGAIN, ENOENT

from vnethook.errors import HostError
from vnethook.live import lock, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    Inherited = tuple[tuple[int, int, int], frozenset[int]]
    """What a child gets as its descriptors 0, 1 and 2, and what it gets besides: our locks."""

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
PLACES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")
PACKAGES = {
    "nft": "nftables",
    "dnsmasq": "dnsmasq-base (Debian) or dnsmasq (Fedora)",
    "resolvectl": "systemd-resolved",
    "ssh": "openssh-client (Debian) or openssh-clients (Fedora)",
    "ssh-keygen": "openssh-client (Debian) or openssh (Fedora)",
    "vde_plug": "vdeplug (Debian) or vde2 (Fedora)",
    **dict.fromkeys(("vde_switch", "slirpvde"), "vde2"),
    "setpriv": "util-linux",
    "sleep": "coreutils",
    "pasta": "passt",
    **dict.fromkeys(("iptables-nft", "iptables-nft-restore", "ip6tables-nft", "ip6tables-nft-restore"), "iptables"),
    **{
        f"{family}tables-{kind}-restore": f"iptables (Debian) or iptables-{kind} (Fedora)"
        for family in ("ip", "ip6")
        for kind in ("legacy", "nft")
    },
}
TIMEOUT_S = 20.0
_SIGPIPE, _SIGKILL, _SIGCHLD = 13, 9, 17
_START = 0
"""SEEK_SET, lseek(2)."""
_SHELL = "/bin/sh"
_TELL = '"$@" {0}>&-; echo $? >&{0}'
"""What the shell in between runs: a program that does not have descriptor {0}, by which it then tells its status."""
_DIGITS = range(3, 10)
"""Descriptors that every shell takes in a redirection. Source: POSIX, Shell Command Language, 2.7."""


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
        if posix.access(path, posix.X_OK):
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
    argv: list[str],
    *,
    text: str = "",
    timeout_s: float = TIMEOUT_S,
    environment: dict[str, str] | None = None,
    shares_locks: bool = True,
) -> Finished:
    """Run a program to its end with `text` as its input; raise HostError if it cannot be started or does not end.

    `shares_locks`: it and what it leaves running hold our locks; not so for a daemon that keeps what it inherits.
    """
    source, output, errors = (posix.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
    try:
        posix.write(source, text.encode("utf-8", "surrogateescape"))
        posix.lseek(source, 0, _START)
        run_child = _run_own if _is_parent_told() else _run_by_shell
        inherited = (source, output, errors), frozenset(lock.held() if shares_locks else ())
        status = run_child(argv, inherited, ENVIRONMENT if environment is None else environment, timeout_s)
        return Finished(status, _content(output), _content(errors))
    finally:
        for fd in (source, output, errors):
            posix.close(fd)


def start_detached(argv: list[str], descriptors: "dict[int, int]") -> int:
    """Start a program that goes on by itself, of no session, with nothing open but `descriptors` by number; its pid."""
    reader, writer = posix.pipe()
    child = posix.fork()
    if not child:
        posix.setsid()
        grandchild = posix.fork()
        if not grandchild:
            _become(argv, descriptors)
        posix.write(writer, b"%d" % grandchild)
        posix._exit(0)  # noqa: SLF001 (os has it by another name, and hooks go without os)
    posix.close(writer)
    _reap(child)
    text = posix.read(reader, 16)
    posix.close(reader)
    if not text:
        raise _not_started(argv[0], EAGAIN)
    return int(text)


def _become(argv: list[str], descriptors: "dict[int, int]") -> None:
    """Be another program; never returns."""
    try:
        posix.chdir("/")
        null = posix.open("/dev/null", posix.O_RDWR)
        last = max([2, *descriptors])
        for number in range(last + 1):
            posix.dup2(descriptors.get(number, null), number)
        posix.closerange(last + 1, 1 << 16)
        posix.execve(argv[0], argv, ENVIRONMENT)
    finally:
        posix._exit(127)  # noqa: SLF001 (see above)


def _is_parent_told() -> bool:
    """Whether nobody but us can learn how a child of ours ended: no signal handler and no other thread."""
    return getsignal(_SIGCHLD) == SIG_DFL and len(posix.listdir("/proc/self/task")) == 1


def _run_own(argv: list[str], inherited: "Inherited", environment: dict[str, str], timeout_s: float) -> int:
    """Run a program as a child that is waited for; its exit status."""
    pid = _spawn(argv, inherited, environment)
    handle = posix.pidfd_open(pid)
    try:
        if not _is_ready(handle, timeout_s):
            posix.kill(pid, _SIGKILL)
            posix.waitpid(pid, 0)
            raise _too_slow(argv[0], timeout_s)
        return _exit_status(posix.waitpid(pid, 0)[1])
    finally:
        posix.close(handle)


def _run_by_shell(argv: list[str], inherited: "Inherited", environment: dict[str, str], timeout_s: float) -> int:
    """Run a program as the child of a shell, which tells its exit status; whoever waits for the shell."""
    if not posix.access(argv[0], posix.X_OK):
        raise _not_started(argv[0], ENOENT)
    number = next(fd for fd in _DIGITS if fd not in lock.held())
    reader, writer = posix.pipe()
    try:
        words = [_SHELL, "-c", _TELL.format(number), _SHELL, *argv]
        try:
            pid = _spawn(words, inherited, environment, tell=(writer, number))
        finally:
            posix.close(writer)
        is_over = _is_ready(reader, timeout_s)
        if not is_over:
            _kill_group(pid)
        status = posix.read(reader, 16)
        _reap(pid)
    finally:
        posix.close(reader)
    if not is_over:
        raise _too_slow(argv[0], timeout_s)
    if not status:
        msg = f"program {argv[0]!r}: was ended before it could tell how it went"
        raise HostError(msg)
    return int(status)


def _spawn(
    argv: list[str], inherited: "Inherited", environment: dict[str, str], *, tell: tuple[int, int] | None = None
) -> int:
    """Start a program, with `tell`: in a process group of its own, that descriptor as that number; its pid."""
    streams, kept = inherited
    actions: list[tuple[int, int] | tuple[int, int, int]] = []
    for name in posix.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in kept and fd not in (*streams, *(tell or ())[:1]) and _is_open(fd):
            actions.append((posix.POSIX_SPAWN_CLOSE, fd))
    actions += [(posix.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
    actions += [(posix.POSIX_SPAWN_DUP2, fd, fd) for fd in kept]  # to itself: takes close-on-exec off, posix_spawn(3)
    actions += [(posix.POSIX_SPAWN_CLOSE, fd) for fd in streams]
    if tell:
        actions.append((posix.POSIX_SPAWN_DUP2, *tell))
    signals = [_SIGPIPE, _SIGCHLD]
    try:
        if tell:
            return posix.posix_spawn(
                argv[0], argv, environment, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=signals
            )
        return posix.posix_spawn(argv[0], argv, environment, file_actions=actions, setsigmask=[], setsigdef=signals)
    except OSError as error:
        raise _not_started(argv[0], error.errno or 0) from error


def _not_started(program: str, errno: int) -> HostError:
    reason = "not installed" if errno == ENOENT else posix.strerror(errno)
    return HostError(f"program {program!r}: start: {reason}")


def _too_slow(program: str, timeout_s: float) -> HostError:
    msg = f"program {program!r}: did not end within {timeout_s:.0f} s"
    return HostError(msg, hint="it was ended; the host may be overloaded")


def _is_open(fd: int) -> bool:
    try:
        posix.fstat(fd)
    except OSError:
        return False  # the descriptor of the listing itself
    return True


def _is_ready(fd: int, timeout_s: float) -> bool:
    """Wait until there is something to read; whether it came in time."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _kill_group(pid: int) -> None:
    try:
        posix.kill(-pid, _SIGKILL)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Have no zombie of a child that has ended, unless somebody else was faster."""
    try:
        posix.waitpid(pid, 0)
    except ChildProcessError:
        return


def _exit_status(wait_status: int) -> int:
    code = posix.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code


def _content(fd: int) -> str:
    posix.lseek(fd, 0, _START)
    parts = []
    while part := posix.read(fd, 1 << 16):
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def call_vnet(words: list[str], *, text: str = "") -> Finished:
    """Have the installed `vnet` do what takes a library, with `text` as its input; how it ended."""
    said = paths.variables()
    names = (paths.ROOT, *paths.USERS) if posix.geteuid() or paths.mapped_user() else (paths.ROOT,)
    places = {name: said[name] for name in names if name in said}
    return run([vnet(), *words], text=text, environment=ENVIRONMENT | places)


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
    above = __file__.rsplit("/", 3)[0]
    prefix = above.rsplit("/", 3)[0]  # PREFIX/lib/pythonX.Y/site-packages
    for path in (f"{above}/.venv/bin/vnet", f"{prefix}/bin/vnet", "/usr/local/bin/vnet", "/usr/bin/vnet"):
        if posix.access(path, posix.X_OK):
            return path
    msg = "command 'vnet': not found beside the package"
    raise HostError(msg, hint="install it with `pip install .`, then run `vnet hooks install`")
