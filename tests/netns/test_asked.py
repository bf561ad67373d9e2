"""What a guest's configuration asks for of its network: addresses of its own, an MTU, a second NIC with the same MAC."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.library import on
from vnethook.errors import StateError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.lifecycle import health
from vnethook.live import nics

pytestmark = pytest.mark.netns
ALICE, BOB, HOST = "52:54:00:00:87:01", "52:54:00:00:87:02", "52:54:00:00:87:03"
GATEWAY, ASKED, OTHER = "10.87.0.1", "10.87.0.50", "10.87.0.51"
LAB = f"""
<network><name>lab</name><bridge name='vnlab'/>{{guard}}<mtu size='1400'/><domain name='lab.test'/>
  <ip address='{GATEWAY}' prefix='24'>
    <dhcp><range start='10.87.0.40' end='10.87.0.59'/>
      <host mac='{HOST}' name='fixed'/><host name='carol' ip='10.87.0.7'/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00:87::1' prefix='64'/>
</network>"""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB.format(guard=""))
        yield host


@pytest.fixture
def alice(host: Host) -> Iterator[Client]:
    with Client(host, "alice", port="va", mac=ALICE) as alice:
        yield alice


@pytest.fixture
def bob(host: Host) -> Iterator[Client]:
    with Client(host, "bob", port="vb", mac=BOB) as bob:
        yield bob


def attach(host: Host, port: str, *asked: str, guest: str = "alice", mac: str = ALICE, **more: object) -> list[str]:
    request = NicRequest(port, "lab", guest=guest, mac=mac, via="vif-vnet", asked=asked, **more)
    return on(host, lambda here: serve.attach(here.paths, request))


def refused(host: Host, port: str, *asked: str, **more: object) -> tuple[str, str]:
    with pytest.raises(StateError) as caught:
        attach(host, port, *asked, **more)
    return caught.value.message, caught.value.hint


def record_of(host: Host, port: str) -> nics.Nic | None:
    return on(host, lambda here: nics.read(here.paths, port))


def use(client: Client, address: str) -> None:
    """Have this address whatever DHCP says."""
    client.run(["ip", "address", "flush", "dev", "eth0", "scope", "global"])
    client.run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])


def test_an_address_that_is_asked_for_is_in_dhcp_and_dns(host: Host, alice: Client, bob: Client) -> None:
    assert attach(host, "va", ASKED) == []
    assert attach(host, "vb", guest="bob", mac=BOB) == []
    assert alice.lease()["ip"] == ASKED
    assert bob.lease()["ip"] not in {ASKED, ""}
    assert bob.resolve("alice.lab.test", server=GATEWAY) == [ASKED]
    host.vnet("net-check", "lab")


def test_an_address_that_is_asked_for_is_that_of_a_guest_without_a_name(host: Host, alice: Client) -> None:
    attach(host, "va", ASKED, guest="")
    assert alice.lease()["ip"] == ASKED


def test_a_guest_is_held_to_the_addresses_that_are_asked_for_it(host: Host, alice: Client) -> None:
    attach(host, "va", ASKED)
    use(alice, OTHER)
    assert not alice.pings(GATEWAY)
    use(alice, ASKED)
    assert alice.pings(GATEWAY)
    alice.run(["ip", "address", "add", "fd00:87::77/64", "dev", "eth0", "nodad"])
    assert alice.pings("fd00:87::1"), "nothing is asked of IPv6"


def test_a_guest_is_held_to_all_addresses_that_are_asked_for_it_of_both_versions(host: Host, alice: Client) -> None:
    attach(host, "va", ASKED, OTHER, "fd00:87::50")
    for address in (ASKED, OTHER):
        use(alice, address)
        assert alice.pings(GATEWAY)
    use(alice, "10.87.0.52")
    assert not alice.pings(GATEWAY)
    alice.run(["ip", "address", "flush", "dev", "eth0", "scope", "global"])
    alice.run(["ip", "address", "add", "fd00:87::51/64", "dev", "eth0", "nodad"])
    assert not alice.pings("fd00:87::1")
    alice.run(["ip", "address", "add", "fd00:87::50/64", "dev", "eth0", "nodad"])
    alice.run(["ip", "address", "delete", "fd00:87::51/64", "dev", "eth0"])
    assert alice.pings("fd00:87::1")


def test_a_guest_without_a_guard_is_held_to_nothing(host: Host, alice: Client) -> None:
    host.define(LAB.format(guard="<guard mode='off'/>"))
    attach(host, "va", ASKED)
    use(alice, OTHER)
    assert alice.pings(GATEWAY)


def test_what_is_asked_for_outlives_a_repair_and_a_restart_of_the_network(host: Host, alice: Client) -> None:
    attach(host, "va", ASKED, mtu=1300)
    host.run(["nft", "flush", "ruleset"])
    on(host, lambda here: health.repair(here, "lab") and None)
    host.vnet("net-restart", "lab")
    nic = record_of(host, "va")
    assert nic
    assert (nic.asked, nic.addresses, nic.pinned, nic.mtu) == ((ASKED,), (ASKED,), (ASKED,), 1300)
    [link] = host.json(["ip", "-json", "link", "show", "va"])
    assert link["mtu"] == 1300
    assert alice.lease()["ip"] == ASKED
    use(alice, OTHER)
    assert not alice.pings(GATEWAY)


def test_an_address_that_a_guest_had_who_is_gone_goes_to_who_asks_for_it(
    host: Host, alice: Client, bob: Client
) -> None:
    attach(host, "va", ASKED)
    assert alice.lease()["ip"] == ASKED
    host.vnet("detach", "va")
    attach(host, "vb", ASKED, guest="bob", mac=BOB)
    assert bob.lease()["ip"] == ASKED


def test_an_address_of_a_guest_who_is_there_is_refused(host: Host, alice: Client, bob: Client) -> None:
    attach(host, "va", ASKED)
    hint = "give one of them another address"
    said = refused(host, "vb", ASKED, guest="bob", mac=BOB)
    assert said == (f"interface 'vb': address {ASKED}: guest 'alice' on 'va' has it", hint)
    assert record_of(host, "vb") is None
    leased = (attach(host, "vb", guest="bob", mac=BOB), bob.lease()["ip"])[1]
    host.vnet("detach", "va")
    said = refused(host, "va", leased)
    assert said == (f"interface 'va': address {leased}: guest 'bob' on 'vb' has it", hint)


SAME = "make the definition and the guest's configuration the same"
CHOOSE = "choose another in the guest's configuration, or none"
REFUSED = {
    GATEWAY: ("is that of bridge 'vnlab'", CHOOSE),
    "192.0.2.9": ("network 'lab' has 10.87.0.0 to 10.87.0.255 and fd00:87:: to fd00:87::ffff:ffff:ffff:ffff", CHOOSE),
    "10.87.0.0": ("is no host's: the first or last of its subnet", CHOOSE),
    "10.87.0.255": ("is no host's: the first or last of its subnet", CHOOSE),
    "10.87.0.7": ("the definition of 'lab' gives it to 'carol'", SAME),
}


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_the_network_cannot_give_is_refused(host: Host, address: str) -> None:
    host.make_tap("tap0")
    why, hint = REFUSED[address]
    assert refused(host, "tap0", address) == (f"interface 'tap0': address {address}: {why}", hint)
    assert host.json(["ip", "-json", "link", "show", "tap0"])[0].get("master") is None


def test_what_the_definition_says_of_a_guest_must_be_the_same(host: Host) -> None:
    host.make_tap("tap0")
    said = refused(host, "tap0", ASKED, guest="carol")
    assert said == (f"interface 'tap0': address {ASKED}: the definition of 'lab' gives it 10.87.0.7", SAME)
    why = "the definition of 'lab' has a host of this MAC without an address"
    said = refused(host, "tap0", ASKED, mac=HOST)
    assert said == (f"interface 'tap0': address {ASKED}: {why}", "write ip='…' there")
    assert attach(host, "tap0", "10.87.0.7", guest="carol") == []


def test_an_mtu_that_is_less_is_the_links_and_one_that_is_more_is_refused(host: Host) -> None:
    host.make_tap("tap0")
    said = refused(host, "tap0", mtu=1500)
    hint = "<mtu size='1500'/> in its definition, or at most 1400 in the guest's configuration"
    assert said == ("interface 'tap0': MTU 1500: network 'lab' has 1400", hint)
    attach(host, "tap0", mtu=1300)
    assert host.json(["ip", "-json", "link", "show", "tap0"])[0]["mtu"] == 1300
    host.vnet("detach", "tap0")
    attach(host, "tap0")
    assert host.json(["ip", "-json", "link", "show", "tap0"])[0]["mtu"] == 1400


@pytest.mark.parametrize("guard", ["", "<guard mode='strict'/>"])
def test_a_nic_beside_another_has_its_mac_and_addresses_and_leaves_it_its_name(
    host: Host, alice: Client, guard
) -> None:
    """As the emulated NIC of a Xen guest, before its driver is there."""
    host.define(LAB.format(guard=guard))
    host.make_tap("emu")
    assert attach(host, "va", ASKED) == []
    assert attach(host, "emu", ASKED, beside="va") == []
    vif, emu = record_of(host, "va"), record_of(host, "emu")
    assert vif
    assert emu
    assert (vif.hostname, vif.addresses, emu.hostname) == ("alice", emu.addresses, "")
    host.vnet("detach", "emu")
    assert alice.lease()["ip"] == ASKED
    assert alice.resolve("alice.lab.test", server=GATEWAY) == [ASKED]
    host.vnet("net-check", "lab")


def test_a_nic_may_be_there_before_the_one_that_it_is_beside(host: Host, alice: Client) -> None:
    host.make_tap("emu")
    assert attach(host, "emu", ASKED, beside="va") == []
    assert attach(host, "va", ASKED) == []
    assert alice.lease()["ip"] == ASKED
    assert alice.resolve("alice.lab.test", server=GATEWAY) == [ASKED]
