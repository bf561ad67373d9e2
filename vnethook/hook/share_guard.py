"""The guard of a NIC that is being shared: takes it back unless somebody confirms in time that the host is reached.

It is there before the first change, with all loaded that it needs, and ends with `vnet confirm`. It never takes back
what was confirmed: both happen under one lock, and by one record.
"""

import os
import select
import signal
from contextlib import suppress
from time import monotonic

from vnethook.errors import BusyError
from vnethook.host import background, daemons, layer3, log
from vnethook.host.host import Host
from vnethook.lifecycle.share import boot_files, guarding, recovery, snapshots
from vnethook.live import shared_interface as records
from vnethook.live.paths import Paths
from vnethook.plan import dhcp_client, links, moving, sharing, zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.shared_interface import SharedInterface

LOADED = (daemons, dhcp_client, layer3, links, moving, zone)
"""What taking back needs, so that nothing has to be read from a disk that may be on the network."""
PAUSE_S, PAUSE_MAX_S = 0.5, 30.0
"""Until it is tried again, longer each time."""
HANGS_S = 5.0
"""After so long over its time who shares counts as hanging."""


def main(argv: list[str]) -> None:
    """Guard in the background: WORD BRIDGE PID CONFIRM_BY ETC RUN STATE RESOLV_CONF."""
    _, _, bridge, pid, confirm_by, etc, run, state, resolv_conf = argv
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(
        signal.SIGTERM, lambda *_: None
    )  # only a reason to look: by a service manager it may be meant for all
    background.enter(f"{run}/{guarding.name(bridge)}.pid")
    host = Host(Paths(etc, run, state, resolv_conf))
    guard = Guard(host, bridge, int(pid), int(confirm_by))
    boot_files.load(host)
    guard.watch()


class Guard:
    """Watches one sharing: by whom, and until when it has to be confirmed, in seconds after the host's boot."""

    def __init__(self, host: Host, bridge: str, pid: int, confirm_by: int) -> None:
        self._host, self._bridge, self._confirm_by = host, bridge, confirm_by
        self._deadline = monotonic() + confirm_by - sharing.now_s()
        self._wake, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        try:
            self._sharer = os.pidfd_open(pid)
        except ProcessLookupError:
            self._sharer = -1

    def watch(self) -> None:
        """Return once there is nothing to guard any more, taken back by us or by others, or confirmed.

        Until then it is tried again, whatever is wrong: nobody else may be able to reach the host.
        """
        pause_s = PAUSE_S
        while (shared := self._guarded()) is not None:
            left_s = self._deadline - monotonic()
            if left_s > 0 and (shared.is_whole or not self._is_over()):
                self._wait(left_s)
                continue
            try:
                self._take_back()
            except Exception as error:  # noqa: BLE001 (as above)
                log.error(f"guard: {error if str(error) else repr(error)}")
                self._end_sharer(shared, error)
                self._wait(pause_s)
                pause_s = min(pause_s * 1.5, PAUSE_MAX_S)

    def _guarded(self) -> "SharedInterface | None":
        """The record of what is to be guarded; None if that was given back, or is kept.

        Of one that has gone with the run directory there is still the snapshot, which goes before it else.
        """
        shared = records.read(self._host.paths, self._bridge)
        if shared is None:
            snapshot = snapshots.read(self._host.paths, self._bridge)
            shared = snapshot.shared if snapshot is not None and snapshot.is_of_this_boot else None
        if shared is None or shared.confirm_by != self._confirm_by:
            return None
        return shared

    def _take_back(self) -> None:
        with recovery.lock(self._host, deadline_s=HANGS_S):
            shared = self._guarded()
            if shared is None:
                return
            why = "nobody has confirmed it in time" if shared.is_whole else "who shared it has ended half-way"
            log.warning(f"interface {shared.nic!r}: {why}: it is given back")
            if records.read(self._host.paths, self._bridge) is None:
                recovery.read_snapshots(self._host)
            recovery.take_back(self._host, shared, is_forced=True)

    def _end_sharer(self, shared: "SharedInterface", why: Exception) -> None:
        """End who shares if it hangs with the lock held, long after it should have been done; not for others' lock."""
        if isinstance(why, BusyError) and not shared.is_whole and not self._is_over():
            with suppress(ProcessLookupError):  # it has ended this moment
                signal.pidfd_send_signal(self._sharer, signal.SIGKILL)

    def _is_over(self) -> bool:
        """Whether the process that shares has ended."""
        if self._sharer < 0:
            return True
        poll = select.poll()
        poll.register(self._sharer, select.POLLIN)
        return bool(poll.poll(0))

    def _wait(self, left_s: float) -> None:
        """Wait until somebody tells us to look, the process that shares ends, or that much time has gone by."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if not self._is_over():
            poll.register(self._sharer, select.POLLIN)
        poll.poll(max(left_s, 0) * 1000)
        while select.select([self._wake], [], [], 0)[0]:
            os.read(self._wake, 512)
