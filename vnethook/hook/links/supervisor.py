"""The supervisor of a network's links: two processes, one that keeps them up and one that keeps it.

It is a daemon like dnsmasq: journalled, recognised, started again by whoever mends the network. When what keeps the
links dies, the other starts it anew; when that one dies, the first has the network mended and ends. No guest waits for
any of it.
"""

import os
import signal
import sys
import time
import traceback
from types import FrameType

from vnethook.errors import VnetError
from vnethook.hook.links.keeper import Keeper
from vnethook.host import background, link_process, log
from vnethook.host.host import Host
from vnethook.lifecycle import bringup
from vnethook.live import record
from vnethook.live.lock import Lock
from vnethook.live.paths import Paths

PAUSE_S = 1.0
"""Before what has died at once is started again."""


def main(argv: list[str]) -> None:
    """Keep links up in the background: WORD NETWORK ETC RUN STATE RESOLV_CONF USER."""
    _, _, network, etc, run, state, resolv_conf, user = argv
    paths = Paths(etc, run, state, resolv_conf, int(user))
    background.enter(f"{paths.links(network)}/links.pid")
    try:
        with Lock(paths.lock(network), shared=True):
            pass  # whoever brings the network up is done, and has written its record
        _guard(paths, network)
    except VnetError as error:
        log.error(error.report())
        sys.exit(error.exit_status)


def _guard(paths: Paths, network: str) -> None:
    """Have the links kept up for ever; SIGTERM ends all of it."""

    def stop(_: int, __: FrameType | None) -> None:
        link_process.end_children()
        os._exit(0)

    link_process.adopt_orphans()
    signal.signal(signal.SIGTERM, stop)
    me = os.getpid()
    while True:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _keep(paths, network, me)
            os._exit(0)
        _wait_for(child)
        link_process.end_children()
        time.sleep(max(0.0, began + PAUSE_S - time.monotonic()))


def _wait_for(child: int) -> None:
    """Return once that child has ended; what others leave behind is taken away."""
    while os.waitpid(-1, 0)[0] != child:
        pass


def _keep(paths: Paths, network: str, guard: int) -> None:
    handle = os.pidfd_open(guard)
    try:
        Keeper(Host(paths), network).run(handle)
        _mend(paths, network)
    except VnetError as error:
        log.error(f"network {network!r}: links: {error.report()}")
    except Exception:  # noqa: BLE001 (the other process starts anew; a bug must be seen)
        log.error(f"network {network!r}: links: internal error, please report it:\n{traceback.format_exc()}")


def _mend(paths: Paths, network: str) -> None:
    """Have the network mended by a process of its own, unless it has been taken down."""
    if os.fork():
        return
    os.setsid()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # what we listen to, too: who comes is to have it
    host = Host(paths)
    try:
        with Lock(paths.lock(network)) as lock:
            if record.read(paths, network) is None:
                lock.finish()
                return
            bringup.bring_up(host, network, by=bringup.GUEST, lock=lock)
    except VnetError as error:
        log.error(f"network {network!r}: links: {error.report()}")
