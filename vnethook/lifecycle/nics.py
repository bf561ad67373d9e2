"""Guests' NICs as an administrator handles them: where one belongs, a MAC for one, changing one that is attached."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from vnethook.address import canonical_ip
from vnethook.definition import choices
from vnethook.definition.ip import DhcpHost
from vnethook.definition.store import Store
from vnethook.definition.traffic import Bandwidth
from vnethook.errors import DefinitionError, NoNetworkError, StateError
from vnethook.lifecycle import adoption, attach, bringup, catalog, updates
from vnethook.live import bridge_port, nics, record, waiting
from vnethook.live.lock import Lock
from vnethook.names import label_of, shown
from vnethook.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.live.nics import Nic
    from vnethook.live.record import LiveNetwork


class NicChange(Value):
    """What is to be changed of a NIC; None: nothing. `inbound`: average, peak, burst, floor, `outbound` without floor.

    `network` with a `portgroup` of None means the default one. `hostname`: its name in DNS in place of its guest's,
    empty: its guest's again. `address`: what DHCP is to give it. `guard`: a mode, see GUARDS.
    """

    network: str | None = None
    portgroup: str | None = None
    guest: str | None = None
    hostname: str | None = None
    mac: str | None = None
    address: str | None = None
    inbound: tuple[int, ...] | None = None
    outbound: tuple[int, ...] | None = None
    isolated: bool | None = None
    guard: str | None = None


def place(host: "Host", text: str) -> tuple[str, str]:
    """The network and the portgroup (empty: none is named) that "NET" or "NET:GROUP" means; raise NoNetworkError.

    NET: a name, a uuid or a bridge, or a NIC of the host's that is shared. A bridge's name may hold a colon, and goes
    first.
    """
    name, _, portgroup = text.partition(":")
    if not portgroup or Store(host.paths).by_bridge(text) or record.by_bridge(host.paths, text):
        return _joined(host, text), ""
    return _joined(host, name), portgroup


def _joined(host: "Host", text: str) -> str:
    try:
        return catalog.find(host, text)
    except NoNetworkError:
        found = adoption.named(host, text)  # which no guest has joined before
        if found is None:
            raise
        return found


def free_mac(host: "Host") -> str:
    """A random MAC that no NIC has, nor any port or fixed host of a network that is up."""
    taken: set[str | None] = set()
    for name in record.names(host.paths):
        live = bringup.live_definition(host, name)
        taken |= {nic.mac for nic in _known(host, name)}
        taken |= {fixed.mac for ip in (live.ips if live else ()) for fixed in ip.hosts}
        taken.add(live.mac if live else None)
    return choices.random_mac(taken)


def attached(host: "Host", interface: str) -> "Nic":
    """The record of an attached NIC; raise StateError if there is none."""
    nic = nics.read(host.paths, interface)
    if nic is None or not nics.is_attached(host.links, nic):
        msg = f"interface {shown(interface)}: is attached to no network"
        raise StateError(msg, hint="`vnet nic-list` shows those that are; `vnet attach` attaches one")
    return nic


def change(host: "Host", interface: str, wanted: NicChange) -> list[str]:
    """Change an attached NIC, all of it or nothing; give warnings.

    Raises StateError for a NIC that is attached nowhere, a name, MAC or address that is another's or a rate that cannot
    be guaranteed, UsageError for an unknown portgroup, DefinitionError, HostError.
    """
    old = attached(host, interface)
    name = old.network if wanted.network is None else wanted.network
    with ExitStack() as stack:
        live = _locked(host, stack, old, name)
        old = _unchanged(host, old)
        new = _changed(host, live, old, wanted)
        warnings = _put(host, live, old, new, wanted.hostname)
    if wanted.address is not None:
        try:
            _fix_address(host, name, new.mac, wanted.address)
        except BaseException:
            with ExitStack() as stack:
                _locked(host, stack, old, name)
                _put_back(host, old)
            raise
    return warnings


def _unchanged(host: "Host", nic: "Nic") -> "Nic":
    """The record of a NIC now that its network is locked; raise StateError if its interface is another's by now."""
    now = attached(host, nic.interface)
    if (now.network, now.index) != (nic.network, nic.index):
        msg = f"interface {nic.interface!r}: change: it was attached anew in the meantime"
        raise StateError(msg, hint="see `vnet nic-list`, and try again")
    return now


def _locked(host: "Host", stack: ExitStack, nic: "Nic", network: str) -> "LiveNetwork":
    """Take the locks of the NIC's network and of the one that it goes to, which is brought up; the latter's record."""
    locks = {name: stack.enter_context(Lock(host.paths.lock(name))) for name in sorted({nic.network, network})}
    if network != nic.network:
        return bringup.bring_up(host, network, by=bringup.GUEST, lock=locks[network])
    live = record.read(host.paths, network)
    if live is None:
        msg = f"interface {nic.interface!r}: change: network {network!r} is not active"
        raise StateError(msg, hint=f"`vnet net-start {network}` brings it up")
    return live


