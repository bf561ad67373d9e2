"""The bridge helper of who is not root: has root's side make the tap, and passes it on to QEMU."""

import posix
from _socket import CMSG_SPACE
from errno import EACCES

from vnethook.errors import HostError
from vnethook.hook import bridge_call, bridge_helper
from vnethook.live import paths, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

ANSWER_S = 120
"""How long the first guest of a network may wait for it, and for the locks of others before."""


def main(argv: list[str]) -> int:
    """The exit status; what root's side has to say goes to stderr."""
    try:
        process.fill_standard_descriptors()
        return _ask(argv)
    except Exception as error:  # noqa: BLE001 (as in serve.run)
        from vnethook.hook import reporting  # noqa: PLC0415 (only where there is something to say)

        return reporting.failure(argv[0], error)


def _ask(argv: list[str]) -> int:
    call, fd = bridge_helper.call(argv)
    answer = bridge_helper.answer_socket(fd)
    root = _connected(paths.of_host().bridge_socket, call.network or call.bridge)
    try:
        root.send(bridge_call.packed(call))
        data, parts, _, _ = root.recvmsg(bridge_call.ANSWER_MAX, CMSG_SPACE(bridge_call.INT.size))
    except OSError as error:
        raise _no_answer(posix.strerror(error.errno or 0) if error.errno else f"none within {ANSWER_S} s") from error
    if not data:
        reason = "it has ended"
        raise _no_answer(reason)
    status, text = bridge_call.unpacked_answer(data)
    if text:
        from vnethook.hook import reporting  # noqa: PLC0415 (only where there is something to say)

        reporting.tell(text)
    if status or not parts:
        return status or HostError.exit_status
    bridge_helper.pass_on(answer, *bridge_call.INT.unpack(parts[0][2]))
    root.send(bridge_call.DONE)
    return 0


def _connected(path: str, network: str) -> "socket":
    """A connection to root's side; raise HostError with what would help if there is none."""
    connection = bridge_call.new_socket()
    try:
        connection.settimeout(ANSWER_S)
        connection.connect(path)
    except OSError as error:
        msg = f"user {posix.getuid()}: guest on network {network!r}: root's side at {path!r}: "
        msg += posix.strerror(error.errno or 0)
        hint = "ask root for `systemctl enable --now vnethook-bridge.socket` (or `vnet bridge-serve`) and a line "
        hint += f"`allow {network}` in /etc/vnethook/bridge.conf"
        if error.errno == EACCES:
            hint = "ask root to make you one of the group that may use it"
        raise HostError(msg, hint=hint) from error
    return connection


def _no_answer(reason: str) -> HostError:
    return HostError(f"root's side of the bridge helper: no answer: {reason}", hint="the log of the host says more")
