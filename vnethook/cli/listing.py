"""The verbs that show a network: info, name, uuid, dumpxml, dhcp-leases. virsh's words and columns."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, net_list, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import value, verb
from vnethook.definition import compiled, sources
from vnethook.definition.backend import NAMESPACE, VDE
from vnethook.errors import UsageError
from vnethook.live import paths, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.host.host import Host
    from vnethook.lifecycle.catalog import Lease


@verb
@arguments.network
@arguments.as_json
def net_info(network: str, *, as_json: bool) -> None:
    """Show what is known of a network."""
    host = slow.host()
    state = slow.catalog.state(host, network)
    if not state.bridge and not state.problem:
        slow.definitions.load(host, network)  # the built-in default chooses it now
        state = slow.catalog.state(host, network)
    live = record.read(host.paths, network)
    started_by, nics = live.started_by if live else "", len(slow.catalog.nics(host, network))
    at_switch = slow.bringup.switched(host, network)
    if as_json:
        report.as_json({**net_list.plain(state), "started_by": started_by, "nics": nics, "at_switch": at_switch})
        return
    virshs = (
        ("Name", state.name),
        ("UUID", state.uuid),
        ("Active", net_list.yes(state.is_active)),
        ("Persistent", net_list.yes(state.is_persistent)),
        ("Autostart", net_list.yes(state.is_autostart)),
        ("Bridge", state.bridge),
    )
    ours = (
        ("Forward", state.forward),
        ("Kind", _kind(host, network)),
        ("Subnets", ", ".join(state.subnets)),
        ("Fabric", _fabric(host, state.name)),
        ("Started by", started_by),
        ("NICs", str(nics) if live or nics else ""),
        ("At its switch", str(at_switch) if at_switch else ""),
        ("Problem", state.problem),
    )
    for label, text in virshs if report.is_virsh() else (*virshs, *ours):
        if text:
            report.line(f"{label + ':':15} {report.safe(text)}")
    report.end()


def _fabric(host: "Host", network: str) -> str:
    """By what the network goes on at other hosts; empty if it does not."""
    found = compiled.read(host.paths, network)
    return f"VNI {found.fabric.vni}, see vnet fabric-list" if found is not None and found.fabric is not None else ""


def _kind(host: "Host", network: str) -> str:
    """What a user's network that is up is made of; empty for root's."""
    live = record.read(host.paths, network) if host.paths.user else None
    if live is None:
        return ""
    return NAMESPACE if live.bridge else VDE


@verb
@arguments.network_by_uuid
def net_name(network: str) -> None:
    """Print the name of a network given by its uuid or bridge."""
    report.line(report.safe(network))
    report.end()


@verb
@arguments.network_by_name
def net_uuid(network: str) -> None:
    """Print the uuid of a network."""
    report.line(net_list.uuid(slow.catalog.state(slow.host(), network)))
    report.end()


@verb
@arguments.network_if_several
@click.option("--inactive", is_flag=True, help="The stored definition, also while the network is up.")
@arguments.parts_of_xml
def net_dumpxml(network: str, show: "Callable[[str], None]", *, inactive: bool) -> None:
    """Print a network's definition as XML.

    That with which it came up, if it is up; else the stored one. Without NET: of the only network that is defined.
    """
    name = network or _only_network()
    if inactive and report.is_virsh():  # which shows of a transient network the only one that it has
        inactive = slow.catalog.state(slow.host(), name).is_persistent
    show(slow.catalog.dump(slow.host(), name, inactive=inactive))


@verb
@arguments.network
@value("--mac", "mac", metavar="MAC", help="Only the leases of this MAC address.")
@arguments.as_json
def net_dhcp_leases(network: str, mac: str | None, *, as_json: bool) -> None:
    """List the DHCP leases of a network."""
    wanted = None if mac is None else arguments.mac(mac)
    found = [lease for lease in slow.catalog.leases(slow.host(), network) if wanted in {None, lease.mac}]
    leases = sorted(found, key=lambda lease: lease.mac)
    live = record.read(paths.current(), network)
    if live is not None and not live.bridge:
        report.warning(f"network {network!r}: is of kind vde: only what gives its leases knows them")
    if as_json:
        report.as_json([lease.to_plain() for lease in leases])
        return
    rows = Table("Expiry Time", "MAC address", "Protocol", "IP address", "Hostname", "Client ID or DUID")
    for lease in leases:
        rows.add(
            _expiry(lease), lease.mac, lease.protocol, f"{lease.ip}/{lease.prefix}", lease.hostname, lease.clientid
        )
    report.table(rows)


def _only_network() -> str:
    """The only network that is defined, else the built-in default if there is no other; raise UsageError."""
    known = compiled.network_names(paths.current())
    defined = [name for name in known if sources.source_of(paths.current(), name)] or known
    if len(defined) == 1:
        return defined[0]
    msg = f"network: not named, and there are {len(defined)}"
    raise UsageError(msg, hint=", ".join(defined))


def _expiry(lease: "Lease") -> str:
    """When a lease ends, in local time as virsh prints it: always two words, as scripts count columns."""
    if not lease.expiry and not report.is_virsh():
        return "no expiry"
    return datetime.fromtimestamp(lease.expiry).astimezone().strftime("%Y-%m-%d %H:%M:%S")
