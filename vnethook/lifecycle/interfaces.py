"""The host's interfaces as libvirt tells them: links that are no bridge's ports and no guest's taps, with their XML.

Source: what libvirt 9.0's interface driver lists and dumps. A shared NIC is a port, and stands in its bridge's XML.
"""

from html import escape

from vnethook.errors import NoInterfaceError, StateError
from vnethook.host import link_files
from vnethook.host.host import Host
from vnethook.live.rtnl import Link
from vnethook.names import shown
from vnethook.value import Value

_UP = "up"


class Interface(Value):
    """An interface. `is_active`: its link is up, as the kernel sees it; a bridge without a port that is up is down."""

    name: str
    mac: str
    is_active: bool


def every(host: Host) -> list[Interface]:
    """All interfaces, by name."""
    found = [link for link in host.links.all_links() if not link.master and link.kind != "tun"]
    return sorted(map(_interface, found), key=lambda interface: interface.name.lower())


def named(host: Host, name: str) -> Interface:
    """The interface of a name, also one that is not listed; raise NoInterfaceError."""
    return _interface(_link(host, name))


def by_mac(host: Host, mac: str) -> Interface:
    """The only listed interface with a MAC, canonical; raise NoInterfaceError, or StateError if several have it."""
    found = [interface for interface in every(host) if interface.mac == mac]
    if not found:
        msg = f"interface with MAC address {mac}: no such interface"
        raise NoInterfaceError(msg)
    if len(found) > 1:
        msg = f"interface with MAC address {mac}: is each of {', '.join(one.name for one in found)}"
        raise StateError(msg)
    return found[0]


def xml(host: Host, name: str) -> str:
    """What an interface is: MTU, and state and MAC, or if it is a bridge its ports; raise NoInterfaceError."""
    link = _link(host, name)
    is_bridge = link.kind == "bridge"
    lines = [f"<interface type='{'bridge' if is_bridge else 'ethernet'}' name='{escape(link.name)}'>"]
    lines.append(f"  <mtu size='{link.mtu}'/>")
    lines += _bridge(host, link) if is_bridge else _hardware(link, "  ")
    return "\n".join([*lines, "</interface>", ""])


def _bridge(host: Host, link: Link) -> list[str]:
    lines = [f"  <bridge stp='{'on' if link.stp else 'off'}' delay='{link.delay_s}'>"]
    for port in sorted(host.links.ports(link.index), key=lambda port: port.name):
        lines.append(f"    <interface type='ethernet' name='{escape(port.name)}'>")
        lines += [*_hardware(port, "      "), "    </interface>"]
    return [*lines, "  </bridge>"]


def _hardware(link: Link, indent: str) -> list[str]:
    """State, speed in Mbit/s if it is up and says it, MAC."""
    state = _state(link.name)
    speed = link_files.attribute(link.name, "speed") if state == _UP else ""
    said = f"speed='{speed}' " if speed.isdecimal() and int(speed) else ""
    return [f"{indent}<link {said}state='{escape(state)}'/>", f"{indent}<mac address='{link.mac}'/>"]


def _interface(link: Link) -> Interface:
    return Interface(link.name, link.mac, _state(link.name) == _UP)


def _state(name: str) -> str:
    """RFC 2863's state of a link, in the kernel's words: "up", "down", "unknown", …."""
    return link_files.attribute(name, "operstate") or "unknown"


def _link(host: Host, name: str) -> Link:
    link = host.links.link(name) if 0 < len(name.encode()) < 16 else None  # IFNAMSIZ, linux/if.h
    if link is None:
        msg = f"interface {shown(name)}: no such interface"
        raise NoInterfaceError(msg, hint="`vnet iface-list --all` lists them")
    return link
