"""A network that is connected to another one of its host: one layer 2, by permission, and the other is held."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.host import HOOKS

pytestmark = pytest.mark.netns
SERVER = """<network><name>base</name><forward mode='nat'/><listen local='yes'/>
  <ip address='10.75.1.1' netmask='255.255.255.0'><dhcp><range start='10.75.1.50' end='10.75.1.99'/></dhcp></ip></network>"""
LEAF = "<network><name>leaf</name>{more}<connections><connection network='{other}'/></connections></network>"


def leaf(name: str = "leaf", other: str = "base", more: str = "") -> str:
    return LEAF.replace("leaf", name).format(other=other, more=more)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(SERVER)
        yield host


def _plug(host: Host, guest: Client, network: str) -> None:
    mac = guest.json(["ip", "-json", "link", "show", "eth0"])[0]["address"]
    host.run([HOOKS / "qemu/qemu-ifup", guest.port], env={"VNET_NETWORK": network, "VNET_MAC": mac})


def test_the_first_guest_brings_up_the_other_network_and_has_a_lease_of_it_at_once(host: Host) -> None:
    host.define(leaf())
    with Client(host, "one", port="vone") as one, Client(host, "two", port="vtwo") as two:
        before = host.snapshot()
        _plug(host, one, "leaf")
        _plug(host, two, "base")
        leases = [guest.lease(tries=2) for guest in (one, two)]
        assert [lease.get("server") for lease in leases] == ["10.75.1.1"] * 2
        assert one.pings(leases[1]["ip"])
        [link] = host.vnet_json("link-list")
        assert (link["network"], link["transport"], link["address"], link["state"]) == ("leaf", "local", "base", "up")
        assert min(link["received"], link["sent"]) > 0
        refused = host.vnet("net-stop", "base", check=False)
        assert "1 NIC" in refused.stderr or "a NIC is attached" in refused.stderr
        host.run([HOOKS / "qemu/qemu-ifdown", "vtwo"])
        refused = host.vnet("net-stop", "base", check=False)
        assert refused.stderr.startswith("error: network 'base': stop: network 'leaf' is connected to it\n"), refused
        host.vnet("net-stop", "--force", "base")
        assert "not done: connect network leaf to network base" in host.vnet("net-check", "leaf", check=False).stdout
        host.vnet("net-start", "base")
        host.vnet("net-check", "leaf")
        host.vnet("net-restart", "base")
        host.vnet("net-restart", "leaf")
        assert one.pings("10.75.1.1")
        host.run([HOOKS / "qemu/qemu-ifdown", "vone"])
        host.vnet("net-stop", "leaf")
        host.vnet("net-stop", "base")
        assert before.changes_to(host.snapshot(), ignoring=["^. file ", "link v(one|two) "]) == []
        assert not (host.root / "run/vnethook/links/base").exists()


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (leaf(other="closed"), "'closed': it does not let networks of this host in"),
        (
            leaf(more="<ip address='10.76.1.1' netmask='255.255.255.0'><dhcp/></ip>"),
            "'base': both serve DHCP or advertise routers",
        ),
        (
            leaf("first", "second", "<listen local='yes'/>"),
            "'second': that one is connected to 'first', by others or itself",
        ),
    ],
)
def test_a_connection_that_cannot_be_is_refused_with_both_names(host: Host, xml: str, reason: str) -> None:
    host.define("<network><name>closed</name></network>")
    host.define(leaf("second", "third", "<listen local='yes'/>"))
    host.define(leaf("third", "first", "<listen local='yes'/>"))
    file = host.directory / "refused.xml"
    file.write_text(xml)
    refused = host.vnet("net-define", file, check=False)
    assert f"connection to network {reason}" in refused.stderr, refused


def test_a_restart_that_leads_to_no_network_leaves_what_is_up(host: Host) -> None:
    host.define("<network><name>alone</name></network>")
    host.vnet("net-start", "alone")
    host.define(leaf("alone", "nowhere"))
    refused = host.vnet("net-restart", "alone", check=False)
    assert refused.returncode == 3
    assert "network 'alone': connection to network 'nowhere': no such network" in refused.stderr
    assert "alone" in [one["name"] for one in host.vnet_json("net-list")]
