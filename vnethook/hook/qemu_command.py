"""What the command line of the calling QEMU says of a NIC: the guest's name, the NIC's MAC, the network's name.

Only a help: what is not there, or not understood, stays unknown and nothing fails. Source of the forms: qemu(1),
-netdev, -nic, -net, -device, -name; hot-plugged NICs are on no command line.
"""

import os

from vnethook.address import canonical_mac, is_multicast_mac
from vnethook.errors import DefinitionError
from vnethook.live import files, process
from vnethook.value import Value

DEFAULT_MAC = 0x525400123456
"""QEMU's MAC for the first NIC that is given none, the next one for the next: qemu_macaddr_default_if_unset()."""
_SHELLS = ("sh", "bash", "dash")


class Caller(Value):
    """The calling hypervisor: (pid, start time), its arguments."""

    owner: tuple[int, int]
    arguments: tuple[str, ...]


class QemuNic(Value):
    """A NIC of the command line: how its host end is made, and its MAC (empty if unknown)."""

    kind: str
    options: tuple[tuple[str, str], ...]
    mac: str

    def get(self, key: str) -> str:
        """An option of the host end; empty if it is not given."""
        return dict(self.options).get(key, "")


def caller() -> Caller:
    """The process that called this hook, past a shell between them (helper= with a blank in it runs one)."""
    pid = os.getppid()
    words = process.command_line(pid)
    for _ in range(3):
        if not words or os.path.basename(words[0]) not in _SHELLS:
            break
        pid = process.parent(pid)
        words = process.command_line(pid)
    start = process.start_time(pid) if words else None
    return Caller((pid, start) if start else (0, 0), tuple(words))


def guest_name(arguments: tuple[str, ...]) -> str:
    """The guest's name by -name; empty if there is none."""
    name = ""
    for option, value in _options(arguments):
        if option == "name":
            found = _parsed(value, "guest")
            name = found.get("guest", name)
    return name


def nics(arguments: tuple[str, ...]) -> list[QemuNic]:
    """The NICs in the order of the command line, by whose host end they are."""
    ends: list[tuple[str, dict[str, str]]] = []
    cards: list[tuple[str, str]] = []  # (netdev, MAC or "")
    for option, value in _options(arguments):
        if option == "netdev":
            found = _parsed(value, "type")
            ends.append((found.get("id", ""), found))
        elif option == "nic":
            found = _parsed(value, "type")
            key = f"nic {len(ends)}"
            ends.append((key, found))
            if found.get("type") != "none":
                cards.insert(sum(card[0].startswith("nic ") for card in cards), (key, found.get("mac", "")))
        elif option == "net":
            found = _parsed(value, "type")
            if found.get("type") == "nic":
                cards.append(("hub", found.get("macaddr", "")))
            else:
                ends.append(("hub", found))
        elif option == "device":
            found = _parsed(value, "driver")
            if "netdev" in found:
                cards.append((found["netdev"], found.get("mac", "")))
    macs = _with_defaults(cards)
    return [QemuNic(end.get("type", ""), tuple(end.items()), macs.get(key, "")) for key, end in ends]


def _with_defaults(cards: list[tuple[str, str]]) -> dict[str, str]:
    macs: dict[str, str] = {}
    number = DEFAULT_MAC
    for netdev, mac in cards:
        if not mac:
            text = number.to_bytes(6, "big").hex(":")
            number += 1
        else:
            try:
                text = canonical_mac(mac)
            except DefinitionError:
                continue  # QEMU will refuse it
        if not is_multicast_mac(text):
            macs.setdefault(netdev, text)
    return macs


def tap_names(pid: int) -> list[str]:
    """The taps that a process has open, in the order of their descriptors. Source: tun_chr_show_fdinfo()."""
    names: list[str] = []
    try:
        descriptors = sorted(int(name) for name in os.listdir(f"/proc/{pid}/fdinfo"))
    except OSError:
        return names
    for descriptor in descriptors:
        text = files.read_text(f"/proc/{pid}/fdinfo/{descriptor}") or ""
        for line in text.splitlines():
            name = line[4:].strip()
            if line.startswith("iff:") and name not in names:
                names.append(name)
    return names


def _options(arguments: tuple[str, ...]) -> list[tuple[str, str]]:
    """The (option, value) pairs whose values matter here."""
    wanted = {"name", "netdev", "nic", "net", "device"}
    pairs = zip(arguments, arguments[1:], strict=False)
    return [(word.lstrip("-"), value) for word, value in pairs if word[:1] == "-" and word.lstrip("-") in wanted]


def _parsed(value: str, first: str) -> dict[str, str]:
    """An option's value as a dict: "tap,id=n0" or JSON; `first` is what a leading word without "=" means."""
    if value.startswith("{"):
        try:
            found = files.loads(value)
        except ValueError:
            return {}
        return {key: item for key, item in found.items() if isinstance(item, str)}
    result: dict[str, str] = {}
    for number, word in enumerate(value.replace(",,", "\0").split(",")):
        key, equals, text = word.replace("\0", ",").partition("=")
        if equals:
            result[key] = text
        elif number == 0:
            result[first] = key
    return result
