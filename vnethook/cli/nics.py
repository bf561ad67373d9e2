"""The verbs for guests' NICs: attach and detach by hand, list."""

import os
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.cli import arguments, known, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb
from vnethook.definition import settings
from vnethook.definition.sources import DEFAULT
from vnethook.errors import UsageError, VnetError
from vnethook.host import learned
from vnethook.live.nics import GUARDS, Nic
from vnethook.live.port import require_link
from vnethook.names import check_link_name, shown

if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.lifecycle.catalog import Lease

VIA = "vnet attach"
PLACE = "By name, uuid or bridge; after a colon, a portgroup."
GUEST_MAX = 255
"""Characters of a guest's name, by hand; hypervisors allow less."""


class Attached(NamedTuple):
    """A NIC with the addresses that are known of it."""

    nic: Nic
    mac: str
    ip: str


@verb
@click.argument("interface", metavar="IFNAME", shell_complete=known.links)
@click.option("--network", "net", metavar="NET[:GROUP]", help=PLACE, shell_complete=known.networks)
@click.option("--portgroup", metavar="GROUP", help="The class of the network's NICs that it is in.")
@click.option("--guest", metavar="NAME", default="", help="The guest's name, which its lease and DNS then carry.")
@click.option("--mac", metavar="MAC", help="The guest's MAC address, as the guest sees it.")
@click.option("--guard", type=click.Choice(list(GUARDS)), help="What its port is held to.")
def attach(interface: str, net: str | None, portgroup: str | None, guest: str, **own: str | None) -> None:
    """Attach a guest's NIC to a network.

    IFNAME is its tap, veth or vif in the host. A network that is down is brought up.

    Without --network the variable VNET_NETWORK, then the map in vnethook.toml, then `default` decides; without
    --portgroup the variable VNET_PORTGROUP, then what follows the network's name.
    """
    host = slow.host()
    check_link_name(interface)
    check_guest(guest)
    mac, guard = own["mac"], own["guard"] or ""
    canonical = "" if mac is None else arguments.mac(mac)
    named = net if net is not None else os.environ.get("VNET_NETWORK") or None
    mapped = named or settings.current(host.paths).network_of(interface, guest)
    network, mapped_group = slow.nics.place(host, mapped or DEFAULT)
    require_link(host.links, interface, network)
    group = portgroup or os.environ.get("VNET_PORTGROUP") or mapped_group
    nic = Nic(interface, network, mac=canonical, guest=guest, via=VIA, portgroup=group, guard=guard)
    for warning in slow.attach.attach(host, network, nic):
        report.warning(warning)
    report.done(f"Interface {interface} attached to network {network}")


@verb
@click.argument("interface", metavar="IFNAME", shell_complete=known.nics)
def detach(interface: str) -> None:
    """Take a NIC off its network.

    What is gone already is no failure.
    """
    nic = slow.attach.detach(slow.host(), interface)
    if nic is None:
        report.warning(f"interface {shown(interface)}: is attached to no network: nothing done")
    else:
        report.done(f"Interface {interface} detached from network {nic.network}")


@verb
@arguments.network_if_any
@click.option("--traffic", is_flag=True, help="Add the bytes that the guest has received (RX) and sent (TX).")
@arguments.as_json
def nic_list(network: str, *, traffic: bool, as_json: bool) -> None:
    """List the guests' NICs, of one network or of all."""
    nics = slow.catalog.nics(slow.host(), network)
    found = [item for name in sorted({nic.network for nic in nics}) for item in _with_addresses(name, nics)]
    counters = _traffic() if traffic else {}
    if as_json:
        report.as_json([_plain(item, counters) for item in found])
        return
    rows = Table("Interface", "Network", "Guest", "Hostname", "MAC", "IP", *(("RX", "TX") if traffic else ()))
    for nic, mac, ip in found:
        numbers = counters.get(nic.interface, (None, None)) if traffic else ()
        place = f"{nic.network}:{nic.portgroup}" if nic.portgroup else nic.network
        rows.add(nic.interface, place, nic.guest, nic.hostname, mac, ip, *numbers)
    report.table(rows)


def check_guest(guest: str) -> None:
    """Raise UsageError for a name that no guest can have."""
    if not guest.isprintable() or len(guest) > GUEST_MAX:
        why = f"longer than {GUEST_MAX} characters" if len(guest) > GUEST_MAX else "holds what cannot be shown"
        msg = f"guest {shown(guest)}: {why}"
        raise UsageError(msg)


def _with_addresses(network: str, nics: list[Nic]) -> list[Attached]:
    """The NICs of one network with their addresses."""
    host = slow.host()
    try:
        leases = slow.catalog.leases(host, network)
        live = slow.bringup.live_definition(host, network)
    except VnetError as error:
        report.warning(error.message)
        leases, live = [], None
    found = []
    for nic in nics:
        if nic.network == network:
            mac = nic.mac or (learned.mac(live.bridge.name or "", nic.interface) if live else "")
            found.append(Attached(nic, mac, _address(mac, leases, live)))
    return found


def _address(mac: str, leases: "list[Lease]", network: "Network | None") -> str:
    """The address that the guest leased, else the one that the definition keeps for it; empty if neither is known."""
    if not mac:
        return ""
    leased = [lease.ip for lease in leases if lease.mac == mac]
    leased += [lease.ip for lease in leases if not lease.mac and lease.clientid.endswith(mac)]  # a DUID holds the MAC
    kept = [host.ip for ip in (network.ips if network else ()) for host in ip.hosts if host.mac == mac]
    return next(iter(leased + [ip for ip in kept if ip]), "")


def _traffic() -> dict[str, tuple[int, int]]:
    """(received, sent) bytes of each link's guest: what the host sends into a link, the guest receives."""
    import psutil  # noqa: PLC0415 (takes its time, and most lists are without)

    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    return {name: (counter.bytes_sent, counter.bytes_recv) for name, counter in counters.items()}


def _plain(item: Attached, counters: dict[str, tuple[int, int]]) -> dict[str, object]:
    nic, mac, ip = item
    plain: dict[str, object] = {
        "interface": nic.interface,
        "network": nic.network,
        "portgroup": nic.portgroup,
        "uuid": nic.uuid,
        "guest": nic.guest,
        "hostname": nic.hostname,
        "mac": mac,
        "ip": ip,
        "since": nic.since,
        "pid": nic.owner[0],
        "isolated": nic.traits is not None and nic.traits.isolated,
        "vlans": [vlan for vlan, _ in nic.traits.vlans] if nic.traits else [],
        "limits": slow.ports.limits(nic),
        "guard": list(nic.held),
    }
    if nic.interface in counters:
        plain["rx_bytes"], plain["tx_bytes"] = counters[nic.interface]
    return plain
