"""Files for a shared NIC wait for a confirmation, and go as they came, whatever kills the call between."""

from types import SimpleNamespace

import pytest

from tests.unit.host.test_kept_files import Dying, Killed
from vnethook.capability.manager.rendering import ManagedFile, Rendering
from vnethook.errors import StateError
from vnethook.host import kept_files
from vnethook.lifecycle.share import file_plan, persistence
from vnethook.live.paths import Paths


@pytest.fixture
def host(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/old").write_text("old\n")
    return SimpleNamespace(paths=Paths("/nonexistent", "/nonexistent", f"{tmp_path}/var/lib/vnethook"))


@pytest.fixture
def plan(tmp_path):
    made = Rendering((ManagedFile("/etc/new", "new\n", 0o600), ManagedFile("/etc/more", "more\n")), ("/etc/old",))
    return file_plan.FilePlan("eth0", "br0", "networkd", made, str(tmp_path))


def _files(tmp_path):
    return {file.name: file.read_text() for file in sorted((tmp_path / "etc").iterdir())}


def test_a_plan_is_written_when_it_is_confirmed_and_given_back(host, plan, tmp_path):
    persistence.hold(host, plan)
    assert _files(tmp_path) == {"old": "old\n"}
    assert not persistence.is_persistent(host, "br0")
    persistence.write_held(host, "br0")
    assert _files(tmp_path) == {"more": "more\n", "new": "new\n"}
    assert persistence.is_persistent(host, "br0")
    assert (persistence.named(host, "eth0"), persistence.named(host, "br0"), persistence.named(host, "eth1")) == (
        "br0",
        "br0",
        "",
    )
    assert persistence.give_back(host, "br0") == []
    assert _files(tmp_path) == {"old": "old\n"}
    assert list((tmp_path / "var/lib/vnethook").iterdir()) == []


def test_a_confirmation_that_is_killed_anywhere_is_repeated(host, plan, tmp_path):
    for last in range(1000):
        persistence.hold(host, plan)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kept_files, "posix", Dying(last))
            try:
                persistence.write_held(host, "br0")
            except Killed:
                killed = True
            else:
                killed = False
        assert persistence.settle(host, ["br0"]) == []
        persistence.write_held(host, "br0")
        assert (last, _files(tmp_path)) == (last, {"more": "more\n", "new": "new\n"})
        persistence.give_back(host, "br0")
        assert (last, _files(tmp_path)) == (last, {"old": "old\n"})
        if not killed:
            return
    pytest.fail("it never came to an end")


def test_a_plan_of_what_is_shared_no_more_is_forgotten(host, plan, tmp_path):
    persistence.hold(host, plan)
    assert persistence.settle(host, []) == []
    persistence.write_held(host, "br0")
    assert _files(tmp_path) == {"old": "old\n"}


def test_files_of_two_nics_are_given_back_in_turn(host, plan, tmp_path):
    persistence.write(host, plan)
    more = plan.rendering.replace(files=(ManagedFile("/etc/new", "for both\n", 0o600),), removed=())
    persistence.write(host, plan.replace(nic="eth1", bridge="br1", rendering=more))
    with pytest.raises(StateError) as refused:
        persistence.require_unedited(host, "br0")
    path = f"{tmp_path}/etc/new"
    assert refused.value.message == f"file {path!r}: give back: it was written for bridge 'br1' since"
    for bridge in ("br1", "br0"):
        persistence.require_unedited(host, bridge)
        assert persistence.give_back(host, bridge) == []
    assert _files(tmp_path) == {"old": "old\n"}


def test_a_difference_shows_what_comes_and_goes(plan):
    (lines) = list(file_plan.difference(plan.replace(root="/nonexistent")))
    assert lines == [
        "--- /dev/null",
        "+++ /etc/new",
        "@@ -0,0 +1 @@",
        "+new",
        "--- /dev/null",
        "+++ /etc/more",
        "@@ -0,0 +1 @@",
        "+more",
    ]
