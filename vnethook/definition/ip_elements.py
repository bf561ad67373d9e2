"""What elements of network XML say of one address of a bridge, and what several of them say together."""

from vnethook.definition.ip import DhcpHost, DhcpRange
from vnethook.definition.node import Node
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class DhcpSaid(Value):
    """The DHCP of one element: on or off; `whole`: every address; each range and host with its element.

    `bootp`: (file, server), empty where nothing is said.
    """

    enabled: bool
    whole: bool = False
    ranges: tuple[tuple[DhcpRange, Node], ...] = ()
    hosts: tuple[tuple[DhcpHost, Node], ...] = ()
    bootp: tuple[str | None, ...] = ()

    @property
    def pool(self) -> tuple[object, ...]:
        """What is handed out to anybody, to compare; empty where nothing is said of it."""
        return (self.whole, *(item for item, _ in self.ranges)) if self.whole or self.ranges else ()

    @property
    def said(self) -> tuple[object, ...]:
        """All it says, to compare, whatever elements say it."""
        return (self.enabled, self.pool, self.bootp, *(host for host, _ in self.hosts))


class IpSaid(Value):
    """What one element says of one address; None: nothing."""

    node: Node
    address: str | None = None
    prefix: int | None = None
    dhcp: DhcpSaid | None = None
    tftp_root: str | None = None
    local_ptr: bool | None = None
    said: tuple[str, ...] = ()


def merged(found: list[IpSaid]) -> IpSaid:
    """What elements say of one address together; raise DefinitionError naming two lines where they differ."""
    first, what = found[0], f"ip {found[0].address}"
    if len(found) == 1:
        return first
    prefix = _common(found, lambda item: item.prefix, f"{what}: has another netmask")
    tftp_root = _common(found, lambda item: item.tftp_root, f"{what}: has another tftp root")
    local_ptr = _common(found, lambda item: item.local_ptr, f"{what}: has another localPtr=")
    said = next((item.said for item in found if item.said), ())
    return IpSaid(first.node, first.address, prefix, _merged_dhcp(found, what), tftp_root, local_ptr, said)


def _merged_dhcp(found: list[IpSaid], what: str) -> DhcpSaid | None:
    dhcps = [item.dhcp for item in found if item.dhcp]
    if not dhcps:
        return None
    is_on, line = dhcps[0].enabled, next(item.node.line for item in found if item.dhcp)
    for item in found:
        if item.dhcp and item.dhcp.enabled != is_on:
            here, there = ("off", "on") if is_on else ("on", "off")
            item.node.refuse(f"{what}: DHCP is {here} here and {there} in line {line}")
    _common(found, lambda item: (item.dhcp and item.dhcp.pool) or None, f"{what}: DHCP hands out other addresses")
    bootp = _common(found, lambda item: (item.dhcp and item.dhcp.bootp) or None, f"{what}: has another bootp")
    ranges = next((dhcp.ranges for dhcp in dhcps if dhcp.ranges), ())
    hosts: dict[DhcpHost, Node] = {}
    for dhcp in dhcps:
        for host, node in dhcp.hosts:
            hosts.setdefault(host, node)
    return DhcpSaid(is_on, any(dhcp.whole for dhcp in dhcps), ranges, tuple(hosts.items()), bootp or ())


def _common(found: list[IpSaid], value_of: "Callable[[IpSaid], T | None]", what: str) -> "T | None":
    """What those elements say that say something, all alike; raise DefinitionError with two lines where they differ."""
    first: tuple[T, Node] | None = None
    for item in found:
        value = value_of(item)
        if value is None:
            continue
        if first is None:
            first = (value, item.node)
        elif value != first[0]:
            item.node.refuse(f"{what} than in line {first[1].line}")
    return first[0] if first else None
