"""The watcher of an idle network: takes it down some time after its last guest.

It sleeps in the kernel until a link changes, so it costs nothing while guests run, and it sees a guest go that was
killed and called no hook. It is a daemon like dnsmasq: journalled, recognised, started again by whoever mends the
network; a network that was started by hand is left alone.
"""

import os
import sys
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket
from time import monotonic

from vnethook.errors import StateError, VnetError
from vnethook.host import background, log, vde
from vnethook.host.host import Host
from vnethook.lifecycle import bringup
from vnethook.live import files, link_names, link_port, record, sessions
from vnethook.live.lock import Lock
from vnethook.live.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select

    from vnethook.host.inotify import Inotify
    from vnethook.live.record import LiveNetwork

_ROUTE, _GROUP_LINK = 0, 1
_TUNNEL = "vxlan"
"""The kind of a port by which other hosts' guests are reached."""


def main(argv: list[str]) -> None:
    """Watch in the background: WORD NETWORK SECONDS ETC RUN STATE RESOLV_CONF USER. Ends when the network is down."""
    _, _, network, seconds, etc, run, state, resolv_conf, user = argv
    paths = Paths(etc, run, state, resolv_conf, int(user))
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
    try:
        _watch(host, network, idle_s, (poll, events))
    finally:
        host.close()


def _watch(host: Host, network: str, idle_s: int, on: "tuple[select.poll, socket]") -> None:
    poll, events = on
    switch = _Switch(host.paths.vde(network))
    idle_since: float | None = monotonic()
    while True:
        live = record.read(host.paths, network)
        if live is None or live.started_by != bringup.GUEST:
            return
        switch.register(poll)
        running = sessions.running(host.paths, network)
        if running or is_used(host, live):
            idle_since = None
        elif idle_since is None:
            idle_since = monotonic()
        left_s = None if idle_since is None else idle_since + idle_s - monotonic()
        if left_s is not None and left_s <= 0:
            if _stop(host, network):
                return
            idle_since = None
            continue
        _wait(poll, events, running, left_s)
        switch.forget_changes()


def is_used(host: Host, live: "LiveNetwork") -> bool:
    """Whether a guest is on a network: a port of its bridge that is not its own, or somebody at its switch."""
    ports = host.links.ports(live.index) if live.bridge else []
    own = (*live.own_ports, *filter(link_names.is_cable, (port.name for port in ports)))
    if any(port.kind != _TUNNEL and port.name not in own for port in ports):
        return True
    if vde.guests(host.paths, live) > 0:
        return True
    return len(own) > len(live.own_ports) and _is_used_far(host, live)


def _is_used_far(host: Host, live: "LiveNetwork") -> bool:
    """Whether a network may be needed by guests of other hosts.

    By those of who has connected, as long as he is there; over a VXLAN, of which nobody sees whether anybody is there,
    by those who have from here what they need. Where we have connected, the far host does without us.
    """
    bridge = host.links.link(link_names.links_bridge(live.uuid))
    if bridge is None:
        return False
    incoming = {port.device for port in link_port.ports(host.paths, live.name) if port.is_incoming}
    serves = link_port.serves(live)
    return any(
        (link.has_carrier and link.name in incoming) or (serves and link.kind == _TUNNEL)
        for link in host.links.ports(bridge.index)
    )


class _Switch:
    """The sockets of a network's switch: one for each guest, which comes and goes with it."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._changes: Inotify | None = None

    def register(self, poll: "select.poll") -> None:
        """Have `poll` end by a guest of the switch that comes or goes, as soon as there is a switch."""
        if self._changes is not None or not files.is_directory(self._directory):
            return
        from vnethook.host.inotify import CREATE, DELETE, Inotify  # noqa: PLC0415 (few networks have a switch)

        self._changes = Inotify()
        self._changes.watch(self._directory, CREATE | DELETE)
        poll.register(self._changes.fileno(), 1)

    def forget_changes(self) -> None:
        """What was told counts no longer: all is looked at anew."""
        if self._changes is not None:
            for _ in self._changes.changes():
                pass


def _wait(poll: "select.poll", events: socket, running: list[int], left_s: float | None) -> None:
    """Until links change, the first of some processes ends, or time is over."""
    ends = []
    try:
        for pid in running[:1]:  # it has to end in any case
            ends.append(os.pidfd_open(pid))
            poll.register(ends[0], 1)  # POLLIN
        happened = poll.poll(None if left_s is None else left_s * 1000)
        if events.fileno() in [fd for fd, _ in happened]:
            events.recv(1 << 16)
    except OSError:
        return  # more events than the buffer holds, or it has ended: what matters is read anew anyway
    finally:
        for handle in ends:
            poll.unregister(handle)
            os.close(handle)


def _stop(host: Host, network: str) -> bool:
    """Take the network down unless a guest came meanwhile; whether it is down. This process ends with it."""
    live = record.read(host.paths, network)
    if live is not None and is_used(host, live):
        return False
    if sessions.running(host.paths, network):
        return False
    sessions.forget(host.paths, network)
    try:
        bringup.stop(host, network)
    except StateError:
        return False  # a guest came between the two looks, or somebody else is at it
    log.warning(f"network {network!r}: no guest for a while: taken down")
    return True
