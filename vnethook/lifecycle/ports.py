"""libvirt's network ports: each attached NIC is one, and one can be made before its NIC is there.

A port that waits for its NIC counts as attached: it brings its network up and keeps it up. The NIC with its MAC takes
it when it attaches, with all that was said of it.
"""

from typing import TYPE_CHECKING

from vnethook.capability import nic_class
from vnethook.definition import port as definition
from vnethook.definition.port import Port
from vnethook.definition.store import xml_module
from vnethook.definition.text import canonical_uuid
from vnethook.definition.traffic import Bandwidth
from vnethook.errors import NoPortError, PortExistsError, StateError, UsageError
from vnethook.host.host import Host
from vnethook.lifecycle import attach, bringup, catalog, rates, reservations
from vnethook.live import bridge_port, nics, record, waiting
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic, Traits
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.live.record import LiveNetwork

SOURCE = "<port>"
"""What messages call XML that came in no file."""
VIA = "net-port-create"
PARAMETERS = (
    *("inbound.average", "inbound.peak", "inbound.burst", "inbound.floor"),
    *("outbound.average", "outbound.peak", "outbound.burst"),
)
"""What libvirt calls the numbers of a NIC's limits, in the order of its record: VIR_NETWORK_PORT_BANDWIDTH_*."""


def list_ports(host: Host, network: str) -> list[Nic]:
    """The ports of a network: of the NICs that are attached now, then those that wait for one, without an interface.

    Raises StateError for a network that is down, as libvirt does.
    """
    if not record.is_present(host.paths, network):
        msg = f"network {network!r}: list ports: network is not active"
        raise StateError(msg, hint=f"`vnet net-start {network}` brings it up")
    return _ports(host, network)


def port_by_uuid(host: Host, network: str, uuid: str) -> Nic:
    """The port of that uuid; raise NoPortError."""
    wanted = canonical_uuid(uuid)
    for nic in _ports(host, network):
        if nic.uuid == wanted:
            return nic
    msg = f"network {network!r}: port {shown(uuid)}: no such port"
    raise NoPortError(msg, hint=f"`vnet net-port-list {network}` lists them")


def create_port(host: Host, network: str, xml: str | bytes, *, source: str = SOURCE) -> Nic:
    """Make a port that waits for the NIC with its MAC, bringing the network up if it is down.

    Raises DefinitionError for XML that is not in order, PortExistsError for a uuid and StateError for a MAC that is
    another port's or a rate that cannot be guaranteed, and what bringing the network up raises.
    """
    wanted = definition.read(xml_module().parse_part(xml, definition.PATH, source=source))
    nic = Nic(
        interface="",
        network=network,
        mac=wanted.mac,
        guest=wanted.owner,
        via=VIA,
        uuid=wanted.uuid or nics.random_uuid(),
        guest_uuid=wanted.owner_uuid,
        portgroup=wanted.group,
        isolated=wanted.isolated,
        vlans=nic_class.vlans(wanted.vlan),
        limits=wanted.bandwidth.numbers if wanted.bandwidth else (),
    )
    with Lock(host.paths.lock(network)) as lock:
        live = bringup.bring_up(host, network, by=bringup.GUEST, lock=lock)
        for other in _ports(host, network):
            if other.uuid == nic.uuid:
                msg = f"network {network!r}: port {nic.uuid}: exists already"
                raise PortExistsError(msg)
            if other.mac == nic.mac:
                holder = f"interface {other.interface!r}" if other.interface else f"port {other.uuid}"
                msg = f"network {network!r}: port {nic.uuid}: MAC {nic.mac} is that of {holder}"
                raise StateError(msg, hint="give each NIC a MAC of its own")
        rates.require(host, live, nic)
        reservations.reserve(host, nic)
    return nic


def delete_port(host: Host, network: str, uuid: str) -> None:
    """Delete a port; a NIC that is attached there is detached. Raises NoPortError."""
    nic = port_by_uuid(host, network, uuid)
    if nic.interface:
        attach.detach(host, nic.interface)
        return
    with Lock(host.paths.lock(network)):
        reservations.release(host, nic)


def port_xml(host: Host, network: str, uuid: str) -> str:
    """The XML of a port; raise NoPortError."""
    nic = port_by_uuid(host, network, uuid)
    traits = _traits(record.read(host.paths, network), nic)
    port = Port(
        mac=nic.mac,
        uuid=nic.uuid,
        owner=nic.guest,
        owner_uuid=nic.guest_uuid,
        group=nic.portgroup,
        isolated=traits.isolated or None,
        bandwidth=Bandwidth.of(traits.limits),
        vlan=nic_class.vlan(traits.vlans),
    )
    whole = catalog.in_force(host, network)
    kind = "network" if whole.owns_bridge else "bridge"
    plug = {"type": kind, "bridge": whole.bridge.name, "macTableManager": whole.bridge.mac_table}
    return definition.dump(port, plug)


def parameters(host: Host, network: str, uuid: str) -> dict[str, int]:
    """The limits in force for a port, by libvirt's names; those of a direction that has none are left out."""
    nic = port_by_uuid(host, network, uuid)
    return limits(nic.replace(traits=_traits(record.read(host.paths, network), nic)))


def limits(nic: Nic) -> dict[str, int]:
    """The limits in force for a NIC, by libvirt's names; those of a direction that has none are left out."""
    found = dict(zip(PARAMETERS, nic.traits.limits if nic.traits else (), strict=False))
    directions = {name.partition(".")[0] for name, value in found.items() if value}
    return {name: value for name, value in found.items() if name.partition(".")[0] in directions}


def set_parameters(host: Host, network: str, uuid: str, given: "Mapping[str, int]") -> None:
    """Change limits of a port, at once; those that are not given stay, 0 takes one off.

    Raises NoPortError, UsageError for an unknown name, DefinitionError for limits that do not go together, StateError
    for a rate that cannot be guaranteed, HostError; then nothing is changed.
    """
    unknown = [name for name in given if name not in PARAMETERS]
    if unknown:
        msg = f"parameter {shown(unknown[0])}: must be one of {', '.join(PARAMETERS)}"
        raise UsageError(msg)
    with Lock(host.paths.lock(network)):
        nic = port_by_uuid(host, network, uuid)
        live = record.read(host.paths, network)
        if live is None:
            msg = f"network {network!r}: port {nic.uuid}: change: network is not active"
            raise StateError(msg, hint=f"`vnet net-start {network}` brings it up")
        before = _traits(live, nic).limits or (0,) * len(PARAMETERS)
        changed = dict(zip(PARAMETERS, before, strict=True)) | dict(given)
        wanted = tuple(changed[name] for name in PARAMETERS)
        Bandwidth.of(wanted)
        change(host, live, nic, nic.replace(limits=wanted))


def change(host: Host, live: "LiveNetwork", old: Nic, new: Nic) -> list[str]:
    """Put another record of a port into force, or keep the one that it has; give warnings. Raises as `attach_to`."""
    if not old.interface:
        rates.require(host, live, new)
        reservations.reserve(host, new)
        return []
    try:
        return attach.attach_to(host, live, new)
    except BaseException:
        attach.attach_to(host, live, old)
        raise


def _ports(host: Host, network: str) -> list[Nic]:
    return [*bringup.guests(host, network), *waiting.ports(host.paths, network)]


def _traits(live: "LiveNetwork | None", nic: Nic) -> Traits:
    """What is special about a port: what is in force, or what would be."""
    return nic.traits or (bridge_port.traits(live, nic) if live else None) or Traits()
