"""What of a network's rules comes and goes with a guest: put there by attach, taken away by detach.

A guest is known there by its name. Forwards to it lead to its first NIC on the network, whose interface a link by its
label leads to. Loaded only where the definition names a guest.
"""

from vnethook.address import parse_ip
from vnethook.live import elements as firewall
from vnethook.live import files, flows, naming, nics, pinned, record
from vnethook.live.lock import Lock
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.live.flows import Flow
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

    Named = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """See LiveNetwork.named."""

_PLACES = {4: "ADDRESS4", 6: "ADDRESS6"}
_MAC = "MAC"
"""What stands in elements for what is known of a NIC."""


def claim(paths: "Paths", links: "Links", live: "LiveNetwork", nic: "Nic", before: "Nic | None" = None) -> "Nic":
    """The NIC as its guest is known by it in the rules; with its addresses if it is the guest's first NIC.

    An address that nothing says is chosen and kept. What an earlier record of the interface stands for otherwise is
    taken out. Raises HostError.
    """
    label = label_of(nic.guest)
    is_named = any(label == named for named, _ in live.named)
    now = (live.name, label if is_named else "")
    if before is not None and before.published and (before.network, before.published) != now:
        withdraw(paths, before)
    with Lock(f"{paths.locks}/.pinned"):
        path = f"{paths.published(live.name)}/{label}"
        nic = nic.replace(published=now[1], is_led_to=is_named and not _is_held(paths, links, live, path, nic))
        if nic.is_led_to:
            files.make_link(path, nic.interface)
            nic = pinned.addressed(paths, live, nic)
    if before is not None and nic.published and before.published == nic.published and _said(before) != _said(nic):
        _take_out(paths, live, before)
    return nic


def _said(nic: "Nic") -> tuple[str, tuple[str, ...], bool]:
    """What of a NIC is in the rules."""
    return nic.mac, nic.addresses, nic.is_led_to


def _is_held(paths: "Paths", links: "Links", live: "LiveNetwork", path: str, nic: "Nic") -> bool:
    """Whether another NIC of the guest, still there, is what it is known by."""
    interface = files.link_target(path)
    if interface is None or interface == nic.interface:
        return False
    other = nics.read(paths, interface)
    label = path.rpartition("/")[2]
    is_same = other is not None and (other.network, other.published, other.is_led_to) == (live.name, label, True)
    return other is not None and is_same and nics.is_attached(links, other)


def publish(links: "Links", live: "LiveNetwork", nic: "Nic") -> None:
    """Put a guest into the rules, with the addresses of its NIC; raise HostError.

    Datagrams that went to the host so far go to the guest from now on.
    """
    added = elements(live.named, nic)
    firewall.change(add=added)
    led = [ports for ports in map(_led, added) if ports is not None]
    if led:
        own = {parse_ip(text.partition("/")[0]) for _, text in links.all_addresses()}
        for version in {version for version, _ in led}:
            _end(_taken(own, led), version=version, only=flows.of_udp())


def _led(added: "tuple[str, str]") -> "tuple[int, tuple[int, int]] | None":
    """The IP version and the ports of an element by which datagrams are led to the guest; None for another one."""
    key, _, address = added[1].partition(" : ")
    number, _, rest = key.partition(" . ")
    if number != str(flows.UDP) or not address:
        return None
    first, _, last = rest.partition(" ")[0].partition("-")
    return (6 if ":" in address else 4), (int(first), int(last or first))


def _taken(own: "set[tuple[int, int]]", led: "list[tuple[int, tuple[int, int]]]") -> "Callable[[Flow], bool]":
    """Whether a UDP flow goes to a port of the host's that leads to the guest by now."""

    def is_taken(flow: "Flow") -> bool:
        is_at_host = flow.has_ports and not flow.is_led and (flow.version, flow.to) in own
        return is_at_host and any(of == flow.version and first <= flow.port <= last for of, (first, last) in led)

    return is_taken


