"""systemd-networkd: what it is to do for a link, and that it does the same for another, by files that a reboot removes.

Source: systemd.network(5); what it says of itself in /run/systemd/netif, as of version 252, which is private to it:
without it a link is not handed over.
"""

from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.host.link_address import FOR_EVER
from vnethook.live import files, process
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STATE, VOLATILE = "/run/systemd/netif", "/run/systemd/network"
PLACES = ("/etc/systemd/network", VOLATILE, "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
"""Where it reads files, the first place before the others. Source: systemd.network(5)."""
PREFIX = "00-vnethook-"
"""Begins the names of our files: of all that match a link, the first by name counts."""
SECTIONS = {
    *("Match", "Link", "Network", "Address", "Route", "RoutingPolicyRule", "Neighbor", "NextHop"),
    *("IPv6AddressLabel", "IPv6AcceptRA", "DHCP", "DHCPv4", "DHCPv6"),
}
"""What a bridge takes over as it is. netplan writes [DHCP], the first name of [DHCPv4] and [DHCPv6]."""
_OF_THE_LINK = {
    *("BatmanAdvanced", "Bond", "Bridge", "IPVLAN", "IPVTAP", "IPoIB", "KeepMaster", "MACVLAN", "MACVTAP", "MACsec"),
    *("Tunnel", "VLAN", "VRF", "VXLAN", "Xfrm", "DHCPServer", "IPv6SendRA", "DHCPPrefixDelegation", "Unmanaged"),
}
"""Settings that are about the link itself or what stands on it."""
CLIENT_WITH_IAID = "ff"
"""How a client identifier by RFC 4361 begins; IAID and DUID follow."""


class NetworkdLink(Value):
    """A link that it looks after: by which file, and what all its files say but for which link they are for.

    `address`: what it has leased, empty for nothing; `identity`: what is to be added so that another link is the same
    client to the servers.
    """

    link: str
    file: str
    text: str
    address: str
    identity: str


def is_running() -> bool:
    """Whether it runs for this network namespace."""
    return any(
        "".join(files.base_name(word) for word in process.command_line(pid)[:1]) == "systemd-networkd"
        and process.is_in_our_network(pid)
        for pid in process.running()
    )


def read(nic: str, index: int) -> NetworkdLink | str | None:
    """What it does for a NIC; why that cannot be handed over; None if it leaves the NIC alone."""
    state = facts(f"{STATE}/links/{index}")
    file = state.get("NETWORK_FILE", "")
    if not file or state.get("ADMIN_STATE") == "unmanaged":
        return None
    if files.base_name(file) <= PREFIX:
        return f"looks after it by {file!r}, which goes before any file of ours"
    text = "\n".join(files.read_text(path) or "" for path in (file, *_drop_ins(file)))
    kept, strange = _kept(text)
    if strange:
        return f"looks after it by {file!r}, where {strange} is about the link itself"
    lease = facts(f"{STATE}/leases/{index}")
    return NetworkdLink(nic, file, kept, lease.get("ADDRESS", ""), _identity(kept, state, lease))


def facts(path: str) -> dict[str, str]:
    """The lines of one of its own files as names and values; empty if there is no such file."""
    lines = (files.read_text(path) or "").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def reload() -> None:
    """Have it read its files again and act on what is new; raise HostError if it does not."""
    done = programs.run([programs.require("networkctl"), "reload"])
    if done.status != 0:
        msg = f"systemd-networkd: reload: {done.reason}"
        raise HostError(msg, hint="it is told over the system bus; see `networkctl status`")


def wait_for(index: int, file: str, address: str, *, timeout_s: float) -> bool:
    """Wait until it has done for a link what a file says, with a lease of an address if there is one; if it has."""
    return _wait(lambda: _is_configured(index, file, address), timeout_s)


def wait_for_rest(index: int, *, timeout_s: float) -> bool:
    """Wait until it leaves a link alone; whether it does."""
    return _wait(lambda: facts(f"{STATE}/links/{index}").get("ADMIN_STATE") == "unmanaged", timeout_s)


def _wait(condition: "Callable[[], bool]", timeout_s: float) -> bool:
    deadline = monotonic() + timeout_s
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(0.01)
    return True


def leased(index: int) -> str:
    """The address that it has leased for a link, empty if none."""
    return facts(f"{STATE}/leases/{index}").get("ADDRESS", "")


def lease_s(index: int) -> int:
    """For how many seconds it has that, FOR_EVER if it does not say."""
    number = facts(f"{STATE}/leases/{index}").get("LIFETIME", "")
    return int(number) if number.isascii() and number.isdigit() else FOR_EVER


def _is_configured(index: int, file: str, address: str) -> bool:
    state = facts(f"{STATE}/links/{index}")
    is_done = state.get("ADMIN_STATE") == "configured" and state.get("NETWORK_FILE") == file
    return is_done and (not address or bool(leased(index)))


def _drop_ins(file: str) -> list[str]:
    """The files that add to a file, in the order in which they count. Source: systemd.network(5)."""
    found: dict[str, str] = {}
    for place in reversed(PLACES):
        directory = f"{place}/{files.base_name(file)}.d"
        found |= {name: f"{directory}/{name}.conf" for name in files.names(directory, ".conf")}
    return [found[name] for name in sorted(found)]


def _kept(text: str) -> tuple[str, str]:
    """The text without what says for which link it is, and what of it is not for another link, empty for nothing."""
    section, kept = "", []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            if section not in SECTIONS:
                return "", line
        elif line.partition("=")[0].strip() in _OF_THE_LINK and section in {"Network", "Link"}:
            return "", line
        if section != "Match":
            kept.append(line)
    return "\n".join(line for line in kept if line), ""


def _identity(text: str, state: dict[str, str], lease: dict[str, str]) -> str:
    """Settings that have another link be the same client: it would make an IAID of that link's name."""
    if "\nIAID=" in text:
        return ""
    client, found = lease.get("CLIENTID", ""), ""
    if client.startswith(CLIENT_WITH_IAID) and len(client) > 10:
        found += f"[DHCPv4]\nIAID={int(client[2:10], 16)}\n"
    iaid = state.get("DHCP6_CLIENT_IAID", "")
    return found + (f"[DHCPv6]\nIAID={int(iaid, 16)}\n" if iaid else "")
