"""A guest's name in the DNS of its network: given with attach, bound to its MAC, and nobody else's.

A guest whose name and MAC are known gets a file of its own in the directory that dnsmasq watches (dnsmasq(8),
--dhcp-hostsdir), so its lease carries its name and other guests resolve it, and nothing is restarted. The links
`names/LABEL` and `macs/MAC` beside it lead to the interface that holds them.
"""

import posix
from errno import ESRCH

from vnethook.errors import HostError
from vnethook.live import files, nics, process
from vnethook.names import is_dnsmasq_keyword, label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

SIGHUP = 1


def take(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic", warnings: list[str]) -> str:
    """Bind the guest's name to its MAC in the network's DNS and DHCP; the label that it got, or nothing.

    A name that the definition gives to the MAC goes before the guest's own.
    One at a time, until the NIC's record is written: the caller sees to it.
    """
    named = next((name for key, _, name in live.fixed if key == nic.mac and name), "")
    label = named or label_of(nic.guest)
    if not (label and nic.mac and live.daemons):
        return ""
    unnamed = f"its NIC {nic.interface!r} has no name in DNS"
    if is_dnsmasq_keyword(label):
        warnings.append(f"guest {nic.guest!r}: dnsmasq takes {label!r} for a setting: {unnamed}")
        return ""
    directory = paths.dnsmasq(live.name)
    owner = _owner(paths, links, live, f"{directory}/names/{label}", nic)
    if owner or (label in live.reserved and not named):
        taken = f"by {owner}" if owner else "in the definition"
        warnings.append(f"guest {nic.guest!r}: name {label!r} is taken {taken}: {unnamed}")
        return ""
    twin = _owner(paths, links, live, f"{directory}/macs/{nic.mac}", nic)
    if twin:
        warnings.append(f"guest {nic.guest!r}: MAC {nic.mac} is also that of {twin}: one of them will lose its address")
    files.make_link(f"{directory}/names/{label}", nic.interface)
    files.make_link(f"{directory}/macs/{nic.mac}", nic.interface)
    _write(live, f"{directory}/guests/{nic.mac}", _line(live, nic.mac, label))
    return label


def forget(paths: "Paths", nic: "Nic") -> None:
    """Remove the record of a NIC and give its name back."""
    give_back(paths, nic)
    nics.remove(paths, nic)


def give_back(paths: "Paths", nic: "Nic") -> bool:
    """Give the name of a NIC back, as far as it still holds it; whether dnsmasq has to be told to forget it."""
    give_name_back(paths, nic)
    directory = paths.dnsmasq(nic.network)
    if nic.mac and files.link_target(f"{directory}/macs/{nic.mac}") == nic.interface:
        files.remove(f"{directory}/macs/{nic.mac}")
        return files.remove(f"{directory}/guests/{nic.mac}")
    return False


def give_name_back(paths: "Paths", nic: "Nic") -> None:
    """Let others have the name of a NIC, as far as it still holds it."""
    path = f"{paths.dnsmasq(nic.network)}/names/{nic.hostname}"
    if nic.hostname and files.link_target(path) == nic.interface:
        files.remove(path)


def reload_daemon(live: "LiveNetwork") -> None:
    """Have dnsmasq read its host files again, as it does on SIGHUP; nothing if it is gone."""
    for program, pid, start in live.daemons:
        if program == "dnsmasq" and process.start_time(pid) == start:
            try:
                posix.kill(pid, SIGHUP)
            except OSError as error:
                if error.errno != ESRCH:
                    msg = f"dnsmasq (process {pid}): reload: {posix.strerror(error.errno or 0)}"
                    raise HostError(msg) from error


def _line(live: "LiveNetwork", mac: str, label: str) -> str:
    """What dnsmasq is told of the guest: with what the definition gives its MAC, else its name."""
    found = [[words for key, words, _ in live.fixed if key == wanted and words] for wanted in (mac, label)]
    return ",".join([mac, *(found[0] or found[1]), label]) + "\n"


def _write(live: "LiveNetwork", path: str, line: str) -> None:
    before = files.read_text(path)
    if before != line:
        files.write_text(path, line)
        if before is not None:
            reload_daemon(live)  # dnsmasq adds what is new at once, but forgets only when told


def _owner(paths: "Paths", links: "Links", live: "LiveNetwork", path: str, nic: "Nic") -> str:
    """Who holds what `path` stands for, if it is another NIC that is still attached; one that is gone is forgotten."""
    interface = files.link_target(path)
    if interface is None or interface == nic.interface:
        return ""
    other = nics.read(paths, interface)
    if other is None:
        return ""
    if nics.is_attached(links, other):
        return f"{other.guest!r} on {interface!r}"
    forget(paths, other)
    reload_daemon(live)
    return ""
