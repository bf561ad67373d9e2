"""The links of networks with other hosts, as their supervisors say they are, with what they carry."""

from vnethook.host import link_counters
from vnethook.live import link_status, record
from vnethook.live.link_status import DOWN, LinkStatus
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        if network in {"", name} and (status := link_status.read(host.paths, name)) is not None:
            found += [ShownLink(name, _with_traffic(link)) for link in status.links]
            for listen in status.listens:
                reason = listen.reason or listen.refusal
                shown = LinkStatus(listen.transport, listen.address, listen.port, state=listen.state)
                shown = shown.replace(is_incoming=True, since=listen.since, reason=reason)
                found.append(ShownLink(name, shown, is_listen=True, refused=listen.refused))
    return found


def _with_traffic(link: LinkStatus) -> LinkStatus:
    if not link.device or link.state == DOWN:
        return link
    received, sent = link_counters.carried(link.device)
    return link.replace(received=link.received + received, sent=link.sent + sent)
