"""What guests see of net-update: names, leases, ways out and rates change under them, and nothing else does."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.rates import came
from tests.lab.site import Site, site
from tests.lab.witness import Witness, ask

pytestmark = pytest.mark.netns
GATEWAY, GATEWAY_6 = "10.87.0.1", "fd00:87::1"
LAB = f"""
<network><name>lab</name><forward mode='nat'/><domain name='lab.test'/>
  <ip address='{GATEWAY}' netmask='255.255.255.0'><dhcp><range start='10.87.0.10' end='10.87.0.10'/></dhcp></ip>
  <ip family='ipv6' address='{GATEWAY_6}' prefix='64'><dhcp><range start='fd00:87::10' end='fd00:87::10'/></dhcp></ip>
  <portgroup name='slow'><bandwidth><outbound average='100'/></bandwidth></portgroup>
</network>"""
ALICE = "52:54:00:00:87:01"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        host.vnet("net-start", "lab")
        yield host


@pytest.fixture
def alice(host: Host) -> Iterator[Client]:
    """A guest with a lease."""
    with Client(host, "alice", port="va", mac=ALICE) as alice:
        host.vnet("attach", "va", "--network", "lab:slow", "--guest", "alice", "--mac", ALICE)
        assert alice.lease()["ip"] == "10.87.0.10"
        alice.run(["ip", "address", "add", "fd00:87::50/64", "dev", "eth0", "nodad"])
        yield alice


def _update(host: Host, command: str, section: str, xml: str, *more: str) -> None:
    host.vnet("net-update", "lab", command, section, xml, "--live", *more)


def _server(host: Host) -> list[str]:
    """The pids of all dnsmasqs of the host."""
    return host.run(["pgrep", "-x", "dnsmasq"]).stdout.split()


RECORDS = {
    "dns-txt": ("<txt name='policy.lab.test' value='v=1'/>", "policy.lab.test", "TXT", ['"v=1"']),
    "dns-srv": (
        "<srv service='ldap' protocol='tcp' target='dc.lab.test' port='389' priority='10' weight='5'/>",
        "_ldap._tcp.lab.test",
        "SRV",
        ["10", "5", "389", "dc.lab.test."],
    ),
    "dns-host": (
        "<host ip='10.87.0.99'><hostname>printer</hostname></host>",
        "printer.lab.test",
        "A",
        ["10.87.0.99"],
    ),
}


@pytest.mark.parametrize("section", RECORDS)
def test_a_record_is_answered_from_then_on_and_no_longer_when_it_is_deleted(
    host: Host, alice: Client, section: str
) -> None:
    xml, name, kind, answer = RECORDS[section]
    assert alice.resolve(name, server=GATEWAY, kind=kind) == []
    _update(host, "add", section, xml)
    assert alice.resolve(name, server=GATEWAY, kind=kind) == answer
    assert alice.resolve(name, server=GATEWAY_6, kind=kind) == answer
    _update(host, "delete", section, xml)
    assert alice.resolve(name, server=GATEWAY, kind=kind) == []
    assert alice.pings(GATEWAY)
    assert alice.lease()["ip"] == "10.87.0.10"


UNNOTICED = {
    "dns-host": "<host ip='10.87.0.99'><hostname>printer</hostname></host>",
    "ip-dhcp-host": "<host mac='52:54:00:00:87:99' name='box' ip='10.87.0.77'/>",
    "portgroup": "<portgroup name='new'><bandwidth><outbound average='100'/></bandwidth></portgroup>",
    "forward-interface": "<interface dev='uplink0'/>",
}


def test_the_server_goes_on_through_changes_that_it_reads_again_or_that_are_none_of_its(
    host: Host, alice: Client
) -> None:
    server = _server(host)
    assert len(server) == 1
    for section, xml in UNNOTICED.items():
        for command in ("add-first", "delete"):
            _update(host, command, section, xml)
            assert (section, command, _server(host)) == (section, command, server)
    assert alice.lease()["ip"] == "10.87.0.10"


def test_a_new_range_serves_those_for_whom_there_was_nothing_left(host: Host, alice: Client) -> None:
    with Client(host, "bob", port="vb") as bob:
        host.vnet("attach", "vb", "--network", "lab")
        assert bob.lease(tries=2) == {}
        _update(host, "add-last", "ip-dhcp-range", "<range start='10.87.0.30' end='10.87.0.30'/>")
        assert bob.lease()["ip"] == "10.87.0.30"
        assert alice.lease()["ip"] == "10.87.0.10"
        assert alice.pings("10.87.0.30")
        _update(host, "delete", "ip-dhcp-range", "<range start='10.87.0.30' end='10.87.0.30'/>")
        assert bob.lease(mac="52:54:00:00:87:03", tries=2) == {}


@pytest.mark.parametrize(("command", "order"), [("add-first", [".40", ".10"]), ("add-last", [".10", ".40"])])
def test_ranges_are_used_up_in_the_order_in_which_they_stand(command: str, order: list[str]) -> None:
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        host.define(LAB)
        host.vnet("net-start", "lab")
        host.vnet("attach", "vguest", "--network", "lab")
        _update(host, command, "ip-dhcp-range", "<range start='10.87.0.40' end='10.87.0.40'/>")
        found = [guest.lease(mac=f"52:54:00:00:87:1{number}")["ip"] for number in range(2)]
        assert found == [f"10.87.0{last}" for last in order]


def test_a_parent_index_says_which_address_is_meant(host: Host, alice: Client) -> None:
    alice.run(["ip", "-6", "address", "replace", "fe80::87/64", "dev", "eth0", "nodad"])
    first, second, fixed = (f"00:03:00:01:52:54:00:00:87:0{number}" for number in range(3))
    lease = alice.lease6(first)
    assert lease
    assert lease.ip == "fd00:87::10"
    assert alice.lease6(second) is None
    _update(host, "add", "ip-dhcp-range", "<range start='fd00:87::20' end='fd00:87::20'/>", "--parent-index", "1")
    _update(host, "add", "ip-dhcp-host", f"<host id='{fixed}' ip='fd00:87::77'/>", "--parent-index", "1")
    _update(host, "add", "ip-dhcp-host", f"<host mac='{ALICE}' ip='10.87.0.77'/>", "--parent-index", "0")
    found = [alice.lease6(duid) for duid in (second, fixed)]
    assert [lease and lease.ip for lease in found] == ["fd00:87::20", "fd00:87::77"]
    assert alice.lease()["ip"] == "10.87.0.77"
    refused = host.vnet("net-update", "lab", "add", "ip-dhcp-host", "<host/>", "--parent-index", "2", check=False)
    assert (refused.returncode, refused.stderr) == (4, "error: network 'lab': update: there is no <ip> with index 2\n")


def _second_way(place: Site) -> None:
    """The outside is behind uplink1 too, as 198.51.100.1, and answers there."""
    place.outside.lay_cable("to-uplink1", place.host, "uplink1")
    for machine, link, last in ((place.outside, "to-uplink1", 1), (place.host, "uplink1", 2)):
        machine.run(["ip", "address", "add", f"198.51.100.{last}/24", "dev", link])


def test_packets_leave_by_the_new_device_only_while_the_network_is_up() -> None:
    with site() as place:
        _second_way(place)
        Witness(place.outside)
        place.define("lab", 88, "<forward mode='nat'><interface dev='uplink0'/></forward>")
        guest = place.plug("lab")
        ways = {"192.0.2.1": "192.0.2.2", "198.51.100.1": "198.51.100.2"}

        def seen() -> list[str]:
            return [ask(guest, "tcp", address).split()[0] for address in ways]

        assert seen() == ["192.0.2.2", "refused"]
        _update(place.host, "delete", "forward-interface", "<interface dev='uplink0'/>")
        assert seen() == ["192.0.2.2", "198.51.100.2"]
        _update(place.host, "add", "forward-interface", "<interface dev='uplink1'/>")
        assert seen() == ["refused", "198.51.100.2"]


FAST = "<portgroup name='{}'><bandwidth><outbound average='300'/></bandwidth></portgroup>"


def test_a_nic_has_the_rate_of_a_portgroup_that_was_added_or_modified(host: Host, alice: Client) -> None:
    slow = came(host, alice, GATEWAY)
    _update(host, "add", "portgroup", FAST.format("fast"))
    with Client(host, "bob", port="vb") as bob:
        host.vnet("attach", "vb", "--network", "lab:fast")
        bob.run(["ip", "address", "add", "10.87.0.50/24", "dev", "eth0"])
        wait_for(lambda: bob.pings(GATEWAY), "the gateway")
        assert 2 < came(host, bob, GATEWAY) / slow < 4.5
    _update(host, "modify", "portgroup", FAST.format("slow"))
    assert 2 < came(host, alice, GATEWAY) / slow < 4.5
