"""Changes of the names in directories that need not be there yet, and may go away and come back.

Each directory is watched with the one above it; one that is missing, by the nearest above it that is there.
"""

import os
from typing import TYPE_CHECKING, NamedTuple

from vnethook.host import inotify
from vnethook.host.inotify import Inotify
from vnethook.live import files

if TYPE_CHECKING:
    from collections.abc import Iterator

_SELF = inotify.DELETE_SELF | inotify.MOVE_SELF
_ABOVE = inotify.CREATE | inotify.MOVED_TO | _SELF
_WATCHED = inotify.CLOSE_WRITE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO | _SELF
_LOST = _SELF | inotify.UNMOUNT


class Renamed(NamedTuple):
    """A name that was put in place of what was there, or into an empty place."""

    directory: str
    name: str


class Written(NamedTuple):
    """A file that somebody had open for writing, and closed."""

    directory: str
    name: str


class Removed(NamedTuple):
    """A name that is gone; `is_moved`: by a rename, which may be the first half of putting another one there."""

    directory: str
    name: str
    is_moved: bool


class Unknown(NamedTuple):
    """Anything may have happened: a directory came or went, or there was more than the kernel keeps. Look at all."""


Change = Renamed | Written | Removed | Unknown


class Directories:
    """The watched directories, absolute paths none of which is above another. Raises what Inotify raises."""

    def __init__(self, directories: list[str]) -> None:
        self._directories = directories
        self._inotify = Inotify()
        self._paths: dict[int, str] = {}
        try:
            self._watch_all()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to poll: readable when there may be changes."""
        return self._inotify.fileno()

    def close(self) -> None:
        """Watch no longer."""
        self._inotify.close()

    def changes(self) -> "Iterator[Change]":
        """What has happened since the last call, in its order; does not wait."""
        for watch, mask, name in self._inotify.changes():
            path = self._paths.get(watch)
            if mask & inotify.OVERFLOW or (path is not None and mask & _LOST):
                self._watch_all()
                yield Unknown()
            elif path is None or not name:
                continue  # of a watch that we have let go of
            elif path not in self._directories:
                below = f"{path.rstrip('/')}/{name}"
                if any(f"{directory}/".startswith(f"{below}/") for directory in self._directories):
                    self._watch_all()
                    yield Unknown()
            elif mask & inotify.MOVED_TO:
                yield Renamed(path, name)
            elif mask & inotify.CLOSE_WRITE:
                yield Written(path, name)
            else:
                yield Removed(path, name, is_moved=bool(mask & inotify.MOVED_FROM))

    def _watch_all(self) -> None:
        """Watch what is there now of all directories, and let go of what is not."""
        paths: dict[int, str] = {}
        for directory in self._directories:
            self._watch_nearest(directory, paths)
            self._watch_nearest(files.directory_of(directory), paths)
        for watch in self._paths.keys() - paths.keys():
            self._inotify.forget(watch)
        self._paths = paths

    def _watch_nearest(self, directory: str, paths: dict[int, str]) -> None:
        """Watch a directory, else the nearest above it, which tells when what is missing comes."""
        while True:
            path = directory
            while not os.path.isdir(path):
                path = files.directory_of(path) or "/"
            watch = self._inotify.watch(path, _WATCHED if path in self._directories else _ABOVE)
            if watch is None:
                continue  # gone since we looked
            paths[watch] = path
            if path == directory or not os.path.isdir(self._next(path, directory)):
                return

    @staticmethod
    def _next(path: str, directory: str) -> str:
        """The directory just below `path` on the way to `directory`."""
        below = directory[len(path.rstrip("/")) + 1 :]
        return f"{path.rstrip('/')}/{below.partition('/')[0]}"
