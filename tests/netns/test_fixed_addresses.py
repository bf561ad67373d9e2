"""Hosts with a fixed address keep their guests' names: whatever of MAC and name the definition says, and since when."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, wait_for

pytestmark = pytest.mark.netns
ALICE, BOB = "52:54:00:00:88:01", "52:54:00:00:88:02"
GATEWAY = "10.88.0.1"
LAB = """
<network><name>lab</name><domain name='lab.test'/>
  <ip address='10.88.0.1' prefix='24'><dhcp><range start='10.88.0.2' end='10.88.0.99'/>{hosts}</dhcp></ip>
  <ip family='ipv6' address='fd00:88::1' prefix='64'>
    <dhcp><range start='fd00:88::100' end='fd00:88::1ff'/>{hosts6}</dhcp>
  </ip>
</network>"""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture
def alice(host: Host) -> Iterator[Client]:
    with Client(host, "alice", port="va", mac=ALICE) as alice:
        yield alice


@pytest.fixture
def bob(host: Host) -> Iterator[Client]:
    with Client(host, "bob", port="vb", mac=BOB) as bob:
        yield bob


def _attach(host: Host, port: str, guest: str, mac: str) -> None:
    said = host.vnet("attach", port, "--network", "lab", "--guest", guest, "--mac", mac)
    assert said.stderr == ""


def _server(host: Host) -> str:
    return (host.root / "run/vnethook/dnsmasq/lab/dnsmasq.pid").read_text()


def test_an_address_that_is_fixed_for_a_mac_goes_with_the_name_of_whoever_has_it(
    host: Host, alice: Client, bob: Client
) -> None:
    host.define(LAB.format(hosts=f"<host mac='{ALICE}' ip='10.88.0.200'/>", hosts6=""))
    _attach(host, "va", "alice", ALICE)
    _attach(host, "vb", "bob", BOB)
    lease = alice.lease()
    assert (lease["ip"], lease["domain"]) == ("10.88.0.200", "lab.test")
    assert bob.lease()["ip"] != ""
    assert bob.resolve("alice", server=GATEWAY) == ["10.88.0.200"]
    [leased] = [row["hostname"] for row in host.vnet_json("net-dhcp-leases", "lab") if row["mac"] == ALICE]
    assert leased == "alice"
    host.vnet("net-check", "lab")
    host.vnet("detach", "va")
    host.vnet("net-check", "lab")
    _attach(host, "va", "carol", ALICE)
    assert alice.lease()["ip"] == "10.88.0.200"
    assert bob.resolve("carol.lab.test", server=GATEWAY) == ["10.88.0.200"]
    assert bob.resolve("alice", server=GATEWAY) == []


def test_it_is_given_to_a_guest_that_nobody_named(host: Host, alice: Client) -> None:
    host.define(LAB.format(hosts=f"<host mac='{ALICE}' ip='10.88.0.200'/>", hosts6=""))
    host.vnet("attach", "va", "--network", "lab")
    assert alice.lease()["ip"] == "10.88.0.200"


def test_a_guest_that_gets_a_fixed_address_while_it_runs_keeps_its_name(host: Host, alice: Client, bob: Client) -> None:
    host.define(LAB.format(hosts="", hosts6=""))
    _attach(host, "va", "alice", ALICE)
    _attach(host, "vb", "bob", BOB)
    assert alice.lease()["ip"] != ""
    server, first = _server(host), bob.lease()["ip"]
    assert alice.resolve("bob", server=GATEWAY) == [first]
    host.vnet("net-update", "lab", "add", "ip-dhcp-host", f"<host mac='{BOB}' ip='10.88.0.201'/>", "--live", "--config")
    assert alice.resolve("bob", server=GATEWAY) == [first]
    assert bob.lease()["ip"] == "10.88.0.201"
    assert alice.resolve("bob", server=GATEWAY) == ["10.88.0.201"]
    host.vnet("nic-set", "vb", "--address", "10.88.0.202")
    assert alice.resolve("bob", server=GATEWAY) == ["10.88.0.201"]
    assert bob.lease()["ip"] == "10.88.0.202"
    assert alice.resolve("bob", server=GATEWAY) == ["10.88.0.202"]
    host.vnet("net-update", "lab", "delete", "ip-dhcp-host", f"<host mac='{BOB}'/>", "--live", "--config")
    host.vnet("net-check", "lab")
    assert bob.lease()["ip"] not in {"", "10.88.0.202"}
    assert alice.resolve("bob", server=GATEWAY) == [bob.lease()["ip"]]
    assert _server(host) == server


def test_a_name_that_the_definition_gives_a_mac_later_goes_before_the_guests_own(host: Host, alice: Client) -> None:
    host.define(LAB.format(hosts="", hosts6=""))
    _attach(host, "va", "alice", ALICE)
    alice.lease()
    host.vnet(
        "net-update", "lab", "add", "ip-dhcp-host", f"<host mac='{ALICE}' name='web' ip='10.88.0.203'/>", "--live"
    )
    assert alice.lease()["ip"] == "10.88.0.203"
    assert alice.resolve("web", server=GATEWAY) == ["10.88.0.203"]
    assert [nic["hostname"] for nic in host.vnet_json("nic-list", "lab")] == ["web"]


@pytest.mark.parametrize("guest", ["six", ""])
def test_an_ipv6_host_belongs_to_the_ipv4_host_of_its_name(host: Host, alice: Client, guest: str) -> None:
    """A DHCPv6 client says no MAC: dnsmasq looks it up in the kernel's table of neighbours."""
    hosts, hosts6 = f"<host mac='{ALICE}' name='six' ip='10.88.0.204'/>", "<host name='six' ip='fd00:88::60'/>"
    host.define(LAB.format(hosts=hosts, hosts6=hosts6))
    if guest:
        _attach(host, "va", guest, ALICE)
    else:
        host.vnet("attach", "va", "--network", "lab")
    assert alice.lease()["ip"] == "10.88.0.204"
    link_local = ["ip", "-6", "-br", "address", "show", "dev", "eth0", "scope", "link", "-tentative"]
    wait_for(lambda: alice.run(link_local).stdout, "the client's own address")
    lease = alice.lease6("00:03:00:01:" + ALICE)
    assert lease is not None
    assert lease.ip == "fd00:88::60"
    assert alice.resolve("six", server=GATEWAY, kind="AAAA") == ["fd00:88::60"]


