"""What stays outside of a user's namespace: starts programs there, and tells of the machine's links (host/outside.py).

It serves its own user alone, one request after the other, and nothing that the user could not do. It ends when the
namespace is let go of, or its run directory is gone.
"""

import posix
import select
from _socket import SCM_RIGHTS, SOL_SOCKET, socket
from _struct import Struct
from time import sleep

from vnethook.errors import VnetError
from vnethook.host import abandoned, log, namespace_calls, outside, programs, user_namespace
from vnethook.host.shared import Shared
from vnethook.live import files
from vnethook.live.netlink import ROUTE, Netlink
from vnethook.live.paths import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.hook.uplink import Watched

UNHELD_S = 2.0
"""How often it looks whether anybody is still in a namespace that nothing holds."""
FIRST_S = 0.1
"""Until it looks whether there is one: whoever makes it holds its lock until then."""
LOOK_S = 10.0
"""How often it looks whether the run directory is still there."""
PATIENCE_S = 2.0
"""For a request, once there is a connection: its sender is not waited for."""


def main(argv: list[str]) -> None:
    """Serve the socket that descriptor LISTENER is: WORD."""
    own = posix.geteuid()
    paths = Paths("", argv[1].partition(":")[2], "", user=own)
    listener = socket(fileno=outside.LISTENER)
    uplink = Uplink(paths)
    mine = files.stamp(outside.path(paths))
    seen = abandoned.Seen()
    while True:
        holder = user_namespace.holder(paths)
        if holder and files.stamp(outside.path(paths)) == mine:  # else it may be that of another namespace by now
            seen = abandoned.Seen(holder, namespace_calls.places(holder))
        is_asked = _is_asked(listener, holder, uplink, LOOK_S if holder else UNHELD_S if seen.holder else FIRST_S)
        if files.stamp(outside.path(paths)) != mine:  # perhaps there is another one by now
            while not abandoned.end(seen, own):
                sleep(LOOK_S)
            return
        if not is_asked:
            if user_namespace.is_over(paths):
                uplink.end()
                return
            continue
        _attend(listener, own, uplink)


def _attend(listener: socket, own: int, uplink: "Uplink") -> None:
    """Answer who has come, if it is the user."""
    try:
        client, _ = _accepted(listener)
    except OSError:
        return  # who came has gone again
    try:
        client.settimeout(PATIENCE_S)
        if outside.peer(client) == own:
            _serve(client, uplink)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning(f"user's networks: a request from inside: {error}")
    finally:
        client.close()


class Uplink:
    """The uplink of the namespace, loaded when there is one: also one that was there before this process."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self.watched: Watched | None = None
        from vnethook.plan.uplink import wanted  # noqa: PLC0415 (once in a long life)

        before = wanted(Shared(paths))
        if before is not None:
            self.answer(before)

    def answer(self, question: "dict[str, Any]") -> "dict[str, Any]":
        """See Watched.answer."""
        if self.watched is None:
            from vnethook.hook.uplink import Watched  # noqa: PLC0415 (only for networks that lead out)

            self.watched = Watched(self._paths, question.get("resolv_conf", self._paths.resolv_conf))
        return self.watched.answer(question)

    def end(self) -> None:
        """End it."""
        if self.watched is not None:
            self.watched.end()


def _is_asked(listener: socket, holder: int, uplink: Uplink, seconds: float) -> bool:
    """Wait for a request; False when the holder of the namespace ends, and after that time."""
    poll = select.poll()
    watched = uplink.watched
    for fd in (listener.fileno(), *(watched.descriptors() if watched else ())):
        poll.register(fd, select.POLLIN)
    try:
        handle = posix.pidfd_open(holder) if holder else -1
    except OSError:
        return False
    if handle >= 0:
        poll.register(handle, select.POLLIN)
    try:
        left_s = min(seconds, watched.left_s()) if watched else seconds
        ready = {fd for fd, _ in poll.poll(left_s * 1000)}
        if watched:
            watched.look(ready)
        return listener.fileno() in ready
    finally:
        if handle >= 0:
            posix.close(handle)


def _accepted(listener: socket) -> "tuple[socket, Any]":
    fd, address = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 (socket, which costs, is made of it)
    return socket(fileno=fd), address


def _serve(client: socket, uplink: Uplink) -> None:
    request = files.loads(client.recv(outside.MESSAGE_MAX).decode())
    if request["what"] == outside.LINKS:
        links = Netlink(ROUTE)
        try:
            client.sendmsg([b"{}"], [(SOL_SOCKET, SCM_RIGHTS, Struct("=i").pack(links.fileno()))])
        finally:
            links.close()
        return
    if request["what"] == outside.UPLINK:
        client.send(files.dumps(uplink.answer(request)).encode())
        return
    client.send(files.dumps(_run(request["argv"])).encode())


def _run(argv: list[str]) -> "dict[str, Any]":
    if argv[0] not in outside.PROGRAMS or not all(isinstance(word, str) for word in argv):
        return {"status": 1, "reason": "is none that it starts"}
    try:
        words = [programs.require(argv[0]), *argv[1:]]
        if argv[0] == "slirpvde":
            from vnethook.host import slirpvde  # noqa: PLC0415 (few users have it)

            words = slirpvde.command(words)
        finished = programs.run(words)
    except VnetError as error:
        return {"status": 1, "reason": str(error)}
    return {"status": finished.status, "reason": finished.reason}
