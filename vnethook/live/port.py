"""Attach a NIC to a live network and detach it: bridge port, record, name. Both may be called again at any time.

The record is written before the link is touched: a killed attach leaves a record that the next repair acts on.
A guest whose name and MAC are known gets a file of its own in the directory that dnsmasq watches (dnsmasq(8),
--dhcp-hostsdir), so its lease carries its name and other guests resolve it, and nothing is restarted.
"""

import posix
from errno import ESRCH
from time import time

from vnethook.errors import HostError, StateError, UsageError
from vnethook.live import files, process, record
from vnethook.live.lock import Lock
from vnethook.names import check_link_name, label_of
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links

SIGHUP = 1


class Nic(Value):
    """An attached guest NIC: its link in the host, its network, and what is known of the guest.

    `owner`: (pid, start time) of the hypervisor's process, (0, 0) if unknown. `hostname`: its name in the network's
    DNS, empty if it has none. `since`: Unix time in seconds. `had_ipv6`: given back by detach.
    """

    interface: str
    network: str
    index: int = 0
    mac: str = ""
    guest: str = ""
    hostname: str = ""
    owner: tuple[int, int] = (0, 0)
    via: str = ""
    since: int = 0
    had_ipv6: bool = False


def read(paths: "Paths", interface: str) -> Nic | None:
    """The record of an attached NIC, None if there is none."""
    network = files.link_target(f"{paths.interfaces}/{interface}")
    found = files.read_json(f"{paths.ports(network)}/{interface}.json") if network else None
    return None if found is None else Nic.from_plain(found)


def attached(paths: "Paths", network: str) -> list[Nic]:
    """The NICs that have a record with this network, also those whose link is gone."""
    found = (read(paths, interface) for interface in files.names(paths.ports(network), ".json"))
    return [nic for nic in found if nic is not None and nic.network == network]


def attach(paths: "Paths", links: "Links", live: "LiveNetwork", nic: Nic) -> list[str]:
    """Make `nic.interface` a port of the network's bridge; give warnings of what is not as the guest's owner may think.

    Raises UsageError for an impossible interface name, HostError for a link that does not exist or is refused,
    StateError for one that another program has put on a bridge of its own.
    """
    link = require_link(links, nic.interface, live.name)
    before = read(paths, nic.interface)
    if link.index == live.index or (link.master not in {0, live.index} and before is None):
        master = links.link_at(link.master)
        place = f"already a port of {master.name!r}" if master else "is the network's own bridge"
        msg = f"interface {nic.interface!r}: attach to network {live.name!r}: {place}"
        raise StateError(msg, hint=f"take it off first: ip link set {nic.interface} nomaster")
    if before is not None and before.mac != nic.mac:
        _forget_name(paths, before)
    warnings: list[str] = []
    had_ipv6 = before.had_ipv6 if before and before.index == link.index else record.sysctl(_ipv6(nic.interface)) == "0"
    nic = nic.replace(network=live.name, index=link.index, since=int(time()), had_ipv6=had_ipv6)
    nic = nic.replace(hostname=_take_name(paths, links, live, nic, warnings))
    if before is not None and before.network != live.name:
        forget(paths, before)
    files.make_link(f"{paths.interfaces}/{nic.interface}", live.name)
    files.write_json(f"{paths.ports(live.name)}/{nic.interface}.json", nic.to_plain())
    try:
        join(links, live, link)
    except BaseException:
        if before is None:
            forget(paths, nic)
        raise
    return warnings


def require_link(links: "Links", interface: str, network: str) -> "Link":
    """The link that is to be attached; raise UsageError or HostError if it cannot be, before anything is done."""
    link = links.link(check_link_name(interface))
    if link is None:
        msg = f"interface {interface!r}: attach to network {network!r}: no such network interface"
        raise HostError(msg, hint="the hypervisor makes it before it calls the hook; see `ip link`")
    if link.is_loopback or link.kind == "bridge":
        what = "the loopback interface" if link.is_loopback else "a bridge"
        msg = f"interface {interface!r}: attach to network {network!r}: it is {what}"
        raise UsageError(msg, hint="a guest's tap, veth or vif can be attached")
    return link


def join(links: "Links", live: "LiveNetwork", link: "Link") -> None:
    """Put a link on the network's bridge, with its MTU, up, and without an IPv6 address of the host's on it."""
    _set_ipv6(link.name, enabled=False)
    links.set_link(link.name, up=True, mtu=live.mtu if link.mtu != live.mtu else 0, master=live.index)


