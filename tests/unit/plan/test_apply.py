"""Plans are done in order, journalled, skipped where done, and taken back whole when a step fails."""

import pytest

from tests.unit.plan import rich
from tests.unit.plan.fake_host import FakeHost
from tests.unit.plan.rich import STEPS
from vnethook.errors import HostError
from vnethook.live import files
from vnethook.plan import apply as plans
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.firewall import FirewallStep, InstallRules
from vnethook.plan.journal import Journal
from vnethook.plan.links import RequireBridge, SetLinkUp
from vnethook.plan.resolver import RegisterDomain
from vnethook.plan.step import Step
from vnethook.plan.vlans import ExpectVlans, FilterVlans
from vnethook.plan.zone import JoinZone

OF_A_SHARED_NIC = {
    f"vnethook.plan.{name}"
    for name in ("dhcp_client", "moving", "networkd", "networkmanager", "proxied", "sharing", "slaac")
}
"""Modules of steps that no network has: netns/test_shared_*.py."""
OF_A_FABRIC = {"vnethook.plan.fabric", "vnethook.plan.vxlan"}
"""Those of a network on many hosts: netns/test_fabric.py."""
OF_A_SWITCH = {"vnethook.plan.own_port", "vnethook.plan.vde"}
"""Modules of steps that few networks have: netns/test_vde_steps.py."""
OF_LINKS = {f"vnethook.plan.{name}" for name in ("link_guard", "links_bridge", "local_link", "vxlan_peers")}
"""Those of networks that are linked with others: netns/test_link_steps.py."""
OF_A_USER = {"vnethook.plan.namespace", "vnethook.plan.uplink"}
"""Those of an ordinary user's networks: netns/test_users_networks.py."""


class Count(Step):
    """A step that appends its number to a file; `fails`: which of its methods raise."""

    path: str
    number: int
    fails: str = ""
    is_done_before: bool = False

    def is_done(self, host):
        return self.is_done_before or f"do {self.number}" in (files.read_text(self.path) or "").splitlines()

    def do(self, host):
        self._write("do")

    def undo(self, host):
        self._write("undo")

    def require(self, host):
        if "require" in self.fails:
            raise HostError(f"step {self.number}: cannot be done here")

    def _write(self, verb):
        if f"os-{verb}" in self.fails:
            raise OSError(28, "No space left on device")
        if verb in self.fails.split():
            raise HostError(f"step {self.number}: {verb} failed")
        files.write_text(self.path, (files.read_text(self.path) or "") + f"{verb} {self.number}\n")


def _counts(host, *fails, done=()):
    path = f"{host.root}/count"
    return [Count(path, number, words, number in done) for number, words in enumerate(fails)]


def _made(changes):
    assert {change.verb for change in changes} <= {plans.DO}
    return [change.step for change in changes]


def _counted(host):
    return (files.read_text(f"{host.root}/count") or "").splitlines()


def test_steps_are_done_in_order_and_each_is_in_the_journal_before_it_is_done(host, monkeypatch):
    steps = _counts(host, "", "", "")
    journal = Journal(host.paths, "lab")
    seen = []
    do = Count.do

    def look_then_do(step, on_host):
        seen.append(Journal(host.paths, "lab").steps())
        do(step, on_host)

    monkeypatch.setattr(Count, "do", look_then_do)
    assert _made(plans.apply(host, steps, journal)) == steps
    assert _counted(host) == ["do 0", "do 1", "do 2"]
    assert seen == [steps[:1], steps[:2], steps[:3]]


def test_a_step_that_is_done_is_neither_done_nor_journalled_nor_undone(host):
    steps = _counts(host, "", "", "", done={1})
    journal = Journal(host.paths, "lab")
    assert _made(plans.apply(host, steps, journal)) == [steps[0], steps[2]]
    assert journal.steps() == [steps[0], steps[2]]
    assert plans.revert(host, journal.steps()) == ([], [])
    assert _counted(host) == ["do 0", "do 2", "undo 2", "undo 0"]


def test_the_first_error_is_raised_and_what_was_done_is_undone_newest_first(host):
    steps = _counts(host, "", "", "do", "")
    journal = Journal(host.paths, "lab")
    with pytest.raises(HostError, match=r"^step 2: do failed$"):
        plans.apply(host, steps, journal)
    assert _counted(host) == ["do 0", "do 1", "undo 2", "undo 1", "undo 0"]
    assert files.read_text(journal.path) is None


def test_undoing_goes_on_past_failures_and_keeps_the_first_error_and_what_is_stuck(host):
    steps = _counts(host, "", "undo", "os-undo", "do undo")
    journal = Journal(host.paths, "lab")
    with pytest.raises(HostError, match=r"^step 3: do failed$"):
        plans.apply(host, steps, journal)
    assert _counted(host) == ["do 0", "do 1", "do 2", "undo 0"]
    assert journal.steps() == steps[1:]


def test_revert_gives_the_stuck_steps_oldest_first_and_every_reason(host):
    steps = _counts(host, "", "undo", "os-undo")
    stuck, errors = plans.revert(host, steps)
    assert stuck == [steps[1], steps[2]]
    assert [str(error) for error in errors] == [
        f"{steps[2]}: undo: [Errno 28] No space left on device",
        "step 1: undo failed",
    ]
    assert _counted(host) == ["undo 0"]


