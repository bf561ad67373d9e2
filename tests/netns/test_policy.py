"""Who reaches whom, with real packets: guests, the host, the outside, another network; IPv4 and IPv6."""

import subprocess
from itertools import permutations

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.library import on
from tests.lab.outside import WWW, WWW_4, WWW_6
from tests.lab.site import site
from tests.lab.witness import Witness, ask
from vnethook.lifecycle import attach, catalog
from vnethook.live import nics

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy")
TEMPLATE = """
<network><name>{name}</name>{forward}<bridge name='{bridge}'/>
  <ip address='10.{number}.0.1' netmask='255.255.255.0'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.99'/></dhcp></ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='64'><dhcp><range start='fd00:{number}::10' end='fd00:{number}::99'/></dhcp></ip>
</network>"""
ECHO = """
import socket, sys
sockets = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    for port in (22, 53, 67, 8080):
        try:
            server = socket.socket(family, socket.SOCK_STREAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind((address, port))
            server.listen()
            sockets.append(server)
        except OSError:
            pass
print("ready", flush=True)
sys.stdin.read()
"""


def _serve(machine: object) -> "subprocess.Popen[str]":
    server = machine.popen(
        ["/usr/bin/python3", "-IS", "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # type: ignore[attr-defined]
    assert server.stdout.readline() == "ready\n"
    return server  # type: ignore[no-any-return]


class World:
    """A host between an outside world and three networks with a guest each; `same` is a second guest of the NAT network."""

    def __init__(self, host: Host, outside: Outside, guests: dict[str, Client]) -> None:
        self.host = host
        self.outside = outside
        self.guests = guests


@pytest.fixture(scope="module")
def world(firewall: str):  # type: ignore[no-untyped-def]
    kinds = {"nat": "<forward mode='nat'/>", "route": "<forward mode='route'/>", "none": ""}
    with Host() as host, Outside() as outside:
        outside.plug(host, subnet6="2001:db8:1::/64")
        guests = {}
        try:
            for number, (name, forward) in enumerate(kinds.items(), 11):
                xml = TEMPLATE.format(name=name, forward=forward, bridge=f"vnbr{number}", number=number)
                on(host, lambda here, xml=xml: catalog.define(here, xml, source="x.xml") and None)
            for name, network, last in (
                ("nat", "nat", 20),
                ("same", "nat", 21),
                ("route", "route", 20),
                ("none", "none", 20),
            ):
                guests[name] = guest = Client(host, name, port=f"v{name}")
                guest.__enter__()
                nic = nics.Nic(interface=f"v{name}", network=network)
                on(host, lambda here, nic=nic, network=network: attach.attach(here, network, nic) and None)
                lease = guest.lease()
                number = {"nat": 11, "route": 12, "none": 13}[network]
                assert lease["server"] == f"10.{number}.0.1"
                guest.run(["ip", "-6", "address", "add", f"fd00:{number}::{last}/64", "dev", "eth0", "nodad"])
                if network != "none":
                    guest.run(["ip", "-6", "route", "replace", "default", "via", f"fd00:{number}::1"])
            for machine in (host, *guests.values()):
                _serve(machine)
            yield World(host, outside, guests)
        finally:
            for guest in guests.values():
                guest.close()


def _address(world: World, name: str, version: int) -> str:
    listed = world.guests[name].run(["ip", f"-{version}", "-br", "address", "show", "dev", "eth0"]).stdout.split()
    return next(word for word in listed if "/" in word and not word.startswith("fe80")).split("/")[0]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("name", "expected"), [("nat", True), ("same", True), ("route", True), ("none", False)])
def test_a_guest_reaches_the_outside_as_its_network_says(world: World, name: str, expected: bool, version: int) -> None:
    assert bool(world.guests[name].fetch(WWW_4 if version == 4 else WWW_6)) is expected


def test_only_ipv4_of_a_nat_network_is_masqueraded(world: World) -> None:
    assert world.guests["nat"].fetch(WWW_4) == "outside sees 192.0.2.2\n"
    assert world.guests["route"].fetch(WWW_4) == f"outside sees {_address(world, 'route', 4)}\n"
    assert world.guests["nat"].fetch(WWW_6) == f"outside sees {_address(world, 'nat', 6)}\n"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("name", "expected"), [("nat", False), ("route", True), ("none", False)])
