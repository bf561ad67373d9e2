"""The rates of attached NICs: each on its own port, and what is guaranteed on the bridge of its network.

Under the network's lock, after the ports are in place; a NIC's record says what is in force.
"""

from vnethook.errors import StateError, VnetError
from vnethook.live import bridge_port, nics, port, record, waiting
from vnethook.live.nics import FLOOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.nics import Nic, Traits
    from vnethook.live.record import LiveNetwork

FIRST_CLASS, LAST_CLASS = 3, 0xFFFF


def require(host: "Host", live: "LiveNetwork", nic: "Nic") -> None:
    """Raise StateError if the NIC is to have a rate guaranteed that its network cannot guarantee.

    As in libvirt: the network must have an inbound average, and all floors together at most that.
    """
    floor = _floor(bridge_port.traits(live, nic))
    if not floor:
        return
    msg = f"interface {nic.interface or nic.mac!r}: guarantee {floor} kB/s: "
    average = live.limits[0] if live.limits else 0
    if not average:
        msg += f"network {live.name!r} has no inbound average of its own"
        raise StateError(msg, hint="<bandwidth><inbound average=…> in the network says how much there is to share")
    others = [other for other in _known(host, live) if not _is_same(other, nic)]
    given = sum(_floor(other.traits or _traits(live, other)) for other in others)
    if given + floor > average:
        msg += f"of the {average} kB/s of network {live.name!r}, {given} are guaranteed to others"
        raise StateError(msg, hint="raise the network's inbound average, or lower a floor")


def attach(host: "Host", live: "LiveNetwork", nic: "Nic", before: "Nic | None") -> list[str]:
    """Attach a NIC with its rates, or without those that it had `before`; give warnings.

    Raises what `port.attach` raises, and HostError for rates that it cannot have.
    """
    warnings = port.attach(host.paths, host.links, live, nic)
    now = nics.read(host.paths, nic.interface)
    return warnings + _settle(host, live, now, before) if now else warnings


def attach_again(host: "Host", live: "LiveNetwork", nic: "Nic") -> list[str]:
    """Put a NIC with rates back on the bridge; what keeps it from them is one of the warnings."""
    warnings = port.attach(host.paths, host.links, live, nic)
    now = nics.read(host.paths, nic.interface)
    try:
        return warnings + _settle(host, live, now, nic) if now else warnings
    except VnetError as error:
        return [*warnings, f"{error}: interface {nic.interface!r} is attached, not as limited as it should be"]


def put_back(host: "Host", nic: "Nic") -> None:
    """Attach a NIC again that could not go to another network; the next mend tries it, too."""
    live = record.read(host.paths, nic.network)
    try:
        if live is not None:
            attach_again(host, live, nic)
    except VnetError:
        nics.write(host.paths, nic)


def _settle(host: "Host", live: "LiveNetwork", nic: "Nic", before: "Nic | None") -> list[str]:
    limits = nic.traits.limits if nic.traits else ()
    if limits:
        if not host.traffic.is_limited(nic.interface, limits):
            host.traffic.limit(nic.interface, limits)
    elif before is not None and before.is_limited:
        host.traffic.clear(nic.interface, nic.index)
    if not nic.has_floor or (nic.mac and live.limits and live.limits[0]):
        return []
    why = f"network {live.name!r} has no inbound average" if nic.mac else "its MAC is not known"
    return [f"interface {nic.interface!r}: {why}: nothing is guaranteed to it"]


def settle_floors(host: "Host", live: "LiveNetwork") -> None:
    """Guarantee on the bridge what the records of the attached NICs say, and nothing else."""
    if not live.limits or not live.limits[0]:
        return
    guaranteed = []
    attached = nics.attached(host.paths, live.name)
    taken = {nic.class_id for nic in attached}
    for nic in attached:
        floor = _floor(nic.traits) if nic.mac else 0
        class_id = nic.class_id
        if bool(floor) is not bool(class_id):
            class_id = next(number for number in range(FIRST_CLASS, LAST_CLASS) if number not in taken) if floor else 0
            taken.add(class_id)
            nics.write(host.paths, nic.replace(class_id=class_id))
        if floor:
            guaranteed.append((class_id, nic.mac, floor))
    floors = tuple(sorted(guaranteed))
    if not host.traffic.is_limited(live.bridge, live.limits, floors):
        host.traffic.limit(live.bridge, live.limits, floors)


def forget(host: "Host", live: "LiveNetwork | None", nic: "Nic") -> None:
    """Take the rates of a NIC back that is being detached, or was; its link may be gone."""
    if not nic.is_limited:
        return
    host.traffic.clear(nic.interface, nic.index)
    if live is not None and nic.class_id:
        if nics.read(host.paths, nic.interface) == nic:  # whoever is killed now leaves it for the next mend
            nics.write(host.paths, nic.replace(traits=None, class_id=0))
        settle_floors(host, live)


def leave(host: "Host", nic: "Nic") -> None:
    """Guarantee nothing any more to a NIC on the network that it has left for another."""
    live = record.read(host.paths, nic.network) if nic.has_floor else None
    if live is not None:
        settle_floors(host, live)


def _is_same(other: "Nic", nic: "Nic") -> bool:
    """Whether a record is about the NIC that is asked for; ports that wait have no interface."""
    return other.uuid == nic.uuid or (bool(nic.interface) and other.interface == nic.interface)


def _known(host: "Host", live: "LiveNetwork") -> "list[Nic]":
    """The NICs that are attached, and the ports that wait for one."""
    return [*nics.attached(host.paths, live.name), *waiting.ports(host.paths, live.name)]


def _traits(live: "LiveNetwork", nic: "Nic") -> "Traits | None":
    try:
        return bridge_port.traits(live, nic)
    except VnetError:
        return None  # its portgroup is gone


def _floor(traits: "Traits | None") -> int:
    return traits.limits[FLOOR] if traits is not None and traits.limits else 0
