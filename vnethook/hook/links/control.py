"""Where who comes by ssh asks the supervisor for a port: a socket in the run directory, for root alone.

The hook that sshd has run asks by JSON, `{"peer": …, "address": …}`, is told the tap, `{"device": …}`, or why not,
`{"error": …}`, and becomes the program that carries the frames: it is known by its process.
"""

import json
import os
import socket
from _struct import Struct
from typing import TYPE_CHECKING

from vnethook.hook.links.chain import Chain, Child
from vnethook.live import files
from vnethook.live.link_config import Door
from vnethook.live.link_status import TRYING, LinkStatus

if TYPE_CHECKING:
    from vnethook.hook.links.doors import OpenDoor
    from vnethook.hook.links.keeper import Keeper

ASK_S = 2.0
_CREDENTIALS = Struct("iII")
"""pid, uid, gid: unix(7), SO_PEERCRED."""


def path(directory: str) -> str:
    """Where the socket lies, in the directory of the network's links."""
    return f"{directory}/control"


class Control:
    """The door of ssh."""

    def __init__(self, keeper: "Keeper") -> None:
        self._keeper = keeper

    def listen(self, _: Door) -> socket.socket:
        """A socket that root can connect to."""
        place = path(self._keeper.host.paths.links(self._keeper.network))
        files.remove(place)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mask = os.umask(0o177)
        try:
            made.bind(place)
        finally:
            os.umask(mask)
        made.listen()
        made.settimeout(0)
        return made

    def accept(self, door: "OpenDoor") -> None:
        """Let in who asks, or say why not."""
        assert door.socket is not None
        try:
            asking = door.socket.accept()[0]
        except OSError:
            return
        with asking:
            asking.settimeout(ASK_S)
            try:
                said = json.loads(asking.recv(1 << 12) or b"{}")
                answer = self._let_in(door, asking, str(said.get("peer", "")), str(said.get("address", "")))
                asking.send(json.dumps(answer).encode())
            except (OSError, ValueError):
                return  # it has gone: its process has ended, which ends its link

    def _let_in(self, door: "OpenDoor", asking: socket.socket, peer: str, address: str) -> dict[str, str]:
        keeper = self._keeper
        pid = _CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
        plug = Child()
        plug.pid, plug.is_ours = pid, False
        try:
            plug.open()
        except ProcessLookupError:
            return {"error": "its process has ended"}
        chain = Chain(LinkStatus("ssh", address, is_incoming=True, peer=peer, state=TRYING))
        keeper.peers[chain] = door
        reason = keeper.reception.refusal(chain, {"names": [peer], "peer": peer})
        if reason:
            keeper.end(chain, reason)
        else:
            reason = keeper.bring_up(chain, -1, plug)
        if not reason:
            return {"device": chain.status.device}
        if chain.plug is not plug:
            os.close(plug.handle)  # it lives on, to say why not
        return {"error": reason}
