"""Steps for files that a network needs while it is up."""

from vnethook.host import trees
from vnethook.live import files
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class MakeDirectory(Step):
    """Make a directory, with those above it; undone, it goes with all the files in it, unless it is to be kept."""

    _about = ("path",)
    path: str
    is_kept: bool = False

    def is_done(self, host: "Host") -> bool:
        return files.is_directory(self.path)

    def do(self, host: "Host") -> None:
        files.make_directory(self.path)

    def undo(self, host: "Host") -> None:
        if not self.is_kept:
            trees.remove_tree(self.path)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"make directory {self.path}"


class WriteFile(Step):
    """Write a file of ours; undone, it is removed."""

    _about = ("path",)
    path: str
    text: str
    mode: int = 0o644

    def is_done(self, host: "Host") -> bool:
        return files.read_text(self.path) == self.text

    def do(self, host: "Host") -> None:
        files.write_text(self.path, self.text, mode=self.mode)

    def undo(self, host: "Host") -> None:
        files.remove(self.path)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)  # its reader finds the old text or the new one

    def __str__(self) -> str:
        return f"write {self.path} ({self.text.count(chr(10))} lines)"
