"""Addresses that are kept for guests."""

import pytest

from vnethook.address import parse_ip
from vnethook.live import files, nics, pinned
from vnethook.live.nics import Nic
from vnethook.live.paths import Paths
from vnethook.live.record import LiveNetwork

LIVE = LiveNetwork(
    "lab", "", "vnbr0", 3, 1500, 1, "admin", 0, daemons=(("dnsmasq", 0, 0),), addresses=("10.0.0.1/24",)
).replace(pools=((4, parse_ip("10.0.0.1")[1], parse_ip("10.0.0.5")[1]),))
MACS = [f"52:54:00:00:00:0{number}" for number in range(9)]


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


def _addresses(paths, live, guest, mac, *, is_led_to=True):
    return pinned.addressed(
        paths, live, Nic("tap0", "lab", mac=mac, guest=guest, published=guest, is_led_to=is_led_to)
    ).addresses


def test_each_guest_has_an_address_of_its_own_and_again_the_same(paths):
    names = ("a", "b", "c", "d")
    found = [_addresses(paths, LIVE, name, mac) for name, mac in zip(names, MACS, strict=False)]
    assert found == [("10.0.0.5",), ("10.0.0.4",), ("10.0.0.3",), ("10.0.0.2",)]  # .1 is the bridge's
    assert _addresses(paths, LIVE, "e", MACS[4]) == ()
    assert [_addresses(paths, LIVE, name, mac) for name, mac in zip(names, MACS, strict=False)] == found
    assert _addresses(paths, LIVE, "b", MACS[8]) == ("10.0.0.4",)  # another MAC


def test_what_is_fixed_or_leased_is_nobody_elses_and_what_the_guest_has_it_keeps(paths):
    fixed = LIVE.replace(fixed=((MACS[1], "10.0.0.5", ""), ("b", "10.0.0.4", ""), (MACS[7], "1h", "c")))
    files.write_text(f"{paths.leases}/lab", f"0 {MACS[6]} 10.0.0.3 * *\nduid 00\n0 1 fd00::3 * 00:03:00:01:{MACS[6]}\n")
    assert _addresses(paths, fixed, "a", MACS[1]) == ("10.0.0.5",)
    assert _addresses(paths, fixed, "b", MACS[2]) == ("10.0.0.4",)
    assert _addresses(paths, fixed, "c", MACS[3]) == ("10.0.0.2",)
    assert _addresses(paths, fixed, "d", MACS[6]) == ("10.0.0.3",)
    assert _addresses(paths, fixed, "d", MACS[7]) == ()  # dnsmasq has a line for it already


def test_where_nothing_can_be_kept_nothing_is(paths):
    assert _addresses(paths, LIVE, "a", "") == ()
    assert _addresses(paths, LIVE.replace(daemons=()), "a", MACS[0]) == ()
    assert _addresses(paths, LIVE.replace(pools=()), "a", MACS[0]) == ()
    assert not files.exists(paths.pinned("lab"))


def test_other_nics_of_a_guest_have_other_addresses(paths):
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.5",)
    assert _addresses(paths, LIVE, "a", MACS[1], is_led_to=False) == ("10.0.0.4",)
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.5",)


def test_an_address_that_is_out_of_range_by_now_is_kept_no_longer(paths):
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.5",)
    moved = LIVE.replace(pools=((4, parse_ip("10.0.0.7")[1], parse_ip("10.0.0.8")[1]),))
    assert _addresses(paths, moved, "a", MACS[0]) == ("10.0.0.8",)


def test_the_address_of_who_was_not_there_for_longest_goes_to_another_guest_when_no_other_is_left(paths, monkeypatch):
    monkeypatch.setattr(pinned, "time", lambda: 100)
    guests = [(name, MACS[number]) for number, name in enumerate("abcd")]
    assert _addresses(paths, LIVE, *guests[0]) == ("10.0.0.5",)  # the definition names it
    for name, mac in guests[1:]:
        assert _addresses(paths, LIVE, name, mac, is_led_to=False)
    assert _addresses(paths, LIVE, "e", MACS[4], is_led_to=False) == ()  # all of them may be on their way
    monkeypatch.setattr(pinned, "time", lambda: 1000)
    nics.write(paths, Nic("tap1", "lab", mac=MACS[1], guest="b"))
    assert _addresses(paths, LIVE, "c", MACS[2], is_led_to=False) == ("10.0.0.3",)
    monkeypatch.setattr(pinned, "time", lambda: 2000)
    assert _addresses(paths, LIVE, "e", MACS[4], is_led_to=False) == ("10.0.0.2",)
    assert _addresses(paths, LIVE, "f", MACS[5], is_led_to=False) == ("10.0.0.3",)
    assert _addresses(paths, LIVE, "g", MACS[6], is_led_to=False) == ()
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.5",)


def test_what_a_changed_definition_has_no_use_for_is_kept_no_longer(paths):
    strict = LIVE.replace(named=(("a", ()),), guard=nics.Guarding(nics.GUARDS["strict"]))
    for number, (name, is_led_to) in enumerate((("a", True), ("b", False), ("c", False))):
        assert _addresses(paths, strict, name, MACS[number], is_led_to=is_led_to)
    nics.write(paths, Nic("tap1", "lab", mac=MACS[2], guest="c"))
    files.write_text(f"{paths.dnsmasq('lab')}/guests/{MACS[1]}", f"{MACS[1]},10.0.0.4\n")
    pinned.tell(paths, strict)
    assert sorted(files.names(f"{paths.dnsmasq('lab')}/guests")) == MACS[:3]
    assert pinned.tell(paths, strict.replace(guard=nics.Guarding())) is None
    assert sorted(files.names(f"{paths.dnsmasq('lab')}/guests")) == [MACS[0], MACS[2]]
    assert sorted(files.read_json(paths.pinned("lab"))) == ["a", f"c {MACS[2]}"]
    pinned.tell(paths, LIVE)
    assert sorted(files.read_json(paths.pinned("lab"))) == [f"c {MACS[2]}"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"a": 1}', '{"a": ["m"]}', '{"a": ["m", 1]}'])
def test_where_what_is_kept_was_damaged_a_guest_has_the_address_of_its_lease(paths, text):
    files.write_text(paths.pinned("lab"), text)
    files.write_text(f"{paths.leases}/lab", f"0 {MACS[0]} 10.0.0.3 * *\n")
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.3",)
    assert _addresses(paths, LIVE, "b", MACS[1]) == ("10.0.0.5",)


def test_what_was_kept_before_it_was_known_since_when_is_kept(paths):
    files.write_json(paths.pinned("lab"), {"a": [MACS[0], ["10.0.0.3"]]})
    assert _addresses(paths, LIVE, "a", MACS[0]) == ("10.0.0.3",)
