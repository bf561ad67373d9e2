"""Frames between a tap and QEMU's end of a VDE plug: two pipes with each frame behind its length.

A frame passes whole or not at all: of what comes in pieces the rest is waited for, and when QEMU is slow to read, the
tap is not read, so that its queue drops what the guest cannot take. A write to QEMU never waits: it may itself be
waiting for us to read. One process of ours does this at the speed of vde_plug (1.1 Gbit/s by TCP on a host where that
has 1.2, at the same cost), and its tap goes with it however it ends; vde_plug would need one that stays.
Source of the form: vdestream(3): length in two bytes, big-endian, then the frame.
"""

import posix
from errno import EAGAIN, EBADFD, ECONNREFUSED, ECONNRESET, EFAULT, EPIPE
from select import POLLIN, POLLOUT, poll
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = 2
_ROOM = 1 << 16
_AT_ONCE = 64
"""Frames that are taken from the tap before the other side is looked at."""


class Relay:
    """Carries frames between `tap` and the pipes `source` and `sink`, which are made not to wait."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        self._part = b""
        self._unsent = b""
        for fd in (source, sink):
            posix.set_blocking(fd, False)

    def carry(self, tap: int, *, lifeline: int = -1) -> bool:
        """Carry frames until QEMU has closed its end, or (False) until the tap's link is gone.

        In place of a tap also a socket of frames; its other end is gone as soon as anything comes from `lifeline`.
        """
        posix.set_blocking(tap, False)
        waiting = poll()
        waiting.register(self._source, POLLIN)
        waiting.register(tap, POLLIN)
        if lifeline >= 0:
            waiting.register(lifeline, POLLIN)
        while True:
            for fd, _ in waiting.poll():
                if fd == lifeline:
                    return False
                if fd == self._source:
                    if not self._take(tap):
                        return True
                    continue
                was_full = bool(self._unsent)
                if fd == self._sink and not self._flush():
                    return True
                answer = _PASSED if self._unsent else self._give(tap)
                if answer != _PASSED:
                    return answer == EPIPE
                if was_full != bool(self._unsent):
                    self._wait_for(waiting, tap)

    def drop(self, time_s: float) -> bool:
        """Lose what QEMU sends for some time, frame by frame; whether it has closed its end."""
        deadline = monotonic() + time_s
        waiting = poll()
        waiting.register(self._source, POLLIN)
        while (left_s := deadline - monotonic()) > 0:
            if waiting.poll(left_s * 1000) and not self._take(-1):
                return True
        return False

    def _wait_for(self, waiting: poll, tap: int) -> None:
        """Wait for QEMU to read while something is unsent, else for frames from the tap."""
        old, new, mask = (tap, self._sink, POLLOUT) if self._unsent else (self._sink, tap, POLLIN)
        waiting.unregister(old)
        waiting.register(new, mask)

    def _take(self, tap: int) -> bool:
        """Send what QEMU has sent on to the tap; whether QEMU is still there."""
        data = posix.read(self._source, _ROOM)
        if not data:
            return False
        for frame in self._frames(data):
            try:
                posix.write(tap, frame)
            except OSError:
                continue  # a link that is down, or nothing that Ethernet knows: it is lost, as on any wire
        return True

    def _frames(self, data: bytes) -> "Iterator[bytes]":
        """The whole frames in what was read; the rest is kept for the next time."""
        data = self._part + data if self._part else data
        start, size = 0, len(data)
        while size - start >= _HEAD:
            end = start + _HEAD + (data[start] << 8) + data[start + 1]
            if end > size:
                break
            yield data[start + _HEAD : end]
            start = end
        self._part = data[start:]

    def _give(self, tap: int) -> int:
        """Send frames of the tap on to QEMU as long as it takes them; _PASSED, EPIPE, or why the tap gives none."""
        try:
            for _ in range(_AT_ONCE):
                frame = posix.read(tap, _ROOM)
                self._unsent = len(frame).to_bytes(_HEAD, "big") + frame
                if not self._flush():
                    return EPIPE
                if self._unsent:
                    break
        except OSError as error:
            if error.errno in {EBADFD, EFAULT, ECONNREFUSED, ECONNRESET}:  # tun_do_read() of a link that was deleted
                return EBADFD
            if error.errno != EAGAIN:
                raise
        return _PASSED

    def _flush(self) -> bool:
        """Write what is unsent as far as the pipe takes it; whether QEMU still reads there."""
        try:
            self._unsent = self._unsent[posix.write(self._sink, self._unsent) :]
        except OSError as error:
            if error.errno == EPIPE:
                return False
            if error.errno != EAGAIN:
                raise
        return True


_PASSED = 0
