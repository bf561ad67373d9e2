"""The records of attached NICs: which guest's, on which network, and how; one file each."""

import posix

from vnethook.errors import HostError, StateError
from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


LIMITS, FLOOR = 7, 3
"""How many numbers `limits` are, where there are any, and where they have what is guaranteed."""
PVID, UNTAGGED = 2, 4
"""Flags of a VLAN: frames without a tag belong to it; its frames leave without one. Source: linux/if_bridge.h."""
PARTS = ("mac", "ipv4", "ipv6", "arp", "nd", "dhcp", "ra", "ethertypes", "vlan")
"""What a guard can hold a port to; see docs/network-xml.md."""
BRIDGE_HELPER = "qemu-bridge-helper"
"""What a NIC is attached by whose tap is made for whoever has called."""
STRICT = "strict"
"""Beside parts: a guest's own addresses in place of all of its network's."""
GUARDS = {"off": (), "standard": PARTS, "strict": (*PARTS, STRICT)}
"""What a guard holds a port to, by its mode."""


class Traits(Value):
    """How a NIC's port differs from one that a bridge simply learns from and sends to.

    `isolated`: it reaches no other isolated port; `is_listed`: its MAC is told to the bridge, which learns and floods
    nothing; `vlans`: (id, flags); `limits`: (average, peak, burst, floor)
    of what the guest receives, (average, peak, burst) of what it sends, in kilobytes (1000) and kilobytes per second,
    bursts in 1024 bytes, 0: none; all empty without any limit.
    """

    isolated: bool = False
    is_listed: bool = False
    vlans: tuple[tuple[int, int], ...] = ()
    limits: tuple[int, ...] = ()


class NicClass(Traits):
    """What the NICs of a portgroup have in common; with an empty name, those of a network that are in none.

    `is_default`: of the NICs that name none; `refusal`: why no NIC of it can be attached, empty if they can. `guard`:
    see GUARDS; None: as the network has it.
    """

    name: str = ""
    is_default: bool = False
    refusal: str = ""
    guard: tuple[str, ...] | None = None


class Guarding(Value):
    """How the ports of a network are guarded, where neither portgroup nor NIC says otherwise.

    `parts`: see GUARDS; `is_asked`: the definition says so, or that there are none, and not the default. `leased`:
    the IP versions of which DHCP gives guests addresses. `is_open`: what is behind guests the host's routes say, and
    not the definition. `link_local`: the bridge's address that router advertisements name, empty without IPv6.
    `mark`: the chain that is there as long as nobody has taken the guards away; empty if there is none.
    """

    parts: tuple[str, ...] = ()
    is_asked: bool = False
    leased: tuple[int, ...] = ()
    is_open: bool = False
    link_local: str = ""
    mark: str = ""


class Nic(Value):
    """An attached guest NIC: its link in the host, its network, and what is known of the guest.

    `owner`: (pid, start time) of the hypervisor's process, (0, 0) if unknown. `hostname`: its name in the network's
    DNS, empty if it has none. `since`: Unix time in seconds. `had_ipv6`: given back by detach. `uuid`: names its port;
    `guest_uuid`: the guest's, empty if unknown. `portgroup`: as it was asked for. `isolated`, `vlans`, `limits`: its
    own in place of its portgroup's (None, none: it has none; see Traits). `alias`: the name for DNS that it is given in
    place of its guest's. `traits`: what is in force on its port, None: nothing special. `class_id`: of its guaranteed
    rate on the bridge, 0: none. `addresses`: the guest's on this network as far as the definition or we fix them;
    `pinned`: those that we do; `published`: the label by which it is in the network's rules, empty if it is not;
    `is_led_to`: forwards to its guest lead to it.
    `guard`: the mode of its guard in place of its portgroup's, empty: it has none; `held`: what its port is held to,
    see GUARDS. What the guest's configuration asks for: `asked`, addresses that are its own, and `mtu` in bytes in
    place of the network's, 0: that one. `device`: what the hypervisor calls the link that was renamed, empty if it was
    not; `beside`: the link of the guest's NIC that this one stands in for, with the same MAC, before the guest has a
    driver for the other; `is_paired`: of both, since a bridge has to learn which of them the MAC is behind.
    `proxied`: the uplink on which the host answers for its addresses, empty if it does not.
    """

    interface: str
    network: str
    index: int = 0
    mac: str = ""
    guest: str = ""
    hostname: str = ""
    owner: tuple[int, int] = (0, 0)
    via: str = ""
    since: int = 0
    had_ipv6: bool = False
    uuid: str = ""
    guest_uuid: str = ""
    portgroup: str = ""
    isolated: bool | None = None
    vlans: tuple[tuple[int, int], ...] = ()
    limits: tuple[int, ...] = ()
    alias: str = ""
    traits: Traits | None = None
    class_id: int = 0
    addresses: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    published: str = ""
    is_led_to: bool = False
    guard: str = ""
    held: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    mtu: int = 0
    device: str = ""
    beside: str = ""
    is_paired: bool = False
    proxied: str = ""
    _nested = {"traits": Traits}  # noqa: RUF012 (ClassVar needs typing)

    @property
    def is_limited(self) -> bool:
        """Whether its rates are limited, or one is guaranteed."""
        return self.traits is not None and bool(self.traits.limits)

    @property
    def has_floor(self) -> bool:
        """Whether a rate is guaranteed to it."""
        return self.traits is not None and len(self.traits.limits) > FLOOR and self.traits.limits[FLOOR] > 0


