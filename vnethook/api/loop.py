"""libvirt's default event loop: descriptors and timers with callbacks. Source: libvirt-event.h, vireventpoll.c."""

import os
import select
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from vnethook.api.constants import (
    VIR_EVENT_HANDLE_ERROR,
    VIR_EVENT_HANDLE_HANGUP,
    VIR_EVENT_HANDLE_READABLE,
    VIR_EVENT_HANDLE_WRITABLE,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    HandleCallback = Callable[[int, int, int, object], object]
    TimerCallback = Callable[[int, object], object]

_BITS = (
    (VIR_EVENT_HANDLE_READABLE, select.POLLIN),
    (VIR_EVENT_HANDLE_WRITABLE, select.POLLOUT),
    (VIR_EVENT_HANDLE_ERROR, select.POLLERR),
    (VIR_EVENT_HANDLE_HANGUP, select.POLLHUP),
)


class _Handle(NamedTuple):
    fd: int
    events: int
    call: "HandleCallback"
    opaque: object


class _Timer(NamedTuple):
    """`due`: when it is called next, by monotonic(); infinite for one that is off."""

    interval_s: float
    due: float
    call: "TimerCallback"
    opaque: object


class PollLoop:
    """The loop that virEventRunDefaultImpl() runs. Handles and timers may come and go from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: dict[int, _Handle] = {}
        self._timers: dict[int, _Timer] = {}
        self._last = 0
        self._changed = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def close(self) -> None:
        """Let go of the descriptor that ends the wait."""
        os.close(self._changed)

    def add_handle(self, fd: int, events: int, cb: "HandleCallback", opaque: object) -> int:
        """Call `cb(watch, fd, events, opaque)` when a descriptor is ready; give the watch."""
        with self._lock:
            self._last += 1
            self._handles[self._last] = _Handle(fd, events, cb, opaque)
            os.eventfd_write(self._changed, 1)
            return self._last

    def update_handle(self, watch: int, events: int) -> None:
        """Wait for other events of a descriptor."""
        with self._lock:
            if watch in self._handles:
                self._handles[watch] = self._handles[watch]._replace(events=events)
                os.eventfd_write(self._changed, 1)

    def remove_handle(self, watch: int) -> int:
        """Wait for a descriptor no longer; -1 for one that is not waited for."""
        return self._remove(self._handles, watch)

    def add_timeout(self, timeout: int, cb: "TimerCallback", opaque: object) -> int:
        """Call `cb(timer, opaque)` every `timeout` milliseconds, 0: in each iteration, -1: not yet; give the timer."""
        with self._lock:
            self._last += 1
            self._timers[self._last] = _timer(timeout, cb, opaque)
            os.eventfd_write(self._changed, 1)
            return self._last

    def update_timeout(self, timer: int, timeout: int) -> None:
        """Call a timer in other intervals, from now on."""
        with self._lock:
            if timer in self._timers:
                old = self._timers[timer]
                self._timers[timer] = _timer(timeout, old.call, old.opaque)
                os.eventfd_write(self._changed, 1)

    def remove_timeout(self, timer: int) -> int:
        """Call a timer no longer; -1 for one that there is not."""
        return self._remove(self._timers, timer)

    def run_once(self) -> None:
        """Wait until something is ready, due, or changed by another thread, and call what is."""
        with self._lock:
            handles = dict(self._handles)
            due = min((timer.due for timer in self._timers.values()), default=float("inf"))
        poll = select.poll()
        poll.register(self._changed, select.POLLIN)
        masks: dict[int, int] = {}
        for handle in handles.values():
            masks[handle.fd] = masks.get(handle.fd, 0) | _mask(handle.events)
        for fd, mask in masks.items():
            poll.register(fd, mask)
        ready = dict(poll.poll(None if due == float("inf") else max(0.0, due - monotonic()) * 1000))
        if ready.pop(self._changed, 0):
            os.eventfd_read(self._changed)
        self._call_timers()
        self._call_handles(handles, ready)

    def _call_timers(self) -> None:
        now = monotonic()
        for number in list(self._timers):
            with self._lock:
                timer = self._timers.get(number)  # as it is now: a callback before may have changed it
                if timer is None or timer.due > now:
                    continue
                self._timers[number] = timer._replace(due=now + timer.interval_s)
            call(timer.call, number, timer.opaque)

    def _call_handles(self, handles: dict[int, _Handle], ready: dict[int, int]) -> None:
        for watch, handle in handles.items():
            found = ready.get(handle.fd, 0)
            wanted = _mask(handle.events) | select.POLLERR | select.POLLHUP | select.POLLNVAL
            if found & wanted and watch in self._handles:
                call(handle.call, watch, handle.fd, _events(found & wanted), handle.opaque)

    def _remove(self, table: "dict[int, _Handle] | dict[int, _Timer]", number: int) -> int:
        with self._lock:
            if table.pop(number, None) is None:
                return -1
            os.eventfd_write(self._changed, 1)
            return 0


def _timer(timeout: int, call: "TimerCallback", opaque: object) -> _Timer:
    if timeout < 0:
        return _Timer(0.0, float("inf"), call, opaque)
    return _Timer(timeout / 1000, monotonic() + timeout / 1000, call, opaque)


def _mask(events: int) -> int:
    return sum(poll for libvirt, poll in _BITS if events & libvirt)


def _events(mask: int) -> int:
    found = sum(libvirt for libvirt, poll in _BITS if mask & poll)
    return found | (VIR_EVENT_HANDLE_ERROR if mask & select.POLLNVAL else 0)


def call(callback: "Callable[..., object]", *arguments: object) -> None:
    """Call a program's callback; what it raises goes where its own uncaught exceptions go, and the loop goes on."""
    try:
        callback(*arguments)
    except Exception:  # noqa: BLE001 (whatever it is, it is the program's)
        sys.excepthook(*sys.exc_info())
