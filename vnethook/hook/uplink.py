"""The uplink of a user's namespace, as the process outside looks after it: hook/outside.py calls it when there is one.

An uplink that was killed is started again, with patience if it does not stay; one that has copied the addresses of a
network in which the machine is no more is started anew, and name servers are followed. Nobody's guest waits for that.
"""

import posix
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, socket
from time import monotonic

from vnethook.errors import HostError
from vnethook.host import log, uplink, user_namespace
from vnethook.host.uplink_program import UplinkProgram
from vnethook.live import files
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths

_ROUTE = 0
_GROUPS = (5, 7, 9, 11)
"""RTNLGRP_IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE of linux/rtnetlink.h."""
_SETTLE_S, _LATER_S = 0.3, 3.0
"""How long after a change of the machine's network it is looked at, and again, for who writes resolv.conf after it."""
_SERVERS_S = 30.0
"""How often it is looked at whether the name servers are others without such a change."""
_PAUSES_S = (0.0, 0.2, 1.0, 5.0, 30.0)
"""Before an uplink that ended is started again; one that has lived longer than the last of them begins anew."""


class Watched:
    """The uplink of the user with these paths; `resolv_conf`: the machine's."""

    def __init__(self, paths: "Paths", resolv_conf: str) -> None:
        self._paths = paths
        self._program = UplinkProgram(uplink.directory(paths), resolv_conf, Links())
        self._handle, self._pid = -1, 0
        self._ended: list[float] = []
        self._due: list[float] = []
        self._events = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, _ROUTE)
        self._events.bind((0, sum(1 << (group - 1) for group in _GROUPS)))
        self._resolv_conf = resolv_conf
        self._stamp = files.stamp(resolv_conf)

    def descriptors(self) -> list[int]:
        """What to wait for."""
        self._watch()
        return [self._events.fileno(), *([self._handle] if self._handle >= 0 else [])]

    def left_s(self) -> float:
        """How long to wait at most."""
        return max(0.0, min(self._due, default=monotonic() + _SERVERS_S) - monotonic())

    def look(self, ready: set[int]) -> None:
        """See to what has happened, of which these descriptors tell."""
        if self._handle in ready:
            self._has_ended()
        if self._events.fileno() in ready:
            self._drain()
        if self._stamp != (stamp := files.stamp(self._resolv_conf)):
            self._stamp = stamp
            self._due.append(0.0)
        now = monotonic()
        if any(at <= now for at in self._due):
            self._due = [at for at in self._due if at > now]
            try:
                self._settle()
            except HostError as error:
                log.warning(f"user {self._paths.user}: {error}")
                self._due.append(now + _PAUSES_S[-1])

    def answer(self, question: "dict[str, Any]") -> "dict[str, Any]":
        """What is said to who asks: how it is, once it is as wanted; {"refused": why, "hint": …} for a port."""
        try:
            if "want" in question:
                self._program.want(question["want"])
        except HostError as error:
            return {"refused": str(error), "hint": error.hint}
        try:
            if "want" in question:
                self._settle()
        except HostError as error:
            log.warning(f"user {self._paths.user}: {error}")  # it is said in the state, too
        return self._program.state()

    def end(self) -> None:
        """End it with the namespace."""
        self._program.end()

    def _settle(self) -> None:
        holder = user_namespace.holder(self._paths)
        if holder:
            self._program.settle(holder)

    def _watch(self) -> None:
        """Be told when the program ends that runs by now."""
        if self._program.pid == self._pid:
            return
        if self._handle >= 0:
            posix.close(self._handle)
        self._handle, self._pid = -1, self._program.pid
        if self._pid:
            try:
                self._handle = posix.pidfd_open(self._pid)
            except OSError:
                self._has_ended()

    def _has_ended(self) -> None:
        self._program.has_ended()
        now = monotonic()
        self._ended = [at for at in self._ended if now - at < _PAUSES_S[-1]] + [now]
        self._due.append(now + _PAUSES_S[min(len(self._ended), len(_PAUSES_S)) - 1])

    def _drain(self) -> None:
        try:
            while self._events.recv(1 << 16):
                pass
        except OSError:
            pass  # no more of them; or more than the buffer holds, and then all is looked at anew just as well
        now = monotonic()
        self._due = [*self._due[-4:], now + _SETTLE_S, now + _LATER_S]
