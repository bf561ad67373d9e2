"""Beside Docker, ufw and flushes: the table of docs/firewalls.md, with the real programs and real packets."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, wait_for
from tests.lab.firewalls import Firewalls
from tests.lab.outside import WWW_4
from tests.lab.reach import ALL, NUMBERS, Reach, reach

pytestmark = [pytest.mark.netns, pytest.mark.firewalls]
NFTABLES_CONF = """
flush ruleset
table inet filter {
  chain input { type filter hook input priority filter; }
  chain forward { type filter hook forward priority filter; }
  chain output { type filter hook output priority filter; }
}
"""
"""What Debian's nftables.service loads."""


@pytest.fixture
def lab() -> Iterator[tuple[Reach, Firewalls]]:
    with reach() as found:
        yield found


def test_our_table_alone_and_after_it_was_flushed(lab: tuple[Reach, Firewalls]) -> None:
    reached, _ = lab
    reached.plug()
    assert reached.open() == ALL
    for words in (["flush", "ruleset"], ["-f", "-"]):
        reached.host.run(["nft", *words], stdin=NFTABLES_CONF)
        reached.call_hooks()
        assert reached.open() == ALL


def test_docker_before_us_restarted_and_stopped(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    firewalls.start_docker()
    assert "-P FORWARD DROP" in firewalls.rules()
    reached.plug()
    assert reached.open() == ALL
    reached.host.run(["iptables", "-I", "DOCKER-USER", "-i", "vnbr77", "-d", WWW_4, "-p", "icmp", "-j", "DROP"])
    assert reached.open() == ALL - {"ping out"}  # the administrator's word goes before ours
    reached.host.run(["iptables", "-D", "DOCKER-USER", "1"])
    firewalls.stop_docker()
    assert reached.open() == ALL
    firewalls.start_docker()
    assert reached.open() == ALL
    _has_containers_closed(reached)


def test_docker_with_the_legacy_variant_of_iptables(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    firewalls.use_legacy()
    firewalls.start_docker()
    assert "-P FORWARD DROP" in firewalls.rules()
    reached.plug()
    assert reached.open() == ALL
    _has_containers_closed(reached)
    for network in NUMBERS:
        assert "VNETHOOK-FORWARD" in firewalls.rules()
        reached.host.vnet("net-destroy", network, "--force")
    assert "VNETHOOK" not in firewalls.rules()
    assert "table ip " not in reached.host.run(["nft", "list", "ruleset"]).stdout


def _has_containers_closed(reached: Reach) -> None:
    """Guests reach of Docker's containers what it publishes, as others do, though they reach any other network."""
    with Client(reached.host, "container", port="vcontainer") as container:
        reached.host.run(["ip", "link", "set", "vcontainer", "master", "docker0", "up"])
        for words in ("address add 172.17.0.2/16 dev eth0", "route add default via 172.17.0.1"):
            container.run(["ip", *words.split()])
        container.popen(["busybox", "httpd", "-f", "-p", "80", "-h", container.directory])
        wait_for(lambda: reached.host.connects("172.17.0.2", 80), "the container")
        assert not reached.alice.connects("172.17.0.2", 80, timeout_s=1)
        published = "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT"
        reached.host.run(["iptables", *published.split()])
        assert reached.alice.connects("172.17.0.2", 80)


def test_docker_after_us(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    reached.plug()
    firewalls.start_docker()
    assert "-P FORWARD ACCEPT" in firewalls.rules()
    assert reached.open() == ALL
    firewalls.stop_docker()
    reached.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    firewalls.start_docker()
    assert "-P FORWARD DROP" in firewalls.rules()
    assert not reached.alice.pings(WWW_4)
    reached.call_hooks()
    assert reached.open() == ALL
    for network in NUMBERS:
        assert "VNETHOOK-FORWARD" in firewalls.rules()
        reached.host.vnet("net-destroy", network, "--force")
    assert "VNETHOOK" not in firewalls.rules()


@pytest.mark.parametrize("prefix", ["vnbr", "virbr"])
def test_ufw_enabled_before_and_after_us_and_reloaded(prefix: str) -> None:
    with reach(prefix=prefix) as (reached, firewalls):
        firewalls.ufw("--force", "enable")
        reached.plug()
        assert reached.open() == ALL
        firewalls.ufw("reload")
        reached.call_hooks()
        assert reached.open() == ALL
        firewalls.ufw("disable")
        firewalls.ufw("--force", "enable")
        reached.call_hooks()
        firewalls.ufw("route", "deny", "in", "on", f"{prefix}77", "proto", "tcp", "to", WWW_4)
        assert reached.open() == ALL - {"tcp out"}


def test_our_hooks_installed_ufw_lets_guests_through_at_once(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    firewalls.remove_docker()
    firewalls.ufw("allow", "in", "on", "vnbr+", "to", "any", "port", "53")
    said = reached.host.vnet("hooks", "install")
    assert ("ufw: 4 rules for bridges vnbr+ added\n" in said.stdout, said.stderr) == (True, "")
    assert "ufw:" not in reached.host.vnet("hooks", "install").stdout
    reached.plug()
    firewalls.ufw("--force", "enable")
    assert reached.open() == ALL - {"offered port"}  # this network's alone
    reached.call_hooks()
    assert reached.open() == ALL
    assert "ufw: 4 rules for bridges vnbr+ removed\n" in reached.host.vnet("hooks", "remove").stdout
    assert firewalls.ufw("show", "added").splitlines()[1:] == ["ufw allow in on vnbr+ to any port 53"]


def test_beside_docker_too_ufw_keeps_containers_closed_to_guests(lab: tuple[Reach, Firewalls]) -> None:
    reached, firewalls = lab
    reached.host.vnet("hooks", "install")
    firewalls.start_docker()
    firewalls.ufw("--force", "enable")
    reached.plug()
    assert reached.open() == ALL
    _has_containers_closed(reached)
