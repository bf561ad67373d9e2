"""Whether somebody behind a link has an address of the network's bridge: asked once it is up, in its own process."""

import socket
from typing import TYPE_CHECKING

from vnethook.hook.links.chain import Chain
from vnethook.host import link_probe, link_process
from vnethook.live import record
from vnethook.live.rtnl import Links

if TYPE_CHECKING:
    from vnethook.hook.links.keeper import Keeper

_WORDS = 1 << 12


def begin(keeper: "Keeper", chain: Chain) -> None:
    """Have somebody ask; an answer ends the link, and it is tried again as what never was up is."""
    live = record.read(keeper.host.paths, keeper.network)
    if live is None:
        return
    device = chain.status.device
    ours, theirs = socket.socketpair()

    def ask() -> None:
        theirs.send(link_probe.conflict(Links(), live, device).encode())

    chain.examiner.pid = link_process.fork(ask, keep=[theirs.fileno()])
    chain.verdict = ours
    theirs.close()
    keeper.watch(ours.fileno(), lambda: _hear(keeper, chain, ours))


def _hear(keeper: "Keeper", chain: Chain, verdict: socket.socket) -> None:
    reason = verdict.recv(_WORDS).decode()
    keeper.forget(verdict.fileno())
    chain.end_examination()
    if reason:
        keeper.end(chain, reason)
        chain.was_up_at = 0.0
