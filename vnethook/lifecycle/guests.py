"""Guests' NICs with all that the host can tell of them: a MAC and an address that nobody wrote down are looked for."""

from typing import TYPE_CHECKING

from vnethook.errors import VnetError
from vnethook.host import learned, log
from vnethook.lifecycle import bringup, catalog, switch
from vnethook.lifecycle.share import shared_states
from vnethook.live import files, record
from vnethook.live.nics import Nic
from vnethook.value import Value

if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.catalog import Lease


class GuestNic(Value):
    """A guest's NIC: `mac` and `ip` as far as they are known, `shared`: the NIC of the host's whose bridge it is on.

    `ip`: leased, else fixed by the definition, else asked for, else what the host has heard; empty: unknown.
    """

    nic: Nic
    mac: str
    ip: str
    shared: str = ""
    bridge: str = ""

    @property
    def place(self) -> str:
        """Where it is, as its guest's configuration may say it: the shared NIC if no definition is between them."""
        return self.shared if self.shared and self.nic.network == self.bridge else self.nic.network


def every(host: "Host", segment: str = "") -> list[GuestNic]:
    """The NICs that are attached now, of one network or shared NIC or of all; what is damaged is a warning."""
    nics = (
        catalog.nics(host)
        if not segment
        else [nic for name in _networks(host, segment) for nic in catalog.nics(host, name)]
    )
    nics += [nic for name in _switched(host, segment) for nic in switch.nics(host, name)]
    shared = shared_states.by_bridge(host) if nics else {}
    heard = Heard(host)
    found = []
    for name in sorted({nic.network for nic in nics}):
        found += _of_network(host, name, [nic for nic in nics if nic.network == name], (shared, heard))
    return found


def _switched(host: "Host", segment: str) -> list[str]:
    """Of the networks that a name means, or of all, those with a switch."""
    found = files.names(f"{host.paths.run}/switch")
    return [name for name in found if name in _networks(host, segment)] if segment and found else found


def _networks(host: "Host", segment: str) -> list[str]:
    """The networks that a name means: the one of that name, and those on the bridge of the shared NIC of that name."""
    shared = [name for state in shared_states.states(host) if state.nic == segment for name in state.networks]
    return sorted({segment, *shared})


class Heard:
    """The addresses that the host has heard of, read at the first question."""

    def __init__(self, host: "Host") -> None:
        self._links = host.links
        self._found: dict[tuple[int, str], str] | None = None

    def address(self, bridge: str, mac: str) -> str:
        """The address of a MAC on a bridge, empty if the host has not talked to it."""
        if self._found is None:
            self._found = learned.addresses(self._links)
        link = self._links.link(bridge)
        return self._found.get((link.index, mac), "") if link else ""


def _of_network(host: "Host", network: str, nics: list[Nic], known: tuple[dict[str, str], Heard]) -> list[GuestNic]:
    shared, heard = known
    try:
        leases = catalog.leases(host, network)
        live = bringup.live_definition(host, network)
    except VnetError as error:
        log.warning(error.message)
        leases, live = [], None
    up = record.read(host.paths, network)
    bridge = up.bridge if up else ""
    found = []
    for nic in nics:
        mac = nic.mac or (learned.mac(bridge, nic.interface) if nic.via != switch.VIA else "")
        ip = _address(mac, leases, live) or _fixed(nic) or (heard.address(bridge, mac) if mac else "")
        found.append(GuestNic(nic, mac, ip, shared.get(bridge, ""), bridge))
    return found


def _address(mac: str, leases: "list[Lease]", network: "Network | None") -> str:
    """The address that the guest leased, else the one that the definition keeps for it; empty if neither is known."""
    if not mac:
        return ""
    leased = [lease.ip for lease in leases if lease.mac == mac]
    leased += [lease.ip for lease in leases if not lease.mac and lease.clientid.endswith(mac)]  # a DUID holds the MAC
    kept = [host.ip for ip in (network.ips if network else ()) for host in ip.hosts if host.mac == mac]
    return next(iter(leased + [ip for ip in kept if ip]), "")


def _fixed(nic: Nic) -> str:
    """The first address that is its own because the definition, its guest's configuration or we say so, else empty."""
    return next(iter(nic.addresses or nic.asked), "").partition("/")[0]
