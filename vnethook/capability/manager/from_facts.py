"""What the files are to say, from what the kernel shows of a NIC and what its present configuration says beside."""

from _socket import AF_INET, AF_INET6, inet_ntop
from _struct import Struct

from vnethook.address import BITS, format_ip
from vnethook.capability.manager.config import AUTO, NONE, STATIC, Address, InterfaceConfig, Route
from vnethook.capability.manager.rendering import Said
from vnethook.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.link_address import LinkAddress
    from vnethook.host.link_route import LinkRoute
    from vnethook.host.nic_facts import NicFacts

_INT = Struct("=I")
_MAIN, _LOCAL = 254, 255
_DESTINATION, _SOURCE, _GATEWAY, _METRIC, _PREFERRED, _TABLE = 1, 2, 5, 6, 7, 15
_OUT, _CACHED, _PREFERENCE = 4, 12, 20
_SAYABLE = frozenset((_DESTINATION, _OUT, _GATEWAY, _METRIC, _PREFERRED, _TABLE, _CACHED, _PREFERENCE))
_ON_LINK = 0x4
_KERNEL, _ROUTER, _DHCP = 2, 9, 16
"""RTPROT_*: routes that come again by themselves."""
_BOOT = 3
"""RTPROT_BOOT, of what `ip route add` adds: an administrator, or a DHCP client's script."""
_METRIC6 = 1024
"""Of IPv6 routes that nobody gave one: IP6_RT_PRIO_USER."""
_MANAGERS = frozenset(
    ("accept_ra", "autoconf", "disable_ipv6", "forwarding", "optimistic_dad", "promote_secondaries", "use_tempaddr")
)
"""Sysctls that managers set themselves, by what their files say."""
_PEER, _LOCAL_IP, _RANK = 1, 2, 9
_NO_ROUTE = 0x200
"""IFA_F_NOPREFIXROUTE. Source: linux/if_addr.h."""
_DEFAULT_MTU = 1500
_LINK_SCOPE = 253
_TEMPORARY, _ADVERTISED = 0x01, 0x100
"""IFA_F_TEMPORARY: an IPv6 address that the kernel makes for a while; of an IPv4 one the same bit says secondary.

IFA_F_MANAGETEMPADDR: one of a prefix that a router advertises, also if that says that it lasts for ever.
"""


def config(facts: "NicFacts", bridge: str, said: Said) -> tuple[InterfaceConfig, tuple[str, ...]]:
    """The configuration, and notes on what files cannot say; raise DefinitionError for what no file can hold."""
    notes: list[str] = []
    subnets = {route.subnet for route in facts.routes if not route.gateway}
    ipv6 = said.ipv6 or (NONE if facts.generation is None else AUTO)
    given = [one for one in facts.addresses if not (ipv6 == AUTO and _is_advertised(one))]
    addresses = [one for one in (_address(one, subnets, notes) for one in given) if one]
    lasting = [one for one in facts.routes if not (said.dhcp4 and _is_by_client(one))]
    routes = [one for one in (_route(one, notes) for one in lasting) if one]
    has_ipv6 = any(one.version == 6 for one in addresses) or any(one.version == 6 for one in routes)
    if names := ", ".join(sorted({name for _, name, _ in facts.sysctls} - _MANAGERS)):
        notes.append(f"sysctls of {facts.link.name}: set them for {bridge} in sysctl.d: {names}")
    notes += [f"rule {rule}: is left out, as it names the interface" for rule in facts.rules]
    made = InterfaceConfig(
        nic=facts.link.name,
        bridge=bridge,
        mac=facts.link.mac,
        mtu=facts.link.mtu if facts.link.mtu != _DEFAULT_MTU else 0,
        dhcp4=said.dhcp4,
        ipv6=STATIC if ipv6 == NONE and has_ipv6 else ipv6,
        addresses=tuple(addresses),
        routes=tuple(routes),
        rules=said.rules,
        dns=said.dns,
        search=said.search,
        zone=said.zone or facts.zone,
    )
    return made, tuple(notes)


def _is_advertised(found: "LinkAddress") -> bool:
    """Whether an address is of a prefix that a router advertises."""
    return found.family == AF_INET6 and bool(found.flags & _ADVERTISED)


def _is_by_client(found: "LinkRoute") -> bool:
    """Whether a route is the default route as the script of a DHCP client adds it. Source: Debian's dhclient-script."""
    table = _number(dict(found.attributes).get(_TABLE, ""))
    return found.family == AF_INET and not found.prefix and found.protocol == _BOOT and table == _MAIN


def _address(found: "LinkAddress", subnets: set[tuple[int, int, int]], notes: list[str]) -> Address | None:
    """An address that was given for good, None for others; `subnets`: to which there are routes."""
    is_temporary = found.family == AF_INET6 and found.flags & _TEMPORARY
    if not found.is_lasting or is_temporary or found.scope == _LINK_SCOPE:
        return None
    values = dict(found.attributes)
    if _LOCAL_IP in values and values.get(_PEER, values[_LOCAL_IP]) != values[_LOCAL_IP]:
        notes.append(f"address {found.host}: is left out, as it is one end of a line, and no file says that")
        return None
    is_apart = found.flags & _NO_ROUTE and found.subnet not in subnets  # managers make the route themselves
    if found.scope or is_apart or not found.preferred_s or _RANK in values:
        notes.append(f"address {found.host}: a part of it is left out: scope, metric, noprefixroute or lifetime")
    label = found.label.removeprefix(":") if found.label[:1] == ":" else ""
    if found.label and not label:
        notes.append(f"address {found.host}: label: is left out")
    try:
        return Address(found.host, found.prefix, label)
    except DefinitionError as error:
        notes.append(f"{error}; it is left out")
        return None


def _route(found: "LinkRoute", notes: list[str]) -> Route | None:
    """A route that was given for good, None for others."""
    values = dict(found.attributes)
    table = _number(values.get(_TABLE, ""))
    if found.protocol in {_KERNEL, _ROUTER, _DHCP} or found.expires_s or table == _LOCAL:
        return None
    version = 6 if found.family == AF_INET6 else 4
    destination = int.from_bytes(bytes.fromhex(values.get(_DESTINATION, "00" * (BITS[version] // 8))), "big")
    metric = _number(values.get(_METRIC, ""))
    try:
        route = Route(
            destination=f"{format_ip(version, destination)}/{found.prefix}",
            gateway=found.gateway,
            metric=0 if version == 6 and metric == _METRIC6 else metric,
            table=0 if table == _MAIN else table,
            is_onlink=bool(found.flags & _ON_LINK and found.gateway),
            source=inet_ntop(found.family, bytes.fromhex(values[_PREFERRED])) if _PREFERRED in values else "",
        )
    except DefinitionError as error:
        notes.append(f"{error}; it is left out")
        return None
    if set(values) - _SAYABLE or found.source or found.tos:
        notes.append(f"route {found}: a part of it is left out: metrics, a source subnet, a TOS or an encapsulation")
    return route


def _number(value: str) -> int:
    """A number in the host's byte order, 0 for none."""
    return _INT.unpack(bytes.fromhex(value))[0] if value else 0