def detach(paths: "Paths", links: "Links", interface: str) -> Nic | None:
    """Take a NIC off its network; its record, None if it has none. Never fails on what is gone."""
    nic = read(paths, check_link_name(interface))
    if nic is None:
        return None
    is_up = record.is_present(paths, nic.network)
    with Lock(paths.lock(nic.network), shared=is_up) as lock:
        _take_off(paths, links, nic)
        live = record.read(paths, nic.network)
        if live is not None and nic.hostname:
            reload_daemon(live)
        if not is_up and not files.stamp(f"{paths.journals}/{nic.network}"):
            lock.finish()
    return nic


def _take_off(paths: "Paths", links: "Links", nic: Nic) -> None:
    interface = nic.interface
    link = links.link(interface)
    if link is not None and link.index == nic.index:
        try:
            if link.master:
                links.set_link(interface, master=0)
            if nic.had_ipv6:
                _set_ipv6(interface, enabled=True)
        except HostError:
            if links.link(interface) is not None:  # else the hypervisor was faster
                raise
    forget(paths, nic)


def forget(paths: "Paths", nic: Nic) -> None:
    """Remove the record of a NIC and its name."""
    _forget_name(paths, nic)
    files.remove(f"{paths.ports(nic.network)}/{nic.interface}.json")
    files.remove_directory(paths.ports(nic.network))
    if files.link_target(f"{paths.interfaces}/{nic.interface}") == nic.network:
        files.remove(f"{paths.interfaces}/{nic.interface}")


def is_attached(links: "Links", nic: Nic) -> bool:
    """Whether the link of a record is still the one that was attached."""
    link = links.link(nic.interface)
    return link is not None and link.index == nic.index


def _take_name(paths: "Paths", links: "Links", live: "LiveNetwork", nic: Nic, warnings: list[str]) -> str:
    """Bind the guest's name to its MAC in the network's DNS and DHCP; the label that it got, or nothing."""
    label = label_of(nic.guest)
    if not (label and nic.mac and live.daemons):
        return ""
    directory = paths.dnsmasq(live.name)
    fixed = [address for name, address in live.fixed if name == label and address]
    owner = _owner(paths, links, f"{directory}/names/{label}", nic)
    if label in live.reserved or owner:
        taken = f"by {owner}" if owner else "in the definition"
        warnings.append(
            f"guest {nic.guest!r}: name {label!r} is taken {taken}: its NIC {nic.interface!r} has no name in DNS"
        )
        return ""
    twin = _owner(paths, links, f"{directory}/macs/{nic.mac}", nic)
    if twin:
        warnings.append(f"guest {nic.guest!r}: MAC {nic.mac} is also that of {twin}: one of them will lose its address")
    files.make_link(f"{directory}/names/{label}", nic.interface)
    files.make_link(f"{directory}/macs/{nic.mac}", nic.interface)
    addresses = [f"[{address}]" if ":" in address else address for address in fixed]
    line = ",".join([nic.mac, *addresses, label])
    path = f"{directory}/guests/{nic.mac}"
    if files.read_text(path) != f"{line}\n":
        is_change = files.exists(path)
        files.write_text(path, f"{line}\n")
        if is_change:
            reload_daemon(live)
    return label


def _owner(paths: "Paths", links: "Links", path: str, nic: Nic) -> str:
    """Who holds the name or MAC that `path` stands for, if it is another NIC that is still attached."""
    interface = files.link_target(path)
    if interface is None or interface == nic.interface:
        return ""
    other = read(paths, interface)
    return f"{other.guest!r} on {interface!r}" if other and is_attached(links, other) else ""


def _forget_name(paths: "Paths", nic: Nic) -> None:
    directory = paths.dnsmasq(nic.network)
    if nic.hostname and files.link_target(f"{directory}/names/{nic.hostname}") == nic.interface:
        files.remove(f"{directory}/names/{nic.hostname}")
    if nic.mac and files.link_target(f"{directory}/macs/{nic.mac}") == nic.interface:
        files.remove(f"{directory}/macs/{nic.mac}")
        files.remove(f"{directory}/guests/{nic.mac}")


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


def _set_ipv6(interface: str, *, enabled: bool) -> None:
    """Let the host take IPv6 addresses on a link, or not; a guest's frames are for the guest."""
    path = _ipv6(interface)
    value = "0" if enabled else "1"
    if record.sysctl(path) in {value, None}:  # None: a kernel without IPv6
        return
    try:
        fd = posix.open(f"/proc/sys/{path}", posix.O_WRONLY | posix.O_CLOEXEC)
        try:
            posix.write(fd, value.encode())
        finally:
            posix.close(fd)
    except OSError as error:
        msg = f"interface {interface!r}: set {path} to {value}: {posix.strerror(error.errno or 0)}"
        raise HostError(msg, hint="the hook has to be able to write below /proc/sys/net") from error


def _ipv6(interface: str) -> str:
    return f"net/ipv6/conf/{interface}/disable_ipv6"