def _changed(host: "Host", live: "LiveNetwork", old: "Nic", wanted: NicChange) -> "Nic":
    """The record that is wanted; raise StateError for a MAC that is another's, DefinitionError for impossible rates."""
    said = {name: getattr(wanted, name) for name in ("portgroup", "guest", "mac", "isolated", "guard")}
    changes = {name: value for name, value in said.items() if value is not None} | {"network": live.name}
    if wanted.hostname is not None:
        changes["alias"] = wanted.hostname
    if wanted.network is not None:
        changes.setdefault("portgroup", "")
    if live.name != old.network:
        changes |= {"uuid": nics.random_uuid(), "class_id": 0}
    new = old.replace(**changes)
    if wanted.inbound is not None or wanted.outbound is not None:
        traits = bridge_port.traits(live, new)
        limits = (traits.limits if traits else ()) or (0,) * 7
        inbound = limits[:4] if wanted.inbound is None else wanted.inbound
        outbound = limits[4:] if wanted.outbound is None else wanted.outbound
        Bandwidth.of((*inbound, *outbound))
        new = new.replace(limits=(*inbound, *outbound))
    for other in _known(host, live.name) if new.mac and new.mac != old.mac else ():
        if other.mac == new.mac:
            holder = f"interface {other.interface!r}" if other.interface else f"port {other.uuid}"
            msg = f"interface {new.interface!r}: change: MAC {new.mac} is that of {holder}"
            raise StateError(msg, hint="give each NIC a MAC of its own")
    return new


def _put(host: "Host", live: "LiveNetwork", old: "Nic", new: "Nic", hostname: str | None) -> list[str]:
    """Put a changed record into force, or keep the old one; give warnings."""
    try:
        warnings = attach.attach_to(host, live, new)
        now = nics.read(host.paths, new.interface)
        if hostname and (now is None or now.hostname != label_of(hostname)):
            why = (
                warnings[-1]
                if warnings
                else "it takes DNS, the NIC's MAC, and no other name for that in the definition"
            )
            msg = f"interface {new.interface!r}: change: name {hostname!r} cannot be given"
            raise StateError(msg, hint=why)
    except BaseException:
        _put_back(host, old)
        raise
    return warnings


def _put_back(host: "Host", old: "Nic") -> None:
    """Put a NIC back where it was."""
    live = record.read(host.paths, old.network)
    if live is not None:
        attach.attach_to(host, live, old)
    now = nics.read(host.paths, old.interface) or old
    nics.write(host.paths, now.replace(since=old.since) if live is not None else old)


def _fix_address(host: "Host", network: str, mac: str, address: str) -> None:
    """Have DHCP give a MAC this address from now on: in what is up, and in what is stored if anything is."""
    if not mac:
        msg = f"address {address}: give it by DHCP: the NIC's MAC is not known"
        raise StateError(msg, hint="say it with --mac")
    ip = canonical_ip(address)
    on = updates.Affected(live=True, config=Store(host.paths).is_persistent(network))
    updates.alter(host, network, lambda whole: _with_host(whole, mac, ip), on=on)


def _with_host(network: "Network", mac: str, ip: str) -> "Network":
    """The network with a fixed host; raise DefinitionError for an address that is none of its, StateError if taken."""
    for place, item in enumerate(network.ips):
        if item.address is None or not item.subnet.has_address(ip):
            continue
        for other in item.hosts:
            if other.ip == ip and other.mac != mac:
                msg = f"network {network.name!r}: address {ip}: is that of the fixed host {other.label}"
                raise StateError(msg)
        mine = next((fixed for fixed in item.hosts if fixed.mac == mac), None)
        hosts = tuple(fixed for fixed in item.hosts if fixed is not mine)
        host = mine.replace(ip=ip) if mine else DhcpHost(mac=mac, ip=ip)
        ips = (*network.ips[:place], item.replace(hosts=(*hosts, host)), *network.ips[place + 1 :])
        return network.replace(ips=ips)
    listed = ", ".join(map(str, network.subnets)) or "it has none"
    msg = f"network {network.name!r}: address {ip}: is in no subnet of the network"
    raise DefinitionError(msg, hint=f"its subnets: {listed}")


def _known(host: "Host", network: str) -> "Iterator[Nic]":
    """The NICs of a network that are attached, and the ports that wait for one."""
    yield from bringup.guests(host, network)
    yield from waiting.ports(host.paths, network)