def test_what_was_taken_out_of_dnsmasqs_files_is_seen_and_mended(host: Host, alice: Client) -> None:
    host.define(LAB.format(hosts=f"<host mac='{ALICE}' ip='10.88.0.200'/>", hosts6=""))
    _attach(host, "va", "alice", ALICE)
    (host.root / f"run/vnethook/dnsmasq/lab/guests/{ALICE}").unlink()
    assert host.vnet("net-check", "lab", check=False).returncode == 5
    host.vnet("net-repair", "lab")
    host.vnet("net-check", "lab")
    assert alice.lease()["ip"] == "10.88.0.200"
    assert alice.resolve("alice", server=GATEWAY) == ["10.88.0.200"]


def test_a_name_that_dnsmasq_would_convert_and_refuse_is_known_all_the_same(host: Host, alice: Client) -> None:
    """With a capital and a double hyphen at the third place: IDNA has no such name."""
    host.define(LAB.format(hosts=f"<host mac='{ALICE}' name='aB--c' ip='10.88.0.205'/>", hosts6=""))
    host.vnet("attach", "va", "--network", "lab", "--mac", ALICE)
    assert alice.lease()["ip"] == "10.88.0.205"
    assert alice.resolve("aB--c", server=GATEWAY) == ["10.88.0.205"]
