"""In QEMU's place: a process on a lab host whose command line is one of QEMU's, that holds taps and measures hooks.

Run as `python3 -IS caller.py -name … -netdev …`. Reads requests from stdin, a line of JSON each, and answers each with
a line: {"hold": [TAP, …]} or {"argv", "env", "stdin", "passes_tap"}, the last for a hook that sends a descriptor back.
"""

import fcntl
import json
import os
import socket
import struct
import sys
import time

TUNSETIFF, TAP, NO_PACKET_INFO, VNET_HEADER = 0x400454CA, 0x0002, 0x1000, 0x4000  # linux/if_tun.h
TAP_SOCKET = 9


def hold(taps):
    """Make taps and keep their descriptors, so that each has a carrier, as that of a running guest."""
    for name in taps:
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("=16sH22x", name.encode(), TAP | NO_PACKET_INFO | VNET_HEADER))
    return {}


def run(argv, env, stdin="", *, passes_tap=False):
    """Run a program to its end: CPU time with that of the children it waited for, wall time, status, what it said."""
    streams = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
    os.write(streams[0], stdin.encode())
    os.lseek(streams[0], 0, os.SEEK_SET)
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)]
    ours, theirs = socket.socketpair()
    if passes_tap:
        actions.append((os.POSIX_SPAWN_DUP2, theirs.fileno(), TAP_SOCKET))
    begun = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begun
    theirs.close()
    if passes_tap and not status:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        assert len(descriptors) == 1, "no tap was passed"
        os.close(descriptors[0])
    ours.close()
    said = [os.pread(fd, 1 << 20, 0).decode(errors="replace") for fd in streams[1:]]
    for fd in streams:
        os.close(fd)
    return {
        "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1e3,
        "wall_ms": wall * 1e3,
        "status": os.waitstatus_to_exitcode(status),
        "stdout": said[0],
        "stderr": said[1],
    }


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        answer = hold(request["hold"]) if "hold" in request else run(**request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
