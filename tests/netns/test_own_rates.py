"""Rates that a NIC has of its own, by nic-set and by its port, in its portgroup's place: with real traffic."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.library import on
from tests.lab.rates import came, times
from vnethook.lifecycle import ports

pytestmark = pytest.mark.netns
GATEWAY, OWN = "10.89.0.1", "10.89.0.2"
MAC, UUID = "52:54:00:00:89:02", "7ae63b5f-fe96-4af0-a7c3-da04ba1b3f89"
LAB = f"""
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr1'/>
  <ip address='{GATEWAY}' netmask='255.255.255.0'/>
  <portgroup name='slow'><bandwidth><inbound average='100'/><outbound average='100'/></bandwidth></portgroup>
</network>"""
PORT = f"""<networkport><uuid>{UUID}</uuid><group>slow</group><mac address='{MAC}'/>
  <bandwidth><inbound average='300'/><outbound average='300'/></bandwidth></networkport>"""


class World(NamedTuple):
    host: Host
    guest: Client

    def attach(self) -> None:
        self.host.vnet("attach", "v2", "--network", "lab:slow", "--mac", MAC)
        wait_for(lambda: self.guest.pings(GATEWAY), "the gateway")

    def sends(self) -> int:
        """What comes through of two megabytes at once."""
        return came(self.host, self.guest, GATEWAY)

    def receives_s(self) -> float:
        """How long it takes."""
        [found] = times(self.host, {self.guest: OWN})
        return found


@pytest.fixture
def world() -> Iterator[World]:
    with Host() as host, Client(host, "guest", port="v2", mac=MAC) as guest:
        host.define(LAB)
        host.vnet("net-start", "lab")
        guest.run(["ip", "address", "add", f"{OWN}/24", "dev", "eth0"])
        yield World(host, guest)


def test_a_rate_by_nic_set_is_in_force_at_once_and_goes_before_the_portgroups(world: World) -> None:
    world.attach()
    slow, slowly_s = world.sends(), world.receives_s()
    world.host.vnet("nic-set", "v2", "--inbound", "300", "--outbound", "300")
    assert 2 < world.sends() / slow < 4.5
    assert 2 < slowly_s / world.receives_s() < 4.5
    world.host.vnet("nic-set", "v2", "--inbound", "0", "--outbound", "0")
    assert world.sends() > 8 * slow
    assert world.receives_s() < slowly_s / 4


def test_a_rate_of_a_port_waits_for_its_nic_and_is_changed_under_it(world: World) -> None:
    on(world.host, lambda here: ports.create_port(here, "lab", PORT) and None)
    world.attach()
    fast, fast_s = world.sends(), world.receives_s()

    def set_average(average: int) -> None:
        parameters = {"inbound.average": average, "outbound.average": average}
        on(world.host, lambda here: ports.set_parameters(here, "lab", UUID, parameters))

    set_average(100)
    assert 2 < fast / world.sends() < 4.5
    assert 2 < world.receives_s() / fast_s < 4.5
    set_average(300)
    assert 0.7 < world.sends() / fast < 1.4
