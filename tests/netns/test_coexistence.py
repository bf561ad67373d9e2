"""Beside Docker, ufw, firewalld and flushes: the table of docs/firewalls.md, with the real programs and real packets."""

from collections.abc import Iterator

import pytest

from tests.lab.firewalls import Firewalls
from tests.lab.outside import WWW_4
from tests.lab.reach import ALL, Reach, plug, reach

pytestmark = pytest.mark.netns


@pytest.fixture
def lab() -> Iterator[tuple[Reach, Firewalls]]:
    with reach() as found:
        yield found


def test_our_table_alone_and_after_it_was_flushed(lab: tuple[Reach, Firewalls]) -> None:
    reached, _ = lab
    plug(reached)
    assert reached.open() == ALL
    reached.host.run(["nft", "flush", "ruleset"])
    _call_hooks(reached)
    assert reached.open() == ALL


def test_docker_before_us_restarted_and_stopped(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    firewalls.start_docker()
    assert "-P FORWARD DROP" in firewalls.rules()
    plug(reached)
    assert reached.open() == ALL
    reached.host.run(["iptables", "-I", "DOCKER-USER", "-i", "vnbr7", "-d", WWW_4, "-p", "icmp", "-j", "DROP"])
    assert reached.open() == ALL - {"ping out"}  # the administrator's word goes before ours
    reached.host.run(["iptables", "-D", "DOCKER-USER", "1"])
    firewalls.stop_docker()
    assert reached.open() == ALL
    firewalls.start_docker()
    assert reached.open() == ALL


def test_docker_after_us(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    plug(reached)
    reached.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    firewalls.start_docker()
    assert "-P FORWARD DROP" in firewalls.rules()
    assert not reached.alice.pings(WWW_4)
    reached.call_hook()
    assert reached.open() == ALL


@pytest.mark.parametrize("bridges", [("vnbr7", "vnbr8"), ("virbr7", "virbr8")])
def test_ufw_enabled_before_and_after_us_and_reloaded(bridges: tuple[str, str]) -> None:
    with reach(bridges=bridges) as (reached, firewalls):
        firewalls.ufw("--force", "enable")
        plug(reached)
        assert reached.open() == ALL
        firewalls.ufw("reload")
        _call_hooks(reached)
        assert reached.open() == ALL
        firewalls.ufw("disable")
        assert reached.open() == ALL
        firewalls.ufw("--force", "enable")
        _call_hooks(reached)
        assert reached.open() == ALL
        firewalls.ufw("route", "deny", "in", "on", bridges[0], "proto", "tcp", "to", WWW_4)
        assert reached.open() == ALL - {"tcp out"}


def _call_hooks(reached: Reach) -> None:
    reached.call_hook()
    reached.call_hook("other")
