"""Every step of a real plan, on the real kernel: it may fail, and the process may be killed just before or after it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.errors import HostError, StateError
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog, definitions, planning
from vnethook.plan.step import Step

pytestmark = pytest.mark.netns
FIREWALLS = ("nft",)
"""test_steps_in_iptables.py has the other one."""
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
RICH = """
<network><name>rich</name><forward mode='nat'/><bridge name='vnbr9' stp='on' delay='4'/><mtu size='1400'/>
  <domain name='rich.test'/>
  <dns><host ip='10.79.0.9'><hostname>gw</hostname></host></dns>
  <ip address='10.79.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.79.0.2' end='10.79.0.99'/><host mac='52:54:00:00:00:01' name='one' ip='10.79.0.200'/>
      <host mac='52:54:00:00:00:02' ip='10.79.0.201'/></dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8:79::1' prefix='64'/>
  <forwarding><incoming><allow port='80' domain='one'/><allow port='22' to='2222' address='10.79.0.9'/></incoming>
    <outgoing><deny port='25' domain='one'/><deny destination='203.0.113.0/24'/></outgoing></forwarding>
</network>"""
OTHER = "<network><name>other</name><forward mode='nat'/><ip address='10.80.0.1' netmask='255.255.255.0'><dhcp/></ip></network>"
STEPS = 19
"""On a host whose own packet filter drops nothing."""
VOLATILE = ["tcp_fastopen_key", "locks/", "/rich.json", r"dnsmasq/other", "live/other", "journal/other"]


def _define(here: machine.Host) -> int:
    catalog.define(here, RICH if Host.firewall == "nft" else _without_names(RICH), source="rich.xml")
    catalog.define(here, OTHER, source="other.xml")
    return _count(here)


def _without_names(rich: str) -> str:
    """The network without rules for guests by their names: in iptables there are none."""
    return rich.replace("port='80' domain='one'", "port='80' address='10.79.0.9'").replace(" domain='one'", "")


def _count(here: machine.Host) -> int:
    network = definitions.load(here, "rich")
    return len(planning.steps_of(here, network, by=bringup.ADMIN))


def _start_with(change: Callable[[Step], None], number: int) -> Callable[[machine.Host], str]:
    """Start the network `rich` with something happening at the step of that number; the error, if it ends with one."""

    def start(here: machine.Host) -> str:
        network = definitions.load(here, "rich")
        step = planning.steps_of(here, network, by=bringup.ADMIN)[number]
        change(step)
        try:
            bringup.start(here, "rich")
        except HostError as error:
            return str(error)
        return ""

    return start


def _steps(host: Host) -> int:
    return on(host, _count)


def _refuse(target: Step) -> None:
    def do(step: Step, here: machine.Host) -> None:
        if step == target:
            msg = "refused by the test"
            raise HostError(msg)
        original(step, here)

    original = type(target).do
    type(target).do = do  # type: ignore[method-assign,assignment]


def _kill_before(target: Step) -> None:
    _kill(target, is_after=False)


def _kill_after(target: Step) -> None:
    _kill(target, is_after=True)


def _kill(target: Step, *, is_after: bool) -> None:
    def do(step: Step, here: machine.Host) -> None:
        if is_after or step != target:
            original(step, here)
        if step == target:
            os.kill(os.getpid(), signal.SIGKILL)

    original = type(target).do
    type(target).do = do  # type: ignore[method-assign,assignment]


ALONE, BESIDE, FILTERED = "alone", "beside another network", "beside a filter that drops"


@contextmanager
def made(situation: str, firewall: str) -> Iterator[Host]:
    """A host on which the network is defined, and has been up."""
    with Host() as host:
        if situation == FILTERED:
            for words in ("iptables -P FORWARD DROP", "iptables -P INPUT DROP", "ip6tables-legacy -P INPUT DROP"):
                host.run(words.split())
            host.run(["iptables", "-A", "INPUT", "-i", "lo", "-j", "ACCEPT"])
        assert on(host, _define) == STEPS + 3 * (situation == FILTERED and firewall == "nft")
        if situation != ALONE:
            on(host, lambda here: bringup.start(here, "other") and None)
        on(host, lambda here: bringup.start(here, "rich") and None)  # what is chosen and kept is there before
        on(host, lambda here: bringup.stop(here, "rich"))
        yield host


@pytest.fixture(params=[ALONE, BESIDE, FILTERED])
def host(request: pytest.FixtureRequest, firewall: str) -> Iterator[Host]:
    with made(request.param, firewall) as host:
        yield host


def test_a_refused_step_leaves_the_host_as_it_was(host: Host) -> None:
    before = host.snapshot()
    for number in range(_steps(host)):
        outcome = on(host, _start_with(_refuse, number))
        if outcome:  # else the step was done before: a directory that is kept, a sysctl that another network holds
            assert outcome == "refused by the test"
            assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
        else:
            on(host, lambda here: bringup.stop(here, "rich"))


@pytest.mark.parametrize("when", [_kill_before, _kill_after])
def test_a_start_killed_at_any_step_is_finished_by_the_next(host: Host, when: Callable[[Step], None]) -> None:
    before = host.snapshot()
    on(host, lambda here: bringup.start(here, "rich") and None)
    whole = host.snapshot()
    on(host, lambda here: bringup.stop(here, "rich"))
    for number in range(_steps(host)):
        try:
            on(host, _start_with(when, number))
        except AssertionError as error:
            assert "ended with -9" in str(error)
        on(host, lambda here: bringup.start(here, "rich") and None)
        assert whole.changes_to(host.snapshot(), ignoring=[*VOLATILE, r"dnsmasq\.(json|pid)"]) == []
        on(host, lambda here: bringup.stop(here, "rich"))
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []


@pytest.mark.parametrize("when", [_kill_before, _kill_after])
def test_a_start_killed_at_any_step_is_undone_by_a_stop(host: Host, when: Callable[[Step], None]) -> None:
    before = host.snapshot()
    for number in range(_steps(host)):
        try:
            on(host, _start_with(when, number))
            is_killed = False
        except AssertionError as error:
            assert "ended with -9" in str(error)
            is_killed = True
        on(host, lambda here: bringup.stop(here, "rich"))
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == [], (number, is_killed)


@pytest.mark.parametrize("is_after", [False, True])
def test_a_stop_killed_at_any_step_is_finished_by_the_next_start_or_stop(host: Host, is_after: bool) -> None:
    before = host.snapshot()
    on(host, lambda here: bringup.start(here, "rich") and None)
    whole = host.snapshot()
    for number in range(_steps(host)):
        for finish in ("start", "stop"):

            def stop(here: machine.Host, number: int = number) -> None:
                target = planning.steps_of(here, definitions.load(here, "rich"), by=bringup.ADMIN)[number]

                def undo(step: Step, here: machine.Host) -> None:
                    if is_after or step != target:
                        original(step, here)
                    if step == target:
                        os.kill(os.getpid(), signal.SIGKILL)

                original = type(target).undo
                type(target).undo = undo  # type: ignore[method-assign,assignment]
                bringup.stop(here, "rich")

            try:
                on(host, stop)
            except AssertionError as error:
                assert "ended with -9" in str(error)
            if finish == "stop":
                try:
                    on(host, lambda here: bringup.stop(here, "rich"))
                except StateError as error:
                    assert "not active" in str(error)
                assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
            on(host, lambda here: bringup.start(here, "rich") and None)
            assert whole.changes_to(host.snapshot(), ignoring=[*VOLATILE, r"dnsmasq\.(json|pid)"]) == []
