"""Stanzas of interfaces(5), as ifupdown reads them, with the options of bridge-utils-interfaces(5).

bridge-utils makes the bridge before its addresses and removes it after them; without it ifup knows none of the options.
"""

from vnethook.capability.manager import iproute2
from vnethook.capability.manager.config import AUTO, NONE, STATIC, Address, InterfaceConfig, Route
from vnethook.capability.manager.link import renaming
from vnethook.capability.manager.networkd import zone_note
from vnethook.capability.manager.rendering import NOTHING, ManagedFile, Present, Rendering, rendering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAIN = "/etc/network/interfaces"
DIRECTORY = f"{MAIN}.d"
NEEDS = "/lib/bridge-utils/ifupdown.sh"
"""What of bridge-utils ifup calls."""


def render(config: InterfaceConfig, present: Present = NOTHING) -> Rendering:
    """A file of port and bridge; in layout proposal also the one that has udev rename the NIC."""
    text = "".join(f"{line}\n" for line in _lines(config, present))
    file = ManagedFile(f"{DIRECTORY}/{config.bridge}", text)
    if MAIN in present.names:  # the one file that is read
        others = next((one.text for one in present.edited if one.path == MAIN), "")
        file = ManagedFile(MAIN, f"{others.rstrip()}\n\n{text}".lstrip())
    files = (file, *renaming(config))
    return rendering(files, present, zone_note(config))


def _lines(config: InterfaceConfig, present: Present) -> "Iterator[str]":
    yield f"# {config.port} is the port of bridge {config.bridge}, by the options of the package bridge-utils."
    yield f"iface {config.port} inet manual"
    yield from _carried(present, "port")
    yield ""
    yield f"auto {config.bridge}"
    stanza = _stanza(config, 4)
    yield f"iface {config.bridge} inet {'dhcp' if config.dhcp4 else 'static' if stanza else 'manual'}"
    yield from _bridge(config)
    yield from _static(config, 4)
    if config.dns:
        yield f"    dns-nameservers {' '.join(config.dns)}"
    if config.search:
        yield f"    dns-search {' '.join(config.search)}"
    yield from _further(config, 4)
    yield from _carried(present, "bridge")
    if config.ipv6 == NONE:
        return
    yield ""
    method = "auto" if config.ipv6 == AUTO else "static" if _stanza(config, 6) else "manual"
    yield f"iface {config.bridge} inet6 {method}"
    yield from _static(config, 6)
    if config.ipv6 == STATIC:
        yield "    accept_ra 0"
    yield from _further(config, 6)


def _bridge(config: InterfaceConfig) -> "Iterator[str]":
    yield f"    bridge_ports {config.port}"
    yield f"    bridge_hw {config.mac}"
    yield "    bridge_stp off"
    yield "    bridge_fd 0"
    yield f"    bridge_maxwait {5 if config.dhcp4 else 0}"
    if config.mtu:  # the bridge takes its port's
        yield f"    pre-up ip link set dev {config.port} mtu {config.mtu}"


def _stanza(config: InterfaceConfig, version: int) -> tuple[Address, ...]:
    """The address that the options of a stanza give, none where another method does."""
    if config.dhcp4 if version == 4 else config.ipv6 != STATIC:
        return ()
    return tuple(one for one in config.of_version(version) if not one.label)[:1]


def _static(config: InterfaceConfig, version: int) -> "Iterator[str]":
    gateway = config.gateway(version)
    for address in _stanza(config, version):
        yield f"    address {address}"
        if gateway and _is_plain(config, gateway):
            yield f"    gateway {gateway.gateway}"
            if gateway.metric:
                yield f"    metric {gateway.metric}"


def _is_plain(config: InterfaceConfig, gateway: Route) -> bool:
    """Whether the option `gateway` will do: it is in the subnet of the stanza's address."""
    return not gateway.is_onlink and config.replace(addresses=_stanza(config, gateway.version)).is_on_link(gateway)


def _further(config: InterfaceConfig, version: int) -> "Iterator[str]":
    """Commands for what no option says; the bridge takes its addresses and routes along when it goes.

    A route may be there before, by a DHCP client's script: a command that fails has the whole interface fail.
    """
    family, bridge, stanza = ("-6 " if version == 6 else ""), config.bridge, _stanza(config, version)
    for address in config.of_version(version):
        if address not in stanza:
            label = f" label {bridge}:{address.label}" if address.label else ""
            yield f"    up ip {family}address add {address} dev {bridge}{label}"
    gateway = config.gateway(version)
    for route in config.routes:
        is_option = route is gateway and bool(stanza) and _is_plain(config, route)
        if route.version == version and not is_option:
            is_onlink = route.is_onlink or bool(route.gateway and not config.is_on_link(route))
            words = iproute2.route(route, config.bridge, is_onlink=is_onlink)
            yield f"    up ip {family}route replace {words}"
    for rule in config.rules:
        if rule.version == version:
            yield f"    up ip {family}rule add {iproute2.rule(rule)}"
            yield f"    down ip {family}rule delete {iproute2.rule(rule)}"


def _carried(present: Present, place: str) -> "Iterator[str]":
    for one in present.of(place):
        yield f"    {one.key} {one.value}"
