"""Which programs give a NIC its addresses, and would give them again once they are a bridge's. Changes nothing.

A client of DHCP puts the address back when it renews the lease, with a second route to the subnet, and the bridge's
runs out: the host is cut off minutes after all went well.

Source: systemd's /run/systemd/netif/links/INDEX, NetworkManager's /run/NetworkManager/devices/INDEX.
"""

from vnethook.errors import VnetError
from vnethook.host import dhcp_clients, networkd
from vnethook.host.dhcp_client import DhcpClient
from vnethook.host.networkd import NetworkdLink
from vnethook.live import files, process
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_CLIENTS = ("connmand", "dhclient", "dhcp6c", "dhcpcd", "pump", "udhcpc", "udhcpc6")
_NETWORKD, _NETWORKMANAGER = "systemd-networkd", "NetworkManager"
NETWORKMANAGER_DEVICES = "/run/NetworkManager/devices"


class Owners(Value):
    """`others`: programs that cannot be handed over to another link, in words; `clients`, `networkd`: what can be."""

    others: tuple[str, ...] = ()
    clients: tuple[DhcpClient, ...] = ()
    networkd: NetworkdLink | None = None


def read(nic: str, index: int, links: "Collection[str]") -> Owners:
    """Those programs.

    `links`: the names of all links, by which a client says which it is for.
    """
    found: list[str] = []
    clients: list[DhcpClient] = []
    managed: NetworkdLink | None = None
    for pid in process.running():
        words = process.command_line(pid)
        names = [files.base_name(word.partition(":")[0]) for word in words[:2]]
        name = names[-1] if names[:1] == ["busybox"] else "".join(names[:1])
        if name not in {*_CLIENTS, _NETWORKD, _NETWORKMANAGER} or not process.is_in_our_network(pid):
            continue
        if name in _CLIENTS and _is_for(nic, words, links):
            client = dhcp_clients.read(pid, words, nic)
            if isinstance(client, str):
                found.append(f"{name} (process {pid}), which {client},")
            elif client is not None:
                clients.append(client)
        if name == _NETWORKD:
            link = networkd.read(nic, index)
            found += [f"{name}, which {link},"] if isinstance(link, str) else []
            managed = link if isinstance(link, NetworkdLink) else managed
        if name == _NETWORKMANAGER and _says(f"{NETWORKMANAGER_DEVICES}/{index}", "managed=true"):
            found.append(name)
    in_order = sorted(clients, key=lambda client: (client.version, client.pid))
    return Owners(tuple(sorted(set(found))), tuple(in_order), managed)


def _is_for(nic: str, words: list[str], links: "Collection[str]") -> bool:
    """Whether a client is for the NIC: it is named, or none is. dhcpcd names it in its title, "dhcpcd: eth0 [ip4]"."""
    named = {part.removeprefix("-i") for word in words for part in word.split()} & set(links)
    return nic in named or not named


def _says(path: str, words: str) -> bool:
    """Whether a file has a line that begins with these words."""
    try:
        return any(line.startswith(words) for line in (files.read_text(path) or "").splitlines())
    except VnetError:
        return False
