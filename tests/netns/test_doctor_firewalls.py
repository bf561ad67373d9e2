"""`vnet doctor` and `vnet watch` beside the real firewalld, ufw and dockerd: named, mended by the command, or at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.firewalls import Firewalls
from tests.lab.host import VNET
from tests.lab.outside import WWW_4

pytestmark = [pytest.mark.netns, pytest.mark.firewalls]
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='{bridge}'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
HEALTHY = "Nothing on this host stops guests of network lab"


class World(NamedTuple):
    host: Host
    alice: Client
    firewalls: Firewalls

    def said(self) -> list[str]:
        """What the doctor says of the network, without the commands."""
        lines = self.host.vnet("doctor", "lab", check=False).stdout.splitlines()
        return [line for line in lines if not line.startswith("  ")]

    def mend(self) -> None:
        """Do what the doctor says, once."""
        findings = self.host.json(["sh", "-c", f"{VNET} doctor lab --json || true"])
        for command in sorted({finding["command"].partition("   (")[0] for finding in findings}):
            self.host.run(["sh", "-c", command.replace("vnet ", f"{VNET} ")])

    def has_network(self) -> bool:
        """Whether the guest gets a lease, and the outside."""
        return bool(self.alice.lease(tries=3)) and self.alice.fetch(WWW_4) == "outside sees 192.0.2.2\n"


@pytest.fixture
def bridge() -> str:
    return "vnbr7"


@pytest.fixture
def world(bridge: str) -> Iterator[World]:
    with (
        Host() as host,
        Outside() as outside,
        Client(host, "alice", port="va") as alice,
        Firewalls(host) as firewalls,
    ):
        outside.plug(host)
        host.define(LAB.format(bridge=bridge))
        host.vnet("hooks", "install", "--root", host.root)
        host.vnet("attach", "va", "--network", "lab")
        found = World(host, alice, firewalls)
        assert found.has_network()
        yield found


@contextmanager
def _watching(host: Host) -> Iterator[None]:
    log = host.directory / "watch.log"
    with log.open("w") as stderr, host.popen([VNET, "watch"], stderr=stderr) as process:
        try:
            lock = host.root / "run/vnethook/locks/.watch"
            wait_for(lambda: lock.exists() and lock.read_text(), "the watch")
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("bridge", ["vnbr7", "br0"])
def test_firewalld_that_does_not_know_our_bridges(world: World, bridge: str) -> None:
    world.firewalls.start_firewalld()
    dropped = [line for line in world.said() if line.startswith("error: firewalld: drops ")]
    assert [line.partition("chain ")[2] for line in dropped] == ["filter_FORWARD)", "filter_INPUT)"]
    assert not world.has_network()
    world.mend()
    assert world.said() == [HEALTHY]
    assert world.has_network()
    world.host.run(["firewall-cmd", "--reload"])
    assert (world.said() == [HEALTHY]) == (bridge == "vnbr7")  # another one is put back by the next hook
    world.host.vnet("net-repair", "lab")
    assert world.said() == [HEALTHY]


def test_ufw_is_named_and_mended(world: World) -> None:
    world.firewalls.ufw("--force", "enable")
    assert len([line for line in world.said() if line.startswith("error: ufw: drops ")]) == 2
    assert not world.alice.fetch(WWW_4)
    world.mend()
    assert world.said() == [HEALTHY]
    assert world.has_network()


def test_dockers_policy_is_named_and_mended(world: World) -> None:
    world.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    world.firewalls.start_docker()
    assert any("Docker shares: drops what guests send outside" in line for line in world.said())
    world.mend()
    assert world.said() == [HEALTHY]
    assert world.has_network()


def test_a_watch_lets_guests_through_whatever_comes(world: World) -> None:
    with _watching(world.host):
        world.firewalls.ufw("--force", "enable")
        wait_for(lambda: world.said() == [HEALTHY], "guests to be let through ufw")
        assert world.has_network()
        world.firewalls.ufw("--force", "disable")
        world.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
        world.firewalls.start_docker()
        wait_for(lambda: world.said() == [HEALTHY], "guests to be let through Docker's policy")
        assert world.has_network()
        world.host.run(["nft", "flush", "ruleset"])
        wait_for(lambda: world.said() == [HEALTHY], "the rules to be back")
        assert world.has_network()


@pytest.mark.parametrize("bridge", ["br0"])
def test_a_watch_sees_that_firewalld_was_reloaded(world: World, bridge: str) -> None:
    with _watching(world.host):
        world.firewalls.start_firewalld()
        world.host.vnet("hooks", "install")
        wait_for(lambda: world.said() == [HEALTHY], "the bridge to be in its zone")
        world.host.run(["firewall-cmd", "--reload"])
        wait_for(lambda: world.said() == [HEALTHY], "the bridge to be back in its zone")
        assert world.has_network()
