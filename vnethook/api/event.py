"""libvirt's functions of the event loop, of which a process has one: ours, or the program's own.

Source: libvirt-event.h; for a program's own loop, how libvirt-python calls the functions that it has registered.
"""

from typing import TYPE_CHECKING

from vnethook.api import arguments, codes
from vnethook.api.error import failure, libvirtError, virResetLastError
from vnethook.api.loop import PollLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.api.loop import HandleCallback, TimerCallback

    Opaque = tuple[Callable[..., object], object, object]


class _OwnLoop:
    """A program's own loop. It is given one function to call for each kind, and the callback in what it passes on."""

    def __init__(self, *functions: "Callable[..., object]") -> None:
        self._add_handle, self._update_handle, self._remove_handle = functions[:3]
        self._add_timeout, self._update_timeout, self._remove_timeout = functions[3:]

    def add_handle(self, fd: int, events: int, cb: "HandleCallback", opaque: object) -> int:
        return arguments.number(self._add_handle(fd, events, _eventInvokeHandleCallback, (cb, opaque, None)))

    def update_handle(self, watch: int, events: int) -> None:
        self._update_handle(watch, events)

    def remove_handle(self, watch: int) -> int:
        return -1 if self._remove_handle(watch) == -1 else 0  # some give what libvirt would have to free

    def add_timeout(self, timeout: int, cb: "TimerCallback", opaque: object) -> int:
        return arguments.number(self._add_timeout(timeout, _eventInvokeTimeoutCallback, (cb, opaque, None)))

    def update_timeout(self, timer: int, timeout: int) -> None:
        self._update_timeout(timer, timeout)

    def remove_timeout(self, timer: int) -> int:
        return -1 if self._remove_timeout(timer) == -1 else 0


_loops: list[PollLoop | _OwnLoop] = []
"""The loop of the process, once there is one; it stays."""


def virEventRegisterDefaultImpl() -> int:
    """Have the program's loop be the one that virEventRunDefaultImpl() runs; gives 0."""
    virResetLastError()
    if not _loops:
        _loops.append(PollLoop())
    return 0


def virEventRegisterImpl(
    addHandle: "Callable[..., object]",
    updateHandle: "Callable[..., object]",
    removeHandle: "Callable[..., object]",
    addTimeout: "Callable[..., object]",
    updateTimeout: "Callable[..., object]",
    removeTimeout: "Callable[..., object]",
) -> None:
    """Have the loop be the program's own, by six functions; nothing if the process has one already."""
    virResetLastError()
    if not _loops:
        _loops.append(_OwnLoop(addHandle, updateHandle, removeHandle, addTimeout, updateTimeout, removeTimeout))


def virEventRunDefaultImpl() -> int:
    """Wait for the next events and timers, and call their callbacks; gives 0."""
    loop = _loop("virEventRunDefaultImpl")
    if not isinstance(loop, PollLoop):
        raise failure(codes.VIR_ERR_INTERNAL_ERROR, "the event loop is the program's own", domain=codes.VIR_FROM_EVENT)
    loop.run_once()
    return 0


def virEventAddHandle(fd: int, events: int, cb: "HandleCallback", opaque: object) -> int:
    """Have `cb(watch, fd, events, opaque)` called when a descriptor is ready; the number of that watch."""
    return _loop("virEventAddHandle").add_handle(arguments.number(fd), arguments.number(events), cb, opaque)


def virEventUpdateHandle(watch: int, events: int) -> None:
    """Wait for other events of a descriptor."""
    _loop("virEventUpdateHandle").update_handle(arguments.number(watch), arguments.number(events))


def virEventRemoveHandle(watch: int) -> int:
    """Wait for a descriptor no longer; gives 0, raises libvirtError for a watch that there is not."""
    return _removed("virEventRemoveHandle", _loop("virEventRemoveHandle").remove_handle(arguments.number(watch)))


def virEventAddTimeout(timeout: int, cb: "TimerCallback", opaque: object) -> int:
    """Have `cb(timer, opaque)` called every `timeout` milliseconds (-1: not yet); the number of that timer."""
    return _loop("virEventAddTimeout").add_timeout(arguments.number(timeout), cb, opaque)


def virEventUpdateTimeout(timer: int, timeout: int) -> None:
    """Call a timer in other intervals."""
    _loop("virEventUpdateTimeout").update_timeout(arguments.number(timer), arguments.number(timeout))


def virEventRemoveTimeout(timer: int) -> int:
    """Call a timer no longer; gives 0, raises libvirtError for one that there is not."""
    return _removed("virEventRemoveTimeout", _loop("virEventRemoveTimeout").remove_timeout(arguments.number(timer)))


def virEventInvokeFreeCallback(opaque: "Opaque") -> None:
    """Free what a program's own loop was given for a callback: nothing, here; loops of programs call it."""


def _eventInvokeHandleCallback(
    watch: int, fd: int, event: int, opaque: "Opaque | HandleCallback", opaquecompat: object = None
) -> None:
    """What a program's own loop calls for a descriptor; very old ones give the callback and its argument apart."""
    callback, argument = opaque[:2] if isinstance(opaque, tuple) else (opaque, opaquecompat)
    callback(watch, fd, event, argument)


def _eventInvokeTimeoutCallback(timer: int, opaque: "Opaque | TimerCallback", opaquecompat: object = None) -> None:
    """What a program's own loop calls for a timer."""
    callback, argument = opaque[:2] if isinstance(opaque, tuple) else (opaque, opaquecompat)
    callback(timer, argument)


def _loop(function: str) -> PollLoop | _OwnLoop:
    virResetLastError()
    if not _loops:
        what = f"{function}: no event loop is registered"
        raise failure(codes.VIR_ERR_INTERNAL_ERROR, what, domain=codes.VIR_FROM_EVENT)
    return _loops[0]


def _removed(function: str, status: int) -> int:
    if status == -1:
        msg = f"{function}() failed"
        raise libvirtError(msg)
    return status
