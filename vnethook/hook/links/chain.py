"""What carries one link: an attempt that finds the far host, a tap on the bridge, and vde_plug between them.

vde_plug frames Ethernet as VDE does: two bytes of length, then the frame. Source: vde_plug(1), libvdeplug_tap(1).
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vnethook.errors import StateError
from vnethook.host import link_counters, link_process, programs, taps
from vnethook.live import link_port, record
from vnethook.live.link_config import Target
from vnethook.live.link_port import LinkPort
from vnethook.live.link_status import DOWN, UP, LinkStatus
from vnethook.live.lock import Lock

if TYPE_CHECKING:
    from vnethook.host.host import Host

PLUG = "vde_plug"
RETRY_MAX_S = 60.0
RECENT_S, RECENT_MAX_S = 600.0, 5.0
"""What was up that long ago is tried at least as often as that: a path that was cut for a minute is back in seconds."""
HEALTHY_S = 10.0
"""What was up for as long begins anew with short pauses."""
LOCK_S = 5.0
_WORDS = 1 << 16
"""More than any message of an attempt."""


class Chain:
    """The processes and the port of one link.

    `status` is what is told of it; `due`: when it is to be tried again, or has to be through its handshake; `report`:
    where its attempt tells, `plain`: our end of bytes that it carries, `stream`: a connection that has come in;
    `refusal`: why the far host may not be; `examiner`: who asks whether two have one address, and tells `verdict`.
    """

    def __init__(self, status: LinkStatus) -> None:
        self.status = status
        self.due = 0.0
        self.failed = 0
        self.up_at = 0.0
        self.was_up_at = 0.0
        self.attempt = Child()
        self.plug = Child()
        self.report: socket.socket | None = None
        self.plain: socket.socket | None = None
        self.stream: socket.socket | None = None
        self.port: LinkPort | None = None
        self.refusal = ""
        self.examiner = Child()
        self.verdict: socket.socket | None = None

    @property
    def who(self) -> tuple[str, str]:
        """What makes a far host another one."""
        return self.status.transport, self.status.peer or self.status.address

    @property
    def shown(self) -> str:
        """What it is in messages."""
        way = "from" if self.status.is_incoming else "to"
        return f"link {way} {self.status.peer or self.status.address} by {self.status.transport}"

    @property
    def pause_s(self) -> float:
        """How long to wait before the next attempt."""
        pause_s = min(RETRY_MAX_S, 2.0 ** min(self.failed - 1, 10))
        was_up = self.was_up_at and time.monotonic() - self.was_up_at < RECENT_S
        return min(pause_s, RECENT_MAX_S) if was_up else pause_s

    def begin(
        self, work: Callable[[socket.socket, socket.socket], None], *, is_restricted: bool, keep: tuple[int, ...] = ()
    ) -> None:
        """Have an attempt run; `work` gets where it reports and, for bytes that it carries itself, its end of them."""
        self.report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.plain, far = socket.socketpair()
        kept = [theirs.fileno(), far.fileno(), *keep]
        self.attempt.pid = link_process.fork(lambda: work(theirs, far), keep=kept, is_restricted=is_restricted)
        theirs.close()
        far.close()
        self.report.settimeout(0)

    def heard(self) -> dict[str, Any] | None:
        """What the attempt has to tell, None if there is nothing; with "fd" if it hands a connection over."""
        if self.report is None:
            return None
        try:
            words, descriptors, _, _ = socket.recv_fds(self.report, _WORDS, 1)
        except (BlockingIOError, ConnectionResetError):
            return None  # reset: it has ended without reading what it was told
        if not words:
            return None
        said: dict[str, Any] = json.loads(words)
        if descriptors:
            said["fd"] = descriptors[0]
        return said

    def answer(self, **said: str) -> None:
        """Tell an attempt that has asked."""
        if self.report is not None:
            try:
                self.report.send(json.dumps(said).encode())
            except OSError:
                return  # it has ended, which is seen elsewhere

    def join(self, host: "Host", network: str, device: str) -> None:
        """Make the link's tap, a port of the bridge; raise a VnetError."""
        owner = link_process.NOBODY if link_process.may_nobody_use_taps() else 0
        with Lock(host.paths.lock(network), shared=True, deadline_s=LOCK_S):
            live = record.read(host.paths, network)
            if live is None:
                msg = f"network {network!r}: is down"
                raise StateError(msg)
            said = self.status
            self.port = LinkPort(device, network, said.peer or said.address, said.transport, said.is_incoming)
            link_port.claim(host.paths, self.port)
            taps.create(device, owner=owner)
            self.port = link_port.join(host.paths, host.links, live, self.port)
        self.status = said.replace(device=device)

    def run_plug(self, fd: int) -> None:
        """Carry frames between the tap and a descriptor."""
        errors = os.memfd_create("errors")
        try:
            argv = [programs.require(PLUG), f"tap://{self.status.device}"]
            self.plug.pid = link_process.spawn(argv, (fd, fd, errors), is_restricted=link_process.may_nobody_use_taps())
            self.plug.errors, errors = errors, -1
        finally:
            if errors != -1:
                os.close(errors)

    def say_up(self) -> None:
        """It carries frames."""
        self.up_at = time.monotonic()
        self.status = self.status.replace(state=UP, since=int(time.time()), reason="", retries=0)

    def end_examination(self) -> None:
        """End who asks whether the link may be."""
        self.examiner.end()
        if self.verdict is not None:
            self.verdict.close()
            self.verdict = None

    def end(self, host: "Host", reason: str) -> None:
        """End all that carries the link, and say why."""
        self.end_examination()
        for child in (self.plug, self.attempt):
            child.end()
        for end in (self.report, self.plain, self.stream):
            if end is not None:
                end.close()
        self.report = self.plain = self.stream = None
        said = self.status
        retries = said.retries + 1
        if said.state == UP:
            self.was_up_at = time.monotonic()
            retries = 1 if self.was_up_at - self.up_at >= HEALTHY_S else self.failed + 1
        self.failed = retries
        since = int(time.time()) if said.state == UP or not said.since else said.since
        received, sent = link_counters.carried(said.device) if said.device else (0, 0)
        self.status = said.replace(
            state=DOWN,
            since=since,
            reason=reason,
            device="",
            received=said.received + received,
            sent=said.sent + sent,
            retries=retries,
        )
        if self.port is not None:
            link_port.leave(host.paths, host.links, self.port)
            self.port = None


