"""What a program has asked to be told: each subscription has a watcher of its own, in the process's event loop."""

import itertools
import threading
from typing import TYPE_CHECKING

from vnethook.api import codes, constants, event
from vnethook.api.error import failure
from vnethook.api.loop import call
from vnethook.api.session import NO_UUID
from vnethook.lifecycle import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.lifecycle.events import Event, Watcher
    from vnethook.live.paths import Paths

    Tell = Callable[[Event], object]

LIFECYCLE = {
    events.DEFINED: constants.VIR_NETWORK_EVENT_DEFINED,
    events.UNDEFINED: constants.VIR_NETWORK_EVENT_UNDEFINED,
    events.STARTED: constants.VIR_NETWORK_EVENT_STARTED,
    events.STOPPED: constants.VIR_NETWORK_EVENT_STOPPED,
}
METADATA = {
    events.DESCRIPTION: constants.VIR_NETWORK_METADATA_DESCRIPTION,
    events.TITLE: constants.VIR_NETWORK_METADATA_TITLE,
    events.ELEMENT: constants.VIR_NETWORK_METADATA_ELEMENT,
}
KINDS = {
    constants.VIR_NETWORK_EVENT_ID_LIFECYCLE: LIFECYCLE,
    constants.VIR_NETWORK_EVENT_ID_METADATA_CHANGE: METADATA,
}


class _Subscription:
    """One watcher, for the events of some kinds, of one network or of all."""

    def __init__(self, paths: "Paths", kinds: "dict[str, int]", network: tuple[str, str] | None, tell: "Tell") -> None:
        self._kinds = kinds
        self._network = network
        self._tell = tell
        self._lock = threading.Lock()
        self._watcher: Watcher | None = events.Watcher(paths)
        try:
            fd = self._watcher.fileno()
            self._watch = event.virEventAddHandle(fd, constants.VIR_EVENT_HANDLE_READABLE, self._dispatch, None)
        except BaseException:
            self._watcher.close()
            raise

    def close(self) -> None:
        """Tell nothing more."""
        event.virEventRemoveHandle(self._watch)
        with self._lock:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None

    def _dispatch(self, _watch: int, _fd: int, _events: int, _opaque: object) -> None:
        with self._lock:
            found = list(self._watcher.events()) if self._watcher is not None else []
        for item in filter(self._has, found):
            if self._watcher is not None:  # else the one before was the last that the program wanted
                call(self._tell, item)

    def _has(self, item: "Event") -> bool:
        if item.kind not in self._kinds:
            return False
        if self._network is None:
            return True
        name, uuid = self._network
        return name == item.network and (not item.uuid or uuid in {item.uuid, "", NO_UUID})


class Subscriptions:
    """The subscriptions of a connection, by numbers from 0 on."""

    def __init__(self) -> None:
        self._active: dict[int, _Subscription] = {}
        self._numbers = itertools.count()

    def add(self, paths: "Paths", event_id: int, network: tuple[str, str] | None, tell: "Tell") -> int:
        """Have `tell(event)` called from the event loop, for one network (its name and uuid) or all; its number."""
        if event_id not in KINDS:
            raise failure(codes.VIR_ERR_INVALID_ARG, f"network event {event_id}: there is no such event")
        subscription = _Subscription(paths, KINDS[event_id], network, tell)
        number = next(self._numbers)
        self._active[number] = subscription
        return number

    def remove(self, number: int) -> None:
        """End a subscription; raise libvirtError for one that there is not."""
        found = self._active.pop(number, None)
        if found is None:
            raise failure(codes.VIR_ERR_INVALID_ARG, f"network event callback {number}: not registered")
        found.close()

    def close(self) -> None:
        """End all of them."""
        for number in list(self._active):
            self.remove(number)
