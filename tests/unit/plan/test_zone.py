"""The step that puts a bridge into a zone of firewalld: done, seen, taken back, and nothing where that does not run."""

import pytest

from vnethook.errors import HostError
from vnethook.host import log
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal
from vnethook.plan.zone import JoinZone

STEP = JoinZone("virbr0", "home")


@pytest.fixture
def host(host):
    host.links.add("virbr0", kind="bridge")
    host.firewalld.runs = True
    return host


def test_it_is_done_once_and_taken_back(host):
    before = host.state()
    assert not STEP.is_done(host)
    STEP.do(host)
    assert (STEP.is_done(host), host.firewalld.by_link) == (True, {"virbr0": "home"})
    STEP.undo(host)
    STEP.undo(host)
    assert host.state() == before


def test_another_zone_takes_the_place_of_the_earlier_one(host):
    journal = Journal(host.paths, "lab")
    plans.apply(host, [STEP], journal)
    other = STEP.replace(zone="vnethook")
    assert [str(change) for change in plans.apply(host, [other], journal)] == [f"change: {other}"]
    assert host.firewalld.by_link == {"virbr0": "vnethook"}


def test_a_link_that_the_administrator_has_put_elsewhere_stays_there(host):
    STEP.do(host)
    host.firewalld.by_link["virbr0"] = "vnethook"
    STEP.undo(host)
    assert host.firewalld.by_link == {"virbr0": "vnethook"}


def test_a_zone_that_does_not_exist_is_refused_before_anything_is_done(host):
    with pytest.raises(HostError) as caught:
        plans.apply(host, [STEP.replace(zone="lan")], Journal(host.paths, "lab"))
    assert str(caught.value) == "bridge 'virbr0': firewalld has no zone 'lan'"
    assert caught.value.hint == "it has home, vnethook; `vnet hooks install` brings the zone 'vnethook'"


def test_where_firewalld_does_not_run_there_is_nothing_to_do(host):
    host.firewalld.runs = False
    assert STEP.is_done(host)
    STEP.do(host)
    STEP.undo(host)
    assert host.firewalld.by_link == {}


def test_a_firewalld_that_does_not_answer_keeps_no_network_from_going_down(host, monkeypatch):
    said = []
    monkeypatch.setattr(log, "warning", said.append)

    def zone_of(link):
        msg = "firewalld: getZoneOfInterface: no answer"
        raise HostError(msg)

    STEP.do(host)
    monkeypatch.setattr(host.firewalld, "zone_of", zone_of)
    STEP.undo(host)
    assert said == ["firewalld: getZoneOfInterface: no answer; it keeps a name without a link"]
