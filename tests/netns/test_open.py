"""Mode open: what goes in and out is the administrator's to decide; other networks, the host and DNS stay guarded."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, wait_for
from tests.lab.library import on
from tests.lab.outside import WWW, WWW_4, WWW_6
from tests.lab.site import Site, site
from tests.lab.witness import PORT, Witness, ask
from vnethook.lifecycle import attach, bringup
from vnethook.live import nics

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy", "iptables-nft")
NETWORKS = {"open": "open", "other": "open", "nat": "nat", "route": "route", "none": "none"}
IPS = """
  <ip address='10.{number}.0.1' netmask='255.255.255.0'><dhcp><range start='10.{number}.0.100' end='10.{number}.0.199'/></dhcp></ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='80'/>"""


@pytest.fixture(scope="module")
def place(firewall: str) -> Iterator[Site]:
    with site() as place:
        for number, (name, mode) in enumerate(NETWORKS.items(), 51):
            assert place.define(name, number, f"<forward mode='{mode}'/>", ips=IPS) == []
            Witness(place.plug(name))
        Witness(place.outside)
        Witness(place.host)
        yield place


@pytest.mark.parametrize("version", [4, 6])
def test_an_open_network_and_the_outside_reach_each_other_untranslated(place: Site, version: int) -> None:
    seen = ask(place.guests["open"], "tcp", WWW_4 if version == 4 else WWW_6)
    assert seen.split()[0] == place.address("open", version)
    assert " " in ask(place.outside, "tcp", place.address("open", version))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", ["nat", "route", "none"])
def test_an_open_network_and_a_guarded_one_do_not_reach_each_other(place: Site, name: str, version: int) -> None:
    assert " " not in ask(place.guests["open"], "udp", place.address(name, version))
    assert " " not in ask(place.guests[name], "udp", place.address("open", version))


def test_two_open_networks_reach_each_other_unless_the_administrator_says_otherwise(place: Site) -> None:
    assert " " in ask(place.guests["open"], "tcp", place.address("other"))
    rules = """
      table inet site { chain forward { type filter hook forward priority 10;
        iifname "vnbr51" oifname "vnbr52" reject; iifname "vnbr51" oifname "uplink0" tcp dport 7000 reject; }; }"""
    place.host.run(["nft", "-f", "-"], stdin=rules)
    assert ask(place.guests["open"], "tcp", place.address("other")) == "refused"
    assert ask(place.guests["open"], "tcp", WWW_4) == "refused"
    assert " " in ask(place.guests["open"], "udp", WWW_4)
    place.host.run(["nft", "delete", "table", "inet", "site"])


def test_of_the_host_an_open_network_reaches_dhcp_dns_and_icmp(place: Site) -> None:
    guest = place.guests["open"]
    assert guest.lease()["server"] == "10.51.0.1"
    guest.run(["ip", "address", "add", f"{place.address('open')}/24", "dev", "eth0"])
    for version in (4, 6):
        assert guest.resolve(WWW, server=place.gateway("open", version)) == [WWW_4]
        assert guest.pings(place.gateway("open", version))
        assert " " not in ask(guest, "udp", place.gateway("open", version))
    assert " " not in ask(guest, "udp", "192.0.2.2")
    assert WWW_4 not in guest.resolve(WWW, server=place.gateway("nat"))


def test_the_outside_does_not_get_answers_of_an_open_networks_dns(place: Site) -> None:
    words = ["dig", "+short", "+time=1", "+tries=1", f"@{place.gateway('open')}", WWW]
    assert place.outside.run(words, check=False).returncode != 0
    assert (
        ask(place.outside, "udp", place.gateway("open")).split()[0] == "192.0.2.1"
    )  # another port is not ours to close


def test_a_source_that_is_not_the_networks_does_not_leave_it(place: Site) -> None:
    guest = place.guests["open"]
    count = "table inet site { chain post { type filter hook postrouting priority 400; udp dport 7000 counter; }; }"
    place.host.run(["nft", "-f", "-"], stdin=count)
    for forged in ("198.51.100.7", place.address("nat").replace(".10", ".77"), "10.54.0.9"):
        guest.run(["ip", "address", "add", f"{forged}/32", "dev", "lo"])
        assert ask(guest, "udp", WWW_4, source=(forged, 0)) == "lost"
        guest.run(["ip", "address", "delete", f"{forged}/32", "dev", "lo"])
    guest.run(["ip", "-6", "address", "add", "fd00:77::1/128", "dev", "lo", "nodad"])
    assert ask(guest, "udp", WWW_6, source=("fd00:77::1", 0)) == "lost"
    assert "counter packets 0 " in place.host.run(["nft", "list", "table", "inet", "site"]).stdout
    place.host.run(["nft", "delete", "table", "inet", "site"])


def test_a_subnet_behind_a_guest_passes_where_the_host_has_a_route_to_it(place: Site) -> None:
    guest = place.guests["open"]
    guest.run(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"])
    assert ask(guest, "udp", WWW_4, source=("10.99.0.1", 0)) == "lost"
    place.host.run(["ip", "route", "add", "10.99.0.0/24", "via", place.address("open")])
    assert ask(guest, "udp", WWW_4, source=("10.99.0.1", 0)).split()[0] == "10.99.0.1"
    assert " " in ask(place.outside, "tcp", "10.99.0.1")
    assert " " in ask(place.host, "tcp", "10.99.0.1")
    place.host.run(["ip", "route", "delete", "10.99.0.0/24"])


def test_an_open_network_without_an_address_has_the_ones_that_the_administrator_gives_it() -> None:
    with site() as place, Client(place.host, "alice", port="valice") as alice:
        assert place.define("bare", 57, "<forward mode='open'/>", ips="") == []
        on(place.host, lambda here: attach.attach(here, "bare", nics.Nic(interface="valice", network="bare")) and None)
        sysctls = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
        assert [place.host.run(["sysctl", "-n", name]).stdout for name in sysctls] == ["0\n", "0\n"]
        place.host.run(["ip", "address", "add", "10.57.0.1/24", "dev", "vnbr57"])  # the administrator's
        alice.run(["ip", "address", "add", "10.57.0.9/24", "dev", "eth0"])
        assert wait_for(lambda: alice.pings("10.57.0.1"), "the answer of the host")
        assert not alice.connects("10.57.0.1", PORT, timeout_s=1)


def test_an_open_network_holds_forwarding_while_it_is_up() -> None:
    with site() as place:
        place.define("held", 58, "<forward mode='open'/>")
        sysctls = ["sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
        found = [place.host.run(sysctls).stdout.split()]
        for change in (bringup.start, bringup.stop):
            on(place.host, lambda here, change=change: change(here, "held") and None)
            found.append(place.host.run(sysctls).stdout.split())
        assert found == [["0", "0"], ["1", "1"], ["0", "0"]]
