"""Taps that stay without a program that holds them. Source: linux/if_tun.h, Documentation/networking/tuntap.rst."""

import posix
from _struct import Struct
from errno import EBUSY
from fcntl import ioctl

from vnethook.errors import HostError

_REQUEST = Struct("16sH22x")
_SET_INTERFACE, _SET_PERSIST, _SET_OWNER = 0x400454CA, 0x400454CB, 0x400454CC
_TAP, _NO_PACKET_INFO, _EXCLUSIVE = 0x0002, 0x1000, 0x8000


def create(name: str, *, owner: int = 0) -> None:
    """Make a tap that a program of the user of that number may attach to; HostError if there is a link of that name."""
    fd = -1
    try:
        fd = posix.open("/dev/net/tun", posix.O_RDWR | posix.O_CLOEXEC)
        ioctl(fd, _SET_INTERFACE, _REQUEST.pack(name.encode(), _TAP | _NO_PACKET_INFO | _EXCLUSIVE))
        ioctl(fd, _SET_OWNER, owner)
        ioctl(fd, _SET_PERSIST, 1)
    except OSError as error:
        msg = f"tap {name!r}: create: {posix.strerror(error.errno or 0)}"
        hint = "a link of that name exists" if error.errno == EBUSY else "needs /dev/net/tun (module tun)"
        raise HostError(msg, hint=hint) from error
    finally:
        if fd != -1:
            posix.close(fd)
