"""Root's side of the bridge helper: one call of an ordinary user's, answered.

Of what the caller says only its words are believed. Who calls the kernel tells (SO_PEERCRED, unix(7)); which guest it
is for, the command line of the process that has called the helper, which has to be the same user's: a pid that is
somebody else's by now helps nobody. What a process has in /proc it may let nobody read to the end, so all of that is
read under an alarm, before any lock is taken.
"""

import _signal as signals  # type: ignore[import-not-found]  # see deadline.py
import posix
from _socket import MSG_DONTWAIT, SCM_RIGHTS, SO_PEERCRED, SOL_SOCKET
from _struct import Struct

from vnethook.errors import HostError, StateError, VnetError
from vnethook.hook import access, bridge_call, bridge_helper, bridge_tap, qemu_command
from vnethook.live import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from vnethook.hook.qemu_command import Caller
    from vnethook.live.paths import Paths

NAME = "qemu-bridge-server"
CALL_S, SIGN_S = 5, 10
"""How long a caller may take to say what it wants, all that is read of it included, and to pass the tap on."""
_CREDENTIALS = Struct("=iII")


def answer(paths: "Paths", connection: "socket") -> None:
    """Answer a call; whatever goes wrong is told there, and in the log."""
    signals.alarm(CALL_S)
    data = connection.recv(bridge_call.CALL_MAX + 1)
    if not data:
        return  # somebody only looks whether we are here
    pid, user, _ = credentials(connection)
    try:
        call = bridge_call.unpacked(data)
        caller = _caller(pid, user)
        request = bridge_tap.wanted(call, caller)
        signals.alarm(0)
        request = access.permitted(paths, request, access.user_of(connection, user))
        tap, interface = bridge_tap.open_tap(has_header=call.has_header)
        warnings = bridge_tap.attach(paths, request.replace(interface=interface), user)
    except Exception as error:  # noqa: BLE001 (a bug must end in a status that the hypervisor sees)
        _refuse(connection, user, error)
        return
    text = "\n".join(f"{bridge_helper.NAME}: {warning}" for warning in warnings)
    if not _is_given(connection, tap, text):
        bridge_tap.detach(paths, interface, user)


def credentials(connection: "socket") -> tuple[int, int, int]:
    """Process, user and group of who has connected."""
    pid, user, group = _CREDENTIALS.unpack(connection.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    return pid, user, group


def _caller(helper: int, user: int) -> "Caller":
    """The process that has called the helper; raise StateError unless both are the user's and there."""
    caller = qemu_command.caller_at(process.parent(helper))
    pid, since = caller.owner
    is_there = process.start_time(helper) is not None  # and waits for its answer
    is_there = is_there and pid != 0 and process.start_time(pid) == since
    if not is_there or {process.user(helper), process.user(pid)} != {user}:
        msg = f"user {user}: the calling process: gone, out of sight, or another user's"
        raise StateError(msg, hint="QEMU calls the helper: -netdev bridge,br=NETWORK,helper=PATH")
    return caller


def _refuse(connection: "socket", user: int, error: Exception) -> None:
    """Say why there is no tap: all of it in the log, and to the caller what is for users."""
    from vnethook.hook import reporting  # noqa: PLC0415 (only where there is something to say)

    if not isinstance(error, VnetError):
        reporting.failure(NAME, error)
        error = HostError(f"user {user}: internal error of root's side", hint="the log of the host says more")
        error.exit_status = reporting.BUG
    else:
        reporting.say(f"{NAME}: {error.report()}")
    _send(connection, bridge_call.packed_answer(error.exit_status, f"{bridge_helper.NAME}: {error.report()}"), [])


def _is_given(connection: "socket", tap: int, text: str) -> bool:
    """Give the tap away; whether QEMU has it."""
    if not _send(connection, bridge_call.packed_answer(0, text), [(SOL_SOCKET, SCM_RIGHTS, bridge_call.INT.pack(tap))]):
        return False
    connection.settimeout(SIGN_S)
    try:
        return connection.recv(1) == bridge_call.DONE
    except OSError:
        return False


def _send(connection: "socket", data: bytes, parts: list[tuple[int, int, bytes]]) -> bool:
    try:
        return connection.sendmsg([data], parts, MSG_DONTWAIT) == len(data)
    except OSError:
        return False  # whoever has called is gone


def main(paths: "Paths", connection: "socket") -> None:
    """Answer a call in a process of its own, and end it."""
    status = 0
    try:
        signals.signal(signals.SIGALRM, signals.SIG_DFL)
        answer(paths, connection)
    except Exception as error:  # noqa: BLE001 (as above)
        from vnethook.hook import reporting  # noqa: PLC0415 (as above)

        status = reporting.failure(NAME, error)
    finally:
        posix._exit(status)  # noqa: SLF001 (its only name)
