"""Replace files of another program's so that all of them can be given back, byte for byte, whatever happens between.

What was there and what takes its place are copied first, into a directory of ours that no other program reads, and are
on the disk before the first change; each file is replaced by rename. So at every instant each file is as it was or as
it is to be, and whoever comes next can tell which.
"""

import posix
from errno import EEXIST, ENODATA, ENOENT, ENOTDIR, ENOTEMPTY, ENOTSUP
from stat import S_IMODE, S_ISLNK, S_ISREG

from vnethook.errors import HostError, StateError
from vnethook.live import files
from vnethook.value import Value

MANIFEST = "manifest.json"
_NO_MODE = 0o600
_WRITE = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC | posix.O_NOFOLLOW


class Found(Value):
    """What a file is beside its bytes: mode, owner, group, time in ns, where it leads if it is a symbolic link.

    `attributes`: extended ones, as (name, hexadecimal).
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    target: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class Change(Value):
    """A file: its path, what it was, None for none, and its mode now, None if it was removed.

    The bytes of both lie beside the manifest, by its number among the changes.
    """

    _nested = {"before": Found}  # noqa: RUF012 (ClassVar would need typing at run time)
    path: str
    before: Found | None
    mode: int | None


class Exchange(Value):
    """What was replaced for whom: `about` in words of the caller's; `directories` that were made for it."""

    _nested = {"changes": Change}  # noqa: RUF012 (as above)
    about: tuple[str, ...]
    changes: tuple[Change, ...]
    directories: tuple[str, ...] = ()
    is_whole: bool = False


def replace(place: str, about: tuple[str, ...], wanted: "dict[str, tuple[bytes, int] | None]") -> None:
    """Have files be as `wanted` says: (bytes, mode), or None for none; what was there is kept in directory `place`.

    Raises StateError if something is kept there already, HostError if the file system refuses.
    """
    if read(place) is not None:
        msg = f"directory {place!r}: keep files: there are some already"
        raise StateError(msg, hint="give those back first")
    _empty(place)
    files.make_directory(place, mode=0o700)
    changes: list[Change] = []
    for path, new in wanted.items():
        before = _found(path)
        if before and not before.target:
            _write(f"{place}/before-{len(changes)}", _bytes(path) or b"", _NO_MODE)
        if new:
            _write(f"{place}/after-{len(changes)}", new[0], _NO_MODE)
        if before or new:
            changes.append(Change(path, before, new[1] if new else None))
    missing = tuple(sorted({one for path, new in wanted.items() if new for one in _missing(files.directory_of(path))}))
    exchange = Exchange(about, tuple(changes), missing)
    _note(place, exchange)
    for change in changes:
        _exchange(change, wanted[change.path])
    _note(place, exchange.replace(is_whole=True))


