"""What interfaces(5) says of a NIC now, and what its files are without it."""

from vnethook.capability.manager.config import AUTO, STATIC, Rule
from vnethook.capability.manager.ifupdown import DIRECTORY, MAIN
from vnethook.capability.manager.rendering import Carried, ManagedFile, Present, Said
from vnethook.capability.manager.rule_words import rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Stanza = list[str]
_STARTS = ("iface", "mapping", "auto", "source", "source-directory", "no-auto-down", "no-scripts", "template", "rename")
_RENDERED = (
    *("address", "netmask", "broadcast", "network", "gateway", "metric", "mtu", "hwaddress", "scope", "accept_ra"),
    *("dns-nameservers", "dns-nameserver", "dns-search", "dns-domain", "autoconf", "dad-attempts"),
)
_COMMANDS = ("up", "post-up", "pre-up", "down", "pre-down", "post-down")
_OF_PORT = ("ethernet-", "link-", "offload-", "hardware-", "driver-message-level", "dma-ring-")
"""Begin options of the package ethtool."""


def read(texts: "Mapping[str, str]", nic: str, bridge: str) -> Said | None:
    """What files by their paths say; None if no stanza is the NIC's. `bridge`: as it will be called."""
    edited, removed, own = [], [], []
    for path, text in texts.items():
        kept, stanzas = _apart(text, nic)
        if not stanzas:
            continue
        own += stanzas
        if path != MAIN and not any(line.strip() and line.strip()[0] != "#" for line in kept.splitlines()):
            removed.append(path)
        else:
            edited.append(ManagedFile(path, kept))
    stanzas = [one for one in own if one[0].split()[0] == "iface"]
    if not stanzas:
        return None
    options = [words for one in stanzas for words in _options(one)]
    carried, rules, notes = _sorted(options, nic, bridge)
    names = () if _reads_directory(texts.get(MAIN, "")) else (MAIN,)
    present = Present(tuple(removed), tuple(edited), tuple(carried), names, tuple(notes))
    methods = {(words[2], words[3]) for words in (one[0].split() for one in stanzas) if len(words) >= 4}
    return Said(
        present=present,
        dhcp4=("inet", "dhcp") in methods,
        ipv6=AUTO if {("inet6", "auto"), ("inet6", "dhcp")} & methods else STATIC if "inet6" in dict(methods) else AUTO,
        dns=tuple(word for key, value in options if key.startswith("dns-nameserver") for word in value.split()),
        search=tuple(word for key, value in options if key in {"dns-search", "dns-domain"} for word in value.split()),
        rules=tuple(rules),
    )


def _reads_directory(text: str) -> bool:
    """Whether every file of our names in the directory is read, and not only `*.cfg` or the like."""
    places = {DIRECTORY, DIRECTORY.rpartition("/")[2]}
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["source"] and {f"{place}/*" for place in places} & set(words[1:]):
            return True
        if words[:1] == ["source-directory"] and places & {word.rstrip("/") for word in words[1:]}:
            return True
    return False


def _apart(text: str, nic: str) -> "tuple[str, list[Stanza]]":
    """The text without what is of the NIC alone, and its stanzas."""
    kept: list[str] = []
    found: list[Stanza] = []
    is_own = False
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        first = words[0] if words else ""
        if first in {"iface", "mapping"}:
            is_own = _is_of(words[1:2], nic)
            if is_own:
                found.append([line])
        elif first in _STARTS or first.startswith("allow-"):
            is_own = False
        elif is_own and first and first[0] != "#":
            found[-1].append(line)
        if not is_own:
            kept += _without(line, nic)
    return "".join(f"{line}\n" for line in kept), found


def _without(line: str, nic: str) -> list[str]:
    """A line without the NIC among the names of those that come up by themselves; none if that leaves none."""
    words = line.split()
    if not words or not (words[0] in {"auto", "no-auto-down"} or words[0].startswith("allow-")):
        return [line]
    others = [word for word in words[1:] if not _is_of([word], nic)]
    return [line] if len(others) == len(words) - 1 else [" ".join([words[0], *others])] if others else []


def _is_of(names: list[str], nic: str) -> bool:
    return names != [] and names[0].partition(":")[0] == nic


def _options(stanza: "Stanza") -> "Iterator[tuple[str, str]]":
    for line in stanza[1:]:
        key, _, value = line.strip().partition(" ")
        yield key.replace("_", "-") if key.startswith("dns_") else key, value.strip()


def _sorted(options: list[tuple[str, str]], nic: str, bridge: str) -> tuple[list[Carried], list[Rule], list[str]]:
    """What goes where of the options: settings to carry over, rules that we have words for, notes."""
    carried, rules, notes = [], [], []
    for key, value in options:
        words = value.split()
        known = rule(words[words.index("add") + 1 :]) if key in _COMMANDS and _is_rule(words) else None
        if known is not None:
            rules.append(known)
        elif key in _RENDERED or (key in _COMMANDS and _is_layer3(words)):
            continue
        elif key in _COMMANDS:
            carried.append(Carried("bridge", "", key, _renamed(value, nic, bridge)))
            notes.append(f"command `{key} {' '.join(words)}`: is the bridge's now: see whether it should be")
        else:
            carried.append(Carried("port" if key.startswith(_OF_PORT) else "bridge", "", key, value))
    return carried, rules, notes


def _renamed(value: str, nic: str, bridge: str) -> str:
    """A command with the bridge where it has the NIC as a word; all blanks stay, which may be quoted."""
    return " ".join(bridge if word == nic else word for word in value.split(" "))


def _is_rule(words: list[str]) -> bool:
    return "rule" in words and "add" in words and words[0].rpartition("/")[2] == "ip"


def _is_layer3(words: list[str]) -> bool:
    """Whether a command gives addresses, routes or rules, which the kernel has shown, or takes them away."""
    is_ip = bool(words) and words[0].rpartition("/")[2] == "ip"
    return is_ip and bool({"address", "addr", "a", "route", "r", "rule", "ro"} & set(words[1:4]))
