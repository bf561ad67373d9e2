"""Whole directories of ours."""

import posix
from errno import ENOTEMPTY

from vnethook.live import files

_FLAGS = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC


def remove_tree(path: str) -> None:
    """Remove a directory with all that is in it, following no link; nothing if it is gone.

    A directory in it may be a daemon's, which is not root: what is put in the place of one meanwhile leads nowhere.
    """
    _empty(path, path, None)
    files.remove_directory(path)


def _empty(path: str, name: str, parent: int | None) -> None:
    """Remove what is in a directory: `name` in the one that is open as `parent`; `path` tells of it."""
    try:
        directory = posix.open(name, _FLAGS, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise files.refusal(path, "list", error) from error
    try:
        with posix.scandir(directory) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for inner, is_directory in found:
            if is_directory:
                _empty(f"{path}/{inner}", inner, directory)
            _remove(f"{path}/{inner}", inner, directory, is_directory=is_directory)
    finally:
        posix.close(directory)


def _remove(path: str, name: str, parent: int, *, is_directory: bool) -> None:
    try:
        (posix.rmdir if is_directory else posix.unlink)(name, dir_fd=parent)
    except (FileNotFoundError, NotADirectoryError):
        return  # who else removes it was faster, or has put something else there
    except OSError as error:
        if error.errno != ENOTEMPTY:
            raise files.refusal(path, "remove", error) from error
