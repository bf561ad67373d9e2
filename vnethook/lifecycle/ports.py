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
from vnethook.errors import NoPortError, PlugError, PortExistsError, StateError, UnsupportedError, UsageError
from vnethook.host import learned
from vnethook.host.host import Host
from vnethook.lifecycle import attach, bringup, catalog, rates, reservations
from vnethook.live import bridge_port, link_names, nics, record, waiting
from vnethook.live.lock import Lock
from vnethook.live.nics import Nic, Traits
from vnethook.names import shown
from vnethook.plan import vxlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.definition.node import Node
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link

SOURCE = "<port>"
"""What messages call XML that came in no file."""
VIA = "net-port-create"
PLUGS = ("network", "bridge")
"""How a port may be plugged in: into a bridge of ours, or of the administrator's."""
TAP_BYTE = "fe"
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


def create_port(host: Host, network: str, xml: str | bytes, *, source: str = SOURCE, reclaim: bool = False) -> Nic:
    """Make a port that waits for the NIC with its MAC, bringing the network up if it is down.

    `reclaim`: as a dumped port was, plugged into the network's bridge; the NIC is attached that is seen there with its
    MAC, and that no port is of. Without it a plug is refused.

    Raises DefinitionError for XML that is not in order, PortExistsError for a uuid and StateError for a MAC that is
    another port's, a plug that is another bridge's or a rate that cannot be guaranteed, and what bringing the network
    up and attaching raise.
    """
    node = xml_module().parse_part(xml, definition.PATH, source=source)
    bridge = _plug(node, reclaim=reclaim)
    wanted = _nic(network, definition.read(node))
    with Lock(host.paths.lock(network)) as lock:
        live = bringup.bring_up(host, network, by=bringup.GUEST, lock=lock)
        if bridge not in {"", live.bridge}:
            msg = f"network {network!r}: port {wanted.uuid}: plug: bridge is {shown(bridge)}: must be {live.bridge!r}"
            raise StateError(msg)
        _require_free(host, wanted)
        nic = wanted.replace(interface=_unclaimed(host, live, wanted.mac) if reclaim else "")
        if nic.interface:
            attach.attach_to(host, live, nic)
        else:
            rates.require(host, live, nic)
            reservations.reserve(host, nic)
    return nic


def _plug(node: "Node", *, reclaim: bool) -> str:
    """Take out of a port's element where it is plugged in; the bridge, empty if it is nowhere.

    Raises PlugError if that is not as `reclaim` has it, UnsupportedError for what is no bridge. Source:
    networkPortCreateXML() of libvirt's bridge_driver.c.
    """
    plugs = [plug for plug in node.all("plug") if plug.attributes.get("type") != "none"]
    node.children = [child for child in node.children if child.tag != "plug"]
    if bool(plugs) is not reclaim:
        what = "reclaim: lacks its <plug>" if reclaim else "plug: a port is given one, unless it is reclaimed"
        raise PlugError(node.located(f"networkport: {what}"))
    for plug in plugs:
        if plug.need("type") not in PLUGS:
            msg = plug.located(f"networkport: plug: {shown(plug.need('type'))} is not done: it is no bridge")
            raise UnsupportedError(msg)
    return plugs[0].need("bridge") if plugs else ""


def _nic(network: str, port: Port) -> Nic:
    """The record of a port without its interface."""
    return Nic(
        interface="",
        network=network,
        mac=port.mac,
        guest=port.owner,
        via=VIA,
        uuid=port.uuid or nics.random_uuid(),
        guest_uuid=port.owner_uuid if port.owner_uuid != definition.UNKNOWN_UUID else "",
        portgroup=port.group,
        isolated=port.isolated,
        vlans=nic_class.vlans(port.vlan),
        limits=port.bandwidth.numbers if port.bandwidth else (),
    )


def _require_free(host: Host, nic: Nic) -> None:
    """Raise PortExistsError or StateError if another port of the network has the uuid or the MAC of this one."""
    for other in _ports(host, nic.network):
        if other.uuid == nic.uuid:
            msg = f"network {nic.network!r}: port {nic.uuid}: exists already"
            raise PortExistsError(msg)
        if other.mac == nic.mac:
            holder = f"interface {other.interface!r}" if other.interface else f"port {other.uuid}"
            msg = f"network {nic.network!r}: port {nic.uuid}: MAC {nic.mac} is that of {holder}"
            raise StateError(msg, hint="give each NIC a MAC of its own")


def _unclaimed(host: Host, live: "LiveNetwork", mac: str) -> str:
    """The link on the network's bridge behind which a MAC is seen, and that no NIC has; empty if there is none.

    Before a guest's first frame it is the tap whose own MAC is the guest's but for its first byte. Source:
    virNetDevTapCreateInBridgePort() of libvirt.
    """
    ports = [link for link in host.links.ports(live.index) if not _leads_away(live, link)]
    free = [link for link in ports if nics.read(host.paths, link.name) is None]
    seen = [link.name for link in free if mac in learned.macs(live.bridge, link.name)]
    alike = [link.name for link in free if link.mac == f"{TAP_BYTE}{mac[2:]}"]
    return next(iter(seen or alike), "")


def _leads_away(live: "LiveNetwork", link: "Link") -> bool:
    """Whether a port of the bridge is no guest's: others are behind it, here or on other hosts."""
    return link_names.is_cable(link.name) or link.kind == vxlan.KIND or link.name in live.own_ports


def delete_port(host: Host, network: str, uuid: str) -> None:
    """Delete a port; a NIC that is attached there is detached. Raises NoPortError."""
    nic = port_by_uuid(host, network, uuid)
    if nic.interface:
        attach.detach(host, nic.interface)
        return
    with Lock(host.paths.lock(network)):
        is_waiting = waiting.read(host.paths, network, nic.uuid) is not None
        if is_waiting:
            reservations.release(host, nic)
    if not is_waiting:  # its NIC has come in the meantime
        delete_port(host, network, uuid)


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
