"""Guests find each other by name: the name comes with attach, dnsmasq is not restarted, and nobody takes another's name."""

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.library import on
from vnethook.lifecycle import attach, bringup, catalog
from vnethook.live import nics, port, record

pytestmark = pytest.mark.netns
GATEWAY = "10.81.0.1"
NAMED = """
<network><name>lab</name><forward mode='nat'/><domain name='lab.test'/>
  <dns><host ip='10.81.0.250'><hostname>printer</hostname></host></dns>
  <ip address='10.81.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.81.0.2' end='10.81.0.99'/>
    <host mac='52:54:00:00:00:aa' name='fixed' ip='10.81.0.200'/>
    <host name='db' ip='10.81.0.201'/>
  </dhcp></ip>
</network>"""


@pytest.fixture
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        on(host, lambda here: catalog.define(here, NAMED, source="lab.xml") and None)
        yield host


def _attach(host: Host, interface: str, *, guest: str, mac: str) -> list[str]:
    nic = nics.Nic(interface=interface, network="lab", guest=guest, mac=mac)
    return on(host, lambda here: attach.attach(here, "lab", nic))


def _detach(host: Host, interface: str) -> None:
    assert on(host, lambda here: port.detach(here.paths, here.links, interface))


def _server(host: Host) -> int:
    live = on(host, lambda here: record.read(here.paths, "lab"))
    assert live
    return live.daemons[0][1]


def test_guests_resolve_each_other_by_the_names_that_their_hypervisor_knows(host: Host) -> None:
    with (
        Client(host, "alice", port="va", mac="52:54:00:00:00:01") as alice,
        Client(host, "bob", port="vb", mac="52:54:00:00:00:02") as bob,
    ):
        assert _attach(host, "va", guest="alice", mac="52:54:00:00:00:01") == []
        server = _server(host)
        assert _attach(host, "vb", guest="Bob's VM #1", mac="52:54:00:00:00:02") == []
        assert _server(host) == server
        lease = alice.lease()
        assert lease["domain"] == "lab.test"
        other = bob.lease(hostname="a-name-of-its-own")
        assert alice.resolve("bob-s-vm-1", server=GATEWAY) == [other["ip"]]
        assert bob.resolve("alice.lab.test", server=GATEWAY) == [lease["ip"]]
        assert bob.resolve("a-name-of-its-own", server=GATEWAY) == []
        assert alice.pings(other["ip"])
        assert bob.resolve("printer", server=GATEWAY) == ["10.81.0.250"]
        nics = on(host, lambda here: {nic.interface: nic.hostname for nic in bringup.guests(here, "lab")})
        assert nics == {"va": "alice", "vb": "bob-s-vm-1"}


def test_a_host_that_is_defined_by_name_gets_its_address_whatever_its_mac(host: Host) -> None:
    with Client(host, "db", port="vd", mac="52:54:00:00:00:03") as client:
        assert _attach(host, "vd", guest="db", mac="52:54:00:00:00:03") == []
        assert client.lease()["ip"] == "10.81.0.201"


def test_a_host_that_is_defined_by_mac_gets_its_address_and_name(host: Host) -> None:
    with Client(host, "fixed", port="vfix", mac="52:54:00:00:00:aa") as client:
        _attach(host, "vfix", guest="", mac="")
        assert client.lease()["ip"] == "10.81.0.200"
        assert client.resolve("fixed.lab.test", server=GATEWAY) == ["10.81.0.200"]


def test_a_name_that_is_taken_is_refused_with_a_warning(host: Host) -> None:
    with (
        Client(host, "one", port="v1", mac="52:54:00:00:00:01"),
        Client(host, "two", port="v2", mac="52:54:00:00:00:02"),
    ):
        assert _attach(host, "v1", guest="web", mac="52:54:00:00:00:01") == []
        expected = "guest 'web': name 'web' is taken by 'web' on 'v1': its NIC 'v2' has no name in DNS"
        assert _attach(host, "v2", guest="web", mac="52:54:00:00:00:02") == [expected]
        reserved = "guest 'printer': name 'printer' is taken in the definition: its NIC 'v2' has no name in DNS"
        assert _attach(host, "v2", guest="printer", mac="52:54:00:00:00:02") == [reserved]


def test_the_name_of_a_guest_that_is_gone_is_free_again(host: Host) -> None:
    with Client(host, "two", port="v2", mac="52:54:00:00:00:02") as two:
        with Client(host, "one", port="v1", mac="52:54:00:00:00:01") as one:
            _attach(host, "v1", guest="web", mac="52:54:00:00:00:01")
            first = one.lease()
        wait_for(lambda: "v1" not in host.run(["ip", "link"]).stdout, "the link of the killed guest to go")
        assert _attach(host, "v2", guest="web", mac="52:54:00:00:00:02") == []
        assert two.lease()["ip"] != first["ip"]
        assert two.resolve("web", server=GATEWAY) == [two_ip] if (two_ip := two.lease()["ip"]) else False


def test_a_mac_that_moves_to_another_guest_takes_the_new_name(host: Host) -> None:
    mac = "52:54:00:12:34:56"  # what QEMU gives to every guest that is not given one
    with Client(host, "one", port="v1", mac=mac) as one:
        _attach(host, "v1", guest="old", mac=mac)
        one.lease()
        assert one.resolve("old", server=GATEWAY) != []
        _detach(host, "v1")
        assert _attach(host, "v1", guest="new", mac=mac) == []
        address = one.lease()["ip"]
        assert one.resolve("new", server=GATEWAY) == [address]
        assert one.resolve("old", server=GATEWAY) == []


def test_of_two_guests_with_one_mac_the_first_has_its_name_and_the_second_is_warned(host: Host) -> None:
    mac = "52:54:00:12:34:56"
    with Client(host, "one", port="v1", mac=mac) as one, Client(host, "two", port="v2", mac=mac):
        _attach(host, "v1", guest="first", mac=mac)
        expected = (
            f"guest 'second': MAC {mac} is also that of 'first' on 'v1': one of them will lose its address, "
            "its NIC 'v2' has no name in DNS"
        )
        assert _attach(host, "v2", guest="second", mac=mac) == [expected]
        _detach(host, "v2")
        address = one.lease()["ip"]
        assert one.resolve("first", server=GATEWAY) == [address]


def test_a_restart_keeps_guests_their_names_and_leases(host: Host) -> None:
    with Client(host, "alice", port="va", mac="52:54:00:00:00:01") as alice:
        _attach(host, "va", guest="alice", mac="52:54:00:00:00:01")
        lease = alice.lease()
        on(host, lambda here: bringup.restart(here, "lab") and None)
        assert alice.resolve("alice", server=GATEWAY) == [lease["ip"]]
        assert alice.lease()["ip"] == lease["ip"]
        with pytest.raises(Exception, match="network 'lab': stop: a NIC is attached: va"):
            on(host, lambda here: bringup.stop(here, "lab"))
        on(host, lambda here: bringup.stop(here, "lab", force=True))
        on(host, lambda here: bringup.start(here, "lab") and None)
        assert alice.lease()["ip"] == lease["ip"]
