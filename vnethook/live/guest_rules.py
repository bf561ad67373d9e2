"""What of a network's rules comes and goes with a guest: put there by attach, taken away by detach.

A guest is known there by its name, and by its first NIC on the network only: a link by its label leads to the interface
that it is in the rules with. Loaded only where the definition names a guest.
"""

from vnethook.live import elements as firewall
from vnethook.live import files, naming, nics, pinned, record
from vnethook.live.lock import Lock
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

    Named = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """See LiveNetwork.named."""

_PLACES = {4: "ADDRESS4", 6: "ADDRESS6"}


def claim(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic") -> "Nic":
    """The NIC as what its guest is known by in the rules, with its addresses, if it is the guest's first NIC.

    An address that nothing says is chosen and kept. Raises HostError if that cannot be written.
    """
    label = label_of(nic.guest)
    if not any(label == named for named, _ in live.named):
        return nic.replace(published="")
    with Lock(f"{paths.locks}/.pinned"):
        path = f"{paths.published(live.name)}/{label}"
        if _is_held(paths, links, live, path, nic):
            return nic.replace(published="")
        files.make_link(path, nic.interface)
        return pinned.addressed(paths, live, nic.replace(published=label))


def _is_held(paths: "Paths", links: "Links", live: "LiveNetwork", path: str, nic: "Nic") -> bool:
    """Whether another NIC of the guest, still there, is what it is known by."""
    interface = files.link_target(path)
    if interface is None or interface == nic.interface:
        return False
    other = nics.read(paths, interface)
    label = path.rpartition("/")[2]
    is_same = other is not None and (other.network, other.published) == (live.name, label)
    return other is not None and is_same and nics.is_attached(links, other)


def publish(live: "LiveNetwork", nic: "Nic") -> None:
    """Put a guest into the rules, with the addresses of its NIC; raise HostError."""
    firewall.change(add=elements(live.named, nic))


def withdraw(paths: "Paths", nic: "Nic") -> None:
    """Take a guest out of the rules, if the NIC is what it is known by; another NIC of its takes the place."""
    path = f"{paths.published(nic.network)}/{nic.published}"
    if files.link_target(path) != nic.interface:
        return
    live = record.read(paths, nic.network)
    if live is not None:
        firewall.change(delete=elements(live.named, nic))
    files.remove(path)
    files.remove_directory(paths.published(nic.network))
    others = [other for other in nics.attached(paths, nic.network) if label_of(other.guest) == nic.published]
    others = [other for other in others if other.interface != nic.interface]
    if live is not None and others:
        _succeed(paths, live, others)


def _succeed(paths: "Paths", live: "LiveNetwork", others: "list[Nic]") -> None:
    from vnethook.live.rtnl import Links  # noqa: PLC0415 (few guests have two NICs on one network)

    links = Links()
    for other in others:
        if nics.is_attached(links, other):
            new = claim(paths, links, live, other)
            nics.write(paths, new)
            if new.pinned:
                naming.fix(paths.dnsmasq(live.name), new.mac, naming.told(naming.words_for(live, new.mac), new.pinned))
                naming.reload_daemon(live)
            publish(live, new)
            return


def elements(named: "Named", nic: "Nic") -> "list[tuple[str, str]]":
    """The elements of a guest, (set or map, element), as far as its addresses are known."""
    found = []
    for label, items in named:
        if label != nic.published:
            continue
        for holder, element in items:
            version = next((version for version, place in _PLACES.items() if place in element), 0)
            address = next((text for text in nic.addresses if (6 if ":" in text else 4) == version), "")
            if address:
                found.append((holder, element.replace(_PLACES[version], address)))
    return found


def is_other(before: "Nic", nic: "Nic") -> bool:
    """Whether what an earlier record stands for in the rules is not what the new one does."""
    return (before.network, before.published, before.addresses) != (nic.network, nic.published, nic.addresses)
