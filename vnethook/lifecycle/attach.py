"""Attach a guest's NIC to a network that may be down, and detach it: the hook's cold way."""

from vnethook.lifecycle import bringup
from vnethook.live import nics, port, record
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.nics import Nic
    from vnethook.live.record import LiveNetwork


def detach(host: "Host", interface: str) -> "Nic | None":
    """Take a NIC off its network, with its rates; its record, None if it has none. Never fails on what is gone."""

    def free(live: "LiveNetwork | None", nic: "Nic") -> None:
        if nic.is_limited:
            from vnethook.lifecycle import rates  # noqa: PLC0415 (few NICs have any)

            rates.forget(host, live, nic)

    return port.detach(host.paths, host.links, interface, free=free)


def bring_up(host: "Host", network: str) -> None:
    """Bring a network up for a guest that is about to be there, or mend it. Raises as `bringup.start` does."""
    bringup.start(host, network, by=bringup.GUEST)


def attach(host: "Host", network: str, nic: "Nic") -> list[str]:
    """Attach a NIC, bringing the network up or mending it if need be; give warnings. Raises what both of them raise."""
    warnings = port.attach_warm(host.paths, host.links, network, nic)
    if warnings is not None:
        return warnings
    with Lock(host.paths.lock(network)) as lock:
        live = record.read(host.paths, network)
        if live is None or record.fault(live, host.links):
            live = bringup.bring_up(host, network, by=bringup.GUEST, lock=lock)
        if nic.mac not in live.waiting:
            return attach_to(host, live, nic)
        from vnethook.lifecycle import reservations  # noqa: PLC0415 (few NICs have a port before they are there)

        nic = reservations.taken(host, live, nic)
        warnings = attach_to(host, live, nic)
        reservations.release(host, nic)
        return warnings


def attach_to(host: "Host", live: "LiveNetwork", nic: "Nic") -> list[str]:
    """Attach a NIC to a network that is up, with its rates, for whoever holds the network's lock exclusively.

    Raises what `port.attach` raises, StateError or HostError for rates; then it is where it was, if it was anywhere.
    """
    before = nics.read(host.paths, nic.interface)
    if not port.has_limits(live, nic, before):
        return port.attach(host.paths, host.links, live, nic)
    from vnethook.lifecycle import rates  # noqa: PLC0415 (few NICs have any)

    rates.require(host, live, nic)
    try:
        warnings = rates.attach(host, live, nic, before)
        rates.settle_floors(host, live)
        if before is not None and before.network != live.name:
            rates.leave(host, before)
    except BaseException:
        now = nics.read(host.paths, nic.interface)
        if now is not None and now.network == live.name and (before is None or before.network != live.name):
            port.take_off(host.paths, host.links, now)
            rates.forget(host, live, now)
            if before is not None and before.index == now.index:
                rates.put_back(host, before)
        raise
    return warnings
