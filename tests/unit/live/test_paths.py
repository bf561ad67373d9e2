"""Where files are kept; a set-id process trusts no variable of its caller."""

import os
import posix
import sys

import pytest

from vnethook.live import paths
from vnethook.live.paths import Paths

OF_THE_HOST = Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook")


@pytest.fixture
def run_as(monkeypatch):
    """Pretend user and group ids, real and effective, and an environment."""

    def pretend(uid, euid, gid=None, egid=None, **environment):
        for name, value in {
            "uid": uid,
            "euid": euid,
            "gid": uid if gid is None else gid,
            "egid": euid if egid is None else egid,
        }.items():
            monkeypatch.setattr(posix, f"get{name}", lambda value=value: value)
        monkeypatch.setattr(os, "environ", environment)
        return paths.current()

    return pretend


def test_root_has_the_places_of_the_host(run_as):
    assert run_as(0, 0) == OF_THE_HOST


def test_a_root_directory_holds_all_of_them(run_as, tmp_path):
    root = str(tmp_path)
    expected = Paths(f"{root}/etc/vnethook", f"{root}/run/vnethook", f"{root}/var/lib/vnethook")
    assert run_as(0, 0, VNETHOOK_ROOT=root) == expected
    assert run_as(0, 0, VNETHOOK_ROOT=f"{root}//") == expected
    assert run_as(1000, 1000, VNETHOOK_ROOT=root) == expected.replace(user=1000)


def test_a_root_directory_has_its_own_resolv_conf_if_there_is_one(run_as, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("")
    assert run_as(0, 0, VNETHOOK_ROOT=str(tmp_path)).resolv_conf == f"{tmp_path}/etc/resolv.conf"


@pytest.mark.parametrize("root", ["", "/"])
def test_an_empty_root_directory_is_none(run_as, root):
    assert run_as(0, 0, VNETHOOK_ROOT=root) == OF_THE_HOST


@pytest.mark.parametrize(
    "ids",
    [
        {"uid": 1000, "euid": 0},
        {"uid": 1000, "euid": 0, "gid": 1000, "egid": 1000},
        {"uid": 0, "euid": 0, "gid": 1000, "egid": 0},
    ],
    ids=["set-uid and set-gid", "set-uid", "set-gid"],
)
def test_a_set_id_process_ignores_the_root_directory(run_as, ids):
    assert run_as(**ids, VNETHOOK_ROOT="/tmp/evil") == OF_THE_HOST


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"])
@pytest.mark.parametrize(
    "ids",
    [{"uid": 1000, "euid": 1000, "gid": 1000, "egid": 27}, {"uid": 1000, "euid": 27, "gid": 1000, "egid": 1000}],
    ids=["set-gid", "set-uid to another user"],
)
def test_a_set_id_process_trusts_no_other_variable_either(run_as, ids, variable):
    assert run_as(**ids, **{variable: "/tmp/evil"}) == run_as(**ids)


@pytest.fixture
def with_logind(monkeypatch):
    """There is what logind makes for each user."""
    monkeypatch.setattr(paths, "exists", lambda path: path == "/run/user/1000")


@pytest.mark.usefixtures("with_logind")
def test_a_user_has_places_of_his_own(run_as):
    assert run_as(1000, 1000, HOME="/home/a") == Paths(
        "/home/a/.config/vnethook", "/run/user/1000/vnethook", "/home/a/.local/state/vnethook", user=1000
    )
    assert run_as(1000, 1000, HOME="/home/a", XDG_CONFIG_HOME="/c", XDG_RUNTIME_DIR="/r", XDG_STATE_HOME="/s") == Paths(
        "/c/vnethook", "/r/vnethook", "/s/vnethook", user=1000
    )
    assert run_as(1000, 1000).etc == "/nonexistent/1000/.config/vnethook"


def test_without_logind_what_is_up_is_kept_where_only_the_user_writes(run_as):
    assert run_as(1000, 1000, HOME="/home/a").run == "/home/a/.local/state/vnethook/run"


@pytest.mark.parametrize(
    ("uid_map", "user"),
    [
        ("         0       1000          1\n", 1000),
        ("0 0 1\n", 0),
        ("0 100000 65536\n", 0),
        ("0 1000 1\n1 100000 65536\n", 0),
        ("1000 1000 1\n", 0),
    ],
)
def test_root_of_a_users_own_namespace_is_that_user(run_as, monkeypatch, tmp_path, uid_map, user):
    (tmp_path / "uid_map").write_text(uid_map)
    monkeypatch.setattr(posix, "stat", lambda _: os.stat_result((0,) * 4 + (65534,) + (0,) * 5))
    monkeypatch.setattr(paths, "open", lambda _, mode: (tmp_path / "uid_map").open(mode), raising=False)
    found = run_as(0, 0, HOME="/home/a", XDG_RUNTIME_DIR="/r")
    assert found.user == user
    assert found.run == ("/r/vnethook" if user else "/run/vnethook")


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"])
@pytest.mark.parametrize("relative", ["here", "./here", "../here", ""])
def test_a_relative_place_of_a_user_counts_as_unset(run_as, variable, relative):
    """XDG Base Directory Specification: "All paths set in these environment variables must be absolute"."""
    given = {"HOME": "/home/a", "XDG_CONFIG_HOME": "/c", "XDG_RUNTIME_DIR": "/r", "XDG_STATE_HOME": "/s"}
    unset = {name: value for name, value in given.items() if name != variable}
    assert run_as(1000, 1000, **(given | {variable: relative})) == run_as(1000, 1000, **unset)


def test_a_relative_root_directory_stays_the_same_when_the_working_directory_changes(run_as, tmp_path, monkeypatch):
    """dnsmasq and the idle watcher change their working directory, and word= would be another."""
    monkeypatch.chdir(tmp_path)
    root = f"{tmp_path}/here"
    assert run_as(0, 0, VNETHOOK_ROOT="here") == Paths(
        f"{root}/etc/vnethook", f"{root}/run/vnethook", f"{root}/var/lib/vnethook"
    )


def test_the_environment_is_that_of_the_process_where_os_is_not_loaded(monkeypatch):
    """A warm hook does without `os`."""
    monkeypatch.delitem(sys.modules, "os")
    monkeypatch.setattr(posix, "environ", {b"HOME": b"/home/a", b"VNET_NETWORK": b"\xff"})
    assert paths.variables() == {"HOME": "/home/a", "VNET_NETWORK": "\udcff"}
