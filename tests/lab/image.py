"""What a test guest boots: Debian's kernel and an initial RAM disk of busybox, made once by `script/guest-image`."""

import ctypes
import mmap
import platform
import select
import subprocess
import time
from functools import cache
from pathlib import Path

from tests.lab.machine import CHECKOUT

# Linux words that leave out what a guest of one serial port and one NIC has not.
KERNEL_WORDS = (
    "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check mitigations=off random.trust_cpu=on "
    "8250.nr_uarts=1 audit=0 apparmor=0 cryptomgr.notests i8042.noaux i8042.nokbd"
)


@cache
def make_image() -> Path:
    """The directory of the guest's vmlinuz and initrd, made if needed; AssertionError if it cannot be."""
    done = subprocess.run([CHECKOUT / "script/guest-image"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.strip()
    return Path(done.stdout.strip())


@cache
def tsc_khz() -> int:
    """The rate of this machine's time stamp counter in kHz, 0 if it cannot be measured.

    A microvm has neither HPET nor PM timer; on a busy host its kernel cannot measure the rate and hangs unless told.
    """
    if platform.machine() != "x86_64":
        return 0
    try:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0
    code.write(bytes.fromhex("0f31 48c1e220 4809d0 c3"))  # rdtsc; shl rdx,32; or rax,rdx; ret
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    count, began_ns = counter(), time.monotonic_ns()
    select.select([], [], [], 0.1)
    return (counter() - count) * 1_000_000 // (time.monotonic_ns() - began_ns)
