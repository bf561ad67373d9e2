"""A file for netplan, which makes those of its renderer of it: systemd-networkd or NetworkManager. Source: netplan(5).

With `parameters` of a bridge `netplan try` refuses to take anything back, so they are left out where they may be:
networkd has STP off anyway; NetworkManager would turn it on.
"""

from vnethook.capability.manager import yaml_text
from vnethook.capability.manager.config import AUTO, NONE, PROPOSAL, InterfaceConfig, Route, Rule
from vnethook.capability.manager.keyfile import METRIC, guests_file, unlabelled
from vnethook.capability.manager.link import DIRECTORY as LINKS
from vnethook.capability.manager.networkd import zone_note
from vnethook.capability.manager.rendering import NOTHING, ManagedFile, Present, Rendering, rendering, sections
from vnethook.live.files import loads
from vnethook.names import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DIRECTORY = "/etc/netplan"
MODE = 0o600
NETWORKD, NETWORKMANAGER = "networkd", "NetworkManager"
PREFIXES = ("90-", "99-", "99z-")
"""Begin our file's name: it has to come after all others, whose values it replaces."""


def render(config: InterfaceConfig, present: Present = NOTHING, *, renderer: str = NETWORKD) -> Rendering:
    """The file of port and bridge."""
    start = next((prefix for prefix in PREFIXES if all(f"{prefix}{config.bridge}" > one for one in present.names)), "")
    if not start:
        refuse(f"file {max(present.names)!r}: comes after every name of ours, and would have the last word")
    port, bridge = _port(config, present), _bridge(config, present, renderer)
    content = {
        "network": {
            "version": 2,
            "ethernets": {config.port: {"renderer": renderer} | port},  # the whole host's may be the other
            "bridges": {config.bridge: {"renderer": renderer} | bridge},
        }
    }
    file = ManagedFile(f"{DIRECTORY}/{start}{config.bridge}.yaml", yaml_text.text(content), MODE)
    notes = zone_note(config) + (unlabelled(config) if renderer == NETWORKMANAGER else ())
    files = (file, *_identity(config, present)) if renderer == NETWORKD else (file, guests_file(config))
    return rendering(files, present, notes)


def _port(config: InterfaceConfig, present: Present) -> "dict[str, Any]":
    names = {"match": {"macaddress": config.mac}, "set-name": config.port} if config.layout == PROPOSAL else {}
    mtu = {"mtu": config.mtu} if config.mtu else {}
    ours = {**names, "dhcp4": False, "dhcp6": False, "accept-ra": False, "link-local": [], **mtu}
    return _carried(present, "port") | ours


def _bridge(config: InterfaceConfig, present: Present, renderer: str) -> "dict[str, Any]":
    found: dict[str, Any] = {"interfaces": [config.port], "macaddress": config.mac}
    if config.mtu:
        found["mtu"] = config.mtu
    if renderer == NETWORKMANAGER:
        found["parameters"] = {"stp": False}
    found["dhcp4"] = config.dhcp4
    if config.dhcp4:
        found |= {} if _identity(config, present) else {"dhcp-identifier": "mac"}
        found |= {"dhcp4-overrides": {"route-metric": METRIC}} if renderer == NETWORKMANAGER else {}
    found["accept-ra"] = config.ipv6 == AUTO
    found["link-local"] = [] if config.ipv6 == NONE else ["ipv6"]
    if config.addresses:
        is_labelled = renderer == NETWORKD
        found["addresses"] = [
            {str(one): {"label": f"{config.bridge}:{one.label}"}} if one.label and is_labelled else str(one)
            for one in config.addresses
        ]
    if config.routes:
        found["routes"] = [dict(_route(config, route, renderer)) for route in config.routes]
    if config.rules:
        found["routing-policy"] = [dict(_rule(rule)) for rule in config.rules]
    resolvers = {"addresses": list(config.dns), "search": list(config.search)}
    if any(resolvers.values()):
        found["nameservers"] = {name: values for name, values in resolvers.items() if values}
    return found | _carried(present, "bridge")


def _route(config: InterfaceConfig, route: Route, renderer: str) -> "Iterator[tuple[str, Any]]":
    yield "to", "default" if route.is_default else route.destination
    if route.gateway:
        yield "via", route.gateway
    if route.is_onlink or (route.gateway and not config.is_on_link(route)):
        yield "on-link", True
    if not route.gateway:
        yield "scope", "link"
    if route.source:
        yield "from", route.source
    if route.metric or (renderer == NETWORKMANAGER and route.is_plain_default):
        yield "metric", route.metric or METRIC
    if route.table:
        yield "table", route.table


def _rule(rule: Rule) -> "Iterator[tuple[str, Any]]":
    if rule.source:
        yield "from", rule.source
    if rule.destination:
        yield "to", rule.destination
    yield "table", rule.table
    if rule.priority:
        yield "priority", rule.priority


def _carried(present: Present, place: str) -> "dict[str, Any]":
    """Settings that were carried over, whose values are JSON."""
    return {one.key: loads(one.value) for one in present.of(place) if not one.section}


def _identity(config: InterfaceConfig, present: Present) -> tuple[ManagedFile, ...]:
    """What adds to the file that netplan writes for networkd, so that the bridge is the client that the NIC was."""
    lines = [(one.section, (f"{one.key}={one.value}",)) for one in present.of("bridge") if one.section]
    path = f"{LINKS}/10-netplan-{config.bridge}.network.d/vnethook.conf"
    return (ManagedFile(path, sections(tuple(lines))),) if lines else ()
