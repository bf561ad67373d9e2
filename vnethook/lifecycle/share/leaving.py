"""The guests on a shared NIC's bridge: who they are, and how they leave it."""

from vnethook.errors import StateError
from vnethook.host import log
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.shared_interface import SharedInterface


def names(host: "Host", shared: "SharedInterface") -> list[str]:
    """The links on the bridge beside the NIC."""
    bridge = host.links.link(shared.bridge)
    return [port.name for port in host.links.ports(bridge.index) if port.name != shared.port_name] if bridge else []


def let_go(host: "Host", shared: "SharedInterface") -> None:
    """Take the network that uses the bridge down, with its guests; nothing if there is none. Who goes is logged."""
    found = names(host, shared)
    if found:
        log.warning(f"bridge {shared.bridge!r}: guests lose the network: {', '.join(found)}")
    network = files.link_target(f"{host.paths.bridges}/{shared.bridge}")
    if network is not None:
        from vnethook.lifecycle import bringup  # noqa: PLC0415 (most shared NICs are given back without guests)

        try:
            bringup.stop(host, files.base_name(network), force=True)
        except StateError:
            return  # it was not up
