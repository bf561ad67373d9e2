"""Which programs give a NIC its addresses, and would give them again once they are a bridge's. Changes nothing.

A client of DHCP puts the address back when it renews the lease, with a second route to the subnet, and the bridge's
runs out: the host is cut off minutes after all went well.

Source: systemd's /run/systemd/netif/links/INDEX, NetworkManager's /run/NetworkManager/devices/INDEX.
"""

from vnethook.errors import VnetError
from vnethook.host import dhcp_clients
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from vnethook.host.dhcp_client import DhcpClient

_CLIENTS = ("connmand", "dhclient", "dhcp6c", "dhcpcd", "pump", "udhcpc", "udhcpc6")
_NETWORKD, _NETWORKMANAGER = "systemd-networkd", "NetworkManager"
NETWORKD_LINKS = "/run/systemd/netif/links"
NETWORKMANAGER_DEVICES = "/run/NetworkManager/devices"


def read(nic: str, index: int, links: "Collection[str]") -> "tuple[tuple[str, ...], tuple[DhcpClient, ...]]":
    """Those programs that cannot be handed over to another link, in words, and the clients that can be.

    `links`: the names of all links, by which a client says which it is for.
    """
    found: list[str] = []
    clients: list[DhcpClient] = []
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
            else:
                clients.append(client)
        if (name == _NETWORKD and _says(f"{NETWORKD_LINKS}/{index}", "NETWORK_FILE=")) or (
            name == _NETWORKMANAGER and _says(f"{NETWORKMANAGER_DEVICES}/{index}", "managed=true")
        ):
            found.append(name)
    return tuple(sorted(set(found))), tuple(sorted(clients, key=lambda client: (client.version, client.pid)))


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
