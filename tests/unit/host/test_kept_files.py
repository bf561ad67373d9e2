"""Files of another program's that are replaced and given back, whatever happens between."""

import errno
import os
import stat
from pathlib import Path

import pytest

from vnethook.errors import HostError, StateError
from vnethook.host import kept_files

ABOUT = ("eth0", "br0")


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """The `posix` that kept_files sees: its `last`th change of the file system does not come back."""

    CHANGES = frozenset(("open", "write", "rename", "unlink", "mkdir", "rmdir", "symlink", "chown", "chmod", "utime", "fchmod"))  # fmt: skip

    def __init__(self, last):
        self.left = last

    def __getattr__(self, name):
        done = getattr(os, name)
        if name not in self.CHANGES:
            return done

        def call(*words, **named):
            if self.left == 0:
                raise Killed
            self.left -= 1
            return done(*words, **named)

        return call


@pytest.fixture
def there(tmp_path):
    """A place to keep, and the files of a manager: one to replace, one to remove, a link, one that is new."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "replaced").write_bytes(b"old\r\n\xff'")
    (etc / "replaced").chmod(0o640)
    (etc / "removed").write_bytes(b"gone")
    (etc / "link").symlink_to("replaced")
    for name in ("replaced", "removed"):
        os.utime(etc / name, ns=(1, 1_600_000_000_123_456_789))
    wanted = {
        str(etc / "replaced"): (b"new", 0o644),
        str(etc / "removed"): None,
        str(etc / "link"): (b"no link", 0o644),
        str(etc / "below/new"): (b"made", 0o600),
        str(etc / "never-there"): None,
    }
    return str(tmp_path / "state/br0"), etc, wanted


def _picture(etc):
    found = {}
    for file in sorted(etc.rglob("*")):
        stat = file.lstat()
        content = os.readlink(file) if file.is_symlink() else file.read_bytes() if file.is_file() else None
        found[str(file.relative_to(etc))] = (
            *(stat.st_mode, stat.st_uid, stat.st_gid, content),
            0 if file.is_dir() or file.is_symlink() else stat.st_mtime_ns,
        )
    return found


def test_files_are_replaced_and_given_back_byte_for_byte(there):
    place, etc, wanted = there
    before = _picture(etc)
    kept_files.replace(place, ABOUT, wanted)
    contents = {
        str(file.relative_to(etc)): (file.read_bytes(), file.stat().st_mode & 0o777)
        for file in etc.rglob("*")
        if file.is_file()
    }
    assert contents == {"replaced": (b"new", 0o640), "link": (b"no link", 0o644), "below/new": (b"made", 0o600)}
    assert (kept_files.read(place).about, kept_files.read(place).is_whole) == (ABOUT, True)
    assert kept_files.give_back(place) == []
    assert _picture(etc) == before
    assert not os.path.exists(place)


def test_what_is_kept_is_for_nobody_elses_eyes(there):
    place, _, wanted = there
    kept_files.replace(place, ABOUT, wanted)
    assert os.stat(place).st_mode & 0o777 == 0o700
    assert {os.stat(f"{place}/{name}").st_mode & 0o777 for name in os.listdir(place)} == {0o600}


def test_a_call_that_is_killed_anywhere_is_taken_back(there):
    place, etc, wanted = there
    before = _picture(etc)
    for last in range(1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kept_files, "posix", Dying(last))
            try:
                kept_files.replace(place, ABOUT, wanted)
            except Killed:
                killed = True
            else:
                killed = False
        kept_files.give_back(place)
        assert (last, _picture(etc)) == (last, before)
        assert not os.path.exists(place)
        if not killed:
            assert last > 30
            return
    pytest.fail("it never came to an end")


def test_giving_back_that_is_killed_anywhere_goes_on_at_the_next_call(there):
    place, etc, wanted = there
    before = _picture(etc)
    for last in range(1000):
        kept_files.replace(place, ABOUT, wanted)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kept_files, "posix", Dying(last))
            try:
                kept_files.give_back(place)
            except Killed:
                killed = True
            else:
                killed = False
        kept_files.give_back(place)
        assert (last, _picture(etc)) == (last, before)
        assert not os.path.exists(place)
        if not killed:
            assert last > 10
            return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("name", ["replaced", "removed", "below/new"])
def test_a_file_that_was_edited_since_is_given_back_on_demand_only(there, tmp_path, name):
    place, etc, wanted = there
    before = _picture(etc)
    kept_files.replace(place, ABOUT, wanted)
    (etc / name).write_bytes(b"edited")
    written = _picture(etc)
    assert kept_files.edited(place) == [str(etc / name)]
    with pytest.raises(StateError) as refused:
        kept_files.give_back(place)
    assert refused.value.message == f"file {str(etc / name)!r}: give back: it was edited since it was written"
    assert _picture(etc) == written
    [(path, aside)] = kept_files.give_back(place, aside=str(tmp_path / "aside"))
    assert path == str(etc / name)
    assert Path(aside).read_bytes() == b"edited"
    assert _picture(etc) == before


def test_what_is_kept_is_not_kept_over(there):
    place, _, wanted = there
    kept_files.replace(place, ABOUT, wanted)
    with pytest.raises(StateError) as refused:
        kept_files.replace(place, ABOUT, wanted)
    assert refused.value.message == f"directory {place!r}: keep files: there are some already"


def test_a_disk_that_fails_is_an_error_of_ours(there, monkeypatch):
    place, _, wanted = there

    class Failing:
        def __getattr__(self, name):
            return getattr(os, name)

        def fsync(self, fd):
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(kept_files, "posix", Failing())
    with pytest.raises(HostError, match="Input/output error"):
        kept_files.replace(place, ABOUT, wanted)
