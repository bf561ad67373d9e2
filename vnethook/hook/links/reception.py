"""Who connects to us: let in, or shown out. A stranger has no process before it has said a word of TLS.

Of too many that have not said who they are the one that has been at it for longest goes, so that however many strangers
come, a host with a certificate, which is through in milliseconds, finds its place.
"""

import os
import socket
import time
from typing import TYPE_CHECKING, Any

from vnethook.errors import VnetError
from vnethook.hook.links import attempt
from vnethook.hook.links.chain import Chain
from vnethook.host import link_stream, link_tls
from vnethook.live.link_status import TRYING, LinkStatus

if TYPE_CHECKING:
    from vnethook.hook.links.doors import OpenDoor
    from vnethook.hook.links.keeper import Keeper

STRANGERS, STRANGERS_FROM_ONE = 32, 8
"""How many may be at their handshakes, in all and from one address."""
PEERS = 64
"""How many may be connected."""
_ACCEPTED_AT_ONCE = 16
_HANDSHAKE = b"\x16\x03"
"""How TLS begins: a record of type handshake, of any version 3. Source: RFC 8446, 5.1."""


class Reception:
    """Of one network. `strangers`: who is at the handshake, the first of them for longest."""

    def __init__(self, keeper: "Keeper") -> None:
        self._keeper = keeper
        self.contexts = link_tls.Contexts(keeper.config.tls)
        self.strangers: list[Chain] = []

    def accept(self, door: "OpenDoor") -> None:
        """Let in who waits there."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                assert door.socket is not None
                stream, address = door.socket.accept()
            except OSError:
                return  # nobody is left, or who was has gone
            self._let_in(door, stream, str(address[0]).removeprefix("::ffff:"))

    def _let_in(self, door: "OpenDoor", stream: socket.socket, address: str) -> None:
        keeper = self._keeper
        while (oldest := self.crowd(address)) is not None:
            keeper.end(oldest, "too many at once")
        link_stream.notice_death(stream, keeper.keepalive_s)
        chain = Chain(LinkStatus(door.door.transport, address, is_incoming=True, state=TRYING))
        chain.stream = stream
        keeper.peers[chain] = door
        if door.door.transport == "tcp":
            reason = self.refusal(chain, {})
            if reason:
                keeper.end(chain, reason)
            else:
                stream.settimeout(None)
                keeper.bring_up(chain, os.dup(stream.fileno()))
            return
        self.strangers.append(chain)
        chain.due = time.monotonic() + attempt.HANDSHAKE_S
        keeper.watch(stream.fileno(), lambda: self._begin(chain, stream))

    def _begin(self, chain: Chain, stream: socket.socket) -> None:
        """See whether what a stranger says first is TLS, and begin a handshake in a process of its own."""
        keeper = self._keeper
        keeper.forget(stream.fileno())
        try:
            first = stream.recv(len(_HANDSHAKE), socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if first != _HANDSHAKE[: len(first)] or not first:
                keeper.end(chain, "no TLS" if first else "it said nothing")
                return
            context = self.contexts.get(is_server=True)
        except (OSError, VnetError) as error:
            keeper.end(chain, error.message if isinstance(error, VnetError) else link_tls.reason(error))
            return
        work = attempt.with_first(attempt.accept_tls, stream, context)
        chain.begin(work, keep=(stream.fileno(),), is_restricted=True)
        keeper.follow(chain)

    def refusal(self, chain: Chain, said: dict[str, Any]) -> str:
        """Why who is there may not be, empty if it may; then what the same host had before is ended."""
        keeper = self._keeper
        allowed = keeper.peers[chain].door.peers
        if allowed and not set(allowed) & set(said.get("names", ())):
            return f"{said.get('peer') or chain.status.address} is not one of those who may connect"
        if sum(other.port is not None for other in keeper.peers) >= PEERS:
            return f"{PEERS} are connected"
        if chain in self.strangers:
            self.strangers.remove(chain)
        self._replace(chain)
        return ""

    def _replace(self, chain: Chain) -> None:
        """End what the same host had before: it would not come again if that were alive."""
        keeper = self._keeper
        who = chain.who
        for other in [other for other in keeper.peers if other is not chain and other.port and other.who == who]:
            keeper.end(other, "replaced by a newer connection")
        before = keeper.gone.pop(who, None)
        if before is not None:
            chain.status = chain.status.replace(received=before.received, sent=before.sent)

    def show_out(self) -> None:
        """End the handshakes that take too long."""
        now = time.monotonic()
        for chain in [chain for chain in self.strangers if chain.due <= now]:
            self._keeper.end(chain, "no answer in time")

    def crowd(self, address: str) -> Chain | None:
        """Who has to go before one more from `address` is let in; None if there is room."""
        same = [chain for chain in self.strangers if chain.status.address == address]
        if len(same) >= STRANGERS_FROM_ONE:
            return same[0]
        return self.strangers[0] if len(self.strangers) >= STRANGERS else None
