"""Other programs that look after networks or files on this host, and what they would do to ours. Changes nothing.

Source: NetworkManager's nmcli(1), systemd.network(5), apparmor.d(5).
"""

import errno
import os
import socket
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnethook.errors import VnetError
from vnethook.host import foreign_files, programs
from vnethook.live import files, process

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.live.paths import Paths

NETWORKD_PLACES = (
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
)
APPARMOR_PROFILES = "/sys/kernel/security/apparmor/profiles"
APPARMOR_FILES = ("/etc/apparmor.d/usr.sbin.dnsmasq", "/etc/apparmor.d/local/usr.sbin.dnsmasq")


def unserved(paths: "Paths") -> str:
    """The socket of the bridge helper, if bridge.conf allows users anything, and nobody listens; empty if not.

    Raises HostError if bridge.conf cannot be read.
    """
    text = files.read_text(f"{paths.etc}/bridge.conf") or ""
    if not any(line.split()[:1] in (["allow"], ["include"]) for line in text.splitlines()):
        return ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        error = caller.connect_ex(paths.bridge_socket)
    return paths.bridge_socket if error in {errno.ENOENT, errno.ECONNREFUSED} else ""


def running(names: "Iterable[str]") -> frozenset[str]:
    """Those of these programs that run in our network namespace, by the name of their process (at most 15 bytes)."""
    wanted = set(names)
    found = set()
    for pid in process.running():
        try:
            name = (files.read_text(f"/proc/{pid}/comm") or "").rstrip("\n")
        except VnetError:
            continue  # gone since
        if name in wanted and process.is_in_our_network(pid):
            found.add(name)
    return frozenset(found)


def managed_by_networkmanager() -> tuple[str, ...]:
    """The links that NetworkManager has taken for its own: not those that it leaves to who made them."""
    path = programs.find("nmcli")
    if path is None:
        return ()
    finished = programs.run([path, "--terse", "--fields", "DEVICE,STATE", "device"])
    pairs = [line.rpartition(":") for line in finished.output.splitlines()] if finished.status == 0 else []
    return tuple(name for name, _, state in pairs if state.startswith("connect") and "externally" not in state)


def matched_by_networkd(links: "Iterable[str]", places: "Iterable[str]" = NETWORKD_PLACES) -> tuple[str, ...]:
    """The files by which systemd-networkd would configure one of these links."""
    wanted = tuple(links)
    found, seen = [], set()
    for place in places:
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            if name.endswith(".network") and name not in seen:
                seen.add(name)  # one of the same name in a later place counts for nothing
                found.append((name, f"{place}/{name}"))
    left = set(wanted)
    matched = []
    for _, path in sorted(found):
        patterns, is_unmanaged = _networkd_file(foreign_files.text(path))
        hit = {link for link in left if any(fnmatchcase(link, pattern) for pattern in patterns)}
        left -= hit  # the first file that matches is the one that counts
        if hit and not is_unmanaged:
            matched.append(path)
    return tuple(matched)


def _networkd_file(text: str) -> tuple[list[str], bool]:
    """The names that a file is for, none if it asks for more than a name; and whether it leaves them alone."""
    section, patterns, others, is_unmanaged = "", [], 0, False
    for line in map(str.strip, text.splitlines()):
        key, _, value = line.partition("=")
        if line.startswith("["):
            section = line
        elif section == "[Match]" and line and line[0] not in "#;":
            if key.strip() == "Name":
                patterns += value.split()
            else:
                others += 1
        elif section == "[Link]" and key.strip() == "Unmanaged":
            is_unmanaged = value.strip().lower() in {"yes", "true", "1", "on"}
    is_inverted = any(pattern.startswith("!") for pattern in patterns)
    return ([] if others or is_inverted else patterns), is_unmanaged


def is_dnsmasq_confined(directory: str) -> bool:
    """Whether AppArmor keeps dnsmasq from files below `directory`: its profile is enforced and does not name it."""
    try:
        with open(APPARMOR_PROFILES, encoding="utf-8", errors="replace") as file:
            is_enforced = any("dnsmasq" in line and "(enforce)" in line and "//" not in line for line in file)
    except OSError:
        return False
    return is_enforced and not any(directory in foreign_files.text(path) for path in APPARMOR_FILES)
