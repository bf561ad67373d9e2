"""Xen's vif script for all networks: `vif-vnet online|offline type_if=vif`, `vif-vnet add|remove type_if=tap`.

libxl goes by the exit status; the kernel's netback lets a guest send only once `hotplug-status` is `connected`. A
failure is told there and in `hotplug-error`, which xl and xend print. libxl waits 40 s and then kills without a signal
that could be caught, xend 100 s, an early one 5 s: nobody could keep to those. Detaching asks the store for nothing.
Contract: tools/libs/light/libxl_device.c and libxl_nic.c of Xen, drivers/net/xen-netback/xenbus.c of Linux.
"""

import sys

from vnethook.errors import HostError, VnetError
from vnethook.hook import deadline, serve, xen_call
from vnethook.hook.xen_call import NAME, VIF
from vnethook.live import files, nics
from vnethook.live.paths import variables
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.hook.xen_call import Call, Vif
    from vnethook.live.paths import Paths

DEADLINE_S = 31.0
"""Later than who waits for a lock in vain, and says for whom; see lock.DEADLINE_S."""


def main() -> int:
    """The exit status of vif-vnet."""
    return serve.run(_run, sys.argv)


def _run(paths: "Paths", argv: list[str]) -> None:
    environ = variables()
    failure = _Failure()
    deadline.begin(DEADLINE_S, failure.last_word)
    try:
        failure.vif = xen_call.vif_of_link(environ.get("vif", ""))  # who waits for a call that is about none
        failure.vif = xen_call.vif_of(environ)
        call = failure.call = xen_call.read(failure.vif, argv)
        _act(paths, call, environ)
    except VnetError as error:
        if not getattr(error, "is_unreached", False):
            failure.tell(f"{error.message} ({error.hint})" if error.hint else error.message)
        raise
    except Exception:
        failure.tell("internal error of vif-vnet: see the system log")
        raise
    finally:
        deadline.finish()


class _Failure:
    """Who is told of a failure, and by which nodes, as far as it is known whose vif a call is about."""

    def __init__(self) -> None:
        self.vif: Vif | None = None
        self.call: Call | None = None

    def tell(self, text: str) -> None:
        """Write why the vif does not work, for the toolstack; what is not in the store is not made there."""
        if self.vif is None or (self.call is not None and self.call.is_down):
            return
        from vnethook.hook import xen_nodes  # noqa: PLC0415 (offline does without)

        try:
            xen_nodes.tell_error(self.vif, text)
        except HostError as error:
            serve.warn(NAME, [str(error)])  # the caller is told what went wrong first

    def last_word(self, reason: str) -> None:
        """Tell everybody that the process ends here."""
        call = self.call
        text = f"interface {call.device!r}: {'detach' if call.is_down else 'attach'}: {reason}" if call else reason
        serve.warn(NAME, [text])
        self.tell(text)


def _act(paths: "Paths", call: "Call", environ: "Mapping[str, str]") -> None:
    if not (call.is_up or call.is_down):
        return
    if environ.get("UDEV_CALL"):
        from vnethook.hook import xen_attach  # noqa: PLC0415 (udev calls where xend does not)

        found = xen_attach.of_udev(call)
        if found is None:
            return
        call = found
    if call.is_up:
        from vnethook.hook import xen_attach  # noqa: PLC0415 (offline does without)

        xen_attach.attach(paths, call, environ)
    else:
        _detach(paths, call)


def _detach(paths: "Paths", call: "Call") -> None:
    """Detach a NIC, whatever of it is still there; what has come by its name since then is another's."""
    _forget(paths, call.device)
    if call.kind == VIF:
        tap = call.device + xen_call.EMULATED
        name = files.link_target(paths.renamed(tap)) or tap
        if nics.read(paths, name) is not None and Links().link(name) is None:
            _forget(paths, tap)  # under xend nobody says that it has gone


def _forget(paths: "Paths", device: str) -> None:
    name = files.link_target(paths.renamed(device))
    for interface in (device, name) if name else (device,):
        nic = nics.read(paths, interface)
        if nic is not None and (nic.device or nic.interface) == device:
            serve.detach(paths, interface)
    if name:
        from vnethook.live import renaming  # noqa: PLC0415 (few links are renamed)

        renaming.undo(paths, Links(), device)
