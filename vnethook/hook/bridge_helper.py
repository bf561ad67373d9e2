"""QEMU's bridge helper: `-netdev bridge,br=NAME,helper=PATH`. Makes the tap, attaches it, passes its descriptor back.

Called as `PATH --use-vnet --fd=N --br=NAME`; answers with one byte and the descriptor as SCM_RIGHTS on N, then ends
with 0. There is no call when the guest ends; the tap vanishes with QEMU, and later calls forget its record. Root makes
the tap itself (bridge_tap.py), who is not root has it made by root's side (bridge_client.py),
or in a namespace of the user's for a network of the user's own (own_network.py).
Contract: net/tap.c and qemu-bridge-helper.c of QEMU.
"""

import posix
import sys
from _socket import SCM_RIGHTS, SOL_SOCKET, socket

from vnethook.errors import HostError, UsageError
from vnethook.hook.bridge_call import DONE, INT, Call
from vnethook.live.paths import variables

NAME = "qemu-bridge-helper"
QEMU_DEFAULT = "br0"
"""What QEMU passes as --br= where its user wrote none."""
FD_DIGITS = 7
"""Of the largest descriptor that a process can have: NR_OPEN, linux/limits.h."""
_HINT = "QEMU calls this: -netdev bridge,br=NETWORK,helper=PATH"


def main() -> int:
    """The exit status of qemu-bridge-helper."""
    if posix.geteuid() != 0:
        return _for_user()
    from vnethook.hook import bridge_tap, serve  # noqa: PLC0415 (only for root)

    return serve.run(bridge_tap.give, sys.argv)


def _for_user() -> int:
    """The exit status for who is not root: a network of the user's own is the user's, all others are root's."""
    from vnethook.hook import bridge_client, own_network  # noqa: PLC0415 (only for who is not root)

    return own_network.main(sys.argv) if own_network.is_meant(sys.argv) else bridge_client.main(sys.argv)


def call(argv: list[str]) -> tuple[Call, int]:
    """What is asked for, and the descriptor to answer at; raise UsageError for what QEMU never sends."""
    words = {"br": QEMU_DEFAULT}
    for argument in argv[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in {"use-vnet", "fd", "br"}:
            msg = f"argument {argument[:40]!r}: not understood"
            raise UsageError(msg, hint=_HINT)
        words[name] = value
    fd = words.get("fd", "")
    if not (fd.isascii() and fd.isdigit() and len(fd) <= FD_DIGITS):
        msg = "argument --fd: missing or no number"
        raise UsageError(msg, hint=_HINT)
    environ = variables()
    network, portgroup = environ.get("VNET_NETWORK", ""), environ.get("VNET_PORTGROUP", "")
    return Call(words["br"], "use-vnet" in words, network, portgroup), int(fd)


def answer_socket(fd: int) -> socket:
    """The socket that QEMU waits at, looked at before anything is done."""
    try:
        return socket(fileno=fd)
    except OSError as error:
        raise _not_answered(fd, error) from error


def pass_on(answer: socket, tap: int) -> None:
    """Give QEMU the tap; raise HostError if it does not take it."""
    try:
        answer.sendmsg([DONE], [(SOL_SOCKET, SCM_RIGHTS, INT.pack(tap))])
    except OSError as error:
        raise _not_answered(answer.fileno(), error) from error


def _not_answered(fd: int, error: OSError) -> HostError:
    reason = posix.strerror(error.errno or 0)
    return HostError(f"descriptor {fd}: pass the tap to QEMU: {reason}", hint="QEMU calls this: helper=PATH")
