"""Directories that come and go are watched all the same, and what is in them is told in its order."""

import os
import shutil

import pytest

from vnethook.errors import HostError
from vnethook.host import inotify
from vnethook.host.directories import Directories, Removed, Renamed, Unknown, Written
from vnethook.live import files


@pytest.fixture
def watched(tmp_path):
    """Watch directories of the test, each named by its path below `tmp_path`; close them at its end."""
    opened = []

    def watch(*names):
        opened.append(Directories([f"{tmp_path}/{name}" for name in names]))
        return lambda: [_short(change, tmp_path) for change in opened[-1].changes()]

    yield watch
    for one in opened:
        one.close()


def _short(change, root):
    return change if isinstance(change, Unknown) else change._replace(directory=os.path.relpath(change.directory, root))


def test_what_happens_to_names_is_told_in_its_order(tmp_path, watched):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    changes = watched("a", "b")
    (tmp_path / "a/one").write_text("")
    (tmp_path / "a/one").rename(tmp_path / "b/two")
    (tmp_path / "b/two").unlink()
    assert changes() == [
        Written("a", "one"),
        Removed("a", "one", is_moved=True),
        Renamed("b", "two"),
        Removed("b", "two", is_moved=False),
    ]
    assert changes() == []


def test_two_files_put_in_one_place_are_two_changes(tmp_path, watched):
    (tmp_path / "a").mkdir()
    changes = watched("a")
    for _ in range(2):
        files.write_text(f"{tmp_path}/a/x", "the same")
    assert [change for change in changes() if change.name == "x"] == [Renamed("a", "x")] * 2


def test_a_directory_is_watched_from_its_making_on_with_those_above_it(tmp_path, watched):
    changes = watched("deep/er/a")
    assert changes() == []
    (tmp_path / "deep").mkdir()
    assert changes() == [Unknown()]
    (tmp_path / "deep/er/a").mkdir(parents=True)
    assert set(changes()) == {Unknown()}
    files.write_text(f"{tmp_path}/deep/er/a/x", "")
    assert changes()[-1] == Renamed("deep/er/a", "x")


def test_a_directory_that_was_made_at_once_with_all_above_it_is_watched(tmp_path, watched):
    changes = watched("deep/er/a")
    (tmp_path / "deep/er/a").mkdir(parents=True)
    assert changes() == [Unknown()]
    files.write_text(f"{tmp_path}/deep/er/a/x", "")
    assert changes()[-1] == Renamed("deep/er/a", "x")


@pytest.mark.parametrize("gone", ["base/a", "base", "."])
def test_a_directory_that_was_removed_is_watched_again_when_it_is_back(tmp_path, watched, gone):
    (tmp_path / "base/a").mkdir(parents=True)
    (tmp_path / "base/a/x").write_text("")
    changes = watched("base/a")
    shutil.rmtree(tmp_path / gone)
    told = changes()
    assert told[0] == Removed("base/a", "x", is_moved=False)
    assert set(told[1:]) == {Unknown()}
    (tmp_path / "base/a").mkdir(parents=True)
    assert changes() == [Unknown()]
    files.write_text(f"{tmp_path}/base/a/x", "")
    assert changes()[-1] == Renamed("base/a", "x")


@pytest.mark.parametrize("moved", ["base/a", "base"])
def test_a_directory_that_was_moved_away_is_not_watched_where_it_went(tmp_path, watched, moved):
    (tmp_path / "base/a").mkdir(parents=True)
    changes = watched("base/a")
    (tmp_path / moved).rename(tmp_path / "elsewhere")
    assert set(changes()) == {Unknown()}
    files.write_text(f"{tmp_path}/elsewhere/x", "")
    assert changes() == []
    (tmp_path / "base/a").mkdir(parents=True)
    assert changes() == [Unknown()]


def test_neighbours_of_a_directory_that_is_missing_are_nobodys_business(tmp_path, watched):
    changes = watched("base/a")
    (tmp_path / "base-of-others").mkdir()
    (tmp_path / "bas").write_text("")
    assert changes() == []


def test_more_changes_than_the_kernel_keeps_are_one_word_to_look_at_all(tmp_path, watched, monkeypatch):
    (tmp_path / "a").mkdir()
    changes = watched("a")
    overflow = [inotify.Change(-1, inotify.OVERFLOW, "")]
    monkeypatch.setattr(inotify.Inotify, "changes", lambda self: iter(overflow))
    assert changes() == [Unknown()]
    monkeypatch.undo()
    files.write_text(f"{tmp_path}/a/x", "")
    assert changes()[-1] == Renamed("a", "x")


def test_a_kernel_that_gives_no_more_says_what_to_raise(tmp_path, monkeypatch):
    monkeypatch.setattr(inotify.ctypes, "get_errno", lambda: 24)
    monkeypatch.setattr(inotify._libc, "inotify_init1", lambda flags: -1)
    with pytest.raises(HostError) as caught:
        Directories([f"{tmp_path}/a"])
    assert (str(caught.value), caught.value.hint) == (
        "inotify: open: Too many open files",
        "raise fs.inotify.max_user_instances with sysctl",
    )


def test_a_refused_watch_leaves_no_descriptor(tmp_path, monkeypatch):
    before = set(os.listdir("/proc/self/fd"))
    (tmp_path / "a").mkdir()
    monkeypatch.setattr(inotify.ctypes, "get_errno", lambda: 28)
    monkeypatch.setattr(inotify._libc, "inotify_add_watch", lambda *_: -1)
    with pytest.raises(HostError) as caught:
        Directories([f"{tmp_path}/a"])
    assert (str(caught.value), caught.value.hint) == (
        f"directory '{tmp_path}/a': watch: No space left on device",
        "raise fs.inotify.max_user_watches with sysctl",
    )
    assert set(os.listdir("/proc/self/fd")) == before
