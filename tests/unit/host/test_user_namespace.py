"""What is kept of a user's namespace, and what is forgotten with it."""

import os
import stat

import pytest

from vnethook.errors import HostError
from vnethook.host import user_namespace
from vnethook.live import files, record
from vnethook.live.paths import Paths
from vnethook.live.record import LiveNetwork


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state", user=os.geteuid() or 4321)


def _live(name, bridge):
    return LiveNetwork(name, "u", bridge, 0, 1500, 0, "admin", 0, owns_bridge=bool(bridge))


def test_what_was_up_in_a_namespace_is_forgotten_with_it_and_a_switch_is_not(paths, monkeypatch):
    monkeypatch.setattr(user_namespace, "_boot", lambda: "now")
    monkeypatch.setattr(user_namespace, "is_outside", lambda _: True)
    monkeypatch.setattr(user_namespace, "require_private", lambda *_: None)
    gone = {"pid": 1, "start": 0, "user": 1, "net": 1, "cookie": 1, "boot": "before", "outside": [1, 0]}
    files.write_json(f"{paths.run}/namespace.json", gone)
    for name, bridge in (("red", "vnbr0"), ("switch", "")):
        record.write(paths, _live(name, bridge))
        files.write_text(f"{paths.run}/idle-{name}.json", "{}")
        files.write_text(f"{paths.journals}/{name}", "")
        files.write_text(f"{paths.dnsmasq(name)}/hosts", "")
    files.write_json(paths.shared, {})
    assert not user_namespace.enter(paths, is_made=False)
    assert record.names(paths) == ["switch"]
    left = [name for _, _, found in os.walk(paths.run) for name in found]
    assert sorted(left) == ["hosts", "idle-switch.json", "switch", "switch.json"]


def test_a_directory_that_all_can_read_becomes_the_users_alone(tmp_path):
    tmp_path.chmod(0o755)
    user_namespace.require_private(str(tmp_path), os.geteuid())
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_directory_of_another_user_is_refused(tmp_path):
    with pytest.raises(HostError) as caught:
        user_namespace.require_private(str(tmp_path), os.geteuid() + 1)
    assert str(caught.value) == f"directory '{tmp_path}': is not that of user {os.geteuid() + 1}"
