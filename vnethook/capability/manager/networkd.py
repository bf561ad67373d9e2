"""Files of systemd-networkd. Source: systemd.netdev(5), systemd.network(5); a link has the first file that matches."""

from vnethook.capability.manager.config import AUTO, NONE, InterfaceConfig, Route, Rule
from vnethook.capability.manager.link import DIRECTORY, renaming
from vnethook.capability.manager.rendering import NOTHING, ManagedFile, Present, Rendering, rendering, sections
from vnethook.names import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Part = tuple[str, tuple[str, ...]]
PREFIXES = ("10-", "05-", "00-", "0-")
"""Begin our files' names: the first that goes before all present files that match the NIC."""


def render(config: InterfaceConfig, present: Present = NOTHING) -> Rendering:
    """The files of bridge device, port and bridge; in layout proposal also the one that has udev rename the NIC."""
    start = _prefix(config, present)
    files = (
        ManagedFile(f"{DIRECTORY}/{start}{config.bridge}.netdev", sections(_device(config))),
        ManagedFile(f"{DIRECTORY}/{start}{config.bridge}.network", sections(tuple(_bridge(config, present)))),
        ManagedFile(f"{DIRECTORY}/{start}{config.bridge}-port.network", sections(_port(config, present))),
        *renaming(config),
    )
    return rendering(files, present, zone_note(config))


def zone_note(config: InterfaceConfig) -> tuple[str, ...]:
    """What a manager that does not speak with firewalld leaves to do."""
    if not config.zone:
        return ()
    command = f"firewall-cmd --permanent --zone={config.zone} --add-interface={config.bridge}"
    return (f"zone {config.zone}: tell firewalld: {command}",)


def _prefix(config: InterfaceConfig, present: Present) -> str:
    for prefix in PREFIXES:
        if all(f"{prefix}{config.bridge}-port.network" < name for name in present.names):
            return prefix
    name = min(present.names)
    return refuse(f"file {name!r}: matches {config.nic!r} and goes before every name of ours")


def _device(config: InterfaceConfig) -> "tuple[Part, ...]":
    mtu = (f"MTUBytes={config.mtu}",) if config.mtu else ()
    return (
        ("NetDev", (f"Name={config.bridge}", "Kind=bridge", f"MACAddress={config.mac}", *mtu)),
        ("Bridge", ("STP=no", "ForwardDelaySec=0")),
    )


def _port(config: InterfaceConfig, present: Present) -> "tuple[Part, ...]":
    mtu = (f"MTUBytes={config.mtu}",) if config.mtu else ()
    parts = (
        ("Match", (f"Name={config.port}",)),
        ("Link", mtu),
        ("Network", (f"Bridge={config.bridge}", "LinkLocalAddressing=no", "IPv6AcceptRA=no")),
    )
    return _with_carried(parts, present, "port")


def _bridge(config: InterfaceConfig, present: Present) -> "tuple[Part, ...]":
    is_known = {"ClientIdentifier", "IAID"} & {one.key for one in present.carried if one.section == "DHCPv4"}
    dhcp = ["ClientIdentifier=mac"] if config.dhcp4 and not is_known else []
    parts: list[Part] = [("Match", (f"Name={config.bridge}",)), ("Network", tuple(_network(config)))]
    parts.append(("DHCPv4", tuple(dhcp)))
    for address in config.addresses:
        label = (f"Label={config.bridge}:{address.label}",) if address.label else ()
        parts.append(("Address", (f"Address={address}", *label)))
    parts += [("Route", tuple(_route(config, route))) for route in config.routes]
    parts += [("RoutingPolicyRule", tuple(_rule(rule))) for rule in config.rules]
    return _with_carried(tuple(parts), present, "bridge")


def _network(config: InterfaceConfig) -> "Iterator[str]":
    yield f"DHCP={'ipv4' if config.dhcp4 else 'no'}"
    yield f"IPv6AcceptRA={'yes' if config.ipv6 == AUTO else 'no'}"
    yield f"LinkLocalAddressing={'no' if config.ipv6 == NONE else 'ipv6'}"
    for server in config.dns:
        yield f"DNS={server}"
    if config.search:
        yield f"Domains={' '.join(config.search)}"


def _route(config: InterfaceConfig, route: Route) -> "Iterator[str]":
    if not route.is_default or not route.gateway:
        yield f"Destination={route.destination}"
    if route.gateway:
        yield f"Gateway={route.gateway}"
        if route.is_onlink or not config.is_on_link(route):
            yield "GatewayOnLink=yes"
    elif route.version == 4:
        yield "Scope=link"
    if route.source:
        yield f"PreferredSource={route.source}"
    if route.metric:
        yield f"Metric={route.metric}"
    if route.table:
        yield f"Table={route.table}"


def _rule(rule: Rule) -> "Iterator[str]":
    if rule.source:
        yield f"From={rule.source}"
    if rule.destination:
        yield f"To={rule.destination}"
    yield f"Table={rule.table}"
    if rule.priority:
        yield f"Priority={rule.priority}"


def _with_carried(parts: "tuple[Part, ...]", present: Present, place: str) -> "tuple[Part, ...]":
    """The parts, with settings that were carried over where ours do not say it: each in the first of its section."""
    found = [(name, list(lines)) for name, lines in parts]
    ours = {(name, line.partition("=")[0]) for name, lines in parts for line in lines}
    for one in present.of(place):
        if (one.section, one.key) in ours:
            continue
        if one.section not in {name for name, _ in found}:
            found.append((one.section, []))
        next(lines for name, lines in found if name == one.section).append(f"{one.key}={one.value}")
    return tuple((name, tuple(lines)) for name, lines in found)
