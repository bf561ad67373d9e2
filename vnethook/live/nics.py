"""The records of attached NICs: which guest's, on which network, one file each."""

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Links


class Nic(Value):
    """An attached guest NIC: its link in the host, its network, and what is known of the guest.

    `owner`: (pid, start time) of the hypervisor's process, (0, 0) if unknown. `hostname`: its name in the network's
    DNS, empty if it has none. `since`: Unix time in seconds. `had_ipv6`: given back by detach.
    """

    interface: str
    network: str
    index: int = 0
    mac: str = ""
    guest: str = ""
    hostname: str = ""
    owner: tuple[int, int] = (0, 0)
    via: str = ""
    since: int = 0
    had_ipv6: bool = False


def read(paths: "Paths", interface: str) -> Nic | None:
    """The record of an attached NIC, None if there is none that can be read: the next attach writes it anew."""
    network = files.link_target(f"{paths.interfaces}/{interface}")
    try:
        return Nic.from_plain(files.read_json(_path(paths, network, interface))) if network else None
    except (AttributeError, HostError, TypeError):
        return None


def write(paths: "Paths", nic: Nic) -> None:
    """Write a record and the link that finds it by its interface."""
    files.write_json(_path(paths, nic.network, nic.interface), nic.to_plain())
    files.make_link(f"{paths.interfaces}/{nic.interface}", nic.network)


def remove(paths: "Paths", nic: Nic) -> None:
    """Remove a record; the link by its interface only if it leads there."""
    files.remove(_path(paths, nic.network, nic.interface))
    files.remove_directory(paths.ports(nic.network))
    if files.link_target(f"{paths.interfaces}/{nic.interface}") == nic.network:
        files.remove(f"{paths.interfaces}/{nic.interface}")


def attached(paths: "Paths", network: str) -> list[Nic]:
    """The NICs that have a record with this network, also those whose link is gone."""
    found = (read(paths, interface) for interface in files.names(paths.ports(network), ".json"))
    return [nic for nic in found if nic is not None and nic.network == network]


def is_attached(links: "Links", nic: Nic) -> bool:
    """Whether the link of a record is still the one that was attached."""
    link = links.link(nic.interface)
    return link is not None and link.index == nic.index


def _path(paths: "Paths", network: str, interface: str) -> str:
    return f"{paths.ports(network)}/{interface}.json"