def test_a_failed_repair_undoes_only_its_own_steps_and_leaves_the_earlier_journal(host):
    first = _counts(host, "", "")
    plans.apply(host, first, Journal(host.paths, "lab"))
    more = [*first, *_counts(host, "", "", "", "do")[2:]]
    with pytest.raises(HostError, match=r"^step 3: do failed$"):
        plans.apply(host, [*more[:2], more[2], more[3].replace(fails="do")], Journal(host.paths, "lab"))
    assert _counted(host) == ["do 0", "do 1", "do 2", "undo 3", "undo 2"]
    assert Journal(host.paths, "lab").steps() == first


def test_a_step_that_cannot_be_done_here_is_found_before_the_first_one_acts(host):
    steps = _counts(host, "", "", "require")
    with pytest.raises(HostError, match=r"^step 2: cannot be done here$"):
        plans.apply(host, steps, Journal(host.paths, "lab"))
    assert _counted(host) == []
    assert host.state()["files"] == {}


def test_a_step_that_is_done_needs_nothing_of_the_host(host):
    steps = _counts(host, "", "require", done={1})
    assert _made(plans.apply(host, steps, Journal(host.paths, "lab"))) == steps[:1]


def test_an_interrupt_is_taken_back_like_a_refusal(host, monkeypatch):
    steps = _counts(host, "", "")
    journal = Journal(host.paths, "lab")
    do = Count.do

    def interrupted(step, on_host):
        do(step, on_host)
        if step.number == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Count, "do", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plans.apply(host, steps, journal)
    assert _counted(host) == ["do 0", "do 1", "undo 1", "undo 0"]
    assert journal.steps() == []


def test_check_names_what_is_not_done_and_changes_nothing(host):
    steps = rich.plan(host)
    before = host.state()
    assert plans.check(host, steps) == steps
    assert host.state() == before
    plans.apply(host, steps, Journal(host.paths, "lab"))
    assert plans.check(host, steps) == []
    host.links.links["vnbr3"] = host.links.links["vnbr3"].replace(is_up=False)
    host.nft.tables.clear()
    host.daemons.by_record.pop(f"{host.paths.dnsmasq('lab')}/dnsmasq.json")
    assert [type(step) for step in plans.check(host, steps)] == [InstallRules, SetLinkUp, RunDaemon]


def test_the_rich_plan_has_every_kind_of_step(host):
    kinds = [type(step) for step in rich.plan(host)]
    assert kinds == STEPS
    others = {RequireBridge, ExpectVlans, FilterVlans}  # for a bridge not our own, a kernel of another kind
    others |= {RegisterDomain}  # fails no start: test_resolver.py
    others |= {JoinZone}  # only for bridges of other names: test_zone.py
    others |= {FirewallStep}  # what rules have in common
    known = {kind for kind in (*Step.__subclasses__(), InstallRules) if kind.__module__.startswith("vnethook.")}
    elsewhere = OF_A_SHARED_NIC | OF_A_FABRIC | OF_A_SWITCH | OF_LINKS | OF_A_USER
    assert set(kinds) == {kind for kind in known - others if kind.__module__ not in elsewhere}


def test_a_network_comes_up_and_goes_down_and_leaves_nothing(host):
    before = host.state()
    steps = rich.plan(host)
    journal = Journal(host.paths, "lab")
    assert _made(plans.apply(host, steps, journal)) == steps
    assert host.changes.made == [
        "create bridge vnbr3",
        "set link vnbr3",
        "set net/ipv6/conf/vnbr3/accept_ra to 0",
        "set net/ipv6/conf/vnbr3/autoconf to 0",
        "limit vnbr3",
        "apply nft rules",
        "admit by VNETHOOK-FORWARD",
        "mark guards n2c6d3e0e5f0a4c0f9d597a8f3f1d2b11",
        "set net/ipv4/ip_forward to 1",
        "set net/ipv6/conf/default/accept_ra to 2",
        "set net/ipv6/conf/eth0/accept_ra to 2",
        "set net/ipv6/conf/all/forwarding to 1",
        "add address 10.77.0.1/24 to vnbr3",
        "add address 2001:db8:77::1/64 to vnbr3",
        "set link vnbr3",
        "add route 203.0.113.0/24 on vnbr3",
        "start dnsmasq",
        "start python3",
    ]
    assert plans.revert(host, journal.steps()) == ([], [])
    journal.keep([])
    assert host.state() == before


def test_applying_a_plan_twice_changes_nothing_the_second_time(host):
    steps = rich.plan(host)
    plans.apply(host, steps, Journal(host.paths, "lab"))
    after = host.state()
    made = len(host.changes.made)
    assert plans.apply(host, steps, Journal(host.paths, "lab")) == []
    assert (host.state(), len(host.changes.made)) == (after, made)


def test_undoing_what_is_gone_already_is_no_failure(host):
    before = host.state()
    steps = rich.plan(host)
    journal = Journal(host.paths, "lab")
    plans.apply(host, steps, journal)
    for _ in range(2):
        assert plans.revert(host, steps) == ([], [])
    journal.keep([])
    assert host.state() == before


def test_steps_of_a_journal_are_the_same_on_another_host_object(host):
    steps = rich.plan(host)
    plans.apply(host, steps, Journal(host.paths, "lab"))
    assert Journal(FakeHost(host.root).paths, "lab").steps() == steps
