"""What a link may send and receive, at which rates.

What is sent to guests waits in a queue (live/queues.py, host/htb.py); what they send is dropped beyond its rate as it
comes in, by a chain of `table netdev vnethook`, one for each link. That form needs neither ifb nor act_police, which
not every kernel has, and no link of its own.
"""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files, netdev, nftables, queues
from vnethook.live.queues import KILO, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.nft import Nft
    from vnethook.host.shared import Shared
    from vnethook.live.rtnl import Link, Links

    Floors = tuple[tuple[int, str, int], ...]

TABLE = "netdev vnethook"
PRIORITY = -500
"""Of our hook: before whatever else looks at what comes in."""
INFLOW_MAX = 18_000_000_000
"""Bytes: of a rate per second and a bucket, what nft_limit_init() can count in nanoseconds; more is no limit."""
BUCKET_MIN = 1 << 16
"""Bytes; a guest hands over up to 64 KiB at once, and one that never fits would never pass."""


class Traffic:
    """The limits of this host's links. `limits` are those of a NIC's record: see Traits."""

    def __init__(self, links: "Links", nft: "Nft", shared: "Shared") -> None:
        self._links = links
        self._nft = nft
        self._shared = shared

    def is_limited(self, name: str, limits: tuple[int, ...], floors: "Floors | None" = None) -> bool:
        """Whether a link has exactly these limits; `floors`: with these guaranteed rates, None: with whatever ones."""
        link = self._links.link(name)
        if link is None:
            return False
        chain = _chain(link, limits)
        is_policed = not chain or nftables.chain_uses([chain], family=nftables.NETDEV).get(chain) == 1
        return is_policed and self._has_queue(link, limits, floors)

    def limit(self, name: str, limits: tuple[int, ...], floors: "Floors" = ()) -> None:
        """Give a link these limits and no other; raise HostError if it cannot have them."""
        link = self._links.link(name)
        if link is None:
            msg = f"interface {name!r}: limit rate: no such network interface"
            raise HostError(msg)
        self._police(link, _chain(link, limits), limits)  # first: another program's queue does not keep it off
        if not limits[0]:
            queues.remove(self._links, link.index)
        elif not self._has_queue(link, limits, floors):
            _build(self._links, link, _tree(limits, floors))

    def clear(self, name: str, index: int) -> None:
        """Take all limits off a link; nothing if it has none, is gone, or another link has its name by now."""
        link = self._links.link(name)
        if link is not None and link.index != index:
            link = None
        if link is not None:
            queues.remove(self._links, link.index)
        self._police(link, "", ())

    def _has_queue(self, link: "Link", limits: tuple[int, ...], floors: "Floors | None") -> bool:
        if not limits[0]:
            return not queues.has_ours(self._links, link.index)
        found = queues.classes(self._links, link.index)
        wanted = _tree(limits, floors or ()).classes
        if floors is None:
            return queues.REST in found and queues.WHOLE in found and wanted[0].is_like(found[queues.WHOLE])
        is_same = found.keys() == {item.minor for item in wanted} and all(
            item.is_like(found[item.minor]) for item in wanted
        )
        return is_same and queues.filters(self._links, link.index) == {minor: mac for minor, mac, _ in floors}

    def _police(self, link: "Link | None", wanted: str, limits: tuple[int, ...]) -> None:
        """Have the chain `wanted` on a link, and no other one; chains of links that are gone go too.

        Since Linux 6.16 a chain outlives its link, so each rule holds for one index only.
        """
        with self._shared.lock():
            found = nftables.all_chain_uses(nftables.NETDEV)
            there = {other.index for other in self._links.all_links()} if found else set()
            left_over = [chain for chain in found if chain != wanted and _is_over(chain, link, there)]
            lines = [f"{verb} chain {TABLE} {chain}" for chain in left_over for verb in ("flush", "delete")]
            if link is not None and wanted and found.get(wanted) != 1:
                lines += _rules(link, wanted, limits)
            if lines:
                self._nft.apply("".join(f"{line}\n" for line in lines))
            if left_over:
                netdev.drop_table()  # an attached NIC is guarded there at any time, so only the kernel can tell


def _tree(limits: tuple[int, ...], floors: "Floors") -> Tree:
    average, peak, burst = limits[:3]
    return Tree(average, peak, burst, floors)


def _build(links: "Links", link: "Link", tree: Tree) -> None:
    """Build a queue, here if this process has pyroute2, else by the installed `vnet`."""
    try:
        from vnethook.host import htb  # noqa: PLC0415 (only to limit a rate)
    except ImportError:
        programs.run_vnet(["limit-rate", str(link.index)], text=files.dumps(tree.to_plain()))
    else:
        htb.build(links, link.index, tree)


def _chain(link: "Link", limits: tuple[int, ...]) -> str:
    """The name of the chain that limits what comes in by a link, which says to what; empty for no limit."""
    rate, bucket = _inflow(limits)
    return f"i{link.index}_{rate}_{bucket}" if rate else ""


def _is_over(chain: str, link: "Link | None", there: set[int]) -> bool:
    """Whether a chain of rates is that of `link`, or of a link that is gone; others in the table are none of ours."""
    kind, (index, *rest) = chain[:1], chain[1:].split("_")
    if kind != "i" or len(rest) != 2 or not index.isdecimal():
        return False
    return (link is not None and int(index) == link.index) or int(index) not in there


def _inflow(limits: tuple[int, ...]) -> tuple[int, int]:
    """The rate in bytes per second at which a link may receive, and how many bytes at once: by default one second's."""
    average, _, burst = limits[4:]
    rate = average * KILO
    return (rate, min(max(burst * 1024, rate, BUCKET_MIN), INFLOW_MAX)) if rate <= INFLOW_MAX else (0, 0)


def _rules(link: "Link", chain: str, limits: tuple[int, ...]) -> list[str]:
    rate, bucket = _inflow(limits)
    more = (
        f" burst {bucket - rate} bytes" if bucket > rate else ""
    )  # the kernel adds a second's worth: nft_limit_init()
    return [
        f"add table {TABLE}",
        f'add chain {TABLE} {chain} {{ type filter hook ingress device "{link.name}" priority {PRIORITY}; }}',
        f"flush chain {TABLE} {chain}",
        f"add rule {TABLE} {chain} iif {link.index} limit rate over {rate} bytes/second{more} drop",
    ]
