"""Isolated ports: guests of one network do not reach each other, and reach everything else that they may."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Outside
from tests.lab.library import on
from tests.lab.outside import WWW_4
from vnethook.lifecycle import changes, health

pytestmark = pytest.mark.netns
LAB = """
<network><name>{name}</name><forward mode='nat'/><bridge name='{bridge}'/>{port}
  <ip address='10.{number}.0.1' netmask='255.255.255.0'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.9'/></dhcp></ip>
</network>"""
ISOLATED = LAB.format(name="apart", bridge="vnbr1", number=61, port="<port isolated='yes'/>")
TOGETHER = LAB.format(name="apart", bridge="vnbr1", number=61, port="")
PLAIN = LAB.format(name="plain", bridge="vnbr2", number=62, port="")


class World(NamedTuple):
    host: Host
    alice: Client
    bob: Client


@pytest.fixture
def world() -> Iterator[World]:
    with (
        Host() as host,
        Outside() as outside,
        Client(host, "alice", port="va") as alice,
        Client(host, "bob", port="vb") as bob,
    ):
        outside.plug(host)
        host.define(ISOLATED)
        host.define(PLAIN)
        for port in ("va", "vb"):
            host.vnet("attach", port, "--network", "apart")
        yield World(host, alice, bob)


def _is_isolated(host: Host, port: str) -> bool:
    [link] = host.json(["bridge", "-json", "-details", "link", "show", "dev", port])
    return bool(link["isolated"])


def test_isolated_guests_reach_the_gateway_and_the_outside_and_not_each_other(world: World) -> None:
    world.alice.lease()
    bobs = world.bob.lease()["ip"]
    for guest in (world.alice, world.bob):
        assert guest.pings("10.61.0.1")
        assert guest.fetch(WWW_4) == "outside sees 192.0.2.2\n"
    assert not world.alice.pings(bobs)
    assert world.host.run(["ping", "-n", "-c", "1", "-W", "2", bobs], check=False).returncode == 0


def test_a_port_that_moves_to_an_open_network_is_isolated_no_longer(world: World) -> None:
    for port in ("va", "vb"):
        world.host.vnet("attach", port, "--network", "plain")
        assert not _is_isolated(world.host, port)
    world.alice.lease()
    assert world.alice.pings(world.bob.lease()["ip"])


def test_a_changed_definition_isolates_and_joins_the_guests_that_are_attached(world: World) -> None:
    world.alice.lease()
    bobs = world.bob.lease()["ip"]
    for xml, expected in ((TOGETHER, True), (ISOLATED, False)):
        world.host.define(xml)
        on(world.host, lambda here: changes.apply(here, "apart") and None)
        assert world.alice.pings(bobs) is expected


def test_a_port_that_somebody_opened_is_named_by_check_and_mended_by_repair(world: World) -> None:
    world.host.run(["bridge", "link", "set", "dev", "va", "isolated", "off"])
    assert on(world.host, lambda here: health.check(here, "apart")) == ["NIC va: is not isolated"]
    assert on(world.host, lambda here: health.repair(here, "apart")) == ["NIC va: is not isolated"]
    assert _is_isolated(world.host, "va")
    assert on(world.host, lambda here: health.check(here, "apart")) == []


def test_a_link_that_is_up_joins_isolated_and_stays_up(world: World) -> None:
    world.host.vnet("detach", "va")
    world.host.run(["ip", "link", "set", "va", "up"])
    world.host.vnet("attach", "va", "--network", "apart")
    assert _is_isolated(world.host, "va")
    assert world.alice.lease()["router"] == "10.61.0.1"
