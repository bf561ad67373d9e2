"""Load this package's modules by the shortest way: for hooks, whose imports take longer than their work.

Python's own finders look for all that a module could be, in a dozen calls of their own for each; one of ours is a file
with a compiled one beside it. It is loaded on the conditions that Python sets: compiled by this interpreter, of a
source of this size and time (the "pyc" format of importlib). Whatever is otherwise is left to Python itself, which
compiles it, or says what is wrong.
"""

import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_PREFIX = "vnethook."
_ENDING = f".{sys.implementation.cache_tag}.pyc"
_BY_TIME = MAGIC_NUMBER + bytes(4)
"""Begins what counts as long as its source has the time and size that follow."""
_HEADER, _ROOM = 16, 1 << 16
_FLAGS = posix.O_RDONLY | posix.O_CLOEXEC


class Loader(SourceFileLoader):
    """Python's own loader, with the compiled code at hand."""

    compiled = b""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module."""
        exec(loads(memoryview(self.compiled)[_HEADER:]), module.__dict__)  # noqa: S102, S302 (what an import does)


class Finder:
    """Finds what is compiled; nothing else."""

    @staticmethod
    def find_spec(name: str, path: "Sequence[str] | None" = None, _target: object = None) -> ModuleSpec | None:
        """The module of that name in one of our packages; None if it has to be looked for."""
        if not path or not name.startswith(_PREFIX):
            return None
        directory, module = path[0], name.rpartition(".")[2]
        return _spec(name, directory, module) or _spec(name, f"{directory}/{module}", "__init__")


def install() -> None:
    """Have the modules of this package that are not loaded yet found in this way."""
    sys.meta_path.insert(0, Finder)


def _spec(name: str, directory: str, module: str) -> ModuleSpec | None:
    compiled = f"{directory}/__pycache__/{module}{_ENDING}"
    try:
        fd = posix.open(compiled, _FLAGS)
    except OSError:
        return None
    try:
        data = posix.read(fd, _ROOM)
    finally:
        posix.close(fd)
    source = f"{directory}/{module}.py"
    if len(data) == _ROOM or data[:_HEADER] != _BY_TIME + _state(source):
        return None
    loader = Loader(name, source)
    loader.compiled = data
    spec = ModuleSpec(name, loader, origin=source)
    spec.has_location = True
    spec.cached = compiled
    if module == "__init__":
        spec.submodule_search_locations = [directory]
    return spec


def _state(source: str) -> bytes:
    """Time and size of a source, as a compiled file holds them."""
    try:
        found = posix.stat(source)
    except OSError:
        return b""
    return b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in (int(found.st_mtime), found.st_size))
