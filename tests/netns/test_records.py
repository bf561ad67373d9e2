"""The records of NICs and the names they hold: guests that were killed, share a MAC, call themselves oddly, or damage."""

import os

import pytest

from tests.lab import CHECKOUT, Client, Host, wait_for
from tests.lab.library import on
from tests.lab.machine import PYTHON
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, catalog
from vnethook.live import nics, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifdown"
GATEWAY = "10.83.0.1"
MAC, MAC_2 = "52:54:00:00:00:01", "52:54:00:00:00:02"
LAB = """
<network><name>lab</name><bridge name='vnbr8'/>
  <ip address='10.83.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.83.0.2' end='10.83.0.99'/>
    <host name='db' ip='10.83.0.201'/>
  </dhcp></ip>
</network>"""
COUNT = 12
# dash does not pass an ignored SIGCHLD on.
IGNORING = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"


@pytest.fixture
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        on(host, lambda here: catalog.define(here, LAB, source="lab.xml") and None)
        yield host


def _attach(host: Host, interface: str, *, guest: str, mac: str) -> list[str]:
    nic = nics.Nic(interface=interface, network="lab", guest=guest, mac=mac)
    return on(host, lambda here: attach.attach(here, "lab", nic))


def _hostnames(host: Host) -> dict[str, str]:
    return on(host, lambda here: {nic.interface: nic.hostname for nic in bringup.guests(here, "lab")})


def _wait_until_gone(host: Host, link: str) -> None:
    wait_for(lambda: link not in os.listdir(f"/proc/{host.pid}/root/sys/class/net"), "the killed guest's link to go")


@pytest.mark.parametrize("guest", ["shared", ""], ids=["with one name", "with a name each"])
def test_twelve_guests_with_one_mac_attach_at_once(host: Host, guest: str) -> None:
    taps = [host.make_tap(f"tap{number}") for number in range(COUNT)]

    def attach_all(here: machine.Host) -> list[int]:
        bringup.start(here, "lab")
        children = []
        gate, opener = os.pipe()
        for tap in taps:
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    os.close(opener)
                    os.read(gate, 1)  # until all are there
                    nic = nics.Nic(interface=tap, network="lab", guest=guest or tap, mac=MAC)
                    attach.attach(machine.Host(here.paths), "lab", nic)
                    status = 0
                finally:
                    os._exit(status)
            children.append(child)
        os.close(opener)
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]

    assert on(host, attach_all) == [0] * COUNT
    names = _hostnames(host)
    assert sorted(names) == sorted(taps)
    [named] = filter(None, names.values())  # one MAC is one lease, so it has one name
    assert named in ({"shared"} if guest else taps)
    live = on(host, lambda here: record.read(here.paths, "lab"))
    assert live
    assert on(host, lambda here: sorted(link.name for link in here.links.ports(live.index))) == sorted(taps)


@pytest.mark.parametrize("name", ["ignore", "101", "10m", "infinite"])
def test_a_guest_whose_name_dnsmasq_would_misread_gets_an_ordinary_lease_and_a_warning(host: Host, name: str) -> None:
    with Client(host, "odd", port="vodd", mac=MAC) as guest:
        expected = f"guest {name!r}: dnsmasq takes {name!r} for a setting: its NIC 'vodd' has no name in DNS"
        assert _attach(host, "vodd", guest=name, mac=MAC) == [expected]
        lease = guest.lease()
        assert (lease["lease_s"], lease["server"]) == ("3600", GATEWAY)
        assert _hostnames(host) == {"vodd": ""}


def test_a_successor_on_the_same_tap_has_its_own_name_and_the_old_one_is_free(host: Host) -> None:
    with Client(host, "alice", port="va", mac=MAC) as alice:
        assert _attach(host, "va", guest="alice", mac=MAC) == []
        address = alice.lease()["ip"]
        assert alice.resolve("alice", server=GATEWAY) == [address]
    _wait_until_gone(host, "va")
    with Client(host, "bob", port="va", mac=MAC) as bob, Client(host, "alice", port="vb", mac=MAC_2) as alice:
        assert _attach(host, "va", guest="bob", mac=MAC) == []
        bobs = bob.lease()["ip"]
        assert _attach(host, "vb", guest="alice", mac=MAC_2) == []
        alices = alice.lease()["ip"]
        assert bobs != alices
        assert bob.resolve("alice", server=GATEWAY) == [alices]
        assert alice.resolve("bob", server=GATEWAY) == [bobs]
        assert _hostnames(host) == {"va": "bob", "vb": "alice"}


