"""Attach a guest's NIC to a network that may be down, and detach it: the hook's cold way."""

from vnethook.lifecycle import bringup
from vnethook.live import port
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.nics import Nic


def detach(host: "Host", interface: str) -> "Nic | None":
    """Take a NIC off its network; its record, None if it has none. Never fails on what is gone."""
    return port.detach(host.paths, host.links, interface)


def bring_up(host: "Host", network: str) -> None:
    """Bring a network up for a guest that is about to be there, or mend it. Raises as `bringup.start` does."""
    bringup.start(host, network, by=bringup.GUEST)


def attach(host: "Host", network: str, nic: "Nic") -> list[str]:
    """Attach a NIC, bringing the network up or mending it if need be; give warnings. Raises what both of them raise."""
    warnings = port.attach_warm(host.paths, host.links, network, nic)
    if warnings is not None:
        return warnings
    with Lock(host.paths.lock(network)) as lock:
        live = bringup.bring_up(host, network, by=bringup.GUEST, lock=lock)
        return port.attach(host.paths, host.links, live, nic)
