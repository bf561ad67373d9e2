"""Which programs give a NIC its addresses, and would give them again once they are a bridge's. Changes nothing.

A client of DHCP puts the address back when it renews the lease, with a second route to the subnet, and the bridge's
runs out: the host is cut off minutes after all went well.

Source: systemd's /run/systemd/netif/links/INDEX, NetworkManager's /run/NetworkManager/devices/INDEX.
"""

from vnethook.host import dhcp_clients, networkd, networkmanager
from vnethook.host.dhcp_client import DhcpClient
from vnethook.host.networkd import NetworkdLink
from vnethook.host.networkmanager import Device
from vnethook.live import files, process
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_CLIENTS = ("connmand", "dhclient", "dhcp6c", "dhcpcd", "pump", "udhcpc", "udhcpc6")
_NETWORKD, _NETWORKMANAGER = "systemd-networkd", "NetworkManager"


class Owners(Value):
    """`others`: programs that cannot be handed over to another link, in words; the rest is what can be."""

    others: tuple[str, ...] = ()
    clients: tuple[DhcpClient, ...] = ()
    networkd: NetworkdLink | None = None
    networkmanager: Device | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is one that can be."""
        return bool(self.clients or self.networkd or self.networkmanager)


def read(nic: str, index: int, links: "Collection[str]") -> Owners:
    """Those programs.

    `links`: the names of all links, by which a client says which it is for.
    """
    found: list[str] = []
    clients: list[DhcpClient] = []
    managed, device = None, None
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
            managed = networkd.read(nic, index)
            found += [f"{name}, which {managed},"] if isinstance(managed, str) else []
        if name == _NETWORKMANAGER:
            device = networkmanager.read(nic, index)
            found += [f"{name}, which {device},"] if isinstance(device, str) else []
    in_order = sorted(clients, key=lambda client: (client.version, client.pid))
    return Owners(
        tuple(sorted(set(found))),
        tuple(in_order),
        managed if isinstance(managed, NetworkdLink) else None,
        device if isinstance(device, Device) else None,
    )


def _is_for(nic: str, words: list[str], links: "Collection[str]") -> bool:
    """Whether a client is for the NIC: it is named, or none is. dhcpcd names it in its title, "dhcpcd: eth0 [ip4]"."""
    named = {part.removeprefix("-i") for word in words for part in word.split()} & set(links)
    return nic in named or not named
