"""The step of a network that uses a bridge of the administrator's: it is needed, and never changed."""

import pytest

from vnethook import capability
from vnethook.definition.model import Bridge, Network
from vnethook.errors import HostError
from vnethook.host import facts
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal
from vnethook.plan.links import RequireBridge

UUID = "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11"
NETWORK = Network("lan", UUID, Bridge("br0"), forward="bridge")


def _plan(host):
    return capability.plan(NETWORK, facts.collect(host, facts.asked(NETWORK), idle_s=60))


def test_a_bridge_that_is_there_is_used_and_nothing_is_changed_or_journalled(host):
    host.links.add("br0", kind="bridge")
    before = host.state()
    steps = _plan(host)
    assert steps == [RequireBridge("br0")]
    assert str(steps[0]) == "use bridge br0"
    journal = Journal(host.paths, "lan")
    assert plans.apply(host, steps, journal) == []
    assert journal.steps() == []
    steps[0].undo(host)
    assert host.state() == before
    assert host.changes.made == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("", "bridge 'br0': no such bridge"),
        ("veth", "bridge 'br0': the interface of that name is no bridge"),
        ("openvswitch", "bridge 'br0': the interface of that name is of Open vSwitch, which is not supported"),
    ],
)
def test_what_is_no_bridge_is_refused_before_anything_is_done(host, kind, message):
    if kind:
        host.links.add("br0", kind=kind)
    with pytest.raises(HostError) as caught:
        plans.apply(host, _plan(host), Journal(host.paths, "lan"))
    assert caught.value.message == message
    assert host.changes.made == []
