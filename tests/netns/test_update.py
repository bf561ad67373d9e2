"""net-update: a part of a running network changes at once, and no guest notices; what is stored changes for later."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.library import on
from vnethook.live import record

pytestmark = pytest.mark.netns
GATEWAY = "10.84.0.1"
LAB = f"""
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='{GATEWAY}' netmask='255.255.255.0'><dhcp><range start='10.84.0.2' end='10.84.0.9'/></dhcp></ip>
</network>"""
ALICE = "52:54:00:00:00:01"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        yield host


@pytest.fixture
def alice(host: Host) -> Iterator[Client]:
    """A guest on the running network."""
    with Client(host, "alice", port="va", mac=ALICE) as alice:
        host.vnet("attach", "va", "--network", "lab", "--guest", "alice", "--mac", ALICE)
        yield alice


def _server(host: Host) -> int:
    live = on(host, lambda here: record.read(here.paths, "lab"))
    assert live
    return live.daemons[0][1]


def test_a_fixed_host_gets_its_address_and_the_server_is_not_restarted(host: Host, alice: Client) -> None:
    server = _server(host)
    xml = f"<host mac='{ALICE}' name='first' ip='10.84.0.50'/>"
    said = host.vnet("net-update", "lab", "add", "ip-dhcp-host", xml, "--live")
    assert said.stdout == "Updated network lab live state\n"
    assert alice.lease()["ip"] == "10.84.0.50"
    host.vnet("net-update", "lab", "modify", "ip-dhcp-host", xml.replace(".50", ".51"), "--live")
    assert alice.lease()["ip"] == "10.84.0.51"
    host.vnet("net-update", "lab", "delete", "ip-dhcp-host", f"<host mac='{ALICE}'/>", "--live")
    assert _server(host) == server
    assert "<host" not in host.vnet("net-dumpxml", "lab").stdout


def test_dns_hosts_come_and_go_while_the_server_runs(host: Host, alice: Client) -> None:
    alice.lease()
    server = _server(host)
    xml = "<host ip='10.84.0.200'><hostname>printer</hostname></host>"
    host.vnet("net-update", "lab", "add", "dns-host", xml, "--live", "--config")
    assert alice.resolve("printer", server=GATEWAY) == ["10.84.0.200"]
    host.vnet("net-update", "lab", "delete", "dns-host", "<host ip='10.84.0.200'/>", "--live", "--config")
    assert alice.resolve("printer", server=GATEWAY) == []
    assert _server(host) == server


def test_a_range_is_replaced_under_a_guest_that_keeps_its_lease(host: Host, alice: Client) -> None:
    lease = alice.lease()
    host.vnet("net-update", "lab", "add", "ip-dhcp-range", "<range start='10.84.0.100' end='10.84.0.101'/>")
    host.vnet("net-update", "lab", "delete", "ip-dhcp-range", "<range start='10.84.0.2' end='10.84.0.9'/>")
    assert alice.pings(GATEWAY)
    assert [item["ip"] for item in host.vnet_json("net-dhcp-leases", "lab")] == [f"{lease['ip']}"]
    with Client(host, "bob", port="vb") as bob:
        host.vnet("attach", "vb", "--network", "lab")
        assert bob.lease()["ip"] in {"10.84.0.100", "10.84.0.101"}
        assert bob.pings(lease["ip"])


def test_what_is_stored_counts_from_the_next_start(host: Host, alice: Client) -> None:
    xml = f"<host mac='{ALICE}' ip='10.84.0.60'/>"
    said = host.vnet("net-update", "lab", "add", "ip-dhcp-host", xml, "--config")
    assert said.stdout == "Updated network lab persistent config\n"
    assert alice.lease()["ip"] != "10.84.0.60"
    assert xml in host.vnet("net-dumpxml", "lab", "--inactive").stdout
    assert xml not in host.vnet("net-dumpxml", "lab").stdout
    host.vnet("net-restart", "lab")
    assert alice.lease()["ip"] == "10.84.0.60"


def test_both_are_changed_or_neither(host: Host, alice: Client) -> None:
    xml = "<host mac='52:54:00:00:00:09' ip='10.84.0.61'/>"
    said = host.vnet("net-update", "lab", "add", "ip-dhcp-host", xml, "--config", "--live")
    assert said.stdout == "Updated network lab persistent config and live state\n"
    host.vnet("net-update", "lab", "delete", "ip-dhcp-host", xml, "--config")
    again = host.vnet("net-update", "lab", "delete", "ip-dhcp-host", xml, "--config", "--live", check=False)
    assert (again.returncode, again.stderr) == (
        4,
        "error: network 'lab': update: nothing matches <host mac='52:54:00:00:00:09' ip='10.84.0.61'/>\n",
    )
    assert xml in host.vnet("net-dumpxml", "lab").stdout


def test_a_network_that_is_down_is_changed_where_it_is_stored(host: Host) -> None:
    text = "<txt name='a' value='b'/>"
    assert host.vnet("net-update", "lab", "add", "dns-txt", text).stdout == "Updated network lab persistent config\n"
    live = host.vnet("net-update", "lab", "add", "dns-txt", text, "--live", check=False)
    assert (live.returncode, live.stderr.splitlines()[0]) == (
        4,
        "error: network 'lab': update: network is not active",
    )
    assert text in host.vnet("net-dumpxml", "lab").stdout


def test_a_transient_network_is_changed_where_it_is_up(host: Host) -> None:
    host.vnet("net-create", "-", stdin=LAB.replace("lab", "brief").replace("vnbr7", "vnbr8").replace("10.84", "10.85"))
    text = "<txt name='a' value='b'/>"
    host.vnet("net-update", "brief", "add", "dns-txt", text)
    assert text in host.vnet("net-dumpxml", "brief").stdout
    stored = host.vnet("net-update", "brief", "add", "dns-txt", text, "--config", check=False)
    assert stored.stderr.splitlines()[0] == "error: network 'brief': is transient: it has no stored definition"
    host.vnet("net-restart", "brief")
    assert text in host.vnet("net-dumpxml", "brief").stdout


def test_an_element_may_come_from_a_file(host: Host) -> None:
    file = host.directory / "host.xml"
    file.write_text("\n<host ip='x'><hostname>a</hostname></host>")
    refused = host.vnet("net-update", "lab", "add", "dns-host", file, check=False)
    assert refused.stderr == f"error: {file}:2: address 'x': neither an IPv4 nor an IPv6 address\n"
    file.write_text("<host ip='192.0.2.1'><hostname>a</hostname></host>")
    host.vnet("net-update", "--network", "lab", "--command", "add-last", "--section", "dns-host", "--xml", file)
    assert "<hostname>a</hostname>" in host.vnet("net-dumpxml", "lab").stdout
