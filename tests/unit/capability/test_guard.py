"""What a network's guests are held to, and what is told of it to its record."""

import pytest

from vnethook.capability import guard
from vnethook.definition.guard import Guard
from vnethook.definition.ip import DhcpRange, Ip
from vnethook.definition.model import Bridge, Network, PortGroup
from vnethook.errors import DefinitionError
from vnethook.host.facts import Facts
from vnethook.live.nics import GUARDS, PARTS, Guarding
from vnethook.live.paths import Paths

FACTS = Facts(Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook"))
MARK = "n2c6d3e0e5f0a4c0f9d597a8f3f1d2b11"
LEASES = Ip("192.0.2.1", 24, (DhcpRange("192.0.2.2", "192.0.2.9"),))


def _network(**fields):
    known = {"uuid": "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11", "bridge": Bridge("vnbr3"), "mac": "52:54:00:5e:00:02"}
    return Network("lab", **(known | fields))


def _guarding(network):
    return guard.guarding(network, guard.plan(network, FACTS))


@pytest.mark.parametrize("forward", ["nat", "route", "open", "none"])
def test_ports_of_a_bridge_of_its_own_are_guarded_by_default(forward):
    network = _network(forward=forward, ips=(LEASES, Ip("2001:db8::1", 64)))
    assert _guarding(network) == Guarding(
        parts=PARTS, leased=(4,), is_open=forward == "open", link_local="fe80::5054:ff:fe5e:2", mark=MARK
    )
    assert not guard.is_asked(network)


def test_a_bridge_of_the_administrators_is_guarded_where_that_is_said():
    network = _network(forward="bridge", mac=None)
    assert _guarding(network) == Guarding()
    for asked in (network.replace(guard=Guard()), network.replace(portgroups=(PortGroup("a", guard=Guard()),))):
        assert _guarding(asked).mark == MARK
        assert guard.is_asked(asked)


def test_without_a_guard_there_is_no_mark():
    network = _network(guard=Guard("off"))
    assert guard.plan(network, FACTS) == []
    assert _guarding(network) == Guarding(is_asked=True)  # for that there is none
    assert not guard.is_asked(network)


@pytest.mark.parametrize("mode", GUARDS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_stands_in_place_of_what_its_mode_says(mode, part):
    assert part not in Guard(mode, **{part: False}).parts
    assert part in Guard(mode, **{part: True}).parts
    assert set(Guard(mode, **{part: True}).parts) - {part} == set(GUARDS[mode]) - {part}


REFUSED = {
    "guard: mode 'hard': must be off, standard, strict": {"mode": "hard"},
    "guard: connections 0: must be 1 to 16777216": {"connections": 0},
    "guard: newConnections 1000001: must be 1 to 1000000": {"new_connections": 1_000_001},
    "guard: connections: flows are not counted": {"mode": "off", "connections": 5},
    "guard: newConnections: flows are not counted": {"flows": False, "new_connections": 5},
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_contradicts_is_refused(message):
    with pytest.raises(DefinitionError) as caught:
        Guard(**REFUSED[message])
    assert caught.value.message == message


def test_flows_are_the_whole_networks():
    with pytest.raises(DefinitionError) as caught:
        PortGroup("slow", guard=Guard(flows=True))
    assert caught.value.message == "portgroup 'slow': guard: flows are counted for the whole network"
