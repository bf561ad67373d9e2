"""What NetworkManager's profiles say of a NIC now: those that name it, or its MAC."""

from vnethook.capability.manager import ini
from vnethook.capability.manager.config import AUTO, NONE, STATIC
from vnethook.capability.manager.keyfile import DIRECTORY
from vnethook.capability.manager.rendering import Carried, Present, Said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Settings = list[tuple[str, str, str]]
_ETHERNET = {"ethernet": "ethernet", "802-3-ethernet": "ethernet"}
_RENDERED = {
    "connection": frozenset(
        ("id", "uuid", "type", "interface-name", "zone", "autoconnect", "autoconnect-priority", "timestamp")
    ),
    "ethernet": frozenset(("cloned-mac-address", "mtu")),
    "ipv4": frozenset(("method", "gateway", "dns", "dns-search")),
    "ipv6": frozenset(("method", "gateway", "dns", "dns-search")),
}
_NUMBERED = ("address", "route", "addresses", "routes")
_OF_PORT = ("ethernet", "802-1x", "ethtool", "dcb", "link", "match", "sriov", "tc")
"""Sections of the NIC itself; the others are of what has the addresses."""


def read(texts: "Mapping[str, str]", nic: str, mac: str) -> Said | None:
    """What profiles by their paths say; None if none is the NIC's."""
    found = {path: list(ini.settings(text)) for path, text in texts.items() if path.startswith(f"{DIRECTORY}/")}
    own = {path: settings for path, settings in found.items() if _is_of(settings, nic, mac)}
    if not own:
        return None
    path, settings = max(own.items(), key=lambda item: _rank(item[1]))
    notes = tuple(f"file {other!r}: is of {nic} too, and is taken away" for other in own if other != path)
    carried = tuple(_carried(settings))
    values = {(section, key): value for section, key, value in settings}
    method = values.get(("ipv6", "method"), "auto")
    return Said(
        present=Present(removed=tuple(own), carried=carried, notes=notes),
        dhcp4=values.get(("ipv4", "method"), "auto") == "auto",
        ipv6={"auto": AUTO, "dhcp": AUTO, "ignore": AUTO, "disabled": NONE}.get(method, STATIC),
        dns=_words(values.get(("ipv4", "dns"), "")) + _words(values.get(("ipv6", "dns"), "")),
        search=tuple(
            dict.fromkeys(
                _words(values.get(("ipv4", "dns-search"), "")) + _words(values.get(("ipv6", "dns-search"), ""))
            )
        ),
        zone=values.get(("connection", "zone"), ""),
    )


def _is_of(settings: "Settings", nic: str, mac: str) -> bool:
    values = {(_ETHERNET.get(section, section), key): value for section, key, value in settings}
    if values.get(("connection", "type")) not in _ETHERNET or ("connection", "master") in values:
        return False
    name = values.get(("connection", "interface-name"))
    return name == nic if name else values.get(("ethernet", "mac-address"), "").lower() == mac


def _rank(settings: "Settings") -> tuple[bool, int]:
    """Which profile counts: one that comes up by itself, by its priority."""
    values = {key: value for section, key, value in settings if section == "connection"}
    priority = values.get("autoconnect-priority", "0")
    return values.get("autoconnect", "true") != "false", int(priority) if priority.lstrip("-").isdigit() else 0


def _carried(settings: "Settings") -> "Iterator[Carried]":
    for written, key, value in settings:
        section = _ETHERNET.get(written, written)
        if key in _RENDERED.get(section, ()) or (section in {"ipv4", "ipv6"} and _is_numbered(key)):
            continue
        yield Carried("port" if section in _OF_PORT else "bridge", section, key, value)


def _is_numbered(key: str) -> bool:
    """Whether it is an address or a route, with what follows it: address1, route2_options."""
    return key.removesuffix("_options").rstrip("0123456789") in _NUMBERED and key != "routing-rule"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.replace(",", ";").split(";") if word.strip())
