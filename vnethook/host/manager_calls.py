"""Tell network managers of files that have come or gone; what they refuse is a warning, since the files are right.

systemd-networkd and NetworkManager read their files at their start, and when they are told to.
"""

from vnethook.errors import HostError
from vnethook.host import log, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def generate() -> None:
    """Have netplan make the files of its renderer anew, which are of the last boot."""
    _call("netplan", "generate")


def reload_networkd() -> None:
    """Have systemd-networkd read its files, and do for each link what is new in them."""
    _call("networkctl", "reload")


def leave(links: "Iterable[str]") -> None:
    """Have NetworkManager leave links as they are, with all that they have; it forgets that at its next start."""
    for link in links:
        _call("nmcli", "device", "set", link, "managed", "no")


def reload_networkmanager() -> None:
    """Have NetworkManager read its profiles."""
    _call("nmcli", "connection", "reload")


def connect(nic: str) -> None:
    """Have NetworkManager do for a NIC what its profiles say."""
    _call("nmcli", "device", "set", nic, "managed", "yes")
    _call("nmcli", "device", "connect", nic)


def _call(program: str, *words: str) -> None:
    path = programs.find(program)
    if path is None:
        return
    try:
        done = programs.run([path, *words])
    except HostError as error:  # it hangs
        log.warning(f"{program} {' '.join(words)}: {error}")
        return
    if done.status:
        log.warning(f"{program} {' '.join(words)}: {done.reason}")
