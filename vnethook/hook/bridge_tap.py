"""The tap that the bridge helper gives to QEMU, made and attached by root.

Who is not root may have what bridge.conf says (access.py), whatever has made the helper root. Source: linux/if_tun.h.
"""

import posix
from _socket import SO_PEERCRED, SOL_SOCKET
from _struct import Struct
from fcntl import ioctl

from vnethook.errors import HostError, VnetError
from vnethook.hook import bridge_helper, qemu_command, serve
from vnethook.hook.request import NicRequest
from vnethook.live import process
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from vnethook.hook.bridge_call import Call
    from vnethook.hook.qemu_command import Caller
    from vnethook.live.paths import Paths

_SET_INTERFACE = 0x400454CA
_TAP, _NO_PACKET_INFO, _VNET_HEADER = 0x0002, 0x1000, 0x4000
_REQUEST = Struct("=16sH22x")
_PATTERN = b"vnt%d"
_CREDENTIALS = Struct("=iII")
"""struct ucred: process, user, group. Source: unix(7), SO_PEERCRED."""


def give(paths: "Paths", argv: list[str]) -> None:
    """Do what the helper is called for, as root."""
    call, fd = bridge_helper.call(argv)
    answer = bridge_helper.answer_socket(fd)
    caller = qemu_command.caller()
    user = _user(answer, caller.owner[0])
    request = wanted(call, caller)
    if user:
        from vnethook.hook import access  # noqa: PLC0415 (only for who is not root)

        who = access.user_of(answer, user)
        access.become_root(user)
        request = access.permitted(paths, request, who)
    tap, interface = open_tap(has_header=call.has_header)
    serve.warn(bridge_helper.NAME, attach(paths, request.replace(interface=interface), user))
    try:
        bridge_helper.pass_on(answer, tap)
    except HostError:
        detach(paths, interface, user)
        raise


def wanted(call: "Call", caller: "Caller") -> NicRequest:
    """What is asked for, but for its interface, by the call and the command line of the calling QEMU."""
    nic = qemu_command.nic_of_call(caller, "")
    if nic and nic.get("br") not in {"", call.bridge}:
        nic = None  # another NIC's: this one was plugged in later
    is_unnamed = call.bridge == bridge_helper.QEMU_DEFAULT and not (nic and nic.get("br"))
    return NicRequest(
        interface="",
        explicit=call.network or ("" if is_unnamed else call.bridge),
        portgroup=call.portgroup,
        guest=qemu_command.guest_name(caller.arguments),
        mac=nic.mac if nic else "",
        owner=caller.owner,
        via=bridge_helper.NAME,
    )


def open_tap(*, has_header: bool) -> tuple[int, str]:
    """Make a tap; its descriptor and its name, which the kernel numbers."""
    flags = _TAP | _NO_PACKET_INFO | (_VNET_HEADER if has_header else 0)
    try:
        tap = posix.open("/dev/net/tun", posix.O_RDWR | posix.O_CLOEXEC)
        answer = ioctl(tap, _SET_INTERFACE, _REQUEST.pack(_PATTERN, flags))
    except OSError as error:
        msg = f"tap: create: {posix.strerror(error.errno or 0)}"
        raise HostError(msg, hint="needs /dev/net/tun (module tun) and CAP_NET_ADMIN") from error
    return tap, answer[:16].rstrip(b"\0").decode()


def attach(paths: "Paths", request: NicRequest, user: int) -> list[str]:
    """Attach the tap; give warnings. What an ordinary user has is counted; raise StateError if that is enough."""
    if not user:
        return serve.attach(paths, request)
    from vnethook.definition import settings  # noqa: PLC0415 (only for who is not root)
    from vnethook.live import quota  # noqa: PLC0415 (as above)

    quota.take(paths, Links(), user, request.interface, most=settings.current(paths).nics_of_user)
    try:
        return serve.attach(paths, request)
    except VnetError:
        quota.give_back(paths, user, request.interface)
        raise


def detach(paths: "Paths", interface: str, user: int) -> None:
    """Take the tap off again, and off the host: who was to have it may keep its descriptor, and it is not counted."""
    serve.detach(paths, interface)
    Links().delete(interface)
    if user:
        from vnethook.live import quota  # noqa: PLC0415 (only for who is not root)

        quota.give_back(paths, user, interface)


def _user(answer: "socket", pid: int) -> int:
    """The number of the user whose guest it is; 0 for root.

    The real user of this process tells, the one who has made the socket, and that of the calling process, whichever is
    not root: a set-id program may hide the first, and the last may be gone by now.
    """
    _, peer, _ = _CREDENTIALS.unpack(answer.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    return posix.getuid() or peer or process.user(pid) or 0
