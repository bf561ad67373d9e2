"""What libvirt's hook does for a guest that has a NIC on a network of ours, stage by stage.

prepare     the networks come up; the NICs are announced, for qemu-ifup and against a network's being taken down
start       the taps are there, QEMU is not: each is attached, with the guest's name and MAC
reconnect   libvirtd was started anew: the same again, but a guest that runs is never failed
release     the guest is gone: its NICs are detached
"""

import posix

from vnethook.errors import DefinitionError, HostError, UsageError, VnetError
from vnethook.hook import resolve, serve
from vnethook.hook.request import NicRequest
from vnethook.live import announced, files, nics, record
from vnethook.live.nics import Nic
from vnethook.live.rtnl import Links
from vnethook.names import shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.libvirt_domain import Domain, Interface
    from vnethook.live.paths import Paths

VIA = "libvirt"
GUEST_MAX = 255
"""Characters of a guest's name that are kept."""
_JOINABLE = ("bridge", "ethernet", "network")
"""The types of `<interface>` whose link in the host can be a port of a bridge."""


class Guest(Value):
    """A guest in a call: its name as it can be kept (empty for one that cannot), and its XML."""

    name: str
    domain: "Domain"

    def network_of(self, paths: "Paths", interface: "Interface") -> str:
        """The network that an interface is on by the guest's metadata or by its bridge; empty if it is none of ours."""
        for assignment in self.domain.assignments:
            if assignment.is_for(interface):
                return resolve.named(paths, assignment.network)
        if not interface.bridge:
            return ""
        return resolve.by_bridge(paths, interface.bridge) or resolve.on_shared(paths, interface.bridge) or ""


def act(paths: "Paths", argv: list[str], domain: "Domain | None") -> None:
    """Do what the call is for; `domain` is None for one that is not libvirt's."""
    if domain is None:
        msg = f"{len(argv) - 1} arguments given, three are needed: guest, action, begin or end"
        raise UsageError(
            msg, hint="libvirt calls this, with the guest's XML on stdin; by hand, use `vnet attach IFNAME`"
        )
    name = argv[1] if argv[1].isprintable() and len(argv[1]) <= GUEST_MAX else ""
    {"prepare": _prepare, "start": _start, "reconnect": _reconnect, "release": _release}[argv[2]](
        paths, Guest(name, domain)
    )


def _prepare(paths: "Paths", guest: Guest) -> None:
    _check(guest)
    domain = guest.domain
    expected = []
    for interface in domain.interfaces:
        network = guest.network_of(paths, interface)
        if network or interface.has_script:
            nic = Nic(interface.target, network, mac=interface.mac, guest=guest.name, guest_uuid=domain.uuid)
            expected.append(nic)
    named = [resolve.named(paths, assignment.network) for assignment in domain.assignments]
    networks = dict.fromkeys([*named, *(nic.network for nic in expected if nic.network)])
    try:
        announced.announce(paths, domain.uuid, expected)
    except HostError as error:
        if networks:
            raise
        serve.warn(VIA, [error.report()])  # the script may be somebody else's
    try:
        for network in networks:
            serve.bring_up(paths, network)
        for interface in domain.interfaces:
            _check_bridge(paths, guest, interface)
    except BaseException:
        announced.withdraw(paths, domain.uuid)
        raise


def _start(paths: "Paths", guest: Guest) -> None:
    _check(guest)
    found = [(nic, network) for nic in guest.domain.interfaces if (network := _network(paths, guest, nic))]
    _remember(paths, guest, found)
    for interface, network in found:
        _check_bridge(paths, guest, interface)
        _attach(paths, guest, interface, network)
    announced.withdraw(paths, guest.domain.uuid)
    if found and not guest.name:
        serve.warn(VIA, [f"guest {guest.domain.uuid}: its name cannot be shown: its NICs have no name in DNS"])


def _reconnect(paths: "Paths", guest: Guest) -> None:
    """Attach what can be attached, and say what cannot: a status other than 0 would end the guest."""
    found = []
    for interface in guest.domain.interfaces:
        try:
            network = _network(paths, guest, interface)
            if network:
                found.append((interface, network))
                _attach(paths, guest, interface, network)
        except VnetError as error:
            serve.warn(VIA, [f"guest {shown(guest.name)}: {error.report()}"])
    _remember(paths, guest, found)


