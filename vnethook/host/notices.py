"""What happens on the host that may concern networks: told by the kernel, so that whoever waits for it costs nothing.

Told are changes of the firewall, of links, of addresses and of forwarding, names that come and go in a directory, the
end of processes, and the signals that end us. What it was is not told: whoever hears of it looks himself.
Source: netlink(7), rtnetlink(7), linux/rtnetlink.h, linux/netfilter/nfnetlink.h, pidfd_open(2).
"""

import os
import select
import signal
import socket
from errno import EAGAIN, EINVAL, ENOBUFS, ENODEV, EPERM
from typing import TYPE_CHECKING

from vnethook.errors import HostError
from vnethook.host.directories import Directories
from vnethook.live import process

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

_ROUTE, _NETFILTER = 0, 12
_LINK, _IPV4_ADDRESS, _IPV6_ADDRESS, _IPV4_CONF, _IPV6_CONF = 1, 5, 9, 24, 25
_NFTABLES = 7
_GROUPS = {_ROUTE: (_LINK, _IPV4_ADDRESS, _IPV6_ADDRESS, _IPV4_CONF, _IPV6_CONF), _NETFILTER: (_NFTABLES,)}
_WORDS = {_ROUTE: "links", _NETFILTER: "the firewall"}
_ENDING = (signal.SIGTERM, signal.SIGINT)
_BUFFER = 1 << 16


class Notices:
    """For `with`, in the main thread: from then on. Raises HostError where the kernel refuses to tell."""

    def __init__(self, directory: str) -> None:
        self.is_over = False
        """Whether a signal has come that ends us."""
        self._directory = directory
        self._sockets: dict[int, socket.socket] = {}
        self._processes: dict[tuple[int, int], int] = {}
        self._handlers: dict[int, object] = {}
        self._signals = (-1, -1)
        self._names: Directories | None = None
        self._poll = select.poll()

    def __enter__(self) -> "Self":
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        for family, groups in _GROUPS.items():
            found = _listening(family, groups)
            if found is not None:
                self._sockets[found.fileno()] = found
        self._names = Directories([self._directory])
        self._signals = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._signals[1], warn_on_full_buffer=False)
        for number in _ENDING:
            self._handlers[number] = signal.signal(number, self._end)
        for fd in (*self._sockets, self._names.fileno(), self._signals[0]):
            self._poll.register(fd, select.POLLIN)

    def close(self) -> None:
        """Listen no longer; signals do what they did before."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() gave
        if self._handlers:
            signal.set_wakeup_fd(-1)
        if self._names:
            self._names.close()
        for found in self._sockets.values():
            found.close()
        for fd in (*self._processes.values(), *self._signals):
            if fd >= 0:
                os.close(fd)
        self._handlers, self._sockets, self._processes, self._names = {}, {}, {}, None
        self._signals = (-1, -1)

    def _end(self, *_: object) -> None:
        self.is_over = True

    def wait(self, timeout_s: float) -> bool:
        """Wait until something happens, at most that long; whether anything has."""
        return self._has_happened(self._poll.poll(max(0.0, timeout_s) * 1000))

    def pause(self, timeout_s: float) -> None:
        """Wait that long, and listen to nothing but what ends us."""
        if not self.is_over and timeout_s > 0:
            poll = select.poll()
            poll.register(self._signals[0], select.POLLIN)
            poll.poll(timeout_s * 1000)

    def watch_processes(self, processes: "Iterable[tuple[int, int]]") -> None:
        """From now on tell of the end of these processes, (pid, start time), and of no others."""
        wanted = set(processes)
        for one in self._processes.keys() - wanted:
            self._forget(one)
        for pid, start in sorted(wanted - self._processes.keys()):
            fd = _handle(pid, start)
            if fd is not None:
                self._processes[pid, start] = fd
                self._poll.register(fd, select.POLLIN)

    def _forget(self, one: tuple[int, int]) -> None:
        fd = self._processes.pop(one)
        self._poll.unregister(fd)
        os.close(fd)

    def _has_happened(self, ready: list[tuple[int, int]]) -> bool:
        """Take all that is told; whether it was more than a signal."""
        found = False
        for fd, _ in ready:
            if fd == self._signals[0]:
                os.read(fd, _BUFFER)
                continue
            found = True
            if fd in self._sockets:
                _drain(self._sockets[fd])
            elif self._names and fd == self._names.fileno():
                for _change in self._names.changes():
                    pass
            else:
                self._forget(next(one for one, handle in self._processes.items() if handle == fd))
        return found


def _listening(family: int, groups: tuple[int, ...]) -> socket.socket | None:
    """A socket that hears these groups; None where the kernel has no nf_tables, and so nothing to tell of them."""
    found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, family)
    try:
        found.bind((0, sum(1 << (group - 1) for group in groups)))
    except OSError as error:
        found.close()
        if family == _NETFILTER and error.errno in {EINVAL, ENODEV}:
            return None
        msg = f"events of {_WORDS[family]}: listen: {error.strerror}"
        hint = "needs the capability CAP_NET_ADMIN: run it as root" if error.errno == EPERM else ""
        raise HostError(msg, hint=hint) from error
    return found


def _drain(found: socket.socket) -> None:
    """Read all that a socket has; what did not fit into its buffer is as good as read."""
    while True:
        try:
            found.recv(_BUFFER)
        except OSError as error:
            if error.errno == ENOBUFS:
                continue
            if error.errno == EAGAIN:
                return
            raise


def _handle(pid: int, start: int) -> int | None:
    """A descriptor that is readable when that process has ended; None if it has, or if we have no descriptor left."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    if process.start_time(pid) != start:
        os.close(fd)
        return None
    return fd
