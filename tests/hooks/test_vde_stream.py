"""Frames pass whole, in order, in both directions, whatever the pipes make of them."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from vnethook.hook.vde_stream import Relay

FRAMES = [bytes([number]) * size for number, size in enumerate((14, 60, 1514, 9014, 60), start=1)]


class Wires:
    """A relay in a thread: `tap` is the far end of its tap, `to` and `back` QEMU's ends of the pipes."""

    def __init__(self) -> None:
        source, self.to = os.pipe()
        self.back, sink = os.pipe()
        near, self.tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ended: list[bool] = []
        self._open = (source, sink, near)
        self.thread = threading.Thread(target=lambda: self.ended.append(Relay(source, sink).carry(near.fileno())))
        self.thread.start()

    def close(self) -> None:
        os.close(self.to)
        self.thread.join(20)
        for fd in (self.back, *self._open[:2]):
            os.close(fd)
        self.tap.close()
        self._open[2].close()

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += os.read(self.back, size - len(data))
        return data


@pytest.fixture
def wires() -> Iterator[Wires]:
    wires = Wires()
    yield wires
    wires.close()


def _packed(frame: bytes) -> bytes:
    return len(frame).to_bytes(2, "big") + frame


def test_frames_to_the_tap_pass_whole_when_they_come_in_pieces(wires: Wires) -> None:
    stream = b"".join(map(_packed, FRAMES))
    for start in range(0, len(stream), 7):
        os.write(wires.to, stream[start : start + 7])
    assert [wires.tap.recv(1 << 16) for _ in FRAMES] == FRAMES


def test_frames_for_a_qemu_that_does_not_read_wait_and_none_is_cut(wires: Wires) -> None:
    sent = FRAMES * 10  # more than a pipe holds
    sender = threading.Thread(target=lambda: [wires.tap.send(frame) for frame in sent])
    sender.start()
    os.write(wires.to, _packed(FRAMES[0]))  # the other direction goes on meanwhile
    assert wires.tap.recv(1 << 16) == FRAMES[0]
    stream = b"".join(map(_packed, sent))
    assert wires.read(len(stream)) == stream
    sender.join(20)


def test_it_ends_with_qemu(wires: Wires) -> None:
    os.close(wires.to)
    wires.thread.join(20)
    assert wires.ended == [True]
    wires.to = os.dup(wires.back)
