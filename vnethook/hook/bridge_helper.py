"""QEMU's bridge helper: `-netdev bridge,br=NAME,helper=PATH`. Makes the tap, attaches it, passes its descriptor back.

Called as `PATH --use-vnet --fd=N --br=NAME`; answers with one byte and the descriptor as SCM_RIGHTS on N, then ends
with 0. There is no call when the guest ends; the tap vanishes with QEMU, and later calls forget its record. Who is not
root may have what bridge.conf says (access.py), whatever has made the helper root.
Contract: net/tap.c and qemu-bridge-helper.c of QEMU; linux/if_tun.h.
"""

import posix
import sys
from _socket import SCM_RIGHTS, SO_PEERCRED, SOL_SOCKET, socket
from _struct import Struct
from fcntl import ioctl

from vnethook.errors import HostError, UsageError
from vnethook.hook import qemu_command, serve
from vnethook.hook.request import NicRequest
from vnethook.live import process
from vnethook.live.paths import variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

NAME = "qemu-bridge-helper"
QEMU_DEFAULT = "br0"
"""What QEMU passes as --br= where its user wrote none."""
_SET_INTERFACE = 0x400454CA
_TAP, _NO_PACKET_INFO, _VNET_HEADER = 0x0002, 0x1000, 0x4000
_REQUEST = Struct("=16sH22x")
_INT = Struct("=i")
FD_DIGITS = 7
"""Of the largest descriptor that a process can have: NR_OPEN, linux/limits.h."""
_PATTERN = b"vnt%d"
_CREDENTIALS = Struct("=iII")
"""struct ucred: process, user, group. Source: unix(7), SO_PEERCRED."""


def main() -> int:
    """The exit status of qemu-bridge-helper."""
    return serve.run(_help, sys.argv)


def _help(paths: "Paths", argv: list[str]) -> None:
    words = _words(argv)
    if posix.geteuid() != 0:
        msg = f"user {posix.geteuid()}: make a tap: not permitted"
        raise HostError(msg, hint="start QEMU as root, or see `vnet hooks status` for what a user may do")
    answer = _answer_socket(int(words["fd"]))
    caller = qemu_command.caller()
    user = _user(answer, caller.owner[0])
    nic = qemu_command.nic_of_call(caller, "")
    if nic and nic.get("br") not in {"", words["br"]}:
        nic = None  # another NIC's: this one was plugged in later
    is_unnamed = words["br"] == QEMU_DEFAULT and not (nic and nic.get("br"))
    environ = variables()
    request = NicRequest(
        interface="",
        explicit=environ.get("VNET_NETWORK", "") or ("" if is_unnamed else words["br"]),
        portgroup=environ.get("VNET_PORTGROUP", ""),
        guest=qemu_command.guest_name(caller.arguments),
        mac=nic.mac if nic else "",
        owner=caller.owner,
        via=NAME,
    )
    if user:
        from vnethook.hook import access  # noqa: PLC0415 (only for who is not root)

        request = access.permitted(paths, request, access.user_of(answer, user))
    tap, interface = _open_tap(has_header="use-vnet" in words)
    serve.warn(NAME, serve.attach(paths, request.replace(interface=interface)))
    try:
        answer.sendmsg([b"\0"], [(SOL_SOCKET, SCM_RIGHTS, _INT.pack(tap))])
    except OSError as error:
        serve.detach(paths, interface)
        raise _not_answered(words["fd"], error) from error


def _answer_socket(fd: int) -> socket:
    """The socket that QEMU waits at, looked at before anything is done."""
    try:
        return socket(fileno=fd)
    except OSError as error:
        raise _not_answered(str(fd), error) from error


def _user(answer: socket, pid: int) -> int:
    """The number of the user whose guest it is; 0 for root.

    The real user of this process tells, the one who has made the socket, and that of the calling process, whichever is
    not root: a set-id program may hide the first, and the last may be gone by now.
    """
    _, peer, _ = _CREDENTIALS.unpack(answer.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    return posix.getuid() or peer or process.user(pid) or 0


def _not_answered(fd: str, error: OSError) -> HostError:
    reason = posix.strerror(error.errno or 0)
    return HostError(f"descriptor {fd}: pass the tap to QEMU: {reason}", hint="QEMU calls this: helper=PATH")


def _words(argv: list[str]) -> dict[str, str]:
    """The arguments as a dict; raise UsageError for what QEMU never sends."""
    words: dict[str, str] = {"br": QEMU_DEFAULT}
    for argument in argv[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in {"use-vnet", "fd", "br"}:
            msg = f"argument {argument[:40]!r}: not understood"
            raise UsageError(msg, hint="QEMU calls this: -netdev bridge,br=NETWORK,helper=PATH")
        words[name] = value
    fd = words.get("fd", "")
    if not (fd.isascii() and fd.isdigit() and len(fd) <= FD_DIGITS):
        msg = "argument --fd: missing or no number"
        raise UsageError(msg, hint="QEMU calls this: -netdev bridge,br=NETWORK,helper=PATH")
    return words


def _open_tap(*, has_header: bool) -> tuple[int, str]:
    """Make a tap; its descriptor and its name, which the kernel numbers."""
    flags = _TAP | _NO_PACKET_INFO | (_VNET_HEADER if has_header else 0)
    try:
        tap = posix.open("/dev/net/tun", posix.O_RDWR | posix.O_CLOEXEC)
        answer = ioctl(tap, _SET_INTERFACE, _REQUEST.pack(_PATTERN, flags))
    except OSError as error:
        msg = f"tap: create: {posix.strerror(error.errno or 0)}"
        raise HostError(msg, hint="needs /dev/net/tun (module tun) and CAP_NET_ADMIN") from error
    return tap, answer[:16].rstrip(b"\0").decode()