def _take_out(paths: "Paths", live: "LiveNetwork", nic: "Nic") -> None:
    """Take a guest with the addresses of a record out of the rules, and end what was led to it.

    What another NIC of the guest stands for stays: a record may be left of a link that has gone without a word, and the
    guest be there by another.
    """
    nic = _as_it_is(paths, nic)
    others = [other for other in nics.attached(paths, live.name) if other.interface != nic.interface]
    if any((other.published, other.mac) == (nic.published, nic.mac) for other in others):
        nic = nic.replace(mac="")
    firewall.change(delete=elements(live.named, nic))
    ours = {parse_ip(text) for text in nic.addresses} if nic.is_led_to else set()
    if ours:
        _end(lambda flow: flow.has_ports and flow.is_led and (flow.version, flow.answerer) in ours, only=flows.led())


def _end(is_meant: "Callable[[Flow], bool]", *, version: int = 0, only: bytes = b"") -> None:
    try:
        flows.end(is_meant, version=version, only=only)
    except OSError:
        return  # a kernel that does not tell its flows: they end by themselves


def withdraw(paths: "Paths", nic: "Nic") -> None:
    """Take a guest out of the rules, if the NIC is what it is known by; another NIC of its takes the place."""
    path = f"{paths.published(nic.network)}/{nic.published}"
    live = record.read(paths, nic.network)
    if live is not None:
        _take_out(paths, live, nic)
    if files.link_target(path) != nic.interface:
        return
    files.remove(path)
    files.remove_directory(paths.published(nic.network))
    others = [other for other in nics.attached(paths, nic.network) if label_of(other.guest) == nic.published]
    others = [other for other in others if other.interface != nic.interface]
    if live is not None and others:
        _succeed(paths, live, others)


def _succeed(paths: "Paths", live: "LiveNetwork", others: "list[Nic]") -> None:
    from vnethook.live.rtnl import Links  # noqa: PLC0415 (few guests have two NICs on one network)

    links = Links()
    try:
        other = next((other for other in others if nics.is_attached(links, other)), None)
        if other is None:
            return
        new = claim(paths, links, live, other)
        nics.write(paths, new)
        if new.pinned:
            naming.fix(paths.dnsmasq(live.name), new.mac, naming.told(naming.words_for(live, new.mac), new.pinned))
            naming.reload_daemon(live)
        publish(links, live, new)
    finally:
        links.close()


def of_all(paths: "Paths", links: "Links", network: str, named: "Named") -> list[tuple[str, str]]:
    """The elements of all guests that are there, (set or map, element); none with the key of another."""
    found = {}
    for nic in nics.attached(paths, network):
        if nics.is_attached(links, nic):
            for holder, element in elements(named, _as_it_is(paths, nic.replace(published=label_of(nic.guest)))):
                found[holder, element.partition(" : ")[0]] = (holder, element)
    return list(found.values())


def _as_it_is(paths: "Paths", nic: "Nic") -> "Nic":
    """The NIC without what its record says of forwards, if they lead to another one of its guest by now."""
    leads_to = files.link_target(f"{paths.published(nic.network)}/{nic.published}")
    return nic if leads_to in {None, nic.interface} else nic.replace(is_led_to=False)


def elements(named: "Named", nic: "Nic") -> "list[tuple[str, str]]":
    """The elements of a guest, (set or map, element), as far as its addresses are known."""
    found = []
    for label, items in named:
        if label != nic.published:
            continue
        found += [(holder, nic.mac) for holder, element in items if element == _MAC and nic.mac]
        for holder, element in items if nic.is_led_to else ():
            version = next((version for version, place in _PLACES.items() if place in element), 0)
            address = next((text for text in nic.addresses if (6 if ":" in text else 4) == version), "")
            if address:
                found.append((holder, element.replace(_PLACES[version], address)))
    return found
