"""The verb link-list: what networks are linked with, and how it is with that."""

import time
from typing import TYPE_CHECKING

from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb
from vnethook.lifecycle.certificates import WARN_S
from vnethook.live.link_status import UP, LinkStatus

if TYPE_CHECKING:
    from vnethook.lifecycle.links import ShownLink


@verb
@arguments.network_if_any
@arguments.as_json
def link_list(network: str, *, as_json: bool) -> None:
    """List the links with networks of other hosts.

    Without NET of all networks that are up. What listens is listed, too, with whom it has refused last.
    """
    found = slow.links.links(slow.host(), network)
    if as_json:
        report.as_json([_plain(item) for item in found])
        return
    table = Table("Network", "Peer", "Transport", "State", "Since", "Received", "Sent", "Reason")
    for item in found:
        link = item.status
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(link.since)) if link.since else ""
        carried = ("", "") if item.is_listen else (_amount(link.received), _amount(link.sent))
        table.add(item.network, _peer(item), link.transport, link.state, since, *carried, link.reason)
    report.table(table)
    if any(item.status.transport == "tls" for item in found) and (
        problem := slow.certificates.problem(slow.host().paths)
    ):
        report.warning(problem)
    for item in found:
        if _expires_soon(item.status):
            when = time.strftime("%Y-%m-%d", time.gmtime(item.status.expires))
            report.warning(f"network {item.network!r}: the certificate of {item.status.peer} ends on {when}")


def _expires_soon(link: LinkStatus) -> bool:
    return link.state == UP and 0 < link.expires < time.time() + WARN_S


def _peer(item: "ShownLink") -> str:
    link = item.status
    if item.is_listen:
        return f"{link.address or '*'}:{link.port}" if link.port else "*"
    name = f"{link.peer} ({link.address})" if link.peer and link.peer != link.address else link.address
    return f"from {name}" if link.is_incoming else f"to {name}"


def _amount(count: int) -> str:
    """Bytes in a unit of a thousand that leaves at most four digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 10000:
            return f"{count} {unit}"
        count //= 1000
    return f"{count} TB"


def _plain(item: "ShownLink") -> dict[str, object]:
    link = item.status
    if item.is_listen:
        return {
            "network": item.network,
            "listens": True,
            "transport": link.transport,
            "address": link.address or None,
            "port": link.port or None,
            "state": link.state,
            "since": link.since,
            "reason": link.reason,
            "refused": item.refused,
        }
    return {
        "network": item.network,
        "listens": False,
        "incoming": link.is_incoming,
        "peer": link.peer or None,
        "transport": link.transport,
        "address": link.address,
        "port": link.port or None,
        "state": link.state,
        "since": link.since,
        "interface": link.device or None,
        "received": link.received,
        "sent": link.sent,
        "retries": link.retries,
        "expires": link.expires or None,
        "reason": link.reason,
    }
