"""The verbs for guests' NICs: attach and detach by hand, list."""

import os
from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, known, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb
from vnethook.definition import settings
from vnethook.definition.sources import DEFAULT
from vnethook.errors import UsageError
from vnethook.live.nics import GUARDS, Nic
from vnethook.live.port import require_link
from vnethook.names import check_link_name, shown

if TYPE_CHECKING:
    from vnethook.lifecycle.guests import GuestNic

VIA = "vnet attach"
PLACE = "By name, uuid or bridge, or a shared NIC; after a colon, a portgroup."
GUEST_MAX = 255
"""Characters of a guest's name, by hand; hypervisors allow less."""


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
@arguments.segment_if_any
@click.option("--traffic", is_flag=True, help="Add the bytes that the guest has received (RX) and sent (TX).")
@arguments.as_json
def nic_list(segment: str, *, traffic: bool, as_json: bool) -> None:
    """List the guests' NICs, all or those of NET."""
    found = slow.guests.every(slow.host(), segment)
    counters = _traffic() if traffic else {}
    if as_json:
        report.as_json([_plain(guest, counters) for guest in found])
        return
    rows = Table("Interface", "Network", "Guest", "Hostname", "MAC", "IP", *(("RX", "TX") if traffic else ()))
    for guest in found:
        nic = guest.nic
        numbers = counters.get(nic.interface, (None, None)) if traffic else ()
        place = f"{guest.place}:{nic.portgroup}" if nic.portgroup else guest.place
        rows.add(nic.interface, place, nic.guest, nic.hostname, guest.mac, guest.ip, *numbers)
    report.table(rows)


def check_guest(guest: str) -> None:
    """Raise UsageError for a name that no guest can have."""
    if not guest.isprintable() or len(guest) > GUEST_MAX:
        why = f"longer than {GUEST_MAX} characters" if len(guest) > GUEST_MAX else "holds what cannot be shown"
        msg = f"guest {shown(guest)}: {why}"
        raise UsageError(msg)


def _traffic() -> dict[str, tuple[int, int]]:
    """The bytes that each link's guest has received and sent."""
    from vnethook.cli import traffic  # noqa: PLC0415 (psutil takes its time, and most lists are without)

    return {name: (count.rx_bytes, count.tx_bytes) for name, count in traffic.counts().items()}


def _plain(guest: "GuestNic", counters: dict[str, tuple[int, int]]) -> dict[str, object]:
    nic = guest.nic
    plain: dict[str, object] = {
        "interface": nic.interface,
        "network": nic.network,
        "shared_interface": guest.shared,
        "portgroup": nic.portgroup,
        "uuid": nic.uuid,
        "guest": nic.guest,
        "hostname": nic.hostname,
        "mac": guest.mac,
        "ip": guest.ip,
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
