"""Ports of the host that a network's forwards take: from another network that is up, or from a program on the host."""

import os
import sys

from vnethook.address import BITS, format_ip
from vnethook.definition import port_claims
from vnethook.definition.forwarding import Forwarding
from vnethook.definition.port_claims import PortClaims
from vnethook.errors import HostError
from vnethook.live import files, process, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.forwarding import PortForward
    from vnethook.definition.model import Network
    from vnethook.host.host import Host

_TABLES = (("tcp", 4, "0A"), ("tcp", 6, "0A"), ("udp", 4, "07"), ("udp", 6, "07"))
"""Protocol, IP version, and the state of a socket that listens. Source: proc(5), the kernel's tcp_states.h."""
_OURS = (53, 67, 547)
"""Of our own dnsmasq, which keeps them."""
_ANY = {4: "0.0.0.0", 6: "::"}  # noqa: S104 (nobody listens there)


def require(host: "Host", network: "Network") -> None:
    """Raise HostError if a network has a forward that another one has which is up now, by whatever definition."""
    found = _taken(host, network)
    if found is not None:
        item, other = found
        msg = f"network {network.name!r}: {item.label}: is forwarded by network {other!r}, which is up"
        raise HostError(
            msg, hint=f"`vnet net-stop {other}`, or `vnet net-apply {other}` if it is defined otherwise by now"
        )


def _taken(host: "Host", network: "Network") -> "tuple[PortForward, str] | None":
    items = [port_claims.read(row) for row in port_claims.plain(network)]
    if not items:
        return None
    claims = PortClaims()
    for number, (name, item) in enumerate(_live(host)):
        claims.add(str(number), name, item)
    return claims.first(items, but=network.name)


def _live(host: "Host") -> "Iterator[tuple[str, PortForward]]":
    for name in record.names(host.paths):
        whole = files.read_json(f"{host.paths.definitions}/{name}.json")
        said = whole.get("forwarding") if isinstance(whole, dict) else None
        incoming = Forwarding.from_plain(said).incoming if said and said.get("enabled") else None
        for item in incoming.forwards if incoming else ():
            yield name, item


def warnings(host: "Host", network: "Network") -> list[str]:
    """What of a network's forwards is otherwise on the host than may be thought, a line each."""
    items = [port_claims.read(row) for row in port_claims.plain(network)]
    if not items:
        return []
    own = {text.partition("/")[0] for _, text in host.links.all_addresses()}
    missing = sorted({item.on for item in items if item.on and item.on not in own})
    lines = [
        f"incoming on {text}: the host has no such address: nothing comes in by it until it has" for text in missing
    ]
    return [*lines, *_served(items)]


def _served(items: "list[PortForward]") -> list[str]:
    """Which ports that forwards take a program of the host serves."""
    found: dict[str, set[str]] = {}
    for protocol, version, address, port, inode in _listeners():
        for item in items:
            is_meant = (
                protocol in item.protocols and version in item.versions and item.ports[0] <= port <= item.ports[1]
            )
            if is_meant and (item.on is None or address in {_ANY[version], item.on}):
                found.setdefault(f"incoming port {port}/{protocol}", set()).add(inode)
    programs = _programs({inode for inodes in found.values() for inode in inodes}) if found else {}
    return [
        f"{what}: {_listed(inodes, programs)} on the host listens there: what comes goes to the guest"
        for what, inodes in found.items()
    ]


def _listed(inodes: set[str], programs: dict[str, str]) -> str:
    return ", ".join(sorted({programs[inode] for inode in inodes if inode in programs})) or "a program"


def _listeners() -> "Iterator[tuple[str, int, str, int, str]]":
    """(protocol, IP version, address, port, inode) of each socket that listens, but for our own dnsmasq's."""
    for protocol, version, state in _TABLES:
        try:
            with open(f"/proc/net/{protocol}{'6' if version == 6 else ''}", encoding="ascii") as table:
                lines = table.read().splitlines()[1:]
        except OSError:
            continue  # a kernel without IPv6
        for line in lines:
            words = line.split()
            address, _, port = words[1].partition(":")
            text = format_ip(version, _number(version, address))
            number = int(port, 16)
            is_ours = number in _OURS[1:] or (number == _OURS[0] and text != _ANY[version])
            if words[3] == state and not is_ours:
                yield protocol, version, text, number, words[9]


def _number(version: int, text: str) -> int:
    """An address in words of the host's byte order. Source: tcp4_seq_show() and tcp6_seq_show() of the kernel."""
    starts = range(0, BITS[version] // 4, 8)
    return int.from_bytes(b"".join(int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in starts), "big")


def _programs(inodes: set[str]) -> dict[str, str]:
    """The names of the programs that hold these sockets, by inode, as far as we may see them."""
    found = {}
    for pid in process.running():
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    found[target[8:-1]] = process.command_line(pid)[0].rpartition("/")[2] or f"process {pid}"
        except (OSError, IndexError):
            continue  # it has ended meanwhile, or is somebody else's
    return found
