"""Whether installed hooks will work and are safe: the system's Python, the package's place, its byte code."""

import os
from stat import S_ISVTX, S_IWGRP, S_IWOTH

from vnethook.errors import HostError
from vnethook.host import programs

PYTHON = "/usr/bin/python3"
NEEDED = (3, 11)
_ASK = "import sys; print(*sys.version_info[:2])"


def problems(package: str) -> list[str]:
    """What the administrator has to know, a line each; byte-compiles the package on the way."""
    found = seen(package)
    if not found[0]:
        found.append(_compile(package))
    return [problem for problem in found if problem]


def seen(package: str) -> list[str]:
    """What can be told without changing anything: of the system's Python, of the command, of the package's place."""
    return [_python(), _command(), _writable(package)]


def _python() -> str:
    try:
        finished = programs.run([PYTHON, "-IS", "-c", _ASK])
    except HostError as error:
        return f"{error.message}: hooks run on it; install the package python3"
    try:
        major, minor = map(int, finished.output.split())
    except ValueError:
        return f"{PYTHON}: does not work: {finished.reason}"
    if (major, minor) < NEEDED:
        return f"{PYTHON}: is Python {major}.{minor}: hooks need {NEEDED[0]}.{NEEDED[1]} or newer"
    return ""


def _command() -> str:
    try:
        programs.vnet()
    except HostError as error:
        return f"{error.message}: hooks need it after a definition was edited by hand; {error.hint}"
    return ""


def _writable(package: str) -> str:
    """Whether somebody else than root can change what root's hooks run: the package, and each directory above it."""
    above = [package]
    while above[-1] != "/":
        above.append(os.path.dirname(above[-1]))
    inside = [os.path.join(place, name) for place, names, more in os.walk(package) for name in (*names, *more)]
    unsafe = [path for path in (*reversed(above), *inside) if _is_unsafe(path, is_parent=path in above[1:])]
    if not unsafe:
        return ""
    more = f" (and {len(unsafe) - 1} more)" if len(unsafe) > 1 else ""
    return f"{unsafe[0]}{more}: somebody else than root may write it, and with it become root: chown and chmod it"


def _is_unsafe(path: str, *, is_parent: bool) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    is_shared = found.st_mode & S_IWOTH or (found.st_mode & S_IWGRP and found.st_gid != 0)
    if is_parent and found.st_mode & S_ISVTX:  # /tmp: nobody can rename root's directory in it
        is_shared = False
    return found.st_uid != 0 or (bool(is_shared) and not os.path.islink(path))


def _compile(package: str) -> str:
    """Compile the package with the interpreter of the hooks, which could not write byte code as another user."""
    finished = programs.run([PYTHON, "-IS", "-m", "compileall", "-q", package])
    return f"{package}: byte-compile: {finished.reason}: hooks work, but slower" if finished.status else ""
