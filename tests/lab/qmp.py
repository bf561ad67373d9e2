"""QEMU's control socket."""

import json
import socket
from typing import Any, Self

from tests.lab.guest import Guest


class Qmp:
    """QEMU's control socket: `with Qmp(guest) as qmp: qmp.ask("netdev_del", id="n1")`. Source: QEMU's qmp-spec."""

    def __init__(self, guest: Guest) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._path = str(guest.qmp)
        self._events: list[str] = []

    def __enter__(self) -> Self:
        self._socket.settimeout(30)
        self._socket.connect(self._path)
        self._file = self._socket.makefile("rw")
        self._file.readline()
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: str) -> Any:
        """What QEMU answers; AssertionError with its reason if it refuses."""
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while "event" in (answer := json.loads(self._file.readline())):
            self._events.append(answer["event"])
        assert "return" in answer, answer["error"]["desc"]
        return answer["return"]

    def wait_for_event(self, name: str) -> None:
        """Wait until QEMU has told of this event."""
        while name not in self._events:
            self._events.append(json.loads(self._file.readline()).get("event", ""))
