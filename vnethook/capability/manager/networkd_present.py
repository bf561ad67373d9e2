"""What systemd-networkd's files say of a NIC now: the first, by name, that matches it. Source: systemd.network(5)."""

from fnmatch import fnmatchcase

from vnethook.capability.manager import ini
from vnethook.capability.manager.config import AUTO, NONE, STATIC, Rule
from vnethook.capability.manager.link import DIRECTORY
from vnethook.capability.manager.rendering import Carried, Present, Said
from vnethook.capability.manager.rule_words import rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Settings = list[tuple[str, str, str]]
_ON = frozenset(("yes", "true", "on", "1", "both"))
_RENDERED = {
    "Network": frozenset(
        ("Address", "Gateway", "DNS", "Domains", "DHCP", "IPv6AcceptRA", "LinkLocalAddressing", "Bridge", "Description")
    ),
    "Link": frozenset(("MTUBytes", "MACAddress")),
}
_FROM_KERNEL = ("Address", "Route", "Match", "RoutingPolicyRule")
_RULE = {"From": "from", "To": "to", "Table": "table", "Priority": "priority"}
_PORT_KEYS = ("VLAN", "MACVLAN", "MACVTAP", "IPVLAN", "IPVTAP", "LLDP", "EmitLLDP", "IgnoreCarrierLoss", "BindCarrier")
"""Of [Network]: what hangs on the NIC itself."""


def read(texts: "Mapping[str, str]", nic: str, mac: str) -> Said | None:
    """What files by their paths say; None if none matches the NIC."""
    matching = [path for path in _in_order(texts) if _is_of(list(ini.settings(texts[path])), nic, mac)]
    if not matching:
        return None
    path = matching[0]
    settings = list(ini.settings(texts[path]))
    rules, notes = _rules(texts[path])
    is_own = path.startswith(f"{DIRECTORY}/") and _names_it(settings, nic, mac)
    notes += [f"file {other!r}: adds to {path}: see what of it the bridge needs" for other in _drop_ins(texts, path)]
    names = () if is_own else (path.rpartition("/")[2],)
    present = Present((path,) if is_own else (), (), tuple(_carried(settings)), names, tuple(notes))
    values = {(section, key): value for section, key, value in settings}
    dhcp = values.get(("Network", "DHCP"), "no").lower()
    return Said(
        present=present,
        dhcp4=dhcp in {*_ON, "ipv4"},
        ipv6=_ipv6(values),
        dns=tuple(word for value in _all(settings, "DNS") for word in value.split()),
        search=tuple(word for value in _all(settings, "Domains") for word in value.split() if word[0] != "~"),
        rules=tuple(rules),
    )


def _in_order(texts: "Mapping[str, str]") -> list[str]:
    """The files by their names; of several of a name, the first in the directories' order, which `texts` has."""
    found: dict[str, str] = {}
    for path in texts:
        if path.endswith(".network"):
            found.setdefault(path.rpartition("/")[2], path)
    return [found[name] for name in sorted(found)]


def _drop_ins(texts: "Mapping[str, str]", path: str) -> list[str]:
    name = path.rpartition("/")[2]
    return [other for other in texts if f"/{name}.d/" in other]


def _is_of(settings: "Settings", nic: str, mac: str) -> bool:
    """Whether its [Match] is met, as far as names and addresses go; one by anything else may be."""
    match = [(key, value) for section, key, value in settings if section == "Match"]
    for key, value in match:
        if key == "Name" and not _matches(value.split(), nic):
            return False
        if key in {"MACAddress", "PermanentMACAddress"} and mac not in value.lower().replace("-", ":").split():
            return False
        if key == "Type" and not _matches(value.split(), "ether"):
            return False
        if key == "Kind":
            return False
    return bool(match)


def _matches(globs: list[str], word: str) -> bool:
    if globs and globs[0][:1] == "!":
        return not _matches([globs[0][1:], *globs[1:]], word)
    return any(fnmatchcase(word, glob) for glob in globs)


def _names_it(settings: "Settings", nic: str, mac: str) -> bool:
    """Whether it is of this NIC alone."""
    match = {key: value for section, key, value in settings if section == "Match"}
    addresses = match.get("MACAddress", match.get("PermanentMACAddress", "")).lower().replace("-", ":")
    return match.get("Name") == nic or addresses == mac


def _ipv6(values: "Mapping[tuple[str, str], str]") -> str:
    accept = values.get(("Network", "IPv6AcceptRA"), "yes").lower()
    local = values.get(("Network", "LinkLocalAddressing"), "ipv6").lower()
    if accept in _ON:
        return AUTO
    return STATIC if local in {*_ON, "ipv6"} else NONE


def _all(settings: "Settings", name: str) -> list[str]:
    """The values of a key of [Network] in their order; an empty one takes back those before."""
    found: list[str] = []
    for section, key, value in settings:
        if (section, key) == ("Network", name):
            found = [*found, value] if value else []
    return found


def _carried(settings: "Settings") -> "Iterator[Carried]":
    for section, key, value in settings:
        if section in _FROM_KERNEL or key in _RENDERED.get(section, ()):
            continue
        is_port = section == "Link" and not key.startswith("RequiredFor")
        is_port |= section == "Network" and key in _PORT_KEYS
        yield Carried("port" if is_port else "bridge", section, key, value)


def _rules(text: str) -> tuple[list[Rule], list[str]]:
    """Each [RoutingPolicyRule] that we have words for, notes about the others."""
    rules, notes = [], []
    for name, found in ini.sections(text):
        if name != "RoutingPolicyRule" or not found:
            continue
        known = rule([word for key, value in found for word in (_RULE.get(key, key), value)])
        if known is None:
            notes.append(f"rule {' '.join(f'{key}={value}' for key, value in found)}: is left out")
        else:
            rules.append(known)
    return rules, notes
