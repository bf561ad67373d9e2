"""NICs that are going to be made: libvirt tells of a guest before its links exist.

A network is not taken down under a NIC that is announced, and a script that is called with the name of a tap and
nothing else learns here whose tap it is. One file for each guest, by its uuid, until its NICs are attached or its start
has failed.
"""

from time import time

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.nics import Nic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Link

COUNTS_S = 600
"""How long an announcement counts, in seconds: a large guest starts slowly; a killed libvirtd takes none back."""


def announce(paths: "Paths", guest: str, nics: list[Nic]) -> None:
    """Say that the guest of this uuid is about to have these NICs; a link that has no name yet has an empty one."""
    since = int(time())
    files.write_json(paths.announcement(guest), [nic.replace(since=since).to_plain() for nic in nics])


def withdraw(paths: "Paths", guest: str) -> None:
    """Take back what was announced for a guest; nothing if nothing is."""
    files.remove(paths.announcement(guest))


def awaited(paths: "Paths") -> list[Nic]:
    """The NICs that are announced and not attached yet."""
    return [nic for guest in files.names(paths.announced, ".json") for nic in _read(paths, guest)]


def of_tap(paths: "Paths", tap: "Link") -> Nic | None:
    """The announced NIC that a new tap is for, by its name or by its MAC; None if none is.

    libvirt gives a tap the MAC of its NIC with fe as the first byte. Source: qemuInterfaceEthernetConnect().
    """
    for nic in awaited(paths):
        if nic.interface == tap.name or (not nic.interface and nic.mac[2:] == tap.mac[2:]):
            return nic
    return None


def _read(paths: "Paths", guest: str) -> list[Nic]:
    """The NICs in one file; none in a damaged or an old one."""
    try:
        found = [Nic.from_plain(plain) for plain in files.read_json(paths.announcement(guest)) or []]
    except (AttributeError, HostError, TypeError):
        return []
    return [nic for nic in found if nic.since + COUNTS_S > time()]
