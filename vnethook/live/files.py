"""Files of ours: small, JSON or text, replaced by rename, never through a symlink that somebody else could plant.

The `json` module costs as much to import as half a warm hook, so JSON is read by the scanner in C that `json` itself is
built on, and written by a dozen lines here. The files stay JSON: `jq` reads them. For the same reason the modules of a
warm hook use `posix` itself: `os` adds environ, abstract classes and paths for a tenth of the whole hook.
"""

import posix
from errno import EDQUOT, EEXIST, ELOOP, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY

from vnethook.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _no_constant(word: str) -> float:
    """Refuse NaN and Infinity, which Python's scanner reads and JSON does not know (RFC 8259)."""
    msg = f"{word} is no JSON value"
    raise ValueError(msg)


try:
    from _json import encode_basestring_ascii, make_scanner
except ImportError:  # an interpreter without CPython's accelerator
    import json

    def _loads(text: str) -> "Any":
        return json.loads(text, parse_constant=_no_constant)

    encode_basestring_ascii = json.encoder.encode_basestring_ascii
else:

    class _Options:
        """What the scanner asks its context for: the defaults of json.JSONDecoder."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = _no_constant
        memo: "dict[str, str]" = {}  # noqa: RUF012 (ClassVar needs typing)

    _scan = make_scanner(_Options)  # type: ignore[arg-type]  # it asks for attributes, not for a class

    def _loads(text: str) -> "Any":
        try:
            value, end = _scan(text, 0)
        except (RecursionError, StopIteration, SystemError, ValueError):
            end = -1  # the scanner finds its error class only where json is loaded
        if end != len(text.rstrip()):
            import json  # noqa: PLC0415 (only a damaged file is worth its cost, for the message)

            try:
                value = json.loads(text, parse_constant=_no_constant)
            except RecursionError:
                msg = "nested too deeply"
                raise ValueError(msg) from None
        return value


def loads(text: str) -> "Any":
    """JSON text, without leading blanks, as Python's types; raise ValueError for anything else."""
    return _loads(text)


def dumps(value: "Any") -> str:
    """None, booleans, numbers, strings, lists, tuples and dicts with string keys as compact JSON; else TypeError."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(dumps(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{encode_basestring_ascii(key)}: {dumps(item)}' for key, item in value.items())}}}"
    msg = f"cannot write {type(value).__name__} as JSON"
    raise TypeError(msg)


def read_text(path: str) -> str | None:
    """The text of a file, None if it does not exist; raise HostError for what is there and cannot be read."""
    try:  # without waiting: a daemon that is not root may have put a pipe in the place of its pid file
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    except OSError as error:
        if error.errno in {ENOENT, ENOTDIR}:
            return None
        raise refusal(path, "read", error) from error
    try:
        with open(fd, "rb", closefd=False) as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise refusal(path, "read", error) from error
    finally:
        posix.close(fd)


def read_json(path: str) -> "Any":
    """The value in a JSON file, None if it does not exist; raise HostError for a damaged file."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return loads(text)
    except ValueError as error:
        msg = f"file {path!r}: read: {error}"
        raise HostError(msg, hint="it is damaged; remove it, then `vnet net-repair` writes it anew") from error


def write_text(path: str, text: str, *, mode: int = 0o644) -> None:
    """Replace a file in one step, making its directory; raise HostError if the file system refuses."""
    write_new(path, text, mode=mode)
    put_in_place(path)


def write_new(path: str, text: str, *, mode: int = 0o644, is_durable: bool = False) -> list[int]:
    """Write what `put_in_place` shall replace a file by, making its directory; give the stamp that the file will have.

    It lies beside the file under a fixed name, so that a killed writer leaves one that the next replaces; the name
    begins with a dot, which keeps dnsmasq from reading it (dnsmasq(8), --dhcp-hostsdir). `is_durable`: a power cut
    leaves the old file or the new one whole; what replaces one is on the disk before this returns.
    """
    new = new_name(path)
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_CLOEXEC | posix.O_NOFOLLOW
    try:
        try:
            fd = posix.open(new, flags, mode)
        except FileNotFoundError:
            make_directory(directory_of(path))
            fd = posix.open(new, flags, mode)
        try:
            data = text.encode("utf-8", "surrogateescape")
            while data:
                data = data[posix.write(fd, data) :]
            posix.fchmod(fd, mode)
            if is_durable and exists(path):
                posix.fsync(fd)
            elif is_durable:  # begin to write, so that a journal that has the name has the text; drop no page
                posix.posix_fadvise(fd, 1, max(1, len(text) - 2), posix.POSIX_FADV_DONTNEED)  # Linux, mm/fadvise.c
            return _stamp(posix.fstat(fd))
        finally:
            posix.close(fd)
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            discard_new(path)
        raise refusal(path, "write", error) from error


