"""QEMU's ifup and ifdown scripts: `-netdev tap,script=PATH,downscript=PATH`. Contract: qemu(1), net/tap.c of QEMU.

argv[0] is the path as given in script=, so a link `qemu-ifup-lab` names network `lab`; argv[1] is the tap. stdin and
stdout are QEMU's own: nothing is read and nothing is written there. A status other than 0 stops the guest, and the
downscript of this NIC is then not run.

libvirt calls them in the same way for `<interface type='ethernet'>` with `<script>` and `<downscript>`, before it
starts QEMU; its own hook has announced whose tap it is. When the downscript is called the tap is gone already.
"""

import posix
import sys

from vnethook.errors import HostError, UsageError
from vnethook.hook import qemu_command, serve
from vnethook.hook.request import NicRequest
from vnethook.live import files
from vnethook.live.paths import variables
from vnethook.live.rtnl import Links
from vnethook.names import check_link_name, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.qemu_command import Caller, QemuNic
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths

IFUP, IFDOWN = "qemu-ifup", "qemu-ifdown"


def ifup() -> int:
    """The exit status of qemu-ifup."""
    return serve.run(_up, sys.argv)


def ifdown() -> int:
    """The exit status of qemu-ifdown, which may run as another user than ifup (-runas), so it insists on nothing."""
    return serve.run(_down, sys.argv)


def _up(paths: "Paths", argv: list[str]) -> None:
    interface = _interface(argv)
    if paths.user and posix.geteuid():
        msg = f"interface {shown(interface)}: attach: is the machine's, where user {paths.user} has no networks"
        raise HostError(
            msg, hint="start QEMU by `vnet run NETWORK -- …`, or with -netdev bridge,helper=…/qemu-bridge-helper"
        )
    caller = qemu_command.caller()
    environ = variables()
    named = environ.get("VNET_NETWORK", "") or network_of_link(argv[0])
    request = NicRequest(interface, explicit=named, portgroup=environ.get("VNET_PORTGROUP", ""), via=IFUP)
    if caller.is_libvirt:
        announced = _announced(paths, interface)
        if announced is not None:
            request = request.replace(
                explicit=announced.network or named,
                guest=announced.guest,
                mac=announced.mac,
                guest_uuid=announced.guest_uuid,
            )
    else:
        nic = _own_nic(caller, argv[0], interface)
        request = request.replace(
            guest=qemu_command.guest_name(caller.arguments), mac=nic.mac if nic else "", owner=caller.owner
        )
    serve.warn(IFUP, serve.attach(paths, request))


def _down(paths: "Paths", argv: list[str]) -> None:
    try:
        serve.detach(paths, _interface(argv))
    except HostError:
        if posix.geteuid() == 0:
            raise  # else -runas: the next call that may write forgets the NIC


def network_of_link(path: str) -> str:
    """("/etc/qemu-ifup-lab") -> "lab"; empty for the hook's own name."""
    name = files.base_name(path)
    return name[len(IFUP) + 1 :] if name.startswith(f"{IFUP}-") else ""


def _interface(argv: list[str]) -> str:
    if len(argv) != 2:
        msg = f"{len(argv) - 1} arguments given, one is needed: the interface"
        raise UsageError(msg, hint="QEMU calls this: -netdev tap,script=PATH; by hand, use `vnet attach IFNAME`")
    return argv[1]


def _announced(paths: "Paths", interface: str) -> "Nic | None":
    """Whose tap it is, as libvirt's hook was told before; None for one that is plugged in."""
    from vnethook.live import announced  # noqa: PLC0415 (only where libvirt calls)

    tap = Links().link(check_link_name(interface))
    return announced.of_tap(paths, tap) if tap else None


def _own_nic(caller: "Caller", script: str, interface: str) -> "QemuNic | None":
    """The NIC of the command line that this call is for; one with another script is another's."""
    nic = qemu_command.nic_of_call(caller, interface)
    return nic if nic and nic.kind == "tap" and nic.get("script") in {"", script} else None
