"""Share NICs of the host's with guests, and give them back.

The host is never cut off by it: what cannot be shared safely is refused before; a gateway that answered before and does
not answer after has it taken back; a call that was killed is taken back by the next one.
"""

from vnethook.capability import shared_interface
from vnethook.errors import HostError, StateError
from vnethook.host import log
from vnethook.host.routes import MAIN_TABLE
from vnethook.lifecycle import adoption, bringup
from vnethook.lifecycle.share import boot_files, leaving, making, recovery, snapshots
from vnethook.lifecycle.share.making import AT_ONCE, Terms
from vnethook.live import process, record
from vnethook.live import shared_interface as records
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.sharing import now_s

__all__ = ["Terms", "chosen", "confirm", "left_s", "planned_files", "preview", "settle", "start", "status", "stop"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts
    from vnethook.lifecycle.share.file_plan import FilePlan
    from vnethook.plan.step import Step


def start(host: "Host", nic: str = "", terms: Terms = AT_ONCE) -> SharedInterface | None:
    """Share a NIC, that of the default route if none is named; nothing if guests can join it already.

    Gives what is shared, None for a bridge that is somebody's. Raises StateError for a NIC that cannot be shared,
    HostError if the host refuses or is cut off by it; then all is as it was.
    """
    with recovery.lock(host):
        recovery.settle(host)
        nic = nic or _default_device(host)
        shared = next((one for one in _records(host) if nic in {one.nic, one.bridge}), None)
        if shared is not None:
            _require_bridge(shared, terms.bridge)
            wanted = shared.replace(antispoof=shared.antispoof if terms.antispoof is None else terms.antispoof)
            _require_no_more(host, shared, terms)
            if records.is_up(host.links, shared):
                if terms.is_kept and shared.confirm_by:
                    wanted = making.keep(host, wanted)
                records.write(host.paths, wanted)
                if wanted != shared:
                    adoption.guard(host, shared.bridge, is_guarded=wanted.antispoof)
                return wanted
            log.warning(f"interface {shared.nic!r}: is not on bridge {shared.bridge!r} any more: it is shared anew")
            recovery.take_back(host, shared)
            nic, terms = shared.nic, terms.replace(bridge=shared.bridge, antispoof=wanted.antispoof)
        made = terms.named(nic, process.network_namespace())
        facts = making.facts_of(host, nic, made.bridge)
        if _is_the_administrators(facts, terms.bridge):
            return None
        _require(host, facts, made, is_forced=terms.is_forced)
        return making.make(host, facts, made, terms)


def require_machine(host: "Host") -> None:
    """Raise HostError for an ordinary user, whose no NIC of the machine's is."""
    if host.paths.user:
        msg = f"user {host.paths.user}: share: NICs are the machine's"
        raise HostError(msg, hint="root shares them; where bridge.conf allows it, guests of users join them")


def confirm(host: "Host", name: str = "") -> list[SharedInterface]:
    """Keep what waits to be confirmed, of one NIC by its name or its bridge's or of all; give what that was.

    Nothing, if all that is meant is kept already. Raises StateError if nothing is shared: who says it comes too late.
    """
    with recovery.lock(host):
        recovery.settle_others(host)
        meant = [one for one in _records(host) if one.is_whole and _is_meant(one, name, "")]
        if not meant:
            msg = f"interface {name!r}: confirm: it is not shared" if name else "confirm: no interface is shared"
            raise StateError(msg, hint="what nobody confirms in time is given back: `vnet share` it again")
        return [making.keep(host, shared) for shared in meant if shared.confirm_by]


def settle(host: "Host") -> None:
    """Take back what was left half-made, also by a reboot."""
    with recovery.lock(host):
        recovery.settle(host)


def settle_named(host: "Host", name: str) -> None:
    """The same for who joins a NIC by its name or its bridge's; others neither wait for it nor hear what is wrong."""
    if any(name in {found.shared.nic, found.shared.bridge} for found in snapshots.every(host.paths)):
        settle(host)


def preview(host: "Host", nic: str, terms: Terms = AT_ONCE) -> "tuple[Step, ...]":
    """The steps that would share a NIC; none if it is shared. Changes nothing; raises what `start` would."""
    shared = chosen(host, nic, "")
    if shared is not None and records.is_up(host.links, shared):
        _require_bridge(shared, terms.bridge)
        _require_no_more(host, shared, terms)
        return ()
    made = terms.named(nic, process.network_namespace())
    facts = making.facts_of(host, nic, made.bridge)
    if _is_the_administrators(facts, terms.bridge):
        return ()
    _require(host, facts, made, is_forced=terms.is_forced)
    return shared_interface.plan(facts, made, at_s=now_s())


def planned_files(host: "Host", nic: str, terms: Terms) -> "FilePlan | None":
    """The files that `start` would write, None if none; changes nothing, raises as it does."""
    made = terms.named(nic, process.network_namespace())
    return boot_files.planned(host, making.facts_of(host, nic, made.bridge), made.bridge, terms)


def stop(
    host: "Host", nic: str = "", bridge: str = "", *, is_forced: bool = False, guard_s: int = 0
) -> SharedInterface | None:
    """Give a NIC back what its bridge has, and tell which it was; nothing if it is not shared.

    With no name it is that of the default route. `is_forced`: also with guests on the bridge, which lose it; `guard_s`:
    a guard, which has that long, sees to it if this process is killed. Raises StateError while guests are on the
    bridge, HostError with all that could not be undone.
    """
    with recovery.lock(host):
        recovery.settle_others(host)
        shared = chosen(host, nic, bridge)
        if shared is None:
            boot_files.give_back_lost(host, nic or bridge)
            return None
        if not is_forced:
            boot_files.require_unedited(host, shared.bridge)
        guests = leaving.names(host, shared)
        if guests and not is_forced:
            msg = f"bridge {shared.bridge!r}: stop: guests are on it: {', '.join(guests)}"
            raise StateError(msg, hint="stop the guests first, or take their links off: ip link set LINK nomaster")
        adoption.forget(host, shared.bridge)
        making.unmake(host, shared, guard_s=guard_s)
        return shared


def left_s(shared: SharedInterface) -> int:
    """How many seconds are left to confirm it."""
    return max(shared.confirm_by - now_s(), 0)


def status(host: "Host", nic: str = "", bridge: str = "") -> list[str]:
    """A line for each shared NIC, or for the one that is named."""
    found = [one for one in _records(host) if _is_meant(one, nic, bridge)]
    if not found:
        return [f"{nic or bridge or 'no interface'}: not shared" if nic or bridge else "no interface is shared"]
    return [_described(host, shared) for shared in found]


def chosen(host: "Host", nic: str, bridge: str) -> SharedInterface | None:
    """The shared NIC that is meant by names that may be empty; None if there is none."""
    found = [one for one in _records(host) if _is_meant(one, nic, bridge)]
    if nic or bridge:
        return found[0] if found else None
    try:
        device = _default_device(host)
    except HostError:
        device = ""
    by_route = next((one for one in found if one.bridge == device), None)
    return by_route or (found[0] if len(found) == 1 else None)


def _require(host: "Host", facts: "NicFacts", shared: SharedInterface, *, is_forced: bool) -> None:
    """Raise StateError for a NIC that cannot be shared, or for names that are taken; log what has to be known."""
    for live in filter(None, (record.read(host.paths, name) for name in record.names(host.paths))):
        if live.proxied == facts.link.name:
            msg = f"interface {live.proxied!r}: share: the host answers on it for guests of network {live.name!r}"
            raise StateError(msg, hint=f"vnet net-destroy {live.name}")
        _require_way_out(host, live.name, facts.link.name, shared, is_forced=is_forced)
    shared_interface.require(facts, shared, is_forced=is_forced)
    first = shared_interface.name_at_first(shared)
    if host.links.link(first) is not None:
        msg = f"bridge {first!r}: an interface of that name exists and does not have {facts.link.name!r} as a port"
        raise StateError(msg, hint="choose another name for the bridge")
    if shared.port and host.links.link(shared.port) is not None:
        msg = f"interface {shared.nic!r}: share: an interface has the name {shared.port!r}, which it would get"
        raise StateError(msg, hint="use --layout bridge")
    for note in shared_interface.notes(facts, shared):
        log.warning(note)


def _require_way_out(host: "Host", network: str, nic: str, shared: SharedInterface, *, is_forced: bool) -> None:
    """Raise StateError for a NIC by which alone a network's guests get out, and whose bridge has another name."""
    definition = None if shared.port else bringup.live_definition(host, network)
    if definition is None or not definition.owns_bridge or nic not in definition.uplinks:
        return
    what = f"network {network!r} goes out by it alone (forward dev), and not by its bridge {shared.bridge!r}"
    if is_forced:
        log.warning(f"interface {nic!r}: {what}")
        return
    msg = f"interface {nic!r}: share: {what}"
    way = f"dev={shared.bridge!r} by `vnet net-edit {network}` and `vnet net-apply {network}` first"
    raise StateError(msg, hint=f"{way}, or --layout proposal: it keeps the name")


def _require_bridge(shared: SharedInterface, bridge: str) -> None:
    """Raise StateError if a NIC is shared by another bridge than the one that is asked for."""
    if bridge not in {"", shared.nic, shared.bridge}:
        msg = f"interface {shared.nic!r}: share by bridge {bridge!r}: it is shared by bridge {shared.bridge!r} already"
        raise StateError(msg, hint="guests may name it by either name; or stop it first")


def _require_no_more(host: "Host", shared: SharedInterface, terms: Terms) -> None:
    """Raise StateError if a NIC that is shared is to be shared for good, and is not."""
    if terms.is_persistent and not boot_files.is_persistent(host, shared.bridge):
        msg = f"interface {shared.nic!r}: share for good: it is shared already, until the next boot"
        raise StateError(msg, hint=f"`vnet unshare {shared.nic}` first: files are made from what the NIC has by itself")


def _is_the_administrators(facts: "NicFacts", bridge: str) -> bool:
    """Whether guests can join a bridge that somebody made for the NIC, so that nothing is to be done."""
    if facts.link.kind == "bridge":
        return bridge in {"", facts.link.name}
    return bool(facts.master) and facts.master == bridge


def _default_device(host: "Host") -> str:
    """The link that the host's default route leads by, IPv4's before IPv6's; raise HostError if there is none."""
    routes = [route for route in host.links.routes() if not route.prefix and route.table == MAIN_TABLE and route.device]
    for route in sorted(routes, key=lambda route: (route.version, route.metric)):
        link = host.links.link_at(route.device)
        if link is not None:
            return link.name
    msg = "default route: there is none to tell which interface to share"
    raise HostError(msg, hint="name one by netdev=")


def _is_meant(shared: SharedInterface, nic: str, bridge: str) -> bool:
    return nic in {"", shared.nic, shared.bridge, shared.port_name} and bridge in {"", shared.nic, shared.bridge}


def _described(host: "Host", shared: SharedInterface) -> str:
    if not shared.is_whole:
        return f"{shared.nic}: half-made by a call that was killed; the next start or stop takes it back"
    if not records.is_up(host.links, shared):
        return f"{shared.nic}: not on bridge {shared.bridge} any more; the next start shares it anew"
    addresses = host.links.addresses(shared.bridge)
    guests = leaving.names(host, shared)
    words = [f"{shared.nic}: shared by bridge {shared.bridge}"]
    words += [f"addresses {' '.join(addresses)}"] if addresses else []
    words += [f"to be confirmed within {left_s(shared)} s"] if shared.confirm_by else []
    words += ["antispoof"] if shared.antispoof else []
    words.append(f"guests {' '.join(guests)}" if guests else "no guests")
    return ", ".join(words)


def _records(host: "Host") -> list[SharedInterface]:
    return [shared for shared in records.every(host.paths) if records.is_here(shared)]
