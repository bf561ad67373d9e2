"""Locks: who may hold one beside whom, what happens to a removed lock file, and who is named to those who wait in vain."""

import errno
import os
import posix
import stat
import threading

import pytest

from vnethook.errors import BusyError, HostError
from vnethook.live import lock
from vnethook.live.lock import Lock

SHORT_S = 0.05


@pytest.fixture
def path(tmp_path):
    return f"{tmp_path}/locks/lab"


@pytest.fixture(autouse=True)
def _nothing_is_left_open():
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert lock.held() == []
    assert len(os.listdir("/proc/self/fd")) == before


def _is_free(path, *, shared=False):
    try:
        with Lock(path, shared=shared, deadline_s=0):
            return True
    except BusyError:
        return False


def test_an_exclusive_lock_is_held_alone_and_shared_ones_together(path):
    with Lock(path):
        assert (_is_free(path), _is_free(path, shared=True)) == (False, False)
    with Lock(path, shared=True), Lock(path, shared=True):
        assert (_is_free(path), _is_free(path, shared=True)) == (False, True)
    assert (_is_free(path), _is_free(path, shared=True)) == (True, True)


def test_a_lock_is_let_go_when_what_it_guards_fails(path):
    with pytest.raises(ZeroDivisionError), Lock(path):
        _ = 1 / 0
    assert _is_free(path)


def test_only_its_owner_may_open_a_lock(path):
    before = os.umask(0)
    try:
        with Lock(path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    finally:
        os.umask(before)


def test_the_descriptors_that_are_held_are_known_and_are_not_inherited_by_themselves(path):
    """host/programs.py hands them on to what changes the host."""
    with Lock(path), Lock(f"{path}2", shared=True):
        assert [os.readlink(f"/proc/self/fd/{fd}") for fd in lock.held()] == [path, f"{path}2"]
        assert not any(os.get_inheritable(fd) for fd in lock.held())


def test_a_thread_hands_on_no_lock_of_another(path):
    """Which may be closed while a program is started, and then is no descriptor to hand on."""
    seen = []
    with Lock(path):
        thread = threading.Thread(target=lambda: seen.append(list(lock.held())))
        thread.start()
        thread.join()
        assert len(lock.held()) == 1
    assert seen == [[]]


def test_who_waits_until_the_deadline_is_told_who_holds_the_lock(path):
    with Lock(path), pytest.raises(BusyError) as caught, Lock(path, deadline_s=SHORT_S):
        pass
    assert str(caught.value) == f"'{path}': lock: held for over 0 s by process {os.getpid()}"
    assert caught.value.hint == "wait for the other command to end, or end it"


@pytest.mark.parametrize(
    "text", ["", "x", "4194305", "\xff", "9" * 30], ids=["nothing", "a word", "gone", "no text", "long"]
)
def test_a_holder_that_is_not_known_is_not_named(path, text):
    """4194304 is the largest pid that Linux gives: PID_MAX_LIMIT."""
    with Lock(path, shared=True):
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        with pytest.raises(BusyError) as caught, Lock(path, deadline_s=SHORT_S):
            pass
    assert str(caught.value) == f"'{path}': lock: held for over 0 s"


def test_who_waits_gets_the_lock_as_soon_as_it_is_free(path, monkeypatch):
    other = Lock(path)
    other.__enter__()
    pauses = []

    def wait(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.__exit__()

    monkeypatch.setattr(lock, "sleep", wait)
    with Lock(path):
        assert not _is_free(path)
    assert len(pauses) == 3


@pytest.mark.parametrize("is_made_anew", [False, True], ids=["removed", "made anew"])
@pytest.mark.parametrize("shared", [False, True], ids=["exclusive", "shared"])
def test_a_lock_on_a_removed_file_does_not_count(path, monkeypatch, shared, is_made_anew):
    """Its last holder removes it between the opening and the locking by the next one."""
    flock, seen = lock.flock, []

    def late(fd, operation):
        if not seen:
            os.unlink(path)
            if is_made_anew:
                with open(path, "w"):
                    pass
        seen.append(os.fstat(fd).st_ino)
        flock(fd, operation)

    monkeypatch.setattr(lock, "flock", late)
    with Lock(path, shared=shared):
        assert os.fstat(lock.held()[0]).st_ino == os.stat(path).st_ino == seen[-1]
    assert len(seen) == 2


def test_a_finished_lock_leaves_no_file_and_the_next_one_makes_it_anew(path):
    with Lock(path) as held:
        held.finish()
        assert os.path.exists(path)
    assert os.listdir(os.path.dirname(path)) == []
    assert _is_free(path)


def test_a_lock_is_not_opened_through_a_symbolic_link(path, tmp_path):
    os.mkdir(os.path.dirname(path))
    os.symlink(f"{tmp_path}/target", path)
    with pytest.raises(HostError) as caught, Lock(path):
        pass
    assert str(caught.value) == f"lock '{path}': open: Too many levels of symbolic links"
    assert os.listdir(tmp_path) == ["locks"]


@pytest.mark.parametrize(
    ("number", "reason", "hint"),
    [
        (errno.EACCES, "Permission denied", "run it as root"),
        (errno.EPERM, "Operation not permitted", "run it as root"),
        (errno.EROFS, "Read-only file system", "the run directory has to be writable"),
        (errno.ENOSPC, "No space left on device", "the run directory has to be writable"),
    ],
)
def test_a_lock_that_cannot_be_opened_says_what_to_do(path, monkeypatch, number, reason, hint):
    def refuse(*_):
        raise OSError(number, "")

    monkeypatch.setattr(posix, "open", refuse)
    with pytest.raises(HostError) as caught, Lock(path):
        pass
    assert (str(caught.value), caught.value.hint) == (f"lock '{path}': open: {reason}", hint)


def test_a_lock_is_held_also_where_there_is_no_room_for_its_holders_pid(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(posix, "pwrite", refuse)
    with Lock(path):
        assert not _is_free(path)
