"""NICs that are announced: whose tap it is, and for how long an announcement counts."""

import pytest

from vnethook.live import announced
from vnethook.live.nics import Nic
from vnethook.live.paths import Paths
from vnethook.live.rtnl import Link

WEB, MAIL = "10c1e1ca-7e33-4414-8b27-317fdf43814d", "448a8a30-e61b-46ff-86ed-dc3044c9894a"
NIC = Nic("", "lab", mac="52:54:00:00:53:0a", guest="web")
NAMED = Nic("tap5", "dmz", mac="52:54:00:00:53:0b", guest="mail")


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


@pytest.fixture
def at(monkeypatch):
    """Set the clock."""

    def set_clock(seconds):
        monkeypatch.setattr(announced, "time", lambda: seconds)

    set_clock(1000)
    return set_clock


def _tap(name, mac):
    return Link(name, 7, mac, 1500, 0, "tun", is_up=True, has_carrier=True)


def test_what_was_announced_is_awaited_until_it_is_withdrawn(paths, at):
    assert announced.awaited(paths) == []
    announced.announce(paths, WEB, [NIC])
    announced.announce(paths, MAIL, [NAMED, NIC])
    since = {"since": 1000}
    assert announced.awaited(paths) == [NIC.replace(**since), NAMED.replace(**since), NIC.replace(**since)]
    announced.withdraw(paths, MAIL)
    assert announced.awaited(paths) == [NIC.replace(**since)]
    announced.withdraw(paths, WEB)
    announced.withdraw(paths, WEB)
    assert announced.awaited(paths) == []


def test_an_announcement_of_a_hypervisor_that_was_killed_ends_by_itself(paths, at):
    announced.announce(paths, WEB, [NIC])
    at(1000 + announced.COUNTS_S - 1)
    assert announced.awaited(paths) == [NIC.replace(since=1000)]
    at(1000 + announced.COUNTS_S)
    assert announced.awaited(paths) == []


def test_a_tap_is_known_by_its_name_or_by_its_mac_but_for_the_first_byte(paths, at):
    announced.announce(paths, WEB, [NIC])
    announced.announce(paths, MAIL, [NAMED])
    assert announced.of_tap(paths, _tap("vnet0", "fe:54:00:00:53:0a")).guest == "web"
    assert announced.of_tap(paths, _tap("tap5", "fe:54:00:00:53:99")).guest == "mail"
    assert announced.of_tap(paths, _tap("vnet0", "fe:54:00:00:53:0b")) is None  # mail's has a name, and another


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"x": 1}]', "[", "null", '"x"'])
def test_a_damaged_announcement_says_nothing(paths, at, tmp_path, text):
    announced.announce(paths, WEB, [NIC])
    announced.announce(paths, MAIL, [NAMED])
    (tmp_path / "run/announced" / f"{MAIL}.json").write_text(text)
    assert announced.awaited(paths) == [NIC.replace(since=1000)]
