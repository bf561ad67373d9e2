"""ifcfg files of initscripts' network-scripts, from templates: a line whose values are all empty is left out.

Source: initscripts 10.27, network-functions, ifup-eth, ifup-ipv6, ifup-routes: bash sources each file, so each value
stands in single quotes and holds none; keys are case-sensitive; some lines are also grepped.
"""

from vnethook.capability.manager import iproute2
from vnethook.capability.manager.config import AUTO, NONE, InterfaceConfig, Route
from vnethook.capability.manager.rendering import NOTHING, ManagedFile, Present, Rendering, rendering
from vnethook.names import refuse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIRECTORY = "/etc/sysconfig/network-scripts"
DNS_MAX = 3
"""DNS1 to DNS3: ifup-post."""
_UNSAFE = frozenset("'\\\r\n\0")


def render(config: InterfaceConfig, templates: "Mapping[str, str]", present: Present = NOTHING) -> Rendering:
    """The files of port, bridge, aliases, routes and rules; `templates`: "port", "bridge", "alias" -> text."""
    _require(config)
    files = [_file(f"ifcfg-{config.bridge}", _filled(templates["bridge"], _bridge(config, present)))]
    for name, values in _aliases(config):
        files.append(_file(f"ifcfg-{name}", _filled(templates["alias"], values)))
    for version, suffix in ((4, ""), (6, "6")):
        if routes := "".join(f"{line}\n" for line in _routes(config, version)):
            files.append(_file(f"route{suffix}-{config.bridge}", routes))
        rules = [rule for rule in config.rules if rule.version == version]
        if rules:
            files.append(_file(f"rule{suffix}-{config.bridge}", "".join(f"{iproute2.rule(rule)}\n" for rule in rules)))
    files.append(_file(f"ifcfg-{config.port}", _filled(templates["port"], _port(config, present))))
    files.append(_no_link_local(config.port))
    note = "`service network stop` sets net.ipv4.ip_forward=0: with virtual networks on this host, set it in sysctl.d"
    return rendering(tuple(files), present, (note,))


def _require(config: InterfaceConfig) -> None:
    """Refuse what the scripts would take for something else."""
    for name in (config.port, config.bridge):
        if "." in name and config.layout == "proposal":
            refuse(f"interface {config.nic!r}: layout proposal: a name with a dot is a VLAN's to the scripts")
    if config.bridge.startswith("vlan"):
        refuse(f"bridge {config.bridge!r}: the scripts take a name that begins with vlan for a VLAN's")
    if len(config.dns) > DNS_MAX:
        refuse(f"DNS server {config.dns[DNS_MAX]}: ifcfg files have room for {DNS_MAX}")


def _port(config: InterfaceConfig, present: Present) -> "dict[str, list[str]]":
    is_vlan = "." in config.port
    carried = {one.key: one.value for one in present.of("port")}
    kind = carried.pop("TYPE", "" if is_vlan else "Ethernet")
    return {
        "PORT": [config.port],
        "BRIDGE": [config.bridge],
        "TYPE": [kind] if kind else [],
        "MAC": [config.mac] if kind == "Ethernet" else [],
        "MTU": [str(config.mtu)] if config.mtu else [],
        "CARRIED": [*_assignments(carried), *(["VLAN='yes'"] if is_vlan and "VLAN" not in carried else [])],
    }


def _bridge(config: InterfaceConfig, present: Present) -> "dict[str, list[str]]":
    gateway = config.gateway(4)
    return {
        "PORT": [config.port],
        "BRIDGE": [config.bridge],
        "MAC": [config.mac],
        "BOOTPROTO": ["dhcp" if config.dhcp4 else "none"],
        "PERSISTENT": ["yes"] if config.dhcp4 else [],
        "ADDRESSES": [] if config.dhcp4 else list(_addresses(config)),
        "GATEWAY": [gateway.gateway] if gateway and _is_gateway(config, gateway) else [],
        "DNS": [f"DNS{number}='{server}'" for number, server in enumerate(config.dns, 1)],
        "SEARCH": [" ".join(config.search)] if config.search else [],
        "ZONE": [config.zone] if config.zone else [],
        "IPV6": list(_ipv6(config)),
        "CARRIED": _assignments({one.key: one.value for one in present.of("bridge")}),
    }


