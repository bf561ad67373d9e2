"""Whole directories of ours."""

import posix

from vnethook.live import files


def remove_tree(path: str) -> None:
    """Remove a directory with all that is in it, following no link; nothing if it is gone."""
    try:
        entries = list(posix.scandir(path))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise files.refusal(path, "list", error) from error
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(entry.path)
        else:
            files.remove(entry.path)
    files.remove_directory(path)