OWN = (
    *("uuid", "guest_uuid", "portgroup", "isolated", "vlans", "limits", "alias", "class_id", "guard"),
    *("asked", "mtu"),
)
OF_LINK = ("device", "beside", "is_paired")
"""What a NIC keeps that the same guest attaches again; of its link, also on another network."""


def mtu_of(live: "LiveNetwork", nic: Nic, link: "Link") -> int:
    """The MTU that a NIC's link is to get, in bytes: the bridge's or less, as is asked for; 0 if it has it.

    Not less where the bridge would follow it, and take all of its other ports' along: the guest is told what it asks.
    """
    mtu = min(nic.mtu, live.mtu) if nic.mtu and live.keeps_mtu else live.mtu
    return mtu if link.mtu != mtu else 0


def with_own(nic: Nic, earlier: Nic | None, same: Nic | None) -> Nic:
    """The NIC as it is asked for, with what it keeps.

    `earlier`: the record of the same link, `same`: if that is on the same network.
    """
    own = {"uuid": random_uuid()}
    if same is not None and (same.mac, same.guest) == (nic.mac, nic.guest):
        own |= {name: getattr(same, name) for name in OWN if not getattr(nic, name)}
    if earlier is not None:
        own |= {name: getattr(earlier, name) for name in OF_LINK if not getattr(nic, name)}
    return nic.replace(**own)


def who(nic: Nic) -> tuple[str, int, str, str, str]:
    """What makes a NIC another one."""
    return nic.network, nic.index, nic.mac, nic.guest, nic.alias


def random_uuid() -> str:
    """A random UUID, RFC 9562 version 4; the uuid module costs more to import than a bridge to make."""
    raw = bytearray(posix.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def read(paths: "Paths", interface: str) -> Nic | None:
    """The record of an attached NIC, None if there is none that can be read: the next attach writes it anew."""
    network = files.link_target(f"{paths.interfaces}/{interface}")
    try:
        return Nic.from_plain(files.read_json(_path(paths, network, interface))) if network else None
    except (AttributeError, HostError, TypeError):
        return None


def write(paths: "Paths", nic: Nic) -> None:
    """Write a record and the link that finds it by its interface."""
    files.write_json(_path(paths, nic.network, nic.interface), nic.to_plain())
    files.make_link(f"{paths.interfaces}/{nic.interface}", nic.network)


def remove(paths: "Paths", nic: Nic) -> None:
    """Remove a record; the link by its interface only if it leads there."""
    files.remove(_path(paths, nic.network, nic.interface))
    files.remove_directory(paths.ports(nic.network))
    if files.link_target(f"{paths.interfaces}/{nic.interface}") == nic.network:
        files.remove(f"{paths.interfaces}/{nic.interface}")


def attached(paths: "Paths", network: str) -> list[Nic]:
    """The NICs that have a record with this network, also those whose link is gone."""
    found = (read(paths, interface) for interface in files.names(paths.ports(network), ".json"))
    return [nic for nic in found if nic is not None and nic.network == network]


def forget_strays(paths: "Paths", network: str) -> None:
    """Remove the records of NICs that are on another network by now: whoever took them there was killed in between."""
    for interface in files.names(paths.ports(network), ".json"):
        if files.link_target(f"{paths.interfaces}/{interface}") != network:
            files.remove(_path(paths, network, interface))
    files.remove_directory(paths.ports(network))


def is_attached(links: "Links", nic: Nic) -> bool:
    """Whether the link of a record is still the one that was attached."""
    link = links.link(nic.interface)
    return link is not None and link.index == nic.index


def _path(paths: "Paths", network: str, interface: str) -> str:
    return f"{paths.ports(network)}/{interface}.json"


def cut_off(links: "Links", nic: Nic) -> bool:
    """Take a tap that was made for its user down and off its bridge; whether the NIC's is one.

    Whoever holds it could else speak to the host by it, from any address, as a router too.
    """
    if nic.via != BRIDGE_HELPER:
        return False
    try:
        links.set_link(nic.interface, master=0, up=False)
    except HostError:
        if links.link(nic.interface) is not None:
            raise
    return True


def require_bridge(live: "LiveNetwork") -> None:
    """Raise StateError for a network that is a switch alone, which no NIC of the kernel's can be on."""
    if not live.index:
        msg = f"network {live.name!r}: attach: is of kind 'vde', whose guests have no tap"
        raise StateError(msg, hint=f'-netdev "vde,id=n0,sock=cmd:///usr/libexec/vnethook/qemu-vde {live.name}"')