def _addresses(config: InterfaceConfig) -> "Iterator[str]":
    plain = [address for address in config.of_version(4) if not address.label]
    for number, address in enumerate(plain):
        suffix = str(number) if number else ""
        yield f"IPADDR{suffix}='{address.ip}'"
        yield f"PREFIX{suffix}='{address.prefix}'"


def _aliases(config: InterfaceConfig) -> "Iterator[tuple[str, dict[str, list[str]]]]":
    """Files of labelled addresses; beside DHCP of all, since the scripts read IPADDR only without it."""
    taken = {address.label for address in config.addresses}
    free = (str(number) for number in range(len(taken) + len(config.addresses)) if str(number) not in taken)
    for address in config.of_version(4):
        if address.label or config.dhcp4:
            name = f"{config.bridge}:{address.label or next(free)}"
            yield name, {"ALIAS": [name], "ADDRESS": [address.ip], "PREFIX": [str(address.prefix)]}


def _ipv6(config: InterfaceConfig) -> "Iterator[str]":
    if config.ipv6 == NONE:
        yield "IPV6INIT='no'"
        return
    yield "IPV6INIT='yes'"
    yield f"IPV6_AUTOCONF='{'yes' if config.ipv6 == AUTO else 'no'}'"
    addresses = [str(address) for address in config.of_version(6)]
    if addresses:
        yield f"IPV6ADDR='{addresses[0]}'"
    if addresses[1:]:
        yield f"IPV6ADDR_SECONDARIES='{' '.join(addresses[1:])}'"
    gateway = config.gateway(6)
    if gateway and not gateway.metric and not gateway.is_onlink:
        yield f"IPV6_DEFAULTGW='{gateway.gateway}'"
        yield f"IPV6_DEFAULTDEV='{config.bridge}'"


def _is_gateway(config: InterfaceConfig, route: Route) -> bool:
    """Whether GATEWAY= will do: the scripts take only one inside of the first subnet (ifup-eth)."""
    first = [address for address in config.of_version(4) if not address.label][:1]
    if config.dhcp4 or route.metric or route.is_onlink or not first:
        return False
    return config.replace(addresses=tuple(first)).is_on_link(route)


def _routes(config: InterfaceConfig, version: int) -> "Iterator[str]":
    """Lines that the scripts give to `ip route add`."""
    gateway = config.gateway(version)
    for route in config.routes:
        if route.version != version:
            continue
        if route is gateway and (
            _is_gateway(config, route) if version == 4 else not route.metric and not route.is_onlink
        ):
            continue
        if route.gateway and version == 4 and not config.is_on_link(route) and not route.is_onlink:
            yield f"{route.gateway} dev {config.bridge} scope link"
        yield iproute2.route(route, config.bridge, is_onlink=route.is_onlink)


def _no_link_local(port: str) -> ManagedFile:
    """A port keeps an fe80 address, the bridge's own, and no key of its file prevents that."""
    path = f"/etc/sysctl.d/90-vnethook-{port}.conf"
    return ManagedFile(path, f"# the port of a bridge has no addresses\nnet/ipv6/conf/{port}/disable_ipv6 = 1\n")


def _file(name: str, text: str) -> ManagedFile:
    return ManagedFile(f"{DIRECTORY}/{name}", text)


def _assignments(values: "Mapping[str, str]") -> list[str]:
    for key, value in values.items():
        if not quotable(value):
            refuse(f"ifcfg key {key}: {shown(value)}: cannot be quoted")
    return [f"{key}='{value}'" for key, value in values.items()]


def quotable(value: str) -> bool:
    """Whether a value can stand in single quotes in every reader of the file."""
    return value.isascii() and not _UNSAFE & frozenset(value)


def _filled(template: str, values: "Mapping[str, list[str]]") -> str:
    """A template with `@NAME@` replaced; a line that is one alone becomes that many lines."""
    lines = []
    for line in template.splitlines():
        if line.startswith("@") and line.endswith("@"):
            lines += values[line.strip("@")]
            continue
        names = [name for name in values if f"@{name}@" in line]
        if all(values[name] for name in names):
            for name in names:
                line = line.replace(f"@{name}@", values[name][0])  # noqa: PLW2901 (one after the other)
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)
