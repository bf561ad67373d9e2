"""Root's side of the bridge helper as a service: a process for each call, and no user in another's way.

The listening socket comes from systemd or from `vnet bridge-serve`, as descriptor 3: sd_listen_fds(3). A child is a
copy of this process, in which all is loaded that a warm call needs, so it is answered sooner than by a new program.
"""

import _signal as signals  # type: ignore[import-not-found]  # see deadline.py
import posix
import select
import sys
from _socket import MSG_DONTWAIT, MSG_PEEK, socket

from vnethook.definition import settings  # noqa: F401 (what a call needs is loaded before it comes)
from vnethook.errors import BusyError, UsageError
from vnethook.hook import bridge_call, bridge_helper, bridge_server, serve
from vnethook.live import files, guard, quota  # noqa: F401 (as above)
from vnethook.live.paths import current, variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

NAME = bridge_server.NAME
PASSED = 3
"""SD_LISTEN_FDS_START."""
FOR_GOOD = "--for-good"
"""Whoever started this wants it until it is ended, and not only as long as there are calls."""
IDLE_S = 120
AT_ONCE, AT_ONCE_OF_USER = 64, 8
WAITING, WAITING_OF_USER = 512, 64
"""Calls that are answered at once, and that wait for their turn: in all, and of one user."""


def main() -> int:
    """The exit status of qemu-bridge-server."""
    return serve.run(_main, sys.argv)


def _main(_: "Paths", argv: list[str]) -> None:
    environ = variables()
    if environ.get("LISTEN_PID") != str(posix.getpid()) or argv[1:] not in ([], [FOR_GOOD]):
        msg = f"{NAME}: start: has no socket to listen at"
        raise UsageError(msg, hint="systemctl start vnethook-bridge.socket, or `vnet bridge-serve`")
    for number in (signals.SIGTERM, signals.SIGINT):
        signals.signal(number, _end)
    paths = current()
    try:
        Service(paths, socket(fileno=PASSED), idle_s=None if argv[1:] else IDLE_S).run()
    finally:
        if argv[1:]:
            files.remove(paths.bridge_socket)


def _end(*_: object) -> None:
    raise SystemExit(0)


class Service:
    """Answers calls until nobody calls any more."""

    def __init__(self, paths: "Paths", listener: socket, *, idle_s: int | None) -> None:
        self._paths = paths
        self._listener = listener
        self._listener.settimeout(0)
        self._idle_s = idle_s
        self._poll = select.poll()
        self._poll.register(listener.fileno(), select.POLLIN)
        self._children: dict[int, tuple[int, int]] = {}
        """By the descriptor that tells of its end: the pid of who answers a call, and whose that is."""
        self._waiting: dict[int, list[socket]] = {}
        """Calls by their users; who waits longest is first in both."""
        self._version = files.stamp(__file__)

    def run(self) -> None:
        """Return when there have been no calls for a while, or there is another version of this program."""
        while True:
            is_busy = bool(self._children or self._waiting)
            ready = self._poll.poll(None if is_busy or self._idle_s is None else self._idle_s * 1000)
            if self._idle_s is not None and not is_busy and (not ready or files.stamp(__file__) != self._version):
                return  # who has called meanwhile waits at the socket, for the next
            for descriptor, _ in ready:
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._bury(descriptor)
            self._start_waiting()

    def _accept(self) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 (all there is in C)
        except OSError:
            return  # gone before it was here, or too many open files: it is asked again
        connection = socket(fileno=descriptor)
        connection.settimeout(None)
        user = quota.holder_of(bridge_server.credentials(connection)[1])
        of_user = self._waiting.setdefault(user, [])
        if len(of_user) >= WAITING_OF_USER or sum(map(len, self._waiting.values())) >= WAITING:
            _turn_away(connection, user)
            return
        of_user.append(connection)

    def _start_waiting(self) -> None:
        """Answer as many calls as may be at once, one of each user in turn."""
        users = list(self._waiting)
        while users and len(self._children) < AT_ONCE:
            user = users.pop(0)
            if sum(owner == user for _, owner in self._children.values()) >= AT_ONCE_OF_USER:
                continue
            calls = self._waiting.pop(user)
            if calls:
                self._start(calls.pop(0), user)
            if calls:
                self._waiting[user] = calls  # at the end
                users.append(user)

    def _start(self, connection: socket, user: int) -> None:
        if _is_gone(connection):
            connection.close()
            return
        try:
            pid = posix.fork()
        except OSError as error:
            serve.warn(NAME, [f"start a process: {posix.strerror(error.errno or 0)}"])
            connection.close()
            return
        if not pid:
            self._let_go()
            bridge_server.main(self._paths, connection)
        connection.close()
        descriptor = posix.pidfd_open(pid)
        self._children[descriptor] = pid, user
        self._poll.register(descriptor, select.POLLIN)

    def _let_go(self) -> None:
        """In a child: close what is the service's, and of other calls."""
        for number in (signals.SIGTERM, signals.SIGINT):
            signals.signal(number, signals.SIG_DFL)
        for descriptor in self._children:
            posix.close(descriptor)
        for calls in self._waiting.values():
            for call in calls:
                call.close()
        self._listener.close()

    def _bury(self, descriptor: int) -> None:
        pid, _ = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        posix.close(descriptor)
        posix.waitpid(pid, 0)


def _is_gone(connection: socket) -> bool:
    """Whether who has called has hung up without a word."""
    try:
        return not connection.recv(1, MSG_PEEK | MSG_DONTWAIT)
    except OSError:
        return False  # it has said nothing yet


def _turn_away(connection: socket, user: int) -> None:
    """Tell who calls too often, without waiting for whether it listens."""
    error = BusyError(f"user {user}: too many calls of the bridge helper at once", hint="start fewer guests at once")
    answer = bridge_call.packed_answer(error.exit_status, f"{bridge_helper.NAME}: {error.report()}")
    connection.settimeout(0)
    try:
        connection.send(answer)
    except OSError:
        pass  # it is gone
    connection.close()
