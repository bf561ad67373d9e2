"""Real guests on the physical network and on a virtual one of the same host, their links by every maker of links."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.lab import Client, Guest, Machine, wait_for
from tests.lab.console import wait_for_guests
from tests.lab.guest import bridge, tap
from tests.lab.lan import GATEWAY, OURS, answers, call, connect, layer3
from tests.lab.xen import CONNECTED, Dom0, Vif, mac_of

pytestmark = [pytest.mark.netns, pytest.mark.guests, pytest.mark.xen]
LOW, BOBS, CAROLS, DAVES = "02:00:00:00:00:01", "52:54:00:00:53:0b", "52:54:00:00:53:0c", "52:54:00:00:53:0d"
DOMID = 7
POOL = "192.0.2.100,192.0.2.150"


class Site(NamedTuple):
    """alice, bob and xena are on the physical network, carol and dave on `default`; `mac`: the host's before them."""

    router: Machine
    host: Dom0
    alice: Guest
    bob: Guest
    xena: Client
    carol: Guest
    dave: Guest
    mac: str
    before: list[str]


def _serve_dhcp(router: Machine) -> None:
    words = ["dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--port=0", "--bind-interfaces", "--pid-file="]
    words += ["--interface=lan0", f"--dhcp-range={POOL},1h", "--dhcp-authoritative", "--no-ping"]
    log = router.directory / "dnsmasq"
    with log.open("w") as said:
        router.popen([*words, f"--dhcp-leasefile={router.directory}/leases", "--log-facility=-"], stderr=said)
    wait_for(lambda: "DHCP, IP range" in log.read_text(), "the DHCP server of the physical network")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        router, host = stack.enter_context(Machine("router")), stack.enter_context(Dom0())
        connect(host, router)
        _serve_dhcp(router)
        mac = host.link("eth0")["address"]
        before = layer3(host)
        assert call(host, "start") == (0, "")
        host.make_tap("tapd")
        host.vnet("attach", "tapd", "--network", "default", "--guest", "dave", "--mac", DAVES)
        ready = "tap,ifname=tapd,script=no,downscript=no"
        guests = [
            stack.enter_context(Guest(host, "alice", tap("eth0", directory=host.directory), mac=LOW)),
            stack.enter_context(Guest(host, "bob", bridge("ebreth0"), mac=BOBS)),
            stack.enter_context(Guest(host, "carol", bridge("default"), mac=CAROLS)),
            stack.enter_context(Guest(host, "dave", ready, mac=DAVES)),
        ]
        xena = stack.enter_context(Client(host, "xena", port=f"vif{DOMID}.0", mac=mac_of(DOMID)))
        vif = host.vif(DOMID, guest="xena", link="", bridge="eth0")
        assert (vif.online().stderr, vif.status) == ("", CONNECTED)
        assert xena.lease()
        wait_for_guests(guests)
        alice, bob, carol, dave = guests
        yield Site(router, host, alice, bob, xena, carol, dave, mac, before)


def test_guests_of_a_shared_interface_have_leases_of_the_physical_networks_server_and_are_reached_by_their_own_mac(
    site: Site,
) -> None:
    written = [line.split()[1:3] for line in (site.router.directory / "leases").read_text().splitlines()]
    leases = dict(written)
    assert leases.keys() == {LOW, BOBS, mac_of(DOMID)}
    assert (leases[LOW], leases[BOBS]) == (site.alice.ip, site.bob.ip)
    assert (site.alice.lease["server"], site.alice.lease["router"]) == (GATEWAY, GATEWAY)
    for mac, address in leases.items():
        assert answers(site.router, address)
        [neighbour] = site.router.json(["ip", "-json", "neighbour", "show", "to", address])
        assert neighbour["lladdr"] == mac


def test_a_guest_with_a_lower_mac_does_not_change_the_hosts(site: Site) -> None:
    assert site.mac > LOW
    assert [site.host.link(name)["address"] for name in ("eth0", "ebreth0")] == [site.mac, site.mac]
    assert answers(site.router, OURS)
    [neighbour] = site.router.json(["ip", "-json", "neighbour", "show", "to", OURS])
    assert neighbour["lladdr"] == site.mac


def test_links_of_every_maker_are_on_the_network_that_their_guests_configuration_names(site: Site) -> None:
    found = {nic["guest"]: (nic["network"], nic["mac"]) for nic in site.host.vnet_json("nic-list")}
    assert found == {
        "alice": ("ebreth0", LOW),
        "bob": ("ebreth0", BOBS),
        "xena": ("ebreth0", mac_of(DOMID)),
        "carol": ("default", CAROLS),
        "dave": ("default", DAVES),
    }
    assert site.alice.pings(site.bob.ip)
    assert site.bob.pings(OURS)
    assert site.xena.pings(site.alice.ip)
    assert site.carol.resolve("dave") == site.dave.ip
    assert site.carol.pings("dave")


def test_guests_of_the_virtual_network_reach_the_physical_one_and_are_not_reached_from_there(site: Site) -> None:
    assert site.carol.pings(GATEWAY)
    assert site.dave.pings(site.alice.ip)
    assert not site.alice.pings(site.carol.ip)
    assert not answers(site.router, site.carol.ip)


def test_the_host_is_as_before_when_its_guests_are_gone_and_the_interface_is_given_back(site: Site) -> None:
    """The last one: it ends the guests."""
    status, said = call(site.host, "stop")
    assert status != 0
    assert "guests are on it: " in said
    assert site.alice.power_off() == 0
    site.bob.kill()
    site.host.run(["ip", "link", "delete", f"vif{DOMID}.0"])
    assert Vif(site.host, DOMID).offline().returncode == 0
    site.carol.kill()
    site.host.vnet("net-destroy", "default", "--force")
    assert call(site.host, "stop") == (0, "")
    assert layer3(site.host) == site.before
