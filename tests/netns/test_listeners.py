"""Who listens on a port: what the kernel tells of sockets that are bound in each way, and whose they are."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.host.listeners import Listener, listeners

pytestmark = pytest.mark.netns
PORT = 8080


def _bound(
    family: int, kind: int, address: str, port: int, *, only: bool = False, device: bytes = b""
) -> socket.socket:
    end = socket.socket(family, kind)
    if family == socket.AF_INET6:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only))
    if device:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    end.bind((address, port))
    if kind == socket.SOCK_STREAM:
        end.listen()
    return end


def _seen(_: machine.Host) -> tuple[int, str, set[Listener]]:
    four, six = socket.AF_INET, socket.AF_INET6
    stream, datagrams = socket.SOCK_STREAM, socket.SOCK_DGRAM
    with ExitStack() as stack:
        for end in (
            _bound(four, stream, "127.0.0.1", PORT),
            _bound(four, datagrams, "0.0.0.0", PORT, device=b"lo"),
            _bound(six, datagrams, "::", PORT + 1, only=True),
            _bound(six, stream, "::", PORT + 2),
            _bound(six, stream, "::ffff:127.0.0.1", PORT + 3),
            _bound(four, stream, "127.0.0.1", PORT + 9),
        ):
            stack.enter_context(end)
        stack.enter_context(socket.create_connection(("127.0.0.1", PORT)))  # which is no listener
        program = Path("/proc/self/comm").read_text(encoding="utf-8").rstrip("\n")
        return os.getpid(), program, set(listeners(lambda one: PORT <= one.port <= PORT + 3))


def test_each_socket_is_told_as_it_was_bound_with_its_process() -> None:
    with Host() as host:
        pid, program, found = on(host, _seen)
    lo = 1
    assert found == {
        Listener("tcp", "127.0.0.1", PORT, 0, pid, program),
        Listener("udp", "0.0.0.0", PORT, lo, pid, program),
        Listener("udp", "::", PORT + 1, 0, pid, program, is_ipv6_only=True),
        Listener("tcp", "::", PORT + 2, 0, pid, program),
        Listener("tcp", "127.0.0.1", PORT + 3, 0, pid, program),
    }
    assert {one.port: one.versions for one in found if one.protocol == "tcp" or one.port > PORT} == {
        PORT: (4,),
        PORT + 1: (6,),
        PORT + 2: (4, 6),
        PORT + 3: (4,),
    }
