"""The addresses that are kept for guests: chosen where the definition fixes none, and never another's.

A guest is remembered by its name, so that it has the same address whatever its MAC is, after a restart too. dnsmasq is
told of it by the guest's file (naming.py); one that is not there keeps its address. A guest makes up an IPv6 address
without DHCP by itself (RFC 4862): it is not known here.
"""

from vnethook.address import format_ip, parse_ip
from vnethook.live import files, naming
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork

    Pins = dict[str, tuple[str, tuple[str, ...]]]
    """By a guest's key its MAC and its addresses."""


def addressed(paths: "Paths", live: "LiveNetwork", nic: "Nic") -> "Nic":
    """The NIC with an address of each IP version that DHCP hands out: as the definition says, or kept for it.

    For whoever holds the lock of pins. Without a MAC or DHCP nothing can be kept. Raises HostError if it cannot be
    written.
    """
    fixed = naming.known(live, nic)
    lacking = {version for version, _, _ in live.pools} - {_version(text) for text in fixed}
    if not (lacking and nic.mac and live.daemons) or _is_told_by_name(live, nic):
        return nic.replace(addresses=fixed, pinned=())
    pins = _read(paths, live.name)
    key = key_of(nic)
    before = pins.pop(key, ("", ()))
    taken = _taken(live, pins)
    leased = _leases(paths, live.name)
    kept = []
    for version in sorted(lacking):
        wanted = [text for text in before[1] if _version(text) == version]
        wanted += [text for text, mac in leased.items() if mac == nic.mac and _version(text) == version]
        found = next((text for text in wanted if text not in taken and _is_in_pool(live, text)), "")
        found = found or _free(live, version, taken | leased.keys())
        if found:
            kept.append(found)
    if before != (nic.mac, tuple(kept)):
        _write(paths, live.name, {**pins, key: (nic.mac, tuple(kept))})
        _free_from_others(paths, live, nic, kept, leased)
        if before[0] not in {"", nic.mac} and files.link_target(f"{paths.dnsmasq(live.name)}/macs/{before[0]}") is None:
            naming.fix(paths.dnsmasq(live.name), before[0], naming.words_for(live, before[0]))
            naming.reload_daemon(live)
    return nic.replace(addresses=(*fixed, *kept), pinned=tuple(kept))


def key_of(nic: "Nic") -> str:
    """What a guest's addresses are kept by: its name for the NIC that forwards lead to, for others with their MAC."""
    return nic.published if nic.is_led_to else f"{label_of(nic.guest)} {nic.mac}"


def tell(paths: "Paths", live: "LiveNetwork") -> None:
    """Tell the dnsmasq of a network that has come up of the addresses that are kept for guests that are not there."""
    for mac, addresses in _read(paths, live.name).values():
        if files.link_target(f"{paths.dnsmasq(live.name)}/macs/{mac}") is None:
            naming.fix(paths.dnsmasq(live.name), mac, naming.told(naming.words_for(live, mac), addresses))


def _is_told_by_name(live: "LiveNetwork", nic: "Nic") -> bool:
    """Whether the definition has a host of this MAC and a name: dnsmasq reads one line for a MAC, and that is it."""
    return any(key == nic.mac and name for key, _, name in live.fixed)


def _version(text: str) -> int:
    return 6 if ":" in text else 4


def _read(paths: "Paths", network: str) -> "Pins":
    plain = files.read_json(paths.pinned(network))
    if not isinstance(plain, dict):
        return {}
    return {key: (mac, tuple(found)) for key, (mac, found) in plain.items()}


def _write(paths: "Paths", network: str, pins: "Pins") -> None:
    files.write_json(paths.pinned(network), {key: [mac, list(found)] for key, (mac, found) in pins.items()})


def _taken(live: "LiveNetwork", pins: "Pins") -> set[str]:
    """The addresses that are the bridge's, fixed for a host, or kept for another guest."""
    taken = {own.partition("/")[0] for own in live.addresses}
    taken |= {text for _, words, _ in live.fixed for text in naming.addresses_in(words)}
    taken |= {text for _, text in live.known}
    return taken | {text for _, found in pins.values() for text in found}


def _leases(paths: "Paths", network: str) -> dict[str, str]:
    """The MAC of each address that is leased; of an IPv6 one as far as the client's DUID holds it (RFC 8415, 11.2)."""
    found = {}
    for line in (files.read_text(f"{paths.leases}/{network}") or "").splitlines():
        words = line.split(" ")
        if len(words) == 5:
            is_ipv6 = ":" in words[2]
            last = words[4][-17:]
            found[words[2]] = (last if len(last) == 17 and last.count(":") == 5 else "") if is_ipv6 else words[1]
    return found


def _is_in_pool(live: "LiveNetwork", text: str) -> bool:
    version, number = parse_ip(text)
    return any(version == of and first <= number <= last for of, first, last in live.pools)


def _free(live: "LiveNetwork", version: int, taken: "set[str]") -> str:
    """An address that nobody has, empty if there is none: from the end of a range, dnsmasq's own choice is by MAC."""
    for of, first, last in live.pools:
        for number in range(last if of == version else first - 1, first - 1, -1):
            text = format_ip(version, number)
            if text not in taken:
                return text
    return ""


def _free_from_others(paths: "Paths", live: "LiveNetwork", nic: "Nic", kept: list[str], leased: dict[str, str]) -> None:
    """End the leases of these addresses that the guest had by another MAC: dnsmasq would give it another one."""
    for text in kept:
        holder = leased.get(text, nic.mac)
        if holder != nic.mac and ":" not in text:
            from vnethook.live import release  # noqa: PLC0415 (only where a guest has changed its MAC)

            release.end_leases(paths, live, holder)
