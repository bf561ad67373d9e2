"""The VDE switch of a network: where it is, for who starts a guest there, and who is connected."""

import posix

from vnethook.definition.backend import VDE
from vnethook.errors import HostError, NoNetworkError, StateError
from vnethook.host import switch_guests
from vnethook.host.vde import UPLINK
from vnethook.lifecycle import bringup, enforce
from vnethook.live import process, record
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

SYSTEM = "/run/vnethook/vde"
"""Where the switches of root's networks are, which other users may be allowed to."""
VIA = "vde"


def socket_of(host: "Host", name: str) -> str:
    """The directory that a guest names as its socket, of a network that is up with a switch: it is brought up for it.

    A network whose definition says nothing of a switch has one from now until it goes down, for root alone.
    """
    with Lock(host.paths.lock(name)) as lock:
        live = record.read(host.paths, name)
        if live is None or record.fault(live, host.links):
            live = bringup.bring_up(host, name, by=bringup.GUEST, lock=lock)
        network = bringup.live_definition(host, name)
        if network is not None and network.vde is None and network.backend != VDE:
            from vnethook.definition.vde import Vde  # noqa: PLC0415 (most have it in their definition)

            enforce.keep(host, name, network.replace(vde=Vde()).to_plain())
            try:
                bringup.bring_up(host, name, by=bringup.GUEST, lock=lock)
            except BaseException:
                enforce.keep(host, name, network.to_plain())
                raise
    return host.paths.vde(name)


def started(host: "Host", name: str) -> str:
    """The same, of a network that is up and has one; raise StateError for another."""
    live = record.read(host.paths, name)
    if live is None or (live.bridge and not live.own_ports):
        msg = f"network {name!r}: switch: {'has none' if live else 'network is not active'}"
        raise StateError(msg, hint="without --no-start it is made, or the network is brought up")
    return host.paths.vde(name)


def permitted(name: str, directory: str = SYSTEM) -> str:
    """The directory of the switch of a network that is another user's, root's, and that this one may connect to.

    Raises NoNetworkError if there is none, HostError if the user may not connect.
    """
    path = f"{directory}/{name}"
    if not posix.access(path, posix.F_OK):
        msg = f"network {name!r}: switch: no such network is up, or it has no switch"
        raise NoNetworkError(msg, hint="only root brings it up; its definition needs <vde group='…'/> or mode='0666'")
    if not posix.access(f"{path}/ctl", posix.R_OK | posix.W_OK):
        msg = f"network {name!r}: switch: not permitted to user {posix.geteuid()}"
        raise HostError(msg, hint=f"`ls -ld {path}` shows the group that may; a new member has to log in anew")
    return path


def nics(host: "Host", name: str) -> list[Nic]:
    """What is connected to the switch of a network, as NICs at its port: who they are nobody has told."""
    live = record.read(host.paths, name)
    if live is None or (live.bridge and not live.own_ports):
        return []
    interface = live.own_ports[0] if live.own_ports else ""
    uplinks = {pid for program, pid, _ in live.daemons if program == UPLINK}
    found = []
    for guest in switch_guests.connected(f"{host.paths.switch(name)}/control/management"):
        owner = (guest.pid, process.start_time(guest.pid) or 0) if guest.pid else (0, 0)
        if guest.pid in uplinks:
            continue
        found += [Nic(interface, name, mac=mac, owner=owner, via=VIA) for mac in guest.macs or ("",)]
    return found