def test_the_outside_opens_connections_only_to_a_routed_network(
    world: World, name: str, expected: bool, version: int
) -> None:
    if version == 6:
        world.outside.run(["ip", "-6", "route", "replace", "fc00::/7", "via", "2001:db8:1::2"])
    assert world.outside.connects(_address(world, name, version), 8080) is expected


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("source", "target"), list(permutations(["nat", "route", "none"], 2)))
def test_networks_do_not_reach_each_other(world: World, source: str, target: str, version: int) -> None:
    assert not world.guests[source].connects(_address(world, target, version), 8080, timeout_s=1)
    assert not world.guests[source].pings(_address(world, target, version))


@pytest.mark.parametrize("version", [4, 6])
def test_guests_of_one_network_reach_each_other(world: World, version: int) -> None:
    assert world.guests["nat"].connects(_address(world, "same", version), 8080)
    assert world.guests["same"].pings(_address(world, "nat", version))


@pytest.mark.parametrize("name", ["nat", "route", "none"])
def test_of_the_host_a_guest_reaches_icmp_and_dns_and_no_other_port(world: World, name: str) -> None:
    number = {"nat": 11, "route": 12, "none": 13}[name]
    guest = world.guests[name]
    for address in (f"10.{number}.0.1", f"fd00:{number}::1"):
        assert guest.pings(address)
        assert guest.resolve(f"{name}.nowhere.test", server=address) == []
        assert guest.connects(address, 53)
        assert not guest.connects(address, 22)
        assert not guest.connects(address, 8080)
    assert not guest.connects("192.0.2.2", 22)
    assert not guest.connects("192.0.2.2", 53)


def test_the_host_reaches_its_guests(world: World) -> None:
    for name in ("nat", "route", "none"):
        for version in (4, 6):
            assert world.host.connects(_address(world, name, version), 8080)


def test_guests_resolve_outside_names_by_the_hosts_resolver_unless_isolated(world: World) -> None:
    assert world.guests["nat"].resolve(WWW, server="10.11.0.1") == [WWW_4]
    assert world.guests["route"].resolve(WWW, server="10.12.0.1") == [WWW_4]
    assert world.guests["none"].resolve(WWW, server="10.13.0.1") == []


def test_a_spoofed_source_address_does_not_leave_its_network(world: World) -> None:
    guest = world.guests["route"]
    guest.run(["ip", "address", "add", "198.51.100.7/32", "dev", "eth0"])
    assert guest.run(["ping", "-n", "-c", "1", "-W", "1", "-I", "198.51.100.7", WWW_4], check=False).returncode != 0
    guest.run(["ip", "address", "del", "198.51.100.7/32", "dev", "eth0"])


def test_guests_get_their_ipv6_gateway_and_address_from_the_network() -> None:
    with Host() as host, Client(host, "six", port="vsix") as guest:
        xml = TEMPLATE.format(name="six", forward="<forward mode='nat'/>", bridge="vnbr6", number=16)
        on(host, lambda here: catalog.define(here, xml, source="x.xml") and None)
        guest.run(["sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1"])
        on(host, lambda here: attach.attach(here, "six", nics.Nic(interface="vsix", network="six")) and None)
        guest.run(["ip", "link", "set", "eth0", "down"])
        guest.run(["ip", "link", "set", "eth0", "up"])
        wait_for(lambda: "default via fe80" in guest.run(["ip", "-6", "route"]).stdout, "a router advertisement")


@pytest.mark.parametrize("mode", ["nat", "route", "open", "none"])
def test_bridged_frames_that_br_netfilter_shows_us_pass_and_routed_ones_without_ipv6_do_not(mode: str) -> None:
    with site() as place:
        called = [f"net.bridge.bridge-nf-call-{name}=1" for name in ("iptables", "ip6tables", "arptables")]
        place.host.run(["sysctl", "-qw", *called])
        ips = "<ip address='10.{number}.0.1' netmask='255.255.255.0'/>"
        place.define("lab", 61, f"<forward mode='{mode}'/>", ips=ips, attributes="ipv6='yes'")
        for name in ("one", "two"):
            Witness(place.plug("lab", name))
        Witness(place.outside)
        for version in (4, 6):
            assert " " in ask(place.guests["one"], "tcp", place.address("two", version))
            assert place.guests["two"].pings(place.address("one", version))
        assert ask(place.guests["one"], "udp", WWW_6) == "lost"
        assert (" " in ask(place.guests["one"], "udp", WWW_4)) is (mode != "none")
