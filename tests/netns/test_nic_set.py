"""An attached NIC is changed while its guest runs: its network, name, address, limits; all that is asked or nothing."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, wait_for

pytestmark = pytest.mark.netns
ALICE, BOB = "52:54:00:00:68:01", "52:54:00:00:68:02"
XML = """
<network><name>{name}</name><forward mode='nat'/><bridge name='vnbr{number}'/>
  <ip address='10.6{number}.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.6{number}.0.2' end='10.6{number}.0.9'/></dhcp>
  </ip>
  <portgroup name='apart'/>
</network>"""
MOVE = ["--network", "other", "--outbound", "100"]
VOLATILE = ["locks", "leases", "journal", "shared.json", "tcp_fastopen", r"file d.*dnsmasq/other"]


class World(NamedTuple):
    host: Host
    alice: Client
    bob: Client


@pytest.fixture
def world() -> Iterator[World]:
    with (
        Host() as host,
        Client(host, "alice", port="va", mac=ALICE) as alice,
        Client(host, "bob", port="vb", mac=BOB) as bob,
    ):
        for number, name in ((8, "lab"), (9, "other")):
            host.define(XML.format(name=name, number=number))
        host.vnet("attach", "va", "--network", "lab", "--guest", "alice", "--mac", ALICE)
        host.vnet("attach", "vb", "--network", "lab", "--guest", "bob", "--mac", BOB)
        yield World(host, alice, bob)


def _nic(host: Host, interface: str = "va") -> dict[str, object]:
    [found] = [nic for nic in host.vnet_json("nic-list") if nic["interface"] == interface]
    return dict(found)


def test_a_nic_moves_to_another_network_that_comes_up_for_it(world: World) -> None:
    host, alice, bob = world
    assert alice.lease()["router"] == "10.68.0.1"
    bob.lease()
    uuid = _nic(host)["uuid"]
    assert host.vnet("nic-set", "va", "--network", "other:apart").stdout == "Interface va set\n\n"
    found = _nic(host)
    assert (found["network"], found["portgroup"], found["hostname"]) == ("other", "apart", "alice")
    assert found["uuid"] != uuid
    assert alice.lease()["router"] == "10.69.0.1"
    wait_for(lambda: bob.resolve("alice", server="10.68.0.1") == [], "the old network to forget the name")
    assert " other:apart " in host.vnet("nic-list").stdout


def test_a_name_in_dns_is_changed_while_the_guest_has_its_lease(world: World) -> None:
    host, alice, bob = world
    address = alice.lease()["ip"]
    bob.lease()
    host.vnet("nic-set", "va", "--hostname", "www")
    wait_for(lambda: bob.resolve("www", server="10.68.0.1") == [address], "the new name")
    assert bob.resolve("alice", server="10.68.0.1") == []
    assert (_nic(host)["guest"], _nic(host)["hostname"]) == ("alice", "www")
    host.vnet("net-restart", "lab")
    assert _nic(host)["hostname"] == "www"
    host.vnet("nic-set", "va", "--hostname", "", "--guest", "carol")
    assert _nic(host)["hostname"] == "carol"


def test_an_address_is_fixed_live_and_in_the_definition(world: World) -> None:
    host, alice, _ = world
    alice.lease()
    host.vnet("nic-set", "va", "--address", "10.68.0.77")
    assert alice.lease()["ip"] == "10.68.0.77"
    for stored in ([], ["--inactive"]):
        assert f"<host mac='{ALICE}' ip='10.68.0.77'/>" in host.vnet("net-dumpxml", "lab", *stored).stdout
    host.vnet("nic-set", "va", "--address", "10.68.0.78")
    assert alice.lease()["ip"] == "10.68.0.78"
    assert "10.68.0.77" not in host.vnet("net-dumpxml", "lab").stdout


def test_limits_and_isolation_are_changed_on_the_port(world: World) -> None:
    host = world.host
    host.vnet("nic-set", "va", "--inbound", "1000,2000,64", "--outbound", "500", "--isolated", "yes")
    assert "rate 8Mbit ceil 16Mbit" in host.run(["tc", "class", "show", "dev", "va"]).stdout
    assert "limit rate over 500000 bytes/second" in host.run(["nft", "list", "ruleset"]).stdout
    [link] = host.json(["bridge", "-json", "-details", "link", "show", "dev", "va"])
    assert link["isolated"]
    host.vnet("nic-set", "va", "--inbound", "0", "--isolated", "no")
    assert host.run(["tc", "class", "show", "dev", "va"]).stdout == ""
    found = _nic(host)
    assert (found["isolated"], found["limits"]) == (
        False,
        {"outbound.average": 500, "outbound.peak": 0, "outbound.burst": 0},
    )


def test_a_mac_is_that_of_the_record_and_the_hypervisor_is_named_for_the_rest(world: World) -> None:
    host = world.host
    chosen = host.vnet("nic-mac").stdout.strip()
    said = host.vnet("nic-set", "va", "--mac", chosen)
    assert said.stderr == f"warning: the guest's own MAC is its hypervisor's to set: give it mac={chosen}\n"
    assert _nic(host)["mac"] == chosen
    host.vnet("nic-set", "va", "--mac", "random")
    assert str(_nic(host)["mac"]).startswith("52:54:00:")
    assert _nic(host)["mac"] not in {chosen, ALICE, BOB}


REFUSED = [
    (["--hostname", "bob"], "interface 'va': change: name 'bob' cannot be given"),
    (["--mac", BOB], f"interface 'va': change: MAC {BOB} is that of interface 'vb'"),
    ([*MOVE, "--address", "192.0.2.1"], "network 'other': address 192.0.2.1: is in no subnet of the network"),
    ([*MOVE, "--portgroup", "none"], "network 'other': portgroup 'none': no such portgroup"),
    (
        [*MOVE, "--inbound", "0,0,0,9"],
        "interface 'va': guarantee 9 kB/s: network 'other' has no inbound average of its own",
    ),
    ([*MOVE, "--inbound", "9,1"], "bandwidth: peak 1 is less than the average 9"),
]


def test_a_change_that_cannot_be_leaves_all_as_it_was(world: World) -> None:
    host = world.host
    host.vnet("net-start", "other")
    host.vnet("nic-set", "va", "--outbound", "300")
    before = host.snapshot()
    for words, said in REFUSED:
        refused = host.vnet("nic-set", "va", "--isolated", "yes", *words, check=False)
        assert refused.stderr.splitlines()[0] == f"error: {said}"
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []


def test_a_nic_that_is_not_attached_is_said_so(world: World) -> None:
    world.host.vnet("detach", "va")
    refused = world.host.vnet("nic-set", "va", "--isolated", "yes", check=False)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        4,
        "error: interface 'va': is attached to no network",
    )
