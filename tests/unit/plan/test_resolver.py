"""The step that registers a domain: done, seen, taken back, and never what a network fails by."""

import pytest

from vnethook.host import log
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal
from vnethook.plan.resolver import RegisterDomain

STEP = RegisterDomain("vnbr0", ("192.0.2.1", "2001:db8::1"), ("lab.test", "2.0.192.in-addr.arpa"))


@pytest.fixture
def said(monkeypatch):
    """What is written into the system log."""
    lines = []
    monkeypatch.setattr(log, "warning", lines.append)
    return lines


@pytest.fixture
def host(host):
    host.links.add("vnbr0", kind="bridge")
    return host


def test_it_is_done_once_and_taken_back(host, said):
    before = host.state()
    assert not STEP.is_done(host)
    STEP.do(host)
    assert host.resolved.domains("vnbr0") == ("~lab.test", "~2.0.192.in-addr.arpa")
    assert STEP.is_done(host)
    assert not STEP.replace(domains=("lab.test",)).is_done(host)
    assert not STEP.replace(servers=("192.0.2.1",)).is_done(host)
    STEP.undo(host)
    assert (host.state(), said) == (before, [])


def test_other_servers_and_domains_take_the_place_of_the_earlier_ones(host):
    journal = Journal(host.paths, "lab")
    plans.apply(host, [STEP], journal)
    other = STEP.replace(servers=("192.0.2.9",), domains=("new.test",))
    assert [str(change) for change in plans.apply(host, [other], journal)] == [f"change: {other}"]
    assert (host.resolved.servers("vnbr0"), host.resolved.domains("vnbr0")) == (("192.0.2.9",), ("~new.test",))


def test_where_no_resolver_runs_there_is_nothing_to_do(host, said):
    host.resolved.runs = False
    assert STEP.is_done(host)
    STEP.do(host)
    STEP.undo(host)
    assert (host.changes.made, said) == ([], [])


def test_nothing_is_asked_of_a_link_that_is_not_there(host, said):
    host.links.delete("vnbr0")
    host.changes.made.clear()
    assert not STEP.is_done(host)
    STEP.undo(host)
    assert (host.changes.made, said) == ([], [])


@pytest.mark.parametrize("is_late", [False, True])
def test_a_resolver_that_refuses_stops_no_network_and_is_logged(host, said, is_late):
    host.changes.fail_at, host.changes.is_late = 0, is_late
    plans.apply(host, [STEP], Journal(host.paths, "lab"))
    assert said == ["register vnbr0: refused by the test; the host does not resolve names in lab.test"]
    host.changes.fail_at = 1
    STEP.undo(host)
    assert said[1:] == ["revert vnbr0: refused by the test; it forgets the link with the bridge"]


def test_a_resolver_that_does_not_answer_is_not_taken_for_one_that_has_it(host, monkeypatch):
    monkeypatch.setattr(host.resolved, "servers", lambda _: host.resolved.revert("gone"))
    assert not STEP.is_done(host)
