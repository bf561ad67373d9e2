"""What the command line of the calling QEMU says of a NIC: the guest's name, the NIC's MAC, the network's name.

Only a help: what is not there, or not understood, stays unknown and nothing fails. Source of the forms: qemu(1),
-netdev, -nic, -net, -device, -name; hot-plugged NICs are on no command line.
"""

import posix
from _socket import if_nametoindex

from vnethook.errors import DefinitionError
from vnethook.live import files, process
from vnethook.mac import canonical_mac, is_multicast_mac
from vnethook.names import LINK_MAX
from vnethook.value import Value

DEFAULT_MAC = 0x525400123456
"""QEMU's MAC for the first NIC that is given none, the next one for the next: qemu_macaddr_default_if_unset()."""
LAST_MAC = 0x5254001234FF
UNSET_MAC = "00:00:00:00:00:00"
_CARDS = ("virtio-net", "e1000", "rtl8139", "ne2k_", "i825", "pcnet", "vmxnet3", "usb-net", "tulip", "igb", "sungem")
"""How the names of QEMU's network cards begin (`-device help`): one without a host end takes a MAC too."""
_LIBVIRT = ("libvirtd", "virtqemud")
_SHELLS = ("sh", "bash", "dash")


class Caller(Value):
    """The calling hypervisor: (pid, start time), its arguments."""

    owner: tuple[int, int]
    arguments: tuple[str, ...]

    @property
    def is_libvirt(self) -> bool:
        """Whether it is libvirt's daemon, on whose command line nothing is said of guests."""
        return files.base_name(self.arguments[0]) in _LIBVIRT if self.arguments else False


class QemuNic(Value):
    """A NIC of the command line: how its host end is made, and its MAC (empty if unknown)."""

    kind: str
    options: tuple[tuple[str, str], ...]
    mac: str

    def get(self, key: str) -> str:
        """An option of the host end; empty if it is not given."""
        return dict(self.options).get(key, "")


def caller() -> Caller:
    """The process that called this hook."""
    return caller_at(posix.getppid())


def caller_at(pid: int) -> Caller:
    """The process of that number, past a shell that called for it (helper= with a blank in it runs one)."""
    words = process.command_line(pid)
    for _ in range(3):
        if not words or files.base_name(words[0]) not in _SHELLS:
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
    """The NICs by their host ends, in the order in which QEMU makes those: -netdev in JSON, -netdev, -nic, -net."""
    ends: list[list[tuple[str, dict[str, str]]]] = [[], [], [], []]
    cards: list[list[tuple[str, str]]] = [
        [],
        [],
        [],
        [],
    ]  # (host end, MAC or ""): -nic, -net nic, -device, the same in JSON
    for option, value in _options(arguments):
        is_json = value.startswith("{")
        found = _parsed(value, "driver" if option == "device" else "type")
        kind = found.get("type", "")
        if option == "netdev":
            ends[0 if is_json else 1].append((found.get("id", ""), found))
        elif option == "nic":
            key = f"nic {len(ends[2])}"
            ends[2].append((key, found))
            cards[0] += [(key, found.get("mac", ""))] if kind != "none" else []
        elif option == "net" and kind == "nic":
            cards[1].append((found.get("netdev", "hub"), found.get("macaddr", "")))
        elif option == "net":
            ends[3].append(("hub", found))
        elif option == "device" and ("netdev" in found or found.get("driver", "").startswith(_CARDS)):
            cards[3 if is_json else 2].append((found.get("netdev", ""), found.get("mac", "")))
    macs = _with_defaults([card for group in cards for card in group])
    in_order = [end for group in ends for end in group]
    return [QemuNic(end.get("type", ""), tuple(end.items()), macs.get(key, "")) for key, end in in_order]


def nic_of_call(caller: Caller, interface: str) -> QemuNic | None:
    """Which NIC of the command line a call is for, by the tap's name; an empty one means the tap that is made next.

    By ifname=, which the kernel cuts, else by the order of the taps that QEMU has open: it makes one after the other
    and calls a script for each. None for a NIC that was plugged in later, and where QEMU's taps cannot be seen.
    """
    ends = [end for end in nics(caller.arguments) if end.kind in {"tap", "bridge"}]
    named = {end.get("ifname")[:LINK_MAX]: end for end in ends if end.get("ifname") and "%" not in end.get("ifname")}
    if interface in named:
        return named[interface]
    passed = {
        int(fd)
        for end in ends
        for fd in f"{end.get('fd')}:{end.get('fds')}".split(":")
        if fd.isdecimal() and len(fd) < 8
    }
    made = [end for end in ends if end not in named.values() and not (end.get("fd") or end.get("fds"))]
    taps = [name for name in tap_names(caller.owner[0], but=passed) if name not in named]
    if not taps and len(made) == 1:
        return made[0]  # whose taps cannot be seen is not asked about their order
    position = len(taps) if not interface else taps.index(interface) if interface in taps else len(made)
    return made[position] if position < len(made) else None


def _with_defaults(cards: list[tuple[str, str]]) -> dict[str, str]:
    """The MAC of each card, numbered as QEMU does: qemu_macaddr_default_if_unset(), zeros mean unset."""
    macs: dict[str, str] = {}
    used: set[str] = set()
    for netdev, written in cards:
        try:
            mac = canonical_mac(written) if written else UNSET_MAC
        except DefinitionError:
            continue  # QEMU will refuse it
        if mac == UNSET_MAC:
            free = (number.to_bytes(6, "big").hex(":") for number in range(DEFAULT_MAC, LAST_MAC))
            mac = next((mac for mac in free if mac not in used), LAST_MAC.to_bytes(6, "big").hex(":"))
        used.add(mac)
        if netdev and not is_multicast_mac(mac):
            macs.setdefault(netdev, mac)
    return macs


def tap_names(pid: int, *, but: set[int]) -> list[str]:
    """The taps that a process has open on other descriptors than `but`, oldest first. Source: tun_chr_show_fdinfo()."""
    found: dict[str, int] = {}
    try:
        descriptors = sorted({int(name) for name in posix.listdir(f"/proc/{pid}/fdinfo")} - but)
    except OSError:
        return []
    for descriptor in descriptors:
        text = files.read_text(f"/proc/{pid}/fdinfo/{descriptor}") or ""
        for line in text.splitlines():
            name = line[4:].strip()
            if line.startswith("iff:"):
                found[name] = _index(name)  # the lower the index, the older; numbers of descriptors are used again
    return sorted(found, key=lambda name: found[name])


def _index(interface: str) -> int:
    try:
        return if_nametoindex(interface)
    except OSError:
        return 0  # gone, or in another namespace


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
