"""Bytes between a TLS connection and who has the frames, and how a dead peer is noticed. Source: tcp(7)."""

import select
import socket
import ssl
from collections.abc import Callable

CHUNK = 1 << 16
_TRIES = 3


def notice_death(stream: socket.socket, interval_s: int) -> None:
    """Have a connection end by itself once the far end has been silent for three times `interval_s`."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_NODELAY, 1),
        (socket.TCP_KEEPIDLE, interval_s),
        (socket.TCP_KEEPINTVL, interval_s),
        (socket.TCP_KEEPCNT, _TRIES),
        (socket.TCP_USER_TIMEOUT, _TRIES * interval_s * 1000),  # what waits for an answer has no probes
    ):
        stream.setsockopt(socket.IPPROTO_TCP, option, value)


def relay(secure: ssl.SSLSocket, plain: socket.socket) -> None:
    """Carry bytes both ways until one end closes; raise OSError for how a connection broke."""
    secure.settimeout(0)
    plain.settimeout(0)
    out = _Pipe(plain.recv, secure.send)
    back = _Pipe(secure.recv, plain.send)
    poll = select.poll()
    while not (out.is_over or back.is_over):
        far = (select.POLLOUT if out.held else 0) | (0 if back.held else select.POLLIN)
        near = (select.POLLOUT if back.held else 0) | (0 if out.held else select.POLLIN)
        poll.register(secure, far)
        poll.register(plain, near)
        poll.poll(0 if secure.pending() and not back.held else None)
        out.move()
        back.move()


class _Pipe:
    """One direction, with what was taken and not given yet."""

    def __init__(self, take: Callable[[int], bytes], give: Callable[[memoryview], int]) -> None:
        self._take, self._give = take, give
        self.held = memoryview(b"")
        self.is_over = False

    def move(self) -> None:
        """Take what is there if all was given, and give what can be given."""
        try:
            if not self.held:
                self.held = memoryview(self._take(CHUNK))
                self.is_over = not self.held
            if self.held:
                self.held = self.held[self._give(self.held) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
