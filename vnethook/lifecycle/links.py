"""The links of networks, as their supervisors and the kernel say they are, with what they carry."""

from vnethook.capability import link_vxlan
from vnethook.host import link_counters
from vnethook.lifecycle import bringup
from vnethook.live import link_names, link_status, record
from vnethook.live.link_status import DOWN, UNKNOWN, UP, LinkStatus
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.host.host import Host


class ShownLink(Value):
    """A link of a network with what it has carried in all, or what it listens to (`is_listen`)."""

    network: str
    status: LinkStatus
    is_listen: bool = False
    refused: int = 0


def links(host: "Host", network: str = "") -> list[ShownLink]:
    """The links of all networks that are up, or of one."""
    found = []
    for name in record.names(host.paths):
        if network in {"", name}:
            found += [ShownLink(name, _with_traffic(link)) for link in _of_kernel(host, name)]
        if network in {"", name} and (status := link_status.read(host.paths, name)) is not None:
            found += [ShownLink(name, _with_traffic(link)) for link in status.links]
            for listen in status.listens:
                reason = listen.reason or listen.refusal
                shown = LinkStatus(listen.transport, listen.address, listen.port, state=listen.state)
                shown = shown.replace(is_incoming=True, since=listen.since, reason=reason)
                found.append(ShownLink(name, shown, is_listen=True, refused=listen.refused))
    return found


def _of_kernel(host: "Host", name: str) -> "Iterator[LinkStatus]":
    """Links that the kernel carries without a supervisor: to other networks of this host, and by VXLAN."""
    network = bringup.live_definition(host, name)
    if network is None:
        return
    uuid = network.uuid or ""
    for item in network.connections:
        if item.is_local:
            device = link_names.local_cable(uuid, item.network or "")[0]
            yield _of_device(host, LinkStatus("local", item.network or "", device=device, state=UP))
    for number, port, _, remote in link_vxlan.links(network):
        device = link_names.vxlan(uuid, number)
        yield _of_device(host, LinkStatus("vxlan", remote, port, device=device, state=UNKNOWN))


def _of_device(host: "Host", link: LinkStatus) -> LinkStatus:
    if host.links.link(link.device) is not None:
        return link
    return link.replace(device="", state=DOWN, reason="its device is gone")


def _with_traffic(link: LinkStatus) -> LinkStatus:
    if not link.device or link.state == DOWN:
        return link
    received, sent = link_counters.carried(link.device)
    return link.replace(received=link.received + received, sent=link.sent + sent)
