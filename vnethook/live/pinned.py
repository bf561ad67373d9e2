"""The addresses that are kept for guests: chosen where the definition fixes none, and never another's.

A guest is remembered by its name, so that it has the same address whatever its MAC is, after a restart too. dnsmasq is
told of it by the guest's file (naming.py); one that is not there keeps its address, unless no other is left and the
definition does not name it. A guest makes up an IPv6 address without DHCP by itself (RFC 4862): it is not known here.
"""

from time import time

from vnethook.address import format_ip, parse_ip
from vnethook.errors import HostError
from vnethook.live import files, naming, nics
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork

    Pins = dict[str, tuple[str, tuple[str, ...], int]]
    """By a guest's key its MAC, its addresses, and when it was last attached, in Unix time."""
    Leases = dict[str, str]
    """See `_leases`."""

_ON_ITS_WAY_S = 60
"""How long a guest may be on its way from its address to its record, by which it is seen to be there."""


def addressed(paths: "Paths", live: "LiveNetwork", nic: "Nic") -> "Nic":
    """The NIC with an address of each IP version that DHCP hands out: as the definition says, asked for, or kept.

    For whoever holds the lock of pins. Without a MAC or DHCP nothing can be kept. Raises HostError if it cannot be
    written, StateError for an address that is asked for and another guest's who is there.
    """
    fixed = naming.known(live, nic)
    versions = {_version(text) for text in fixed}
    asked = [text for text in nic.asked if _version(text) not in versions]
    lacking = {version for version, _, _ in live.pools} - versions - {_version(text) for text in asked}
    is_served = bool(nic.mac and live.daemons) and not is_told_by_name(live, nic)
    if not asked and not (lacking and is_served):
        return nic.replace(addresses=fixed, pinned=())
    pins = _read(paths, live.name)
    key = key_of(nic)
    before = pins.pop(key, ("", (), 0))
    leased = _leases(paths, live.name)
    if asked:
        _claim(paths, live, nic, asked, (pins, leased))
    taken = _taken(live, pins)
    kept = list(asked)
    lacking = lacking if is_served else set()
    for version in sorted(lacking):
        wanted = [text for text in before[1] if _version(text) == version]
        wanted += [text for text, mac in leased.items() if mac == nic.mac and _version(text) == version]
        found = next((text for text in wanted if text not in taken and _is_in_pool(live, text)), "")
        found = found or _free(live, version, taken | leased.keys()) or _given_up(paths, live, version, pins)
        if found:
            kept.append(found)
    now = int(time())
    if before[:2] != (nic.mac, tuple(kept)) or now - before[2] > _ON_ITS_WAY_S // 2:
        _write(paths, live.name, {**pins, key: (nic.mac, tuple(kept), now)})
    if before[:2] != (nic.mac, tuple(kept)):
        _free_from_others(paths, live, nic, kept, leased)
        if before[0] not in {"", nic.mac}:
            _tell_of_no_more(paths, live, before[0])
    first = {_version(text): text for text in reversed(kept)}  # DHCP gives one of each version
    return nic.replace(addresses=(*fixed, *kept), pinned=tuple(first.values()) if is_served else ())


def _claim(paths: "Paths", live: "LiveNetwork", nic: "Nic", asked: list[str], known: "tuple[Pins, Leases]") -> None:
    """Have nobody else keep these addresses; raise StateError for one that a guest has who is there."""
    from vnethook.live import asked as claims  # noqa: PLC0415 (it brought us here)

    pins, leased = known
    for text in asked:
        for key in [key for key, (_, found, _) in pins.items() if text in found]:
            claims.require_gone(paths, nic, text, mac=pins[key][0], key=key)
            label = key.partition(" ")[0]
            if label != key_of(nic).partition(" ")[0] and pins[key][2] >= time() - _ON_ITS_WAY_S:
                raise claims.refusal(nic, text, f"guest {label!r}, which is being attached, has it")
            _tell_of_no_more(paths, live, pins.pop(key)[0])
        if leased.get(text, nic.mac) not in {nic.mac, ""}:
            claims.require_gone(paths, nic, text, mac=leased[text])


def release(paths: "Paths", nic: "Nic") -> None:
    """Say that the guest is not on its way: others may ask for its addresses. For whoever holds the lock of pins."""
    pins = _read(paths, nic.network)
    mac, found, since = pins.get(key_of(nic), ("", (), 0))
    if found:
        _write(paths, nic.network, {**pins, key_of(nic): (mac, found, min(since, int(time()) - _ON_ITS_WAY_S - 1))})


def key_of(nic: "Nic") -> str:
    """What a guest's addresses are kept by: its name for the NIC that forwards lead to, for others with their MAC."""
    return nic.published if nic.is_led_to else f"{label_of(nic.guest)} {nic.mac}"