def _release(paths: "Paths", guest: Guest) -> None:
    """Detach the NICs; the XML names no links any more, and a link's name may be another guest's by now."""
    uuid = guest.domain.uuid
    announced.withdraw(paths, uuid)
    try:
        remembered = [(str(interface), mac) for interface, mac in files.read_json(paths.libvirt_guest(uuid)) or []]
    except (HostError, TypeError, ValueError):
        remembered = []  # damaged: who looks at the network next forgets NICs that are gone
    for interface, mac in remembered:
        nic = nics.read(paths, interface)
        if nic is None or (nic.guest_uuid != uuid and (nic.mac, nic.guest) != (mac, guest.name)):
            continue
        try:
            serve.detach(paths, interface)
        except VnetError as error:
            serve.warn(VIA, [f"guest {shown(guest.name)}: {error.report()}"])
    files.remove(paths.libvirt_guest(uuid))


def _check(guest: Guest) -> None:
    """Raise DefinitionError or HostError for metadata of ours that is not in order, or that no user may act on."""
    domain = guest.domain
    who = f"guest {shown(guest.name)}"
    if domain.problem:
        msg = f"{who}: metadata: {domain.problem}"
        raise DefinitionError(msg, hint="see docs/hooks.md, libvirt; `virsh edit` changes it")
    if posix.geteuid() != 0:
        msg = f"{who}: put it on network {domain.assignments[0].network!r}: not permitted to user {posix.geteuid()}"
        raise HostError(msg, hint="start it as a guest of qemu:///system, or use QEMU's own bridge helper")
    for interface in domain.interfaces:
        if interface.kind not in _JOINABLE and any(item.is_for(interface) for item in domain.assignments):
            msg = f"{who}: metadata: interface {interface.mac} is of type {shown(interface.kind)}"
            raise DefinitionError(msg, hint=f"the types {', '.join(_JOINABLE)} can be on a network")


def _check_bridge(paths: "Paths", guest: Guest, interface: "Interface") -> None:
    """Raise DefinitionError if the metadata says another network than the one whose bridge libvirt will use."""
    if not (guest.domain.assignments and interface.bridge):
        return
    network = guest.network_of(paths, interface)
    live = record.read(paths, network) if network else None
    if live is not None and live.bridge != interface.bridge:
        msg = (
            f"guest {shown(guest.name)}: interface {interface.mac}: is on bridge {interface.bridge!r}, "
            f"but in the metadata on network {network!r}, whose bridge is {live.bridge!r}"
        )
        raise DefinitionError(msg, hint="change one of them by `virsh edit`")


def _network(paths: "Paths", guest: Guest, interface: "Interface") -> str:
    """The network that an interface with a link is on; where only its script says so, the one that qemu-ifup chose."""
    if not interface.target:
        return ""
    network = guest.network_of(paths, interface)
    if not network and interface.has_script:
        before = nics.read(paths, interface.target)
        network = before.network if before else ""
    return network


def _remember(paths: "Paths", guest: Guest, found: "list[tuple[Interface, str]]") -> None:
    """Write down which links are the guest's, since `release` is not told."""
    if found:
        path = paths.libvirt_guest(guest.domain.uuid)
        files.write_json(path, [[interface.target, interface.mac] for interface, _ in found])


def _attach(paths: "Paths", guest: Guest, interface: "Interface", network: str) -> None:
    before = nics.read(paths, interface.target) if interface.has_script else None
    if before and (before.network, before.mac, before.guest) == (network, interface.mac, guest.name) and _is_on(before):
        return  # by qemu-ifup, just now
    request = NicRequest(interface=interface.target, explicit=network, guest=guest.name, mac=interface.mac, via=VIA)
    serve.warn(VIA, serve.attach(paths, request.replace(guest_uuid=guest.domain.uuid)))


def _is_on(nic: Nic) -> bool:
    """Whether the link of a record is there and a port: a tap of its name may have been made anew."""
    links = Links()
    try:
        link = links.link(nic.interface)
    finally:
        links.close()
    return link is not None and link.index == nic.index and bool(link.master)
