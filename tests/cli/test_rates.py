"""Rates and use, from two samples of links and processes."""

from vnethook.cli.rates import Rates, Sample, Use, view
from vnethook.cli.traffic import Count, Usage
from vnethook.lifecycle.places import Place, in_order
from vnethook.live.nics import Nic

WEB, DESK = Nic("tap0", "lab", index=7, guest="web", owner=(11, 5)), Nic("vif1.0", "office", index=8, guest="desk")
LAB = Place("lab", is_physical=False, nics=(WEB,), daemons=(("dnsmasq", 9, 3),))
ETH0 = Place("eth0", is_physical=True, nics=(DESK,), link=("eth0", 2))
EARLY = {("tap0", 7): Count(1000, 100, 10, 1, 0), ("eth0", 2): Count(50, 70, 5, 7, 0)}
LATE = {("tap0", 7): Count(3000, 600, 20, 6, 4), ("eth0", 2): Count(150, 370, 15, 37, 0), ("vif1.0", 8): Count()}


def _sample(at_s: float, counts: dict, usage: dict | None = None, places: tuple[Place, ...] = (ETH0, LAB)) -> Sample:
    return Sample(at_s, list(places), counts, usage or {})


def test_a_nics_rates_are_what_its_guest_receives_and_sends_in_a_second() -> None:
    found = view(_sample(10, EARLY), _sample(12, LATE))
    [web] = [row for row in found.nics if row.guest == "web"]
    assert web.rates == Rates(rx_bits=8000, tx_bits=2000, rx_packets=5, tx_packets=2.5, drops=2)
    assert next(row for row in found.places if row.place == "lab").rates == web.rates


def test_a_nic_of_the_hosts_has_rates_of_its_own_the_other_way_round() -> None:
    [eth0] = [row for row in view(_sample(10, EARLY), _sample(12, LATE)).nics if row.is_uplink]
    assert eth0.rates == Rates(rx_bits=1200, tx_bits=400, rx_packets=15, tx_packets=5, drops=0)


def test_a_nic_that_came_went_or_was_made_anew_has_no_rates_and_is_no_error() -> None:
    found = view(_sample(10, EARLY), _sample(12, LATE))
    assert next(row for row in found.nics if row.guest == "desk").rates is None
    assert next(row for row in found.places if row.place == "eth0").rates == Rates()
    gone = view(_sample(10, EARLY), _sample(12, {}))
    assert [row.rates for row in gone.nics] == [None, None, None]
    back = view(_sample(10, EARLY), _sample(12, EARLY | {("tap0", 7): Count(5, 5, 5, 5, 5)}))
    assert next(row for row in back.nics if row.guest == "web").rates is None
    other = view(_sample(10, EARLY), _sample(12, {("tap0", 9): Count(9000, 9000, 90, 90, 0)}))
    assert next(row for row in other.nics if row.guest == "web").rates is None


def test_processes_use_what_they_spent_between_and_an_unknown_one_uses_nothing() -> None:
    before = _sample(10, {}, {(9, 3): Usage(1.0, 500), (11, 5): Usage(3.0, 9000)})
    after = _sample(12, {}, {(9, 3): Usage(1.5, 700), (11, 6): Usage(9.0, 9000)})
    found = view(before, after)
    assert next(row for row in found.places if row.place == "lab").use == Use(cpu_percent=25.0, rss_bytes=700)
    assert next(row for row in found.nics if row.guest == "web").use is None
    new = view(_sample(10, {}), _sample(12, {}, {(9, 3): Usage(1.5, 700)}))
    assert next(row for row in new.places if row.place == "lab").use == Use(cpu_percent=None, rss_bytes=700)


def test_rows_are_by_name_or_the_most_first() -> None:
    before, after = _sample(10, EARLY), _sample(12, LATE)
    assert [row.interface for row in view(before, after).nics] == ["eth0", "vif1.0", "tap0"]
    assert [row.interface for row in view(before, after, sort="rx").nics] == ["tap0", "eth0", "vif1.0"]
    assert [row.place for row in view(before, after, sort="drops").places] == ["lab", "eth0"]


def test_names_are_in_the_order_in_which_people_count() -> None:
    names = ["vif10.0", "vif2.0", "tap10", "Tap2", "tap", "vif2.1", "7", "eth0"]
    assert sorted(names, key=in_order) == ["7", "eth0", "tap", "Tap2", "tap10", "vif2.0", "vif2.1", "vif10.0"]
