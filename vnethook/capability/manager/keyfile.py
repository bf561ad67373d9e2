"""Profiles of NetworkManager: one of the bridge, one of its port. Source: nm-settings-keyfile(5).

`master` and `slave-type` are the words that NetworkManager 1.42 knows; later ones read them too. Unknown ones it drops
without a word, so only what both know stands here.
"""

from hashlib import sha1

from vnethook.capability.manager.config import AUTO, NONE, InterfaceConfig, Route, Rule
from vnethook.capability.manager.link import renaming
from vnethook.capability.manager.rendering import NOTHING, ManagedFile, Present, Rendering, rendering, sections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = "/etc/NetworkManager/system-connections"
CONFIGURATION = "/etc/NetworkManager/conf.d"
GUESTS = ("vif*", "tap*", "vnet*")
"""What Xen, QEMU and libvirt call guests' ports."""
MODE = 0o600
"""Profiles that others can read are ignored."""
METRIC = 100
"""Of a NIC's default route; a bridge's would be 425, behind that of a second NIC."""
PRIORITY = 999
"""The highest autoconnect-priority, so that no profile for any NIC goes before these."""
_SPACE = bytes.fromhex("2f4a4b0c6a5d5e0fb1d3a3a5b5c6e7f1")
"""The namespace of our uuids (RFC 9562, 5.5)."""
_FIRST_PRIORITY = 5000
"""Of rules that have none: NetworkManager wants one."""


def render(config: InterfaceConfig, present: Present = NOTHING) -> Rendering:
    """The profiles of bridge and port; in layout proposal also the file that has udev rename the NIC."""
    files = (
        ManagedFile(f"{DIRECTORY}/{config.bridge}.nmconnection", _bridge(config, present), MODE),
        ManagedFile(f"{DIRECTORY}/{config.bridge}-port.nmconnection", _port(config, present), MODE),
        guests_file(config),
        *renaming(config),
    )
    return rendering(files, present, unlabelled(config))


def guests_file(config: InterfaceConfig) -> ManagedFile:
    """What has NetworkManager leave guests' ports alone, which it would take off the bridge for profiles of its own."""
    names = ";".join(f"interface-name:{name}" for name in GUESTS)
    return ManagedFile(f"{CONFIGURATION}/90-{config.bridge}-guests.conf", f"[keyfile]\nunmanaged-devices+={names}\n")


def unlabelled(config: InterfaceConfig) -> tuple[str, ...]:
    """Notes on what NetworkManager cannot do with addresses."""
    return tuple(f"address {one}: NetworkManager gives no labels" for one in config.addresses if one.label)


def _bridge(config: InterfaceConfig, present: Present) -> str:
    connection = [
        f"id={config.bridge}",
        f"uuid={_uuid(config, 'bridge')}",
        "type=bridge",
        f"autoconnect-priority={PRIORITY}",
        "autoconnect-slaves=1",
        f"interface-name={config.bridge}",
        *([f"zone={config.zone}"] if config.zone else []),
    ]
    ethernet = [f"cloned-mac-address={config.mac.upper()}", *([f"mtu={config.mtu}"] if config.mtu else [])]
    return _with_carried(
        [
            ("connection", connection),
            ("ethernet", ethernet),
            ("bridge", ["stp=false"]),
            ("ipv4", list(_layer3(config, 4, present))),
            ("ipv6", list(_layer3(config, 6, present))),
        ],
        present,
        "bridge",
    )


def _port(config: InterfaceConfig, present: Present) -> str:
    connection = [
        f"id={config.bridge}-port-{config.port}",
        f"uuid={_uuid(config, 'port')}",
        "type=ethernet",
        f"autoconnect-priority={PRIORITY}",
        f"interface-name={config.port}",
        f"master={config.bridge}",
        "slave-type=bridge",
    ]
    ethernet = [f"mtu={config.mtu}"] if config.mtu else []
    return _with_carried([("connection", connection), ("ethernet", ethernet)], present, "port")


def _with_carried(parts: list[tuple[str, list[str]]], present: Present, place: str) -> str:
    """The text, with settings that were carried over: ours go before them."""
    known = dict(parts)
    ours = {(name, line.partition("=")[0]) for name, lines in parts for line in lines}
    for one in present.of(place):
        if (one.section, one.key) not in ours:
            known.setdefault(one.section, []).append(f"{one.key}={one.value}")
    return sections(tuple((name, tuple(lines)) for name, lines in known.items()))


def _layer3(config: InterfaceConfig, version: int, present: Present) -> "Iterator[str]":
    gateway = config.gateway(version)
    addresses = config.of_version(version)
    yield f"method={_method(config, version)}"
    for number, address in enumerate(addresses, 1):
        via = f",{gateway.gateway}" if gateway and number == 1 else ""
        yield f"address{number}={address}{via}"
    if gateway and not addresses:
        yield f"gateway={gateway.gateway}"
    servers = [server for server in config.dns if (":" in server) == (version == 6)]
    if servers:
        yield f"dns={';'.join(servers)};"
    if config.search and _method(config, version) not in {"disabled", "link-local"}:
        yield f"dns-search={';'.join(config.search)};"
    is_carried = any((one.section, one.key) == (f"ipv{version}", "route-metric") for one in present.of("bridge"))
    if _method(config, version) in {"auto", "manual"} and not is_carried:
        yield f"route-metric={gateway.metric if gateway and gateway.metric else METRIC}"
    for number, route in enumerate(config.further_routes(version), 1):
        yield from _route(route, number)
    for number, rule in enumerate([rule for rule in config.rules if rule.version == version], 1):
        yield f"routing-rule{number}={_rule(rule, number)}"


def _method(config: InterfaceConfig, version: int) -> str:
    if version == 4:
        return "auto" if config.dhcp4 else "manual" if config.of_version(4) else "disabled"
    if config.ipv6 == NONE:
        return "disabled"
    return "auto" if config.ipv6 == AUTO else "manual" if config.of_version(6) else "link-local"


def _route(route: Route, number: int) -> "Iterator[str]":
    words = [route.destination]
    if route.gateway or route.metric:
        words.append(route.gateway or ("::" if route.version == 6 else "0.0.0.0"))  # noqa: S104 (no gateway)
    if route.metric:
        words.append(str(route.metric))
    yield f"route{number}={','.join(words)}"
    options = ["onlink=true"] if route.is_onlink else []
    options += [f"src={route.source}"] if route.source else []
    options += [f"table={route.table}"] if route.table else []
    if options:
        yield f"route{number}_options={','.join(options)}"


def _rule(rule: Rule, number: int) -> str:
    words = [f"priority {rule.priority or _FIRST_PRIORITY + number}"]
    words += [
        f"{word} {_short(subnet)}" for word, subnet in (("from", rule.source), ("to", rule.destination)) if subnet
    ]
    return " ".join([*words, f"table {rule.table}"])


def _short(subnet: str) -> str:
    """As NetworkManager writes it: a single address has no prefix length."""
    return subnet.removesuffix("/128" if ":" in subnet else "/32")


def _uuid(config: InterfaceConfig, role: str) -> str:
    """The same for the same names: a version 5 uuid, without the module, which hooks do not load."""
    name = f"{role} {config.bridge} {config.nic}".encode()
    raw = bytearray(sha1(_SPACE + name, usedforsecurity=False).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
