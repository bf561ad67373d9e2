"""Share NICs of the host's with guests, and give them back.

The host is never cut off by it: what cannot be shared safely is refused before; a gateway that answered before and does
not answer after has it taken back; a call that was killed is taken back by the next one.
"""

from vnethook.capability import shared_interface
from vnethook.errors import HostError, StateError
from vnethook.host import log, nic_facts
from vnethook.host.routes import MAIN_TABLE
from vnethook.host.signals import HeldBack
from vnethook.lifecycle import adoption, share_probe, share_recovery
from vnethook.live import process
from vnethook.live import shared_interface as records
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan import apply as plans
from vnethook.plan.sharing import now_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts
    from vnethook.plan.step import Step


def start(host: "Host", nic: str = "", bridge: str = "", *, antispoof: bool | None = None) -> None:
    """Share a NIC, that of the default route if none is named; nothing if guests can join it already.

    `bridge`: what its bridge is to be called; `antispoof`: None leaves it as it is. Raises StateError for a NIC that
    cannot be shared, HostError if the host refuses or is cut off by it; then all is as it was.
    """
    with share_recovery.lock(host):
        share_recovery.settle(host)
        nic = nic or _default_device(host)
        shared = next((one for one in _records(host) if nic in {one.nic, one.bridge}), None)
        if shared is not None:
            _require_bridge(shared, bridge)
            wanted = shared.replace(antispoof=shared.antispoof if antispoof is None else antispoof)
            if records.is_up(host.links, shared):
                records.write(host.paths, wanted)
                if wanted != shared:
                    adoption.guard(host, shared.bridge, is_guarded=wanted.antispoof)
                return
            log.warning(f"interface {shared.nic!r}: is not on bridge {shared.bridge!r} any more: it is shared anew")
            share_recovery.take_back(host, shared)
            nic, bridge, antispoof = shared.nic, shared.bridge, wanted.antispoof
        name = bridge if bridge not in {"", nic} else shared_interface.bridge_name(nic)
        facts = _facts(host, nic, name)
        if _is_the_administrators(facts, bridge):
            return
        _require(host, facts, name)
        made = SharedInterface(name, nic, process.network_namespace(), antispoof=bool(antispoof))
        _make(host, facts, made)


def preview(host: "Host", nic: str, bridge: str = "") -> "tuple[Step, ...]":
    """The steps that would share a NIC; none if it is shared. Changes nothing; raises what `start` would."""
    shared = chosen(host, nic, "")
    if shared is not None and records.is_up(host.links, shared):
        _require_bridge(shared, bridge)
        return ()
    name = bridge if bridge not in {"", nic} else shared_interface.bridge_name(nic)
    facts = _facts(host, nic, name)
    if _is_the_administrators(facts, bridge):
        return ()
    _require(host, facts, name)
    return shared_interface.plan(facts, name, at_s=now_s())


def stop(host: "Host", nic: str = "", bridge: str = "") -> None:
    """Give a NIC back what its bridge has; nothing if it is not shared. With no name it is that of the default route.

    Raises StateError while guests are on the bridge, HostError with all that could not be undone.
    """
    with share_recovery.lock(host):
        share_recovery.settle(host)
        shared = chosen(host, nic, bridge)
        if shared is None:
            return
        guests = _guests(host, shared)
        if guests:
            msg = f"bridge {shared.bridge!r}: stop: guests are on it: {', '.join(guests)}"
            raise StateError(msg, hint="stop the guests first, or take their links off: ip link set LINK nomaster")
        adoption.forget(host, shared.bridge)
        share_recovery.take_back(host, shared)


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


def _make(host: "Host", facts: "NicFacts", shared: SharedInterface) -> None:
    """Share a NIC; raise HostError if that fails or cuts the host off, after it was taken back."""
    before = share_probe.answered(facts)
    with HeldBack():
        facts = _facts(host, shared.nic, shared.bridge)  # time has gone by
        steps = shared_interface.plan(facts, shared.bridge, at_s=now_s())
        records.write(host.paths, shared)
        try:
            plans.apply(host, steps, share_recovery.journal(host, shared))
            share_probe.require(host, shared, facts, before)
        except BaseException:
            for error in share_recovery.undo(host, shared):
                log.error(str(error))  # what is raised is why the start failed
            raise
        records.write(host.paths, shared.replace(is_whole=True))


def _require(host: "Host", facts: "NicFacts", bridge: str) -> None:
    """Raise StateError for a NIC that cannot be shared, or a bridge's name that is taken."""
    shared_interface.require(facts, bridge)
    if host.links.link(bridge) is not None:
        msg = f"bridge {bridge!r}: an interface of that name exists and does not have {facts.link.name!r} as a port"
        raise StateError(msg, hint="choose another name by bridge=")


def _require_bridge(shared: SharedInterface, bridge: str) -> None:
    """Raise StateError if a NIC is shared by another bridge than the one that is asked for."""
    if bridge not in {"", shared.nic, shared.bridge}:
        msg = f"interface {shared.nic!r}: share by bridge {bridge!r}: it is shared by bridge {shared.bridge!r} already"
        raise StateError(msg, hint="guests may name it by either name; or stop it first")


def _is_the_administrators(facts: "NicFacts", bridge: str) -> bool:
    """Whether guests can join a bridge that somebody made for the NIC, so that nothing is to be done."""
    if facts.link.kind == "bridge":
        return bridge in {"", facts.link.name}
    return bool(facts.master) and facts.master == bridge


def _facts(host: "Host", nic: str, bridge: str) -> "NicFacts":
    link = host.links.link(nic)
    if link is None:
        msg = f"interface {nic!r}: share: no such network interface"
        raise HostError(msg, hint="netdev= names a NIC: see `ip link`")
    return nic_facts.collect(host, link, bridge)


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
    return nic in {"", shared.nic, shared.bridge} and bridge in {"", shared.nic, shared.bridge}


def _guests(host: "Host", shared: SharedInterface) -> list[str]:
    """The links on the bridge beside the NIC."""
    bridge = host.links.link(shared.bridge)
    return [port.name for port in host.links.ports(bridge.index) if port.name != shared.nic] if bridge else []


def _described(host: "Host", shared: SharedInterface) -> str:
    if not shared.is_whole:
        return f"{shared.nic}: half-made by a call that was killed; the next start or stop takes it back"
    if not records.is_up(host.links, shared):
        return f"{shared.nic}: not on bridge {shared.bridge} any more; the next start shares it anew"
    addresses = host.links.addresses(shared.bridge)
    guests = _guests(host, shared)
    words = [f"{shared.nic}: shared by bridge {shared.bridge}"]
    words += [f"addresses {' '.join(addresses)}"] if addresses else []
    words += ["antispoof"] if shared.antispoof else []
    words.append(f"guests {' '.join(guests)}" if guests else "no guests")
    return ", ".join(words)


def _records(host: "Host") -> list[SharedInterface]:
    return [shared for shared in records.every(host.paths) if records.is_here(shared)]