class Child:
    """A process that is waited for; `errors`: what it writes there. It may be another's, then `handle` is all of it."""

    def __init__(self) -> None:
        self.pid = 0
        self.errors = -1
        self.handle = -1
        self.is_ours = True

    def open(self) -> int:
        """A descriptor that can be read once the process has ended. Source: pidfd_open(2)."""
        if self.handle == -1:
            self.handle = os.pidfd_open(self.pid)
        return self.handle

    def last_words(self) -> str:
        """The last line that it wrote."""
        if self.errors == -1:
            return ""
        text = os.pread(self.errors, _WORDS, 0).decode("utf-8", "replace")
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")

    def end(self) -> None:
        """Kill it if it is there, and forget it."""
        if self.pid:
            try:
                signal.pidfd_send_signal(self.open(), signal.SIGKILL)
            except ProcessLookupError:
                pass
            if self.is_ours:
                os.waitpid(self.pid, 0)
        self.let_go()

    def let_go(self) -> None:
        """Forget it, whatever it does."""
        for fd in (self.handle, self.errors):
            if fd != -1:
                os.close(fd)
        self.pid, self.handle, self.errors = 0, -1, -1


def beginning(target: Target) -> LinkStatus:
    """The status of a link that is to be made."""
    return LinkStatus(target.transport, target.address, target.port, peer=target.peer)
