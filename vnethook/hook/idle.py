"""The watcher of an idle network: takes it down some time after its last guest.

It sleeps in the kernel until a link changes, so it costs nothing while guests run, and it sees a guest go that was
killed and called no hook. It is a daemon like dnsmasq: journalled, recognised, started again by whoever mends the
network; a network that was started by hand is left alone.
"""

import sys
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket
from time import monotonic

from vnethook.errors import StateError, VnetError
from vnethook.host import background, log
from vnethook.host.host import Host
from vnethook.lifecycle import bringup
from vnethook.live import nics, record
from vnethook.live.lock import Lock
from vnethook.live.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select

_ROUTE, _GROUP_LINK = 0, 1
_TUNNEL = "vxlan"
"""The kind of a port by which other hosts' guests are reached, who have a network of their own there."""


def main(argv: list[str]) -> None:
    """Watch in the background: WORD NETWORK SECONDS ETC RUN STATE RESOLV_CONF. Ends when the network is down."""
    _, _, network, seconds, etc, run, state, resolv_conf = argv
    paths = Paths(etc, run, state, resolv_conf)
    background.enter(f"{run}/idle-{network}.pid")
    try:
        with Lock(paths.lock(network), shared=True):
            pass  # whoever brings the network up is done, and has written its record
        watch(paths, network, int(seconds))
    except VnetError as error:
        log.error(error.report())
        sys.exit(error.exit_status)


def watch(paths: Paths, network: str, idle_s: int) -> None:
    """Return once the network is down, by us or by others."""
    import select  # noqa: PLC0415 (a long-lived process may load what it likes)

    events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, _ROUTE)
    events.bind((0, _GROUP_LINK))
    poll = select.poll()
    poll.register(events.fileno(), select.POLLIN)
    host = Host(paths)
    idle_since: float | None = monotonic()
    while True:
        live = record.read(paths, network)
        if live is None or live.started_by != bringup.GUEST:
            return
        if any(port.kind != _TUNNEL for port in host.links.ports(live.index)):
            idle_since = None
        elif idle_since is None:
            idle_since = monotonic()
        left_s = None if idle_since is None else idle_since + idle_s - monotonic()
        if left_s is not None and left_s <= 0:
            if _stop(host, network):
                return
            idle_since = None
            continue
        _wait(poll, events, left_s)


def _wait(poll: "select.poll", events: socket, left_s: float | None) -> None:
    if poll.poll(None if left_s is None else left_s * 1000):
        try:
            events.recv(1 << 16)
        except OSError:
            return  # more events than the buffer holds: what matters is read anew anyway


def _stop(host: Host, network: str) -> bool:
    """Take the network down unless a guest came meanwhile; whether it is down. This process ends with it."""
    if [nic for nic in nics.attached(host.paths, network) if nics.is_attached(host.links, nic)]:
        return False
    try:
        bringup.stop(host, network)
    except StateError:
        return False  # a guest came between the two looks, or somebody else is at it
    log.warning(f"network {network!r}: no guest for a while: taken down")
    return True
