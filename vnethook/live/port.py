"""Attach a NIC to a live network and detach it: bridge port, record, name. Both may be called again at any time.

The record is written before the link is touched: a killed attach leaves a record that the next repair acts on.
"""

from time import time

from vnethook.errors import HostError, StateError, UsageError, VnetError
from vnethook.live import files, naming, nics, record, sysctl
from vnethook.live.lock import Lock
from vnethook.names import check_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from vnethook.live.nics import Nic, Traits
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


def attach_warm(paths: "Paths", links: "Links", network: str, nic: "Nic") -> list[str] | None:
    """Attach to a network that is up and as it came up, and give warnings. Raises as `attach`.

    None if it is not, or if it takes more than a port: rates for the NIC, or a port that was made for it before.
    """
    with Lock(paths.lock(network), shared=True):
        live = record.read(paths, network)
        if live is None or record.fault(live, links):
            return None
        before = nics.read(paths, nic.interface)
        if nic.mac in live.waiting or has_limits(live, nic, before):
            return None
        try:
            return _attach(paths, links, live, nic, before)
        except HostError:
            if not record.fault(live, links):
                raise
            return None  # it was undone just now, as by `nft flush ruleset`


def attach(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic") -> list[str]:
    """Make `nic.interface` a port of the network's bridge; give warnings of what its guest's owner should know.

    A NIC with a uuid is whole. With the network's lock held; raises UsageError, HostError, StateError: another's port.
    """
    return _attach(paths, links, live, nic, nics.read(paths, nic.interface))


def _attach(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic", before: "Nic | None") -> list[str]:
    link = require_link(links, nic.interface, live.name)
    _require_free(paths, links, live, link, before)
    claim = naming.Claim(paths, links, live, _completed(live, link, nic, before), [])
    try:
        return _made(claim, link, before)
    except BaseException:
        _give_up(claim, link, before)
        raise


def _made(claim: naming.Claim, link: "Link", before: "Nic | None") -> list[str]:
    paths, links, live, nic = claim.paths, claim.links, claim.live, claim.nic
    if live.named or (before is not None and before.published):
        nic = _guest_rules().claim(paths, links, live, nic, before)
    if nic.asked or nic.beside or nic.proxied or (nics.STRICT in nic.held and nic.guest and not nic.published):
        nic = _asked().addressed(paths, live, nic)
    if live.is_on_fabric:
        from vnethook.live import fabric  # noqa: PLC0415 (few networks are)

        fabric.keep_addresses(paths, links, live, nic)
    nic = _record(before, claim.replace(nic=nic))
    if nic.proxied or (before is not None and before.proxied):
        from vnethook.live import proxied  # noqa: PLC0415 (few networks are)

        proxied.put(paths, links, live, nic, before)
    if nic.held or (before is not None and before.held):
        from vnethook.live import guard  # noqa: PLC0415 (a network may be without)

        claim.warnings.extend(guard.put(live, link, nic, before))
    if nic.published:
        _guest_rules().publish(links, live, nic)
    is_there = before is not None and (before.index, before.network) == (link.index, live.name)
    join(links, live, link, nic, before if is_there else None)
    if nic.traits is not None and nic.traits.is_listed and not nic.mac:
        claim.warnings.append(f"interface {nic.interface!r}: its MAC is not known: the bridge goes on learning it")
    return claim.warnings


def _asked() -> "ModuleType":
    from vnethook.live import asked  # noqa: PLC0415 (few guests ask for anything, or are held to their own addresses)

    return asked


def _guest_rules() -> "ModuleType":
    from vnethook.live import guest_rules  # noqa: PLC0415 (few networks name guests in their rules)

    return guest_rules


def _give_up(claim: naming.Claim, link: "Link", before: "Nic | None") -> None:
    """Leave a NIC that could not be attached as it was before, once; forget who had the interface if it is gone."""
    paths = claim.paths
    naming.forget(paths, nics.read(paths, link.name) or claim.nic)
    if claim.nic.had_ipv6:
        sysctl.set_ipv6(link.name, enabled=True)
    if claim.nic.held and (before is None or before.index != link.index):
        _unguard(claim.nic)
    live = record.read(paths, before.network) if before is not None and before.index == link.index else None
    if live is not None and before is not None:
        try:
            link = require_link(claim.links, link.name, live.name)  # which may be on another bridge by now
            _made(claim.replace(live=live, nic=_completed(live, link, before, before)), link, before)
        except VnetError:
            nics.write(paths, before)  # the next mend tries again


def _unguard(nic: "Nic") -> None:
    """Take the guard of a NIC off its link, which may be gone."""
    from vnethook.live import guard  # noqa: PLC0415 (a network may be without)

    guard.remove(nic.index)


def _record(before: "Nic | None", claim: naming.Claim) -> "Nic":
    """Write the NIC's record, with the name that it got; what the NIC before it on its interface held is given back."""
    paths, nic = claim.paths, claim.nic
    told = _take_from(before, claim) if before is not None and nics.who(before) != nics.who(nic) else None
    if naming.is_wanted(paths, nic):
        with Lock(f"{paths.locks}/.names"):  # two guests at once may want one name, and it counts with its record
            nic = nic.replace(hostname=naming.take(claim))
            if before is not None and not nic.hostname and naming.give_back(paths, before):
                told = claim.live  # the definition has its name by now
            nics.write(paths, nic)
            if before is not None and before.hostname != nic.hostname:
                naming.give_name_back(paths, before)
    else:
        nics.write(paths, nic)
    if told is not None:
        naming.reload_daemon(told)
    if before is not None and before.network != nic.network:
        nics.remove(paths, before)
    return nic


def _take_from(before: "Nic", claim: naming.Claim) -> "LiveNetwork | None":
    """Take its name and lease from the guest that had the interface before; the network whose dnsmasq is to be told."""
    if not naming.give_back(claim.paths, before):
        return None
    live = claim.live if before.network == claim.live.name else record.read(claim.paths, before.network)
    if live is not None:
        claim.end_leases(live, before)
    return live


def has_limits(live: "LiveNetwork", nic: "Nic", before: "Nic | None") -> bool:
    """Whether the NIC has rates, or its link still has those of another."""
    if before is not None and before.is_limited:
        return True
    found = _traits(live, nic)
    return found is not None and bool(found.limits)


def _traits(live: "LiveNetwork", nic: "Nic") -> "Traits | None":
    """What is special about the NIC's port, None if nothing is; raise UsageError for an unknown portgroup."""
    if not (live.classes or nic.portgroup or nic.limits or nic.vlans or nic.isolated):
        return None
    from vnethook.live import bridge_port  # noqa: PLC0415 (most networks and NICs are ordinary)

    return bridge_port.traits(live, nic)


def _held(live: "LiveNetwork", nic: "Nic") -> tuple[str, ...]:
    """What the NIC's port is to be held to."""
    if not (nic.guard or any(group.guard is not None for group in live.classes)):
        return live.guard.parts
    from vnethook.live import bridge_port  # noqa: PLC0415 (most NICs are guarded as their network's are)

    return bridge_port.held(live, nic)


def _completed(live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> "Nic":
    """The record of a NIC: what is asked for, with what it had of its own if the same guest asks for it again."""
    earlier = before if before is not None and before.index == link.index else None
    same = earlier if earlier is not None and earlier.network == live.name else None
    if not nic.uuid:
        if nic.asked or nic.mtu:
            _asked().check(live, nic)
        nic = nics.with_own(nic, earlier, same)
    return nic.replace(
        network=live.name,
        index=link.index,
        since=same.since if same else int(time()),
        had_ipv6=earlier.had_ipv6 if earlier else sysctl.has_ipv6(nic.interface),
        traits=_traits(live, nic),
        addresses=naming.known(live, nic) if live.fixed or live.known else (),
        pinned=(),
        held=_held(live, nic),
        proxied=live.proxied,
    )


def _require_free(paths: "Paths", links: "Links", live: "LiveNetwork", link: "Link", before: "Nic | None") -> None:
    """Raise StateError for another program's link on a bridge (`before`: the record of ours), or for a host's NIC."""
    if link.master == live.index and not (live.owns_bridge or (before and before.index == link.index)):
        from vnethook.live import shared_interface  # noqa: PLC0415 (most guests' links are not there before)

        shared_interface.require_guests(paths, live, link)
    nics.require_bridge(live)
    master = links.link_at(link.master) if link.master not in {0, live.index} else None
    if master is None or record.by_bridge(paths, master.name) is not None:
        return
    old = record.read(paths, before.network) if before is not None and before.index == link.index else None
    if old is not None and old.index == link.master:
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


def join(links: "Links", live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> None:
    """Put a link on the network's bridge, with its MTU, up, and without an IPv6 address of the host's on it.

    `before`: the record with which it is on that bridge now, None if it is not.
    """
    sysctl.set_ipv6(link.name, enabled=False)
    if nic.traits is not None or (before is not None and before.traits is not None):
        from vnethook.live import bridge_port  # noqa: PLC0415 (most networks and NICs are ordinary)

        bridge_port.join(links, live, link, nic, before)
        return
    links.set_link(link.name, up=True, mtu=nics.mtu_of(live, nic, link), master=live.index)


def detach(
    paths: "Paths", links: "Links", interface: str, *, free: "Callable[[LiveNetwork | None, Nic], None] | None" = None
) -> "Nic | None":
    """Take a NIC off its network; its record, None if it has none. Never fails on what is gone.

    `free` takes a NIC's rates back; without it one that has any stays as it is, for who calls again with it. Whoever
    has the interface's name when the lock is ours may be another: then nothing is done.
    """
    first = nic = nics.read(paths, check_link_name(interface))
    while first is not None and nic is not None and nic.index == first.index:
        if nic.is_limited and free is None:
            return nic
        is_up = record.is_present(paths, nic.network)
        with Lock(paths.lock(nic.network), shared=is_up and not nic.is_limited) as lock:
            now = nics.read(paths, interface)
            if now == nic:
                live = record.read(paths, nic.network)
                if free is not None:
                    free(live, nic)
                take_off(paths, links, nic)
                if live is not None and nic.hostname:
                    naming.reload_daemon(live)
                if not is_up and not files.stamp(f"{paths.journals}/{nic.network}"):
                    lock.finish()
                return nic
            nic = now  # changed meanwhile, perhaps on another network
    return None


def take_off(paths: "Paths", links: "Links", nic: "Nic") -> None:
    """Take the link of a NIC off its bridge, and forget the NIC; its network's lock is held."""
    interface = nic.interface
    link = links.link(interface)
    if link is not None and link.index == nic.index and not nics.cut_off(links, nic):
        try:
            if link.master:
                links.set_link(interface, master=0)
            if nic.had_ipv6:
                sysctl.set_ipv6(interface, enabled=True)
        except HostError:
            if links.link(interface) is not None:  # else the hypervisor was faster
                raise
    if nic.held:
        _unguard(nic)
    if nic.asked:
        _asked().release(paths, nic)
    if nic.mac:
        with Lock(f"{paths.locks}/.names"):
            naming.forget(paths, nic)
    else:
        naming.forget(paths, nic)
