"""What a connection and the objects that it gives have in common: one host's files, and what may be done to them."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vnethook.api import codes
from vnethook.api.error import failure, translated, virResetLastError
from vnethook.definition.store import Store
from vnethook.errors import VnetError
from vnethook.host import user_namespace
from vnethook.host.host import Host
from vnethook.lifecycle import definitions
from vnethook.live import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.live.paths import Paths

NO_UUID = "00000000-0000-0000-0000-000000000000"
"""Of a network that was gone before anybody could read its definition, or whose definition is not in order."""


class Session:
    """One connection's view of this host. Calls share nothing, so they may come from any thread."""

    def __init__(self, paths: "Paths", uri: str, *, is_read_only: bool) -> None:
        self.paths = paths
        self.uri = uri
        self.is_read_only = is_read_only
        self.is_open = True

    @contextmanager
    def host(self, function: str, *, writes: bool = False, starts: bool = True) -> "Iterator[Host]":
        """The host, for one call of libvirt's `function`; what goes wrong meanwhile is raised as libvirtError.

        `starts`: what is written is not what is defined alone, so it is done where the networks are.
        """
        virResetLastError()
        if writes and self.is_read_only:
            raise failure(codes.VIR_ERR_OPERATION_DENIED, f"read only access prevents {function}")
        try:
            if self.paths.user:
                user_namespace.require_inside(self.paths, writes=writes and starts)
            host = Host(self.paths)
            try:
                yield host
            finally:
                host.close(stays=True)  # the program goes on
        except VnetError as error:
            raise translated(error) from error

    def require_open(self, function: str) -> None:
        """Raise libvirtError once the connection is closed."""
        virResetLastError()
        if not self.is_open:
            raise failure(codes.VIR_ERR_INVALID_CONN, function)


def uuid_of(host: Host, name: str) -> str | None:
    """The uuid of a network, active or defined; None if there is none of that name."""
    live = record.read(host.paths, name)
    if live is not None:
        return live.uuid
    entry = Store(host.paths).entry(name)
    if entry is None:
        return None
    if entry.uuid or entry.problem:
        return entry.uuid or NO_UUID
    return definitions.load(host, name).uuid  # the built-in default, whose uuid is chosen now
