"""Files that change together: written beside what they replace, all of them, before the first is put in place.

A full disk is thus met while nothing has changed yet.
"""

import posix

from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Replacement:
    """For `with`: what was written takes its place at the end, the first file last; nothing does after an exception."""

    def __init__(self) -> None:
        self._paths: list[str] = []

    def __enter__(self) -> "Self":
        return self

    def write(self, path: str, text: str, *, is_durable: bool = False) -> list[int]:
        """Write a new file beside the old one; give the stamp that it will have. See `files.write_new`."""
        self._paths.append(path)
        return files.write_new(path, text, is_durable=is_durable)

    def link(self, path: str, name: str) -> None:
        """Let a file that was written here be found by another name at once, in place of what has that name."""
        new = files.new_name(name)
        files.discard_new(name)
        try:
            posix.link(files.new_name(path), new)
            posix.rename(new, name)
        except OSError as error:
            raise files.refusal(name, "link", error) from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            while kind is None and self._paths:
                files.put_in_place(self._paths[-1])
                self._paths.pop()
        finally:
            for path in self._paths:
                files.discard_new(path)
