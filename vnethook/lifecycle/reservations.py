"""Ports that wait for their NICs, as the live record of a network tells them: under the network's lock, exclusively."""

from vnethook.live import record, waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.nics import Nic
    from vnethook.live.record import LiveNetwork


def reserve(host: "Host", nic: "Nic") -> None:
    """Have a port wait for the NIC with its MAC, or change one that does."""
    waiting.write(host.paths, nic)
    _tell(host, nic.network)


def release(host: "Host", nic: "Nic") -> None:
    """Have a port wait no longer; nothing if it does not."""
    waiting.remove(host.paths, nic)
    _tell(host, nic.network)


def taken(host: "Host", live: "LiveNetwork", nic: "Nic") -> "Nic":
    """What a NIC asks for with what was said of the port that waits for its MAC, if one does."""
    for port in waiting.ports(host.paths, live.name):
        if port.mac == nic.mac:
            return port.replace(
                interface=nic.interface,
                guest=nic.guest or port.guest,
                portgroup=nic.portgroup or port.portgroup,
                owner=nic.owner,
                via=nic.via,
            )
    return nic


def _tell(host: "Host", network: str) -> None:
    """Bring the live record up to date, by which a hook knows that a NIC takes more than a port."""
    live = record.read(host.paths, network)
    if live is not None:
        macs = tuple(port.mac for port in waiting.ports(host.paths, network))
        record.write(host.paths, live.replace(waiting=macs), before=live)
