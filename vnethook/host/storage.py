"""Where files of ours lie: whether there is room, and whether it may be written. Source: statvfs(3)."""

import os

from vnethook.live import files
from vnethook.value import Value


class Place(Value):
    """A directory, or the nearest above it that is there: free bytes and files for root, and how it is mounted."""

    path: str
    free_bytes: int
    free_files: int
    is_read_only: bool = False
    runs_programs: bool = True


def place(path: str) -> Place:
    """How it is at `path`."""
    there = path
    while not os.path.isdir(there):
        there = files.directory_of(there) or "/"
    found = os.statvfs(there)
    # a file system without a table of files, as btrfs, says 0 of 0
    free_files = found.f_ffree if found.f_files else 1 << 30
    flags = found.f_flag
    return Place(path, found.f_bfree * found.f_frsize, free_files, bool(flags & os.ST_RDONLY), not flags & os.ST_NOEXEC)
