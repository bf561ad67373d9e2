"""Build the queue of a link that sends at limited rates, with pyroute2: a tree of HTB classes.

    764e:   the queue; what no filter knows goes to 764e:2
    764e:1  all traffic: the average rate, and the peak as long as the burst lasts
    764e:2  inside of it, what has no guaranteed rate
    764e:N  inside of it, what is sent to one MAC, with the rate that it is guaranteed

The leaves are pfifo, which every kernel has; sch_sfq and sch_fq_codel are not everywhere. May be called again with
other numbers: what is there is changed in place, so that nothing that waits is lost. Source: tc-htb(8).
"""

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from vnethook.errors import HostError
from vnethook.live import queues
from vnethook.live.queues import REST, WHOLE, Tree, handle
from vnethook.live.rtnl import Links

LEAF_S = 0.25
"""How long a full leaf takes to empty, at the average rate and with frames of PACKET bytes."""
PACKET = 1514
LEAF_MIN, LEAF_MAX = 16, 1000
QUANTUM_MAX = 60_000
"""Bytes that a class may send before the next one that borrows; sch_htb.c complains above 200000."""


def build(links: Links, index: int, tree: Tree) -> None:
    """Give the link of that index the queue that `tree` describes; raise HostError if it cannot have it."""
    name = _name(links, index)
    stranger = queues.stranger(links, index)
    if stranger:
        msg = f"interface {name!r}: limit rate: another program has given it the queue {stranger!r}"
        raise HostError(msg, hint=f"take it off first: tc qdisc del dev {name} root")
    try:
        with IPRoute() as route:
            _build(route, links, index, tree)
    except NetlinkError as error:
        msg = f"interface {name!r}: limit rate: {error.args[1]}"
        raise HostError(msg, hint="the kernel needs sch_htb (CONFIG_NET_SCH_HTB)") from error


def _build(route: IPRoute, links: Links, index: int, tree: Tree) -> None:
    if not queues.has_ours(links, index):
        route.tc("add", "htb", index, handle(), default=REST)
    before = queues.classes(links, index)
    wanted = {found.minor: found for found in tree.classes}
    for minor in before.keys() - wanted.keys():
        queues.remove_filter(links, index, minor)
        route.tc("del-class", index=index, handle=handle(minor))
    for minor, found in wanted.items():
        route.tc(
            *("replace-class", "htb", index, handle(minor)),
            parent=handle() if minor == WHOLE else handle(WHOLE),
            rate=found.rate,
            ceil=found.ceil,
            burst=found.burst,
            cburst=queues.burst(found.ceil),
            quantum=min(max(found.rate // 100, PACKET), QUANTUM_MAX),
        )
        if minor not in before and minor != WHOLE:
            packets = int(found.ceil * LEAF_S) // PACKET
            route.tc("add", "pfifo", index, parent=handle(minor), limit=min(max(packets, LEAF_MIN), LEAF_MAX))
    for minor, mac, _ in tree.floors:
        queues.remove_filter(links, index, minor)
        queues.add_filter(links, index, minor, mac)


def _name(links: Links, index: int) -> str:
    link = links.link_at(index)
    if link is None:
        msg = f"interface {index}: limit rate: no such network interface"
        raise HostError(msg)
    return link.name
