"""Real QEMU guests on networks that their own hooks bring up, seen from inside the guests and from outside."""

from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.lab import Guest, Host, Outside
from tests.lab.console import wait_for_guests
from tests.lab.guest import RefusedError, bridge, tap
from tests.lab.qmp import Qmp

pytestmark = [pytest.mark.netns, pytest.mark.guests]

LAB = """<network>
  <name>lab</name>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.10' end='192.168.77.99'/></dhcp>
  </ip>
</network>"""
TCP_PORT, UDP_PORT = 8080, 8081


class Site(NamedTuple):
    """A host with an uplink; alice and bob on `default`, carol on the isolated `lab`; alice and carol serve port 80."""

    host: Host
    outside: Outside
    alice: Guest
    bob: Guest
    carol: Guest
    uplink: str


@pytest.fixture(scope="module")
def site():
    with ExitStack() as stack:
        host, outside = stack.enter_context(Host()), stack.enter_context(Outside())
        uplink = outside.plug(host)
        host.define(LAB)
        guests = [
            stack.enter_context(Guest(host, "alice", tap(), mac="52:54:00:00:53:0a")),
            stack.enter_context(Guest(host, "bob", bridge("default"), mac="52:54:00:00:53:0b")),
            stack.enter_context(Guest(host, "carol", tap("lab", directory=host.directory), mac="52:54:00:00:53:0c")),
        ]
        wait_for_guests(guests)
        guests[0].serve(80)
        guests[2].serve(80)
        yield Site(host, outside, *guests, uplink)


def test_each_guest_has_a_lease_of_the_network_that_its_hook_named(site):
    found = {nic["guest"]: nic for nic in site.host.vnet_json("nic-list")}
    assert {name: nic["network"] for name, nic in found.items()} == {
        "alice": "default",
        "bob": "default",
        "carol": "lab",
    }
    leases = [lease for name in ("default", "lab") for lease in site.host.vnet_json("net-dhcp-leases", name)]
    for guest in (site.alice, site.bob, site.carol):
        assert found[guest.name]["mac"] == guest.mac
        assert found[guest.name]["ip"] == guest.ip
        assert [(lease["ip"], lease["hostname"]) for lease in leases if lease["mac"] == guest.mac] == [
            (guest.ip, guest.name)
        ]


def test_two_guests_on_one_network_resolve_and_reach_each_other(site):
    assert site.alice.resolve("bob") == site.bob.ip
    assert site.bob.resolve("alice") == site.alice.ip
    assert site.alice.pings("bob")
    assert site.bob.pings("alice")
    assert site.bob.connects(site.alice.ip, 80)


def test_guests_fetch_from_outside_by_name_through_nat(site):
    for guest in (site.alice, site.bob):
        assert guest.fetch("www.example.test") == f"outside sees {site.uplink}"


def test_outside_cannot_open_a_connection_to_a_guest(site):
    assert site.host.connects(site.alice.ip, 80)
    assert not site.outside.connects(site.alice.ip, 80)
    assert not site.outside.connects(site.carol.ip, 80)


def test_a_guest_of_another_network_is_not_reached_even_with_a_route_to_it(site):
    status, _ = site.carol.run(f"ip route replace default via {site.carol.lease['server']}")
    assert status == 0
    assert site.carol.resolve("alice") == ""
    assert not site.carol.pings(site.alice.ip)
    assert not site.carol.connects(site.alice.ip, 80)
    assert not site.alice.pings(site.carol.ip)
    assert not site.alice.connects(site.carol.ip, 80)


def test_a_guest_of_an_isolated_network_does_not_reach_outside(site):
    site.carol.run(f"ip route replace default via {site.carol.lease['server']}")
    assert site.carol.resolve("www.example.test") == ""
    assert site.carol.fetch("203.0.113.80") == ""


def test_guests_reach_dhcp_dns_and_icmp_of_the_host_and_no_other_port(site):
    with site.host.listening(tcp=TCP_PORT, udp=UDP_PORT) as came:
        assert site.outside.connects(site.uplink, TCP_PORT)
        site.outside.run(["dig", "+tries=1", "+time=1", f"-p{UDP_PORT}", f"@{site.uplink}", "x.test"], check=False)
        assert came() == ["tcp 192.0.2.1", "udp 192.0.2.1"]
        for guest in (site.alice, site.carol):
            gateway = guest.lease["server"]
            assert guest.pings(gateway)
            assert guest.resolve(guest.name) == guest.ip
            assert guest.run("udhcpc -i eth0 -f -n -q -t 5 -T 1 -s /bin/true")[0] == 0
            for address in (gateway, site.uplink, "192.168.77.1"):
                assert not guest.connects(address, TCP_PORT)
                guest.send_udp(address, UDP_PORT)
        assert came() == ["tcp 192.0.2.1", "udp 192.0.2.1"]