def read(place: str) -> Exchange | None:
    """What is kept in a directory, None for nothing; raise HostError if it is damaged."""
    text = files.read_text(f"{place}/{MANIFEST}")
    if text is None:
        return None
    try:
        plain = files.loads(text)
        changes = tuple(_change(change) for change in plain["changes"])
        return Exchange(tuple(plain["about"]), changes, tuple(plain["directories"]), bool(plain["is_whole"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"file {f'{place}/{MANIFEST}'!r}: read: it is damaged"
        raise HostError(msg, hint="files as they were before are beside it: copy them, then remove it") from error


def edited(place: str) -> list[str]:
    """The paths of files that are neither as they were before nor as we made them."""
    exchange = read(place)
    if exchange is None:
        return []
    return [one.path for number, one in enumerate(exchange.changes) if _state(place, number, one) == "edited"]


def give_back(place: str, *, aside: str = "") -> list[tuple[str, str]]:
    """Have all files be as they were; nothing if nothing is kept. Good from any point at which a call was killed.

    Files that somebody has edited since are kept in directory `aside`, and (path, where) of them is given; without it
    StateError is raised and nothing is done.
    """
    exchange = read(place)
    if exchange is None:
        _empty(place)
        return []
    theirs = edited(place)
    if theirs and not aside:
        msg = f"file {theirs[0]!r}: give back: it was edited since it was written"
        raise StateError(msg, hint="force it to have the file as it was before; the edited one is kept then")
    moved = [(path, _keep_aside(path, aside)) for path in theirs if files.exists(path)]
    for number, change in reversed(list(enumerate(exchange.changes))):
        _remove(files.new_name(change.path))  # of a call that was killed
        if change.before is None:
            _remove(change.path)
        elif _state(place, number, change) != "before":
            _put(change.path, _bytes(f"{place}/before-{number}") or b"", change.before)
    for directory in reversed(exchange.directories):
        files.remove_directory(directory)
    _remove(f"{place}/{MANIFEST}")
    _empty(place)
    return moved


def _exchange(change: Change, new: tuple[bytes, int] | None) -> None:
    """Have a file be as it is to be: its owner stays, and nobody may read it who could not before."""
    if new is None:
        _remove(change.path)
        return
    files.make_directory(files.directory_of(change.path))
    like = (
        change.before if change.before and not change.before.target else Found(new[1], posix.geteuid(), posix.getegid())
    )
    _put(change.path, new[0], like.replace(mode=new[1] & like.mode, mtime_ns=0))


def _change(plain: "dict[str, object]") -> Change:
    change = Change.from_plain(plain)
    if change.before is not None:
        pairs = tuple((str(name), str(value)) for name, value in change.before.attributes)
        change = change.replace(before=change.before.replace(attributes=pairs))
    return change


def _state(place: str, number: int, change: Change) -> str:
    """Whether a file is as it was "before", as it was made ("after"), or "edited"."""
    now = _found(change.path)
    was, data = change.before, _bytes(change.path) if now and not now.target else None
    if now is None:
        return "before" if was is None else "after" if change.mode is None else "edited"
    if was and now.target == was.target and (now.target or data == _bytes(f"{place}/before-{number}")):
        return "before" if now == was else "after"  # with its bytes, but not its time and mode
    if change.mode is not None and not now.target and data == _bytes(f"{place}/after-{number}"):
        return "after"
    return "edited"


def _found(path: str) -> Found | None:
    """What there is, None for nothing; raise HostError for what is neither a file nor a symbolic link."""
    try:
        stat = posix.lstat(path)
        target = posix.readlink(path) if S_ISLNK(stat.st_mode) else ""
        names = () if target else posix.listxattr(path)
        pairs = tuple((name, posix.getxattr(path, name).hex()) for name in sorted(names))
    except OSError as error:
        if error.errno in {ENOENT, ENOTDIR}:
            return None
        raise files.refusal(path, "read", error) from error
    if not target and not S_ISREG(stat.st_mode):
        msg = f"file {path!r}: replace: it is no regular file"
        raise HostError(msg)
    return Found(S_IMODE(stat.st_mode), stat.st_uid, stat.st_gid, stat.st_mtime_ns, target, pairs)


def _bytes(path: str) -> bytes | None:
    """The bytes of a file, None if there is none."""
    text = files.read_text(path)
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _put(path: str, data: bytes, found: Found) -> None:
    """Replace a file by rename; what lies beside it meanwhile begins with a dot, which no manager reads."""
    new = files.new_name(path)
    try:
        _remove(new)
        if found.target:
            posix.symlink(found.target, new)
        else:
            _write(new, data, found.mode)
            posix.chown(new, found.uid, found.gid)
            posix.chmod(new, found.mode)  # chown takes set-id bits away
            for name, value in found.attributes:
                _set_attribute(new, name, bytes.fromhex(value))
            if found.mtime_ns:
                posix.utime(new, ns=(found.mtime_ns, found.mtime_ns))
        posix.rename(new, path)
    except OSError as error:
        raise files.refusal(path, "write", error) from error
    _sync(files.directory_of(path))


def _set_attribute(path: str, name: str, value: bytes) -> None:
    try:
        posix.setxattr(path, name, value)
    except OSError as error:
        if error.errno not in {ENOTSUP, ENODATA}:
            raise


def _write(path: str, data: bytes, mode: int) -> None:
    """Write a new file, which is on the disk when this returns."""
    try:
        fd = posix.open(path, _WRITE, mode)
        try:
            posix.fchmod(fd, mode)
            rest = data
            while rest:
                rest = rest[posix.write(fd, rest) :]
            posix.fsync(fd)
        finally:
            posix.close(fd)
    except OSError as error:
        raise files.refusal(path, "write", error) from error


def _note(place: str, exchange: Exchange) -> None:
    """Write the manifest; it and all that it speaks of are on the disk when this returns."""
    path = f"{place}/{MANIFEST}"
    _put(path, f"{files.dumps(exchange.to_plain())}\n".encode(), Found(_NO_MODE, posix.geteuid(), posix.getegid()))


def _remove(path: str) -> None:
    try:
        posix.unlink(path)
    except OSError as error:
        if error.errno in {ENOENT, ENOTDIR}:
            return
        raise files.refusal(path, "remove", error) from error
    _sync(files.directory_of(path))


def _sync(directory: str) -> None:
    try:
        fd = posix.open(directory, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        try:
            posix.fsync(fd)
        finally:
            posix.close(fd)
    except OSError as error:
        raise files.refusal(directory, "write", error) from error


def _missing(directory: str) -> list[str]:
    """The directories that have to be made for this one to be, the upper first."""
    found: list[str] = []
    while directory and not files.is_directory(directory):
        found.insert(0, directory)
        directory = files.directory_of(directory)
    return found


def _keep_aside(path: str, aside: str) -> str:
    """Copy a file into a directory, under a free name; where."""
    files.make_directory(aside, mode=0o700)
    number = 0
    while True:
        target = f"{aside}/{files.base_name(path)}.{number}"
        if not files.exists(target):
            _write(target, _bytes(path) or b"", _NO_MODE)
            return target
        number += 1


def _empty(place: str) -> None:
    """Remove what a call left that was killed before it had a manifest, or after that had gone."""
    try:
        names = posix.listdir(place)
    except OSError:
        return
    for name in names:
        _remove(f"{place}/{name}")
    try:
        posix.rmdir(place)
    except OSError as error:
        if error.errno not in {ENOTEMPTY, EEXIST}:
            raise files.refusal(place, "remove directory", error) from error
