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
    # what a file system does not count is 0 of 0: files on btrfs; bytes, too, on ramfs, which is an initial RAM disk's
    free_files = found.f_ffree if found.f_files else 1 << 30
    free_bytes = found.f_bfree * found.f_frsize if found.f_blocks else 1 << 40
    flags = found.f_flag
    return Place(path, free_bytes, free_files, bool(flags & os.ST_RDONLY), not flags & os.ST_NOEXEC)
