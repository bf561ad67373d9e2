"""What far hosts connect to: a listening socket, or why there is none, and whom it has refused."""

import os
import socket
import time
from collections.abc import Callable

from vnethook.errors import VnetError
from vnethook.host import log
from vnethook.live.link_config import Door
from vnethook.live.link_status import DOWN, LISTENING, ListenStatus

REPEAT_S = 60.0
"""The same refusal of the same address is logged as often."""
RETRY_S = 5.0
_BACKLOG = 128
_REMEMBERED = 256
"""Refusals of the last REPEAT_S that are known to be logged; what is not known then is counted only."""


class OpenDoor:
    """A listening socket, or why there is none. `status` is what is told of it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.status = ListenStatus(door.transport, door.address, door.port, DOWN, int(time.time()))
        self.socket: socket.socket | None = None
        self.due = 0.0
        self._told: dict[tuple[str, str], float] = {}

    @property
    def shown(self) -> str:
        """What it is in messages."""
        door = self.door
        if door.transport == "ssh":
            return "listen for ssh"
        place = f"[{door.address}]" if ":" in door.address else door.address or "*"
        return f"listen for {door.transport} at {place}:{door.port}"

    def open(self, make: Callable[[Door], socket.socket], network: str) -> socket.socket | None:
        """Listen, or say why not and when to try again."""
        try:
            self.socket = make(self.door)
        except (OSError, VnetError) as error:
            reason = error.message if isinstance(error, VnetError) else error.strerror or str(error)
            if reason != self.status.reason:
                log.error(f"network {network!r}: {self.shown}: {reason}")
            self.status = self.status.replace(state=DOWN, reason=reason)
            self.due = time.monotonic() + RETRY_S
            return None
        if self.status.reason:
            log.warning(f"network {network!r}: {self.shown}: it does now")
        self.status = self.status.replace(state=LISTENING, since=int(time.time()), reason="")
        return self.socket

    def refuse(self, network: str, address: str, reason: str) -> None:
        """Count and log who was refused and why."""
        self.status = self.status.replace(refused=self.status.refused + 1, refusal=f"{address}: {reason}")
        now = time.monotonic()
        if now - self._told.get((address, reason), -REPEAT_S) < REPEAT_S:
            return
        if len(self._told) >= _REMEMBERED:
            self._told = {said: at for said, at in self._told.items() if now - at < REPEAT_S}
        if len(self._told) >= _REMEMBERED:
            return  # who has a /64 to call from would else fill the log
        self._told[address, reason] = now
        log.warning(f"network {network!r}: {self.shown}: {address} refused: {reason}")


def listen(door: Door) -> socket.socket:
    """A socket that listens as is written; raise OSError."""
    family = socket.AF_INET if "." in door.address else socket.AF_INET6
    has_ipv6 = os.path.exists("/proc/net/if_inet6")
    if not door.address and not has_ipv6:
        family = socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(door.address)))
        made.bind((door.address, door.port))
        made.listen(_BACKLOG)
        made.settimeout(0)
    except OSError:
        made.close()
        raise
    return made
