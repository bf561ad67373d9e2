"""Several subnets in one network: each has its gateway, DNS and way out; and one that leads nowhere says so."""

import select
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.outside import WWW, WWW_4
from tests.lab.witness import Witness, ask

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><forward mode='nat'/><domain name='lab.test'/>
  <dns><host ip='10.72.0.9'><hostname>printer</hostname></host></dns>
  <ip address='10.71.0.1' netmask='255.255.255.0'><dhcp><range start='10.71.0.2' end='10.71.0.9'/></dhcp></ip>
  <ip address='10.72.0.1' netmask='255.255.255.0'/>
  <ip address='10.73.4.1' prefix='22'/>
</network>"""


class World(NamedTuple):
    host: Host
    first: Client
    second: Client
    third: Client


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        Host() as host,
        Outside() as outside,
        Client(host, "first", port="v1") as first,
        Client(host, "second", port="v2") as second,
        Client(host, "third", port="v3") as third,
    ):
        outside.plug(host)
        host.define(LAB)
        host.vnet("net-start", "lab")
        for client in (first, second, third):
            host.vnet("attach", client.port, "--network", "lab")
        for client, address, gateway in ((second, "10.72.0.5/24", "10.72.0.1"), (third, "10.73.7.5/22", "10.73.4.1")):
            client.run(["ip", "address", "add", address, "dev", "eth0"])
            client.run(["ip", "route", "add", "default", "via", gateway])
        yield World(host, first, second, third)


def test_each_subnet_has_its_gateway_dns_and_masquerading(world: World) -> None:
    lease = world.first.lease()
    assert (lease["router"], lease["dns"], lease["mask"]) == ("10.71.0.1", "10.71.0.1", "24")
    for client, gateway in ((world.first, "10.71.0.1"), (world.second, "10.72.0.1"), (world.third, "10.73.4.1")):
        assert client.pings(gateway)
        assert client.resolve("printer.lab.test", server=gateway) == ["10.72.0.9"]
        assert client.resolve(WWW, server=gateway) == [WWW_4]
        assert client.fetch(WWW_4) == "outside sees 192.0.2.2\n"


def test_guests_of_two_subnets_reach_each_other_by_the_gateway_with_their_own_addresses(world: World) -> None:
    Witness(world.first)
    for client, own in ((world.second, "10.72.0.5"), (world.third, "10.73.7.5")):
        assert ask(client, "tcp", world.first.lease()["ip"]).split()[0] == own


SIX = """
<network><name>{name}</name>{forward}
  <ip address='10.{number}.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.{number}.0.2' end='10.{number}.0.9'/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='64'>{dhcp}</ip>
</network>"""
DHCP6 = "<dhcp><range start='fd00:{number}::100' end='fd00:{number}::1ff'/></dhcp>"
ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 133, 134  # RFC 4861, section 4


def _advertised_lifetime_s() -> int:
    """For how long a router advertisement says that its sender is a default router; -1 if none comes."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as nic:
        for _ in range(20):
            nic.sendto(bytes([ROUTER_SOLICITATION, *bytes(7)]), ("ff02::2%eth0", 0))  # the kernel adds the checksum
            while select.select([nic], [], [], 1)[0]:
                data = nic.recv(2000)
                if data[0] == ROUTER_ADVERTISEMENT:
                    return int.from_bytes(data[6:8])
    return -1


def _routers(host: Host, name: str, number: int) -> tuple[int, int, str]:
    """What a guest is told of a way out: advertised for how long, default routes, by DHCP."""
    with Client(host, name, port=f"v{name}") as guest:
        host.vnet("attach", guest.port, "--network", name)
        guest.run(["ip", "address", "replace", "fe80::74/64", "dev", "eth0", "nodad"])
        lifetime_s = guest.call(_advertised_lifetime_s)
        prefix = ["ip", "-6", "-json", "route", "show", f"fd00:{number}::/64"]
        wait_for(lambda: guest.json(prefix), "the prefix")
        routes = guest.json(["ip", "-6", "-json", "route", "show", "default"])
        return lifetime_s, len(routes), guest.lease()["router"]


@pytest.mark.parametrize("dhcp", ["", DHCP6], ids=["slaac", "dhcp"])
def test_only_a_network_that_leads_somewhere_says_that_it_has_a_router(dhcp: str) -> None:
    with Host() as host:
        for number, name, forward in ((74, "isolated", ""), (75, "nat", "<forward mode='nat'/>")):
            host.define(SIX.format(name=name, number=number, forward=forward, dhcp=dhcp.format(number=number)))
            host.vnet("net-start", name)
        assert _routers(host, "isolated", 74) == (0, 0, "")
        assert _routers(host, "nat", 75) == (1800, 1, "10.75.0.1")
