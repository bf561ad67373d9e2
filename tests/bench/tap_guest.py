"""A guest without QEMU whose NIC is a tap as QEMU's is: what comes in by one end is written to the other, frame by frame."""

import subprocess
from typing import Self

from tests.lab.client import Client
from tests.lab.machine import PYTHON, Machine

_PUMP = """
import fcntl, os, struct, sys
IFF_TAP, IFF_NO_PI, TUNSETIFF = 2, 0x1000, 0x400454CA

def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd

ours, theirs = map(tap, sys.argv[1:])
print("ready", flush=True)
come, go = (ours, theirs) if os.fork() else (theirs, ours)
while True:
    try:
        os.write(go, os.read(come, 65536))
    except OSError:
        pass  # an end that is not up yet
"""
_HELD = "-held"


class TapGuest(Client):
    """`with TapGuest(host, "alice", port="tap0") as alice: host.vnet("attach", "tap0")`; no offload, as with vnet_hdr=off."""

    def __enter__(self) -> Self:
        Machine.__enter__(self)
        far = f"{self.port}{_HELD}"
        self.write_script()
        try:
            pump = self.host.popen([PYTHON, "-IS", "-c", _PUMP, self.port, far], stdout=subprocess.PIPE)
            assert pump.stdout
            assert pump.stdout.readline() == b"ready\n"
            self.take(far)
        except BaseException:
            self.close()
            raise
        return self
