"""What a guest's configuration asks for of its network: addresses that are its own, an MTU, a NIC beside another.

Loaded only where one asks for something, or a guest is held to its own addresses.
"""

from vnethook.address import format_ip, parse_ip
from vnethook.errors import StateError
from vnethook.live import files, naming, nics, pinned
from vnethook.live.lock import Lock
from vnethook.names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork


def check(live: "LiveNetwork", nic: "Nic") -> None:
    """Raise StateError for what a network cannot give to a NIC, as its definition says."""
    if nic.mtu > live.mtu:
        hint = f"<mtu size='{nic.mtu}'/> in its definition, or at most {live.mtu} in the guest's configuration"
        raise _refusal(nic, f"MTU {nic.mtu}", f"network {live.name!r} has {live.mtu}", hint)
    fixed = naming.known(live, nic)
    for text in nic.asked:
        why = _why_not_in(live, text)
        if why:
            raise _refusal(nic, f"address {text}", why, "choose another in the guest's configuration, or none")
        same = [own for own in fixed if (":" in own) == (":" in text)]
        hint = "make the definition and the guest's configuration the same"
        if same and text not in same:
            raise _refusal(nic, f"address {text}", f"the definition of {live.name!r} gives it {same[0]}", hint)
        owner = _host_of(live, nic, text)
        if owner:
            raise _refusal(nic, f"address {text}", f"the definition of {live.name!r} gives it to {owner!r}", hint)
        if not same and pinned.is_told_by_name(live, nic):
            why = f"the definition of {live.name!r} has a host of this MAC without an address"
            raise _refusal(nic, f"address {text}", why, "write ip='…' there")


def addressed(paths: "Paths", live: "LiveNetwork", nic: "Nic") -> "Nic":
    """The NIC with the addresses that are its own: of the NIC that it is beside, asked for, or kept for it."""
    other = nics.read(paths, nic.beside) if nic.beside else None
    if other is not None and (other.network, other.mac) == (live.name, nic.mac):
        return nic.replace(addresses=other.addresses or nic.addresses)
    if nic.is_led_to or not (nic.asked or nic.proxied or nics.STRICT in nic.held):
        return nic
    with Lock(f"{paths.locks}/.pinned"):
        return pinned.addressed(paths, live, nic)


def require_gone(paths: "Paths", nic: "Nic", text: str, *, mac: str, key: str = "") -> None:
    """Raise StateError if an address is another NIC's that is there, which `mac` and perhaps `key` of its pin tell."""
    from vnethook.live.rtnl import Links  # noqa: PLC0415 (few addresses are asked for that others had)

    holder = files.link_target(f"{paths.dnsmasq(nic.network)}/macs/{mac}")
    other = nics.read(paths, holder) if holder else None
    if other is None and key:
        other = next((one for one in nics.attached(paths, nic.network) if pinned.key_of(one) == key), None)
    if other is not None and other.interface != nic.interface and nics.is_attached(Links(), other):
        raise refusal(nic, text, f"guest {other.guest!r} on {other.interface!r} has it")


def release(paths: "Paths", nic: "Nic") -> None:
    """Let other guests ask for the addresses of a NIC that has been detached."""
    with Lock(f"{paths.locks}/.pinned"):
        pinned.release(paths, nic)


def refusal(nic: "Nic", text: str, why: str) -> StateError:
    """The error for an address that another guest has."""
    return _refusal(nic, f"address {text}", why, "give one of them another address")


def _why_not_in(live: "LiveNetwork", text: str) -> str:
    """Why an address is none of the network's for guests; empty if it is one, or the network knows of no subnet."""
    version, number = parse_ip(text)
    if any(parse_ip(own.partition("/")[0]) == (version, number) for own in live.addresses):
        return f"is that of bridge {live.bridge!r}"
    blocks = [(first, last) for of, first, last in live.subnets if of == version]
    if any(number in {first, last} for first, last in blocks if version == 4 and last - first > 1):
        return "is no host's: the first or last of its subnet"
    bits = 32 if version == 4 else 128
    blocks += [(first, first + (1 << bits - prefix) - 1) for of, first, prefix, *_ in live.routes if of == version]
    if not live.subnets or any(first <= number <= last for first, last in blocks):
        return ""
    spans = [f"{format_ip(of, first)} to {format_ip(of, last)}" for of, first, last in live.subnets]
    return f"network {live.name!r} has {' and '.join(spans)}"


def _host_of(live: "LiveNetwork", nic: "Nic", text: str) -> str:
    """The host, by MAC or name, that the definition gives an address to, if it is another than the NIC's guest."""
    ours = {nic.mac, label_of(nic.guest)}
    found = [key for key, words, _ in live.fixed if text in naming.addresses_in(words)]
    found += [key for key, address in live.known if address == text]
    return next(iter(found), "") if ours.isdisjoint(found) else ""


def _refusal(nic: "Nic", what: str, why: str, hint: str) -> StateError:
    return StateError(f"interface {nic.interface!r}: {what}: {why}", hint=hint)
