"""QEMU's plug into a network: `-netdev "vde,id=n0,sock=cmd:///PATH/qemu-vde NETWORK"`, for whoever runs QEMU.

QEMU starts it as a child of its own, without a shell, with the words after the path as arguments, its own environment
and stderr, SIGPIPE ignored, and a pipe at stdin and at stdout that carry frames (vde_stream.py). It makes a tap,
attaches that as any other NIC, and carries frames until QEMU closes its end; then the tap goes. QEMU waits for nothing:
it goes on at once, and goes on without a network if the plug ends. So a plug that cannot be made ends the QEMU that is
just starting, as a script of -netdev tap would. Contract: net/vde.c of QEMU; libvdeplug_cmd of vdeplug4.
"""

import posix
import sys
from time import CLOCK_BOOTTIME, clock_gettime

from vnethook.errors import UsageError, VnetError
from vnethook.hook import qemu_command, serve
from vnethook.hook.bridge_tap import open_tap
from vnethook.hook.request import NicRequest
from vnethook.live import files, process
from vnethook.live.paths import variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.qemu_command import Caller, QemuNic
    from vnethook.live.paths import Paths

NAME = "qemu-vde"
_COMMAND = "cmd://"
_STARTING_S = 10
"""A QEMU that is older has its guest running, and was told by its monitor to add a NIC: it is left alone."""
_TICKS = posix.sysconf("SC_CLK_TCK")
_SIGTERM = 15


def main() -> int:
    """The exit status of qemu-vde."""
    caller = qemu_command.caller()
    nic = _nic_of_call(caller, sys.argv)
    status = serve.run(lambda paths, argv: _plug(paths, argv, caller, nic), sys.argv)
    if status and nic is not None and _is_starting(caller):
        posix.kill(caller.owner[0], _SIGTERM)
    return status


def _plug(paths: "Paths", argv: list[str], caller: "Caller", nic: "QemuNic | None") -> None:
    if len(argv) > 2:
        msg = f"{len(argv) - 1} arguments given, at most one is taken: the network"
        raise UsageError(msg, hint="QEMU calls this: -netdev 'vde,id=n0,sock=cmd:///PATH/qemu-vde NETWORK'")
    environ = variables()
    request = NicRequest(
        interface="",
        explicit=argv[1] if len(argv) > 1 else environ.get("VNET_NETWORK", ""),
        portgroup=environ.get("VNET_PORTGROUP", ""),
        guest=qemu_command.guest_name(caller.arguments),
        mac=nic.mac if nic else "",
        owner=caller.owner,
        via=NAME,
    )
    if paths.user:
        from vnethook.hook import switch_plug  # noqa: PLC0415 (only for ordinary users)

        if switch_plug.is_plugged(paths, request):
            return
    is_over = False
    while not is_over:
        tap, interface = open_tap(has_header=False)
        try:
            serve.warn(NAME, serve.attach(paths, request.replace(interface=interface)))
        except VnetError:
            posix.close(tap)
            if paths.user:
                _leave(paths)
            raise
        is_over = _carry(tap)
        serve.detach(paths, interface)
        posix.close(tap)


def _leave(paths: "Paths") -> None:
    """Keep no namespace that was made for a network that did not come up."""
    from vnethook.host import user_namespace  # noqa: PLC0415 (only for ordinary users)

    user_namespace.end_unused(paths)


def _carry(tap: int) -> bool:
    """Carry frames until QEMU ends, or we are ended; False if it was the tap that somebody deleted."""
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]  # noqa: PLC0415 (signal loads enum)

    from vnethook.hook.vde_stream import Relay  # noqa: PLC0415 (only for who is attached)

    signal(_SIGTERM, _end)
    try:
        return Relay(0, 1).carry(tap)
    except SystemExit:
        return True
    finally:
        signal(_SIGTERM, SIG_DFL)


def _end(*_: object) -> None:
    raise SystemExit


def _nic_of_call(caller: "Caller", argv: list[str]) -> "QemuNic | None":
    """Which NIC of the command line a call is for; None for one that was plugged in later.

    QEMU makes one after the other without waiting for their plugs, so that of several with equal words the order tells
    in which their plugs, its children, have started.
    """
    meant = [end for end in qemu_command.nics(caller.arguments) if end.kind == "vde" and _is_of(end, argv)]
    if len(meant) < 2:
        return meant[0] if meant else None
    own = posix.getpid()
    position = sum(1 for pid in _children(caller.owner[0]) if pid < own and _is_like(pid, argv))
    return meant[position] if position < len(meant) else None


def _is_of(end: "QemuNic", argv: list[str]) -> bool:
    socket = end.get("sock")
    words = socket.removeprefix(_COMMAND).split() if socket.startswith(_COMMAND) else [""]
    return files.base_name(words[0]) == files.base_name(argv[0]) and words[1:] == argv[1:]


def _is_like(pid: int, argv: list[str]) -> bool:
    """Whether a process was called as this one, whatever program has become of it meanwhile."""
    words = process.command_line(pid)
    said = [number for number, word in enumerate(words) if files.base_name(word) == files.base_name(argv[0])]
    return bool(said) and words[said[0] + 1 :] == argv[1:]


def _children(pid: int) -> list[int]:
    return [child for child in process.running() if process.parent(child) == pid]


def _is_starting(caller: "Caller") -> bool:
    pid, start = caller.owner
    return process.start_time(pid) == start and clock_gettime(CLOCK_BOOTTIME) - start / _TICKS < _STARTING_S
