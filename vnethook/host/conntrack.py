"""The kernel's table of flows, as far as it keeps what a network's guests were once translated to."""

from vnethook.address import Subnet, parse_ip, parse_subnet
from vnethook.errors import HostError
from vnethook.host import log
from vnethook.live import flows, sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vnethook.host.link_address import LinkAddress
    from vnethook.live.flows import Led
    from vnethook.live.rtnl import Links

    _Forward = tuple[tuple[int, int], tuple[int, int], Subnet, int | None, int | None, int]
    """IP version and protocol, ports, source, address of the host, guest's (None: any), by how much the port grows."""

CONNECTED = (6, 33, 132)
"""TCP, DCCP, SCTP: a connection does not outlive a change of its addresses."""


class Conntrack:
    """The flows of this network namespace."""

    def __init__(self, links: "Links") -> None:
        self._links = links

    def forget(self, subnets: "Iterable[str]") -> None:
        """Forget the flows that sources in these subnets have begun, but for those of protocols with connections.

        Their next packet begins a flow anew. A kernel without this interface keeps them; that is logged.
        """
        blocks = [parse_subnet(text) for text in subnets]
        if not blocks:
            return
        versions = {block.version for block in blocks}
        try:
            flows.end(_is_begun_in(blocks), version=versions.pop() if len(versions) == 1 else 0)
        except OSError as error:
            log.warning(f"flows of {', '.join(subnets)}: forget: {error.strerror}: they end by themselves")

    def keep(self, addresses: "Iterable[LinkAddress]") -> None:
        """Let what is translated to these addresses of a link outlive their move to another; failures are logged."""
        if sysctl.read("net/netfilter/nf_conntrack_count") in {None, "0"}:
            return
        from vnethook.live import kept_flows  # noqa: PLC0415 (only as an interface is shared)

        try:
            lost = kept_flows.keep({address.packed for address in addresses})
        except OSError as error:
            log.warning(f"flows of guests: keep: {error.strerror}: they end by themselves")
        else:
            if lost:
                log.warning(f"flows of guests: keep: {lost} could not be: they end by themselves")

    def settle(self, before: "tuple[Led, ...]", now: "tuple[Led, ...]") -> None:
        """End the flows that forwards of `before` have led and none of `now` does, connections too.

        And what went to the host itself by UDP and is led to a guest `now`. A label in place of a guest's address means
        any guest. Failures are logged.
        """
        try:
            addresses = self._links.all_addresses() if now else []
            own = {parse_ip(text.partition("/")[0])[1] for _, text in addresses}
            flows.end(_over(own, [_parsed(item) for item in before], [_parsed(item) for item in now]))
        except (HostError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message
            log.warning(f"flows of forwards: end: {reason}: they end by themselves")


def _is_begun_in(blocks: list[Subnet]) -> "Callable[[flows.Flow], bool]":
    """Whether a source in one of these has begun a flow, and without a connection."""

    def is_meant(flow: "flows.Flow") -> bool:
        is_ours = any(block.version == flow.version and block.first <= flow.source <= block.last for block in blocks)
        return is_ours and flow.protocol not in CONNECTED

    return is_meant


def _parsed(item: "Led") -> "_Forward":
    version, protocol, first, last, source, on, target, to = item
    numbers = [parse_ip(text)[1] if ":" in text or "." in text else None for text in (on, target)]
    return (version, protocol), (first, last), parse_subnet(source), numbers[0], numbers[1], to - first


def _over(own: set[int], olds: "list[_Forward]", news: "list[_Forward]") -> "Callable[[flows.Flow], bool]":
    def is_over(flow: "flows.Flow") -> bool:
        if flow.is_led:
            return any(_leads(item, flow) for item in olds) and not any(_leads(item, flow) for item in news)
        return flow.protocol == flows.UDP and flow.to in own and any(_is_meant(item, flow) for item in news)

    return is_over


def _is_meant(item: "_Forward", flow: "flows.Flow") -> bool:
    kind, (first, last), source, on, _, _ = item
    is_there = kind == (flow.version, flow.protocol) and first <= flow.port <= last and on in {None, flow.to}
    return is_there and source.first <= flow.source <= source.last


def _leads(item: "_Forward", flow: "flows.Flow") -> bool:
    target, by = item[4], item[5]
    return _is_meant(item, flow) and target in {None, flow.answerer} and flow.answering_port == flow.port + by
