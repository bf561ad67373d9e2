"""Attach a NIC to a live network and detach it: bridge port, record, name. Both may be called again at any time.

The record is written before the link is touched: a killed attach leaves a record that the next repair acts on.
"""

from time import time

from vnethook.errors import HostError, StateError, UsageError
from vnethook.live import files, naming, nics, record, sysctl
from vnethook.live.lock import Lock
from vnethook.names import check_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


def attach_warm(paths: "Paths", links: "Links", network: str, nic: "Nic") -> list[str] | None:
    """Attach to a network that is up and as it came up, and give warnings; None if it is not. Raises as `attach`."""
    with Lock(paths.lock(network), shared=True):
        live = record.read(paths, network)
        if live is None or record.fault(live, links):
            return None
        return attach(paths, links, live, nic)


def attach(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic") -> list[str]:
    """Make `nic.interface` a port of the network's bridge; give warnings of what is not as the guest's owner may think.

    Raises UsageError for an impossible interface name, HostError for a link that does not exist or is refused,
    StateError for one that another program has put on a bridge of its own. Call it with the network's lock held.
    """
    link = require_link(links, nic.interface, live.name)
    _require_free(paths, links, live, link)
    before = nics.read(paths, nic.interface)
    is_same = before is not None and before.index == link.index and before.network == live.name
    is_forgotten = False
    if before is not None and not (is_same and (before.mac, before.guest) == (nic.mac, nic.guest)):
        is_forgotten = naming.give_back(paths, before)
    had_ipv6 = before.had_ipv6 if before and before.index == link.index else sysctl.read(_ipv6(nic.interface)) == "0"
    since = before.since if before and is_same else int(time())
    warnings: list[str] = []
    nic = nic.replace(network=live.name, index=link.index, since=since, had_ipv6=had_ipv6)
    if nic.guest and nic.mac:
        with Lock(f"{paths.locks}/.names"):  # two guests at once may want one name, and it counts with its record
            nic = nic.replace(hostname=naming.take(paths, links, live, nic, warnings))
            nics.write(paths, nic)
            if before is not None and before.hostname != nic.hostname:
                naming.give_name_back(paths, before)
    else:
        nics.write(paths, nic)
    if is_forgotten:
        naming.reload_daemon(live)
    if before is not None and before.network != live.name:
        nics.remove(paths, before)
    try:
        join(links, live, link)
    except BaseException:
        if before is None:
            naming.forget(paths, nic)
        raise
    return warnings


def _require_free(paths: "Paths", links: "Links", live: "LiveNetwork", link: "Link") -> None:
    """Raise StateError for a link on a bridge that is no network's of ours: another program put it there."""
    if link.master in {0, live.index}:
        return
    master = links.link_at(link.master)
    if master is None or record.by_bridge(paths, master.name) is not None:
        return
    msg = f"interface {link.name!r}: attach to network {live.name!r}: already a port of {master.name!r}"
    raise StateError(msg, hint=f"take it off first: ip link set {link.name} nomaster")


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


def detach(paths: "Paths", links: "Links", interface: str) -> "Nic | None":
    """Take a NIC off its network; its record, None if it has none. Never fails on what is gone."""
    nic = nics.read(paths, check_link_name(interface))
    if nic is None:
        return None
    is_up = record.is_present(paths, nic.network)
    with Lock(paths.lock(nic.network), shared=is_up) as lock:
        _take_off(paths, links, nic)
        live = record.read(paths, nic.network)
        if live is not None and nic.hostname:
            naming.reload_daemon(live)
        if not is_up and not files.stamp(f"{paths.journals}/{nic.network}"):
            lock.finish()
    return nic


def _take_off(paths: "Paths", links: "Links", nic: "Nic") -> None:
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
    naming.forget(paths, nic)


def _set_ipv6(interface: str, *, enabled: bool) -> None:
    """Let the host take IPv6 addresses on a link, or not; a guest's frames are for the guest."""
    path = _ipv6(interface)
    value = "0" if enabled else "1"
    if sysctl.read(path) not in {value, None}:  # None: a kernel without IPv6
        sysctl.write(path, value)


def _ipv6(interface: str) -> str:
    return f"net/ipv6/conf/{interface}/disable_ipv6"