def test_after_the_uplink_changed_the_next_connection_reaches_outside_again(site):
    site.outside.unplug(site.host)
    try:
        assert site.alice.pings("bob")
        assert site.alice.fetch("203.0.113.80") == ""
        uplink = site.outside.plug(site.host, link="wlan0", subnet="198.51.100.0/24")
        assert site.alice.fetch("203.0.113.80") == f"outside sees {uplink}"
        assert site.bob.fetch("www.example.test") == f"outside sees {uplink}"
        site.outside.unplug(site.host, link="wlan0")
    finally:
        site.outside.plug(site.host)


def test_a_guest_has_its_lease_within_a_second_of_asking(site):
    """A promise of the project, by the guest's own clock; a guest that the machine kept waiting is booted again."""
    for guest in (site.alice, site.bob, site.carol):
        seconds = [guest.seconds_to_lease]
        while min(seconds) >= 1 and len(seconds) < 4:
            with Guest(site.host, "dora", guest.netdev, mac="52:54:00:00:53:0d") as dora:
                dora.wait()
                seconds.append(dora.seconds_to_lease)
        assert min(seconds) < 1, f"{guest.name}: {seconds}"


def test_offline_guests_get_leases_resolve_and_reach_each_other():
    with (
        Host("offline") as host,
        Guest(host, "erin", tap(), mac="52:54:00:00:53:0e") as erin,
        Guest(host, "frank", bridge(), mac="52:54:00:00:53:0f") as frank,
    ):
        wait_for_guests([erin, frank])
        assert erin.resolve("frank") == frank.ip
        assert erin.pings("frank")
        assert frank.pings("erin")
        assert erin.power_off() == 0
        assert [nic["guest"] for nic in host.vnet_json("nic-list")] == ["frank"]


@pytest.mark.parametrize("netdev", ["tap", "bridge"])
def test_qemu_refuses_to_start_on_an_unknown_network_and_shows_our_reason(netdev):
    with Host() as host:
        words = tap("nowhere", directory=host.directory) if netdev == "tap" else bridge("nowhere")
        hook = "qemu-ifup-nowhere" if netdev == "tap" else "qemu-bridge-helper"
        with Guest(host, "grace", words) as grace, pytest.raises(RefusedError) as refused:
            grace.wait()
        lines = str(refused.value).splitlines()
        assert [line for line in lines if line.startswith(hook)] == [f"{hook}: network 'nowhere': no such network"]
        assert host.vnet_json("nic-list") == []
        assert host.vnet_json("net-list") == []


def test_a_nic_plugged_into_a_running_guest_gets_its_network_and_gives_it_back():
    with Host() as host, Guest(host, "heidi", "", machine="pc") as heidi:
        heidi.wait()
        with Qmp(heidi) as qmp:
            words = dict(word.split("=", 1) for word in tap().split(",")[1:])
            qmp.ask("netdev_add", type="tap", id="n1", **words)
            qmp.ask("device_add", driver="virtio-net-pci", id="d1", netdev="n1", mac="52:54:00:00:53:11", romfile="")
            status, console = heidi.run("until [ -e /sys/class/net/eth0 ]; do usleep 20000; done; dhcp eth0")
            assert status == 0, console
            assert [(nic["network"], nic["guest"]) for nic in host.vnet_json("nic-list")] == [("default", "heidi")]
            assert heidi.pings(heidi.lease["router"])
            with pytest.raises(AssertionError, match="status 768"):  # status 3: no such network, as QEMU shows it
                qmp.ask(
                    "netdev_add",
                    type="tap",
                    id="n2",
                    **words | {"script": tap("no", directory=host.directory)[11:].split(",")[0]},
                )
            qmp.ask("device_del", id="d1")
            qmp.wait_for_event("DEVICE_DELETED")
            qmp.ask("netdev_del", id="n1")
        assert host.vnet_json("nic-list") == []
