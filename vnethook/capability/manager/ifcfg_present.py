"""What a NIC's ifcfg files say now, and its companions: by its name, or by its MAC."""

from vnethook.capability.manager.config import AUTO, NONE, STATIC, Rule
from vnethook.capability.manager.ifcfg import DIRECTORY, quotable
from vnethook.capability.manager.rendering import Carried, ManagedFile, Present, Said
from vnethook.capability.manager.rule_words import rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GLOBAL = "/etc/sysconfig/network"
_YES = frozenset(("y", "yes", "on", "true", "t", "1"))
_RENDERED = (
    *("DEVICE", "HWADDR", "MACADDR", "ONBOOT", "BOOTPROTO", "BRIDGE", "MTU", "NM_CONTROLLED", "STP", "DELAY"),
    *("NOZEROCONF", "PERSISTENT_DHCLIENT", "DOMAIN", "ZONE", "METRIC", "GATEWAY", "GATEWAYDEV", "ONPARENT"),
)
_RENDERED_NUMBERED = ("IPADDR", "PREFIX", "NETMASK", "BROADCAST", "NETWORK", "DNS", "GATEWAY")
_IPV6 = ("IPV6INIT", "IPV6_AUTOCONF", "IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW", "IPV6_DEFAULTDEV")
_OF_PORT = (
    *(
        "NAME",
        "UUID",
        "ETHTOOL_OPTS",
        "LINKDELAY",
        "LINKSTATUS",
        "HOTPLUG",
        "USERCTL",
        "BONDING_OPTS",
        "VLAN",
        "PHYSDEV",
    ),
    *("REORDER_HDR", "VID", "SUBCHANNELS", "NETTYPE", "PORTNAME", "OPTIONS", "TYPE", "MASTER", "SLAVE"),
)
"""What the scripts read for a port, before they make it one; all else is read for a device with addresses only."""
_COMPANIONS = ("route", "route6", "rule", "rule6")


def read(texts: "Mapping[str, str]", nic: str, mac: str, bridge: str) -> Said | None:
    """What files by their paths say; None if none is the NIC's. `bridge`: as it will be called."""
    path = _own(texts, nic, mac)
    if path is None:
        return None
    values, notes = _assignments(texts[path])
    name = path.rpartition("/ifcfg-")[2]
    rules = []
    for line in (
        line for kind in ("rule", "rule6") for line in texts.get(f"{DIRECTORY}/{kind}-{name}", "").splitlines()
    ):
        found = rule(line.split())
        if found is not None:
            rules.append(found)
        elif line.strip() and not line.startswith("#"):
            notes.append(f"rule {line.strip()!r} of {name}: is left out")
    removed = [path, *(f"{DIRECTORY}/{kind}-{name}" for kind in _COMPANIONS)]
    removed += [other for other in texts if other.startswith((f"{path}:", f"{path}-range"))]
    present = Present(
        removed=tuple(other for other in removed if other in texts),
        edited=tuple(_renamed(texts, nic, bridge)),
        carried=tuple(_carried(values)),
        notes=tuple(f"file {path!r}: {note}" for note in notes),
    )
    return _said(values, present, tuple(rules))


def _said(values: "Mapping[str, str]", present: Present, rules: tuple[Rule, ...]) -> Said:
    is_ipv6 = values.get("IPV6INIT", "yes").lower() in _YES
    is_static = "IPV6ADDR" in values or values.get("IPV6_AUTOCONF", "yes").lower() not in _YES
    return Said(
        present=present,
        dhcp4=values.get("BOOTPROTO", "") in {"dhcp", "bootp"},
        ipv6=NONE if not is_ipv6 else STATIC if is_static else AUTO,
        dns=tuple(values[key] for key in ("DNS1", "DNS2", "DNS3") if values.get(key)),
        search=tuple(values.get("DOMAIN", "").split()),
        zone=values.get("ZONE", ""),
        rules=rules,
    )


def _own(texts: "Mapping[str, str]", nic: str, mac: str) -> str | None:
    """As the scripts look a name up: the file of the name, then the MAC, then DEVICE."""
    ours = {path: _assignments(text)[0] for path, text in texts.items() if path.startswith(f"{DIRECTORY}/ifcfg-")}
    if f"{DIRECTORY}/ifcfg-{nic}" in ours:
        return f"{DIRECTORY}/ifcfg-{nic}"
    for key, value in (("HWADDR", mac), ("DEVICE", nic)):
        for path, values in ours.items():
            if values.get(key, "").lower() == value.lower() and values.get("TYPE") != "Bridge":
                return path
    return None


def _carried(values: "Mapping[str, str]") -> "Iterator[Carried]":
    for key, value in values.items():
        stem = key.rstrip("0123456789")
        if key in {*_RENDERED, *_IPV6} or stem in _RENDERED_NUMBERED or (key, value) == ("TYPE", "Ethernet"):
            continue
        yield Carried("port" if key in _OF_PORT else "bridge", "", key, value)


def _renamed(texts: "Mapping[str, str]", nic: str, bridge: str) -> "Iterator[ManagedFile]":
    """Files for all interfaces that name the NIC where the bridge is to stand, and dhclient's, by the bridge's name."""
    if bridge == nic:
        return
    lines = texts.get(GLOBAL, "").splitlines()
    changed = [_named(line, nic, bridge) for line in lines]
    if changed != lines:
        yield ManagedFile(GLOBAL, "".join(f"{line}\n" for line in changed))
    for directory in ("/etc/dhcp", "/etc"):
        text = texts.get(f"{directory}/dhclient-{nic}.conf")
        if text is not None:
            yield ManagedFile(f"{directory}/dhclient-{bridge}.conf", text)


def _named(line: str, nic: str, bridge: str) -> str:
    key, _, value = line.partition("=")
    is_nic = key.strip() in {"GATEWAYDEV", "IPV6_DEFAULTDEV"} and value.strip().strip("'\"") == nic
    return f"{key}='{bridge}'" if is_nic else line


def _assignments(text: str) -> tuple[dict[str, str], list[str]]:
    """What a shell would assign, and notes about lines that are more than that."""
    values: dict[str, str] = {}
    notes = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        key, equals, rest = words.removeprefix("export ").partition("=")
        value = _plain(rest)
        if equals and value is not None and key.replace("_", "a").isalnum() and key.isascii() and quotable(value):
            values[key] = value
        else:
            notes.append(f"line {number}, {words!r}: is left out, as it is more than an assignment")
    return values, notes


def _plain(text: str) -> str | None:
    """The value of a word that a shell expands nothing in; None for others."""
    if text[:1] in {"'", '"'}:
        value, end, rest = text[1:].partition(text[0])
        is_whole = bool(end) and (not rest or rest[0].isspace()) and not (rest.strip() and rest.strip()[0] != "#")
        return value if is_whole and not (text[0] == '"' and set(value) & set("$`\\")) else None
    value, _, rest = text.partition(" ")
    if set(value) & set("$`\\'\"|&;<>()*?[]{}~#") or (rest.strip() and rest.strip()[0] != "#"):
        return None
    return value