def put_in_place(path: str) -> None:
    """Replace a file by what `write_new` has written for it."""
    try:
        posix.rename(new_name(path), path)
    except OSError as error:
        raise refusal(path, "write", error) from error


def discard_new(path: str) -> None:
    """Remove what was written and not put in place: on a full disk it takes room."""
    try:
        posix.unlink(new_name(path))
    except OSError:
        pass


def write_json(path: str, value: "Any", *, mode: int = 0o644) -> None:
    """Replace a JSON file in one step; raises as `write_text` does."""
    write_text(path, dumps(value) + "\n", mode=mode)


def remove(path: str) -> bool:
    """Remove a file or link and what a killed writer left beside it; whether it was there."""
    was_there = False
    for name in (path, new_name(path)):
        try:
            posix.unlink(name)
            was_there |= name == path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise refusal(name, "remove", error) from error
    return was_there


def make_directory(path: str, *, mode: int = 0o755) -> None:
    """Make a directory and those above it; nothing if it is there; raise HostError if it cannot be."""
    if is_directory(path):
        return
    parent = directory_of(path)
    if parent and parent != path:
        make_directory(parent)
    try:
        posix.mkdir(path, mode)
        posix.chmod(path, mode)  # whatever the caller's umask
    except OSError as error:
        if error.errno == EEXIST and is_directory(path):
            return
        raise refusal(path, "make directory", error) from error


def exists(path: str) -> bool:
    """Whether there is something, following links."""
    return stamp(path) is not None


def is_directory(path: str) -> bool:
    """Whether there is a directory, following links."""
    try:
        return posix.stat(path).st_mode & _TYPE == _DIRECTORY
    except OSError:
        return False


_TYPE, _DIRECTORY = 0o170000, 0o040000
"""S_IFMT and S_IFDIR, inode(7)."""


def base_name(path: str) -> str:
    """What follows the last slash."""
    return path.rpartition("/")[2]


def directory_of(path: str) -> str:
    """What stands before the last slash."""
    return path.rpartition("/")[0]


def remove_directory(path: str) -> None:
    """Remove a directory if it is there and empty."""
    try:
        posix.rmdir(path)
    except OSError as error:
        if error.errno not in {ENOENT, ENOTEMPTY, EEXIST, ENOTDIR}:
            raise refusal(path, "remove directory", error) from error


def names(path: str, suffix: str = "") -> list[str]:
    """The sorted names in a directory that end with `suffix`, without it; none if the directory does not exist."""
    try:
        found = posix.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise refusal(path, "list", error) from error
    return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix) and name[0] != ".")


def make_link(path: str, target: str) -> None:
    """Make `path` a symbolic link to `target`, replacing what it was."""
    new = new_name(path)
    try:
        make_directory(directory_of(path))
        discard_new(path)
        posix.symlink(target, new)
        posix.rename(new, path)
    except OSError as error:
        raise refusal(path, "link", error) from error


def link_target(path: str) -> str | None:
    """Where a symbolic link points, None if there is none."""
    try:
        return posix.readlink(path)
    except OSError:
        return None


def stamp(path: str) -> list[int] | None:
    """What changes when a file is replaced or edited: its time in ns, size and inode; None if it does not exist."""
    try:
        return _stamp(posix.stat(path))
    except OSError:
        return None


def _stamp(found: posix.stat_result) -> list[int]:
    return [found.st_mtime_ns, found.st_size, found.st_ino]


def new_name(path: str) -> str:
    """Where `write_new` writes what shall replace a file."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/.{name}.new"


def refusal(path: str, what: str, error: OSError) -> HostError:
    """The error for what the file system refuses, with what would help."""
    hint = f"the directory {directory_of(path) or '/'} has to be writable"
    if error.errno == ELOOP:
        hint = "a symbolic link is not followed here"
    elif error.errno in {ENOSPC, EDQUOT}:
        hint = "make room in its file system"
    return HostError(f"file {path!r}: {what}: {posix.strerror(error.errno or 0)}", hint=hint if what != "read" else "")
