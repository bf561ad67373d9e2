"""What the kernel tells of routes and addresses: a far host that could not be reached may be reached now.

Source: rtnetlink(7), linux/rtnetlink.h.
"""

from _struct import Struct
from socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, socket

_ROUTE = 0
_GROUPS = 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE and those of IPv6."""
_NEW_ADDRESS, _NEW_ROUTE = 20, 24
_HEAD = Struct("=IHHII")


class Events:
    """A socket that can be read once something has changed."""

    def __init__(self) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, _ROUTE)
        self._socket.bind((0, _GROUPS))

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def has_routes(self) -> bool:
        """Take all that was told; whether a route or an address has come, or may have."""
        found = False
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return found
            except OSError:
                return True  # more than the buffer holds
            found |= bool(data) and _HEAD.unpack_from(data)[1] in {_NEW_ADDRESS, _NEW_ROUTE}
