"""NICs of the host's that guests share: each a port of a bridge that has taken over its addresses.

A record is written before the first change, and says at the end that it is whole, so that a killed call is seen.
"""

from vnethook.errors import HostError, StateError
from vnethook.live import files, process
from vnethook.names import is_link_name
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


class SharedInterface(Value):
    """A shared NIC: names of bridge and NIC, the network namespace, whether it is whole.

    `antispoof`: guests' ports on the bridge are guarded, unless a network's definition says otherwise. `port`: what the
    NIC is called meanwhile, empty for its own name. `confirm_by`: until when somebody has to confirm it, in seconds
    after the host's boot; 0: it stays.
    """

    bridge: str
    nic: str
    namespace: int
    antispoof: bool = False
    is_whole: bool = False
    port: str = ""
    confirm_by: int = 0

    @property
    def port_name(self) -> str:
        """What the NIC is called while it is shared."""
        return self.port or self.nic

    @property
    def is_kept(self) -> bool:
        """Whether it is whole and nobody has to confirm it any more."""
        return self.is_whole and not self.confirm_by


def named(paths: "Paths", name: str) -> SharedInterface | None:
    """The shared NIC that a guest's configuration means by `name`: its own name or its bridge's; None if there is none.

    `bridge=eth0` and `bridge=ebreth0` mean the same. One that a killed call left half-made is none.
    """
    if not is_link_name(name):
        return None
    by_bridge = read(paths, name)
    found = [by_bridge] if by_bridge else [shared for shared in every(paths) if shared.nic == name]
    return next((shared for shared in found if shared.is_whole and is_here(shared)), None)


def every(paths: "Paths") -> list[SharedInterface]:
    """All records, also of what is half-made."""
    found = (read(paths, bridge) for bridge in files.names(paths.shared_interfaces, ".json"))
    return [shared for shared in found if shared is not None]


def read(paths: "Paths", bridge: str) -> SharedInterface | None:
    """The record of a bridge, None if there is none that can be read."""
    try:
        plain = files.read_json(_path(paths, bridge))
        return SharedInterface.from_plain(plain) if plain else None
    except (AttributeError, HostError, TypeError):
        return None


def write(paths: "Paths", shared: SharedInterface) -> None:
    """Write a record."""
    files.write_json(_path(paths, shared.bridge), shared.to_plain())


def remove(paths: "Paths", shared: SharedInterface) -> None:
    """Remove a record; nothing if it is gone."""
    files.remove(_path(paths, shared.bridge))
    files.remove_directory(paths.shared_interfaces)


def is_here(shared: SharedInterface) -> bool:
    """Whether it is of this process's network namespace; another's host may have the same run directory."""
    return shared.namespace == process.network_namespace()


def require_guests(paths: "Paths", live: "LiveNetwork", link: "Link") -> None:
    """Raise StateError if a link is the NIC that is shared by the bridge of a network: it is no guest's."""
    shared = read(paths, live.bridge)
    if shared is not None and shared.port_name == link.name:
        msg = f"interface {link.name!r}: attach to network {live.name!r}: it is the host's own, which guests share"
        raise StateError(msg, hint="a guest's tap, veth or vif can be attached")


def is_up(links: "Links", shared: SharedInterface) -> bool:
    """Whether the NIC is a port of the bridge, and that is up."""
    bridge, nic = links.link(shared.bridge), links.link(shared.port_name)
    return bridge is not None and nic is not None and nic.master == bridge.index and bridge.is_up


def _path(paths: "Paths", bridge: str) -> str:
    return f"{paths.shared_interfaces}/{bridge}.json"