def tell(paths: "Paths", live: "LiveNetwork") -> None:
    """Tell the dnsmasq of a network that has come up of the addresses that are kept for guests that are not there.

    Those that a changed definition has no use for are kept no longer. Call it with the network's lock held.
    """
    pins = _read(paths, live.name)
    needed = {key: pin for key, pin in pins.items() if _is_needed(live, key)}
    if len(needed) < len(pins):
        there = {key_of(nic) for nic in nics.attached(paths, live.name)}
        needed = {key: pin for key, pin in pins.items() if key in needed or key in there}
        for mac in {pin[0] for pin in pins.values()} - {pin[0] for pin in needed.values()}:
            _tell_of_no_more(paths, live, mac)
        _write(paths, live.name, needed)
    for mac, addresses, _ in needed.values():
        if files.link_target(f"{paths.dnsmasq(live.name)}/macs/{mac}") is None:
            naming.fix(paths.dnsmasq(live.name), mac, naming.told(naming.words_for(live, mac), addresses))


def _is_needed(live: "LiveNetwork", key: str) -> bool:
    """Whether addresses are kept for guests that are known by such a key, as far as the definition says it."""
    if " " not in key:
        return any(key == label for label, _ in live.named)
    if live.proxied:
        return True
    return any(nics.STRICT in (parts or ()) for parts in (live.guard.parts, *(group.guard for group in live.classes)))


def is_told_by_name(live: "LiveNetwork", nic: "Nic") -> bool:
    """Whether the definition has a host of this MAC and a name: dnsmasq reads one line for a MAC, and that is it."""
    return any(key == nic.mac and name for key, _, name in live.fixed)


def _version(text: str) -> int:
    return 6 if ":" in text else 4


def _read(paths: "Paths", network: str) -> "Pins":
    """What is kept; nothing if that is damaged, as by a power cut: leases still say who had what."""
    try:
        plain = files.read_json(paths.pinned(network)) or {}
        return {
            f"{key}": (f"{mac}", tuple(map(str, found)), int((since or [0])[0]))
            for key, (mac, found, *since) in plain.items()
        }
    except (AttributeError, HostError, TypeError, ValueError):
        return {}


def _write(paths: "Paths", network: str, pins: "Pins") -> None:
    files.write_json(
        paths.pinned(network), {key: [mac, list(found), since] for key, (mac, found, since) in pins.items()}
    )


def _taken(live: "LiveNetwork", pins: "Pins") -> set[str]:
    """The addresses that are the bridge's, fixed for a host, or kept for another guest."""
    taken = {own.partition("/")[0] for own in live.addresses}
    taken |= {text for _, words, _ in live.fixed for text in naming.addresses_in(words)}
    taken |= {text for _, text in live.known}
    return taken | {text for _, found, _ in pins.values() for text in found}


def _leases(paths: "Paths", network: str) -> "Leases":
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


def _given_up(paths: "Paths", live: "LiveNetwork", version: int, pins: "Pins") -> str:
    """The address of the guest that has not been there for longest, which is kept for it no longer; empty if none is.

    One that the definition names keeps its own: that is known outside.
    """
    there = {key_of(nic) for nic in nics.attached(paths, live.name)}
    last = time() - _ON_ITS_WAY_S
    gone = [key for key, (_, _, since) in pins.items() if " " in key and key not in there and since < last]
    for key in sorted(gone, key=lambda key: pins[key][2]):
        mac, addresses, _ = pins[key]
        found = next((text for text in addresses if _version(text) == version and _is_in_pool(live, text)), "")
        if found:
            del pins[key]
            _tell_of_no_more(paths, live, mac)
            return found
    return ""


def _tell_of_no_more(paths: "Paths", live: "LiveNetwork", mac: str) -> None:
    """Tell dnsmasq that nothing is kept for a MAC, unless it is another NIC's by now."""
    if files.link_target(f"{paths.dnsmasq(live.name)}/macs/{mac}") is None:
        naming.fix(paths.dnsmasq(live.name), mac, naming.words_for(live, mac))
        naming.reload_daemon(live)


def _free_from_others(paths: "Paths", live: "LiveNetwork", nic: "Nic", kept: list[str], leased: dict[str, str]) -> None:
    """End the leases of these addresses that the guest had by another MAC: dnsmasq would give it another one."""
    for text in kept:
        holder = leased.get(text, nic.mac)
        if holder != nic.mac and ":" not in text:
            from vnethook.live import release  # noqa: PLC0415 (only where a guest has changed its MAC)

            release.end_leases(paths, live, holder)