def test_a_guest_that_comes_back_with_another_mac_has_the_address_that_its_name_was_given(host: Host) -> None:
    with Client(host, "db", port="va", mac=MAC) as guest:
        _attach(host, "va", guest="db", mac=MAC)
        assert guest.lease()["ip"] == "10.83.0.201"
    _wait_until_gone(host, "va")
    with Client(host, "db", port="vb", mac=MAC_2) as guest:
        _attach(host, "vb", guest="db", mac=MAC_2)
        assert guest.lease()["ip"] == "10.83.0.201"
        assert guest.resolve("db", server=GATEWAY) == ["10.83.0.201"]


@pytest.mark.parametrize("port", ["va", "vb"], ids=["on the same tap", "on another"])
def test_a_nameless_guest_does_not_inherit_the_name_of_the_one_that_had_its_mac(host: Host, port: str) -> None:
    with Client(host, "alice", port="va", mac=MAC) as alice:
        _attach(host, "va", guest="alice", mac=MAC)
        address = alice.lease()["ip"]
        assert alice.resolve("alice", server=GATEWAY) == [address]
    _wait_until_gone(host, "va")
    with Client(host, "nameless", port=port, mac=MAC) as guest:
        assert _attach(host, port, guest="", mac=MAC) == []
        assert guest.lease()["server"] == GATEWAY
        assert guest.resolve("alice", server=GATEWAY) == []
        assert _hostnames(host) == {port: ""}


def test_a_guest_that_is_started_again_keeps_its_address_and_name(host: Host) -> None:
    with Client(host, "alice", port="va", mac=MAC) as alice:
        _attach(host, "va", guest="alice", mac=MAC)
        address = alice.lease()["ip"]
    _wait_until_gone(host, "va")
    lines = (host.root / "var/lib/vnethook/leases/lab").read_text()
    with Client(host, "alice", port="vb", mac=MAC) as alice:
        assert _attach(host, "vb", guest="alice", mac=MAC) == []
        assert (host.root / "var/lib/vnethook/leases/lab").read_text() == lines
        assert alice.lease()["ip"] == address
        assert alice.resolve("alice", server=GATEWAY) == [address]


def test_a_guest_that_moves_to_another_network_leaves_its_name_behind(host: Host) -> None:
    other = LAB.replace("lab", "other").replace("vnbr8", "vnbr9").replace("10.83", "10.84")
    on(host, lambda here: catalog.define(here, other, source="other.xml") and None)
    with Client(host, "alice", port="va", mac=MAC) as alice, Client(host, "bob", port="vb", mac=MAC_2) as bob:
        _attach(host, "vb", guest="bob", mac=MAC_2)
        bob.lease()
        _attach(host, "va", guest="alice", mac=MAC)
        address = alice.lease()["ip"]
        assert bob.resolve("alice", server=GATEWAY) == [address]
        nic = nics.Nic(interface="va", network="other", guest="alice", mac=MAC)
        on(host, lambda here: attach.attach(here, "other", nic))
        wait_for(lambda: bob.resolve("alice", server=GATEWAY) == [], "the name to go")
        address = alice.lease()["ip"]
        assert alice.resolve("alice", server="10.84.0.1") == [address]


def test_a_hook_that_is_called_with_its_children_ignored_brings_a_network_up(host: Host) -> None:
    host.make_tap("tap0")
    result = host.run([PYTHON, "-c", IGNORING, IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    assert (result.stdout, result.stderr) == ("", "")
    assert _hostnames(host) == {"tap0": ""}


DAMAGED = {"other JSON": '{"nonsense": 1}', "no JSON": "nonsense", "no object": "[]", "nothing": ""}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_record_of_a_nic_keeps_nothing_from_working(host: Host, damage: str) -> None:
    for tap in ("tap0", "tap1"):
        host.make_tap(tap)
    before = host.snapshot()
    for tap in ("tap0", "tap1"):
        host.run([IFUP, tap], env={"VNET_NETWORK": "lab"})
    (host.root / "run/vnethook/ports/lab/tap0.json").write_text(DAMAGED[damage])
    assert [nic["interface"] for nic in host.vnet_json("nic-list")] == ["tap1"]
    assert host.run([IFDOWN, "tap0"]).stderr == ""
    host.vnet("net-destroy", "lab", "--force")
    kept = ["file d", "locks/", "tcp_fastopen", "leases/", "link tap", "/tap[01]", "interfaces/tap", "conf/tap"]
    assert before.changes_to(host.snapshot(), ignoring=kept) == []
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    assert sorted(nic["interface"] for nic in host.vnet_json("nic-list")) == ["tap0", "tap1"]
