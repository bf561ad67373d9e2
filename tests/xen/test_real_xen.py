"""Real Xen guests on networks that their vifs' script brings up: Debian's hypervisor and `xl`, in QEMU."""

from contextlib import contextmanager

import pytest

from tests.lab.console import wait_for_guests
from tests.lab.machine import wait_for
from tests.lab.xen_machine import XenGuest, XenMachine

pytestmark = [pytest.mark.hypervisor, pytest.mark.slow]

LAB = """<network>
  <name>lab</name>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.10' end='192.168.77.99'/></dhcp>
  </ip>
</network>
"""
FILES = {
    "/etc/xen/xl.conf": 'vif.default.script="vif-vnet"\n',
    "/etc/vnethook/vnethook.toml": "[networks]\nidle = 1\n",
    "/root/lab.xml": LAB,
}
QEMU = "/usr/libexec/vnethook"


@pytest.fixture(scope="module")
def dom0():
    with XenMachine(texts=FILES) as dom0:
        dom0.sh("vnet hooks install")
        dom0.sh("vnet net-define /root/lab.xml")
        yield dom0


@pytest.fixture(scope="module")
def alice(dom0):
    return XenGuest(dom0, "alice", "mac=00:16:3e:00:53:0a,bridge=lab,script=vif-vnet")


@pytest.fixture(scope="module")
def bob(dom0):
    return XenGuest(dom0, "bob", "mac=00:16:3e:00:53:0b,bridge=lab,script=vif-vnet")


def nics(dom0):
    """The network and the guest of each interface that has a record, as `vnet` tells them."""
    return {nic["interface"]: (nic["network"], nic["guest"]) for nic in dom0.vnet_json("nic-list")}


def recorded(dom0):
    """The interfaces that have a record: without `vnet`, which takes seconds to start here."""
    return set(dom0.sh("ls /run/vnethook/interfaces").split())


def network_of(dom0, interface):
    """The network on whose bridge a link is, by the kernel."""
    bridge = dom0.sh(f"basename $(readlink /sys/class/net/{interface}/master)")
    return dom0.sh(f"readlink /run/vnethook/bridges/{bridge}")


def test_two_guests_created_at_once_on_a_cold_host_bring_their_network_up_once(dom0, alice, bob):
    dom0.sh(f"({alice.create}) & first=$!; ({bob.create}) & wait $! && wait $first", timeout_s=180)
    wait_for_guests([alice, bob])
    assert nics(dom0) == {f"vif{guest.domid}.0": ("lab", guest.name) for guest in (alice, bob)}
    for guest in (alice, bob):
        backend = f"/local/domain/0/backend/vif/{guest.domid}/0"
        assert dom0.sh(f"xenstore-read {backend}/state {backend}/hotplug-status").split() == ["4", "connected"]
    assert dom0.sh("grep -c 'dnsmasq.*: started' /var/log/syslog") == "1"
    dom0.sh("vnet net-check lab")
    assert dom0.sh("vnet doctor").strip() == "Nothing on this host stops guests"


def test_guests_have_leases_resolve_and_reach_each_other_and_their_host(dom0, alice, bob):
    leases = {lease["mac"]: (lease["ip"], lease["hostname"]) for lease in dom0.vnet_json("net-dhcp-leases", "lab")}
    assert leases == {
        "00:16:3e:00:53:0a": (alice.ip, "alice"),
        "00:16:3e:00:53:0b": (bob.ip, "bob"),
    }
    for one, other in ((alice, bob), (bob, alice)):
        assert one.resolve(other.name) == other.ip
        assert one.pings(other.name)
        assert one.pings("192.168.77.1")
        dom0.sh(f"ping -c 1 -W 2 {one.ip}")


@contextmanager
def created(guest):
    """A guest for the length of a block."""
    guest.dom0.sh(guest.create)
    try:
        yield guest
    finally:
        guest.dom0.run(f"xl destroy {guest.name}")


def test_a_pvh_guest_without_a_bridge_is_on_the_default_network_and_cut_off_from_others(dom0, alice):
    with created(XenGuest(dom0, "carol", "mac=00:16:3e:00:53:0c", kind="pvh")) as carol:
        carol.wait()
        assert nics(dom0)[f"vif{carol.domid}.0"] == ("default", "carol")
        assert carol.pings(carol.lease["router"])
        assert not carol.pings(alice.ip)


def test_a_wrong_network_makes_xl_say_why_and_leaves_nothing_of_the_guests_other_nic_either(dom0):
    before = recorded(dom0)
    status, text = dom0.run(XenGuest(dom0, "dave", "bridge=lab", "bridge=nowhere").create)
    assert status != 0
    assert "script: network 'nowhere': no such network (known networks: default, lab)" in text
    assert dom0.run("xl domid dave")[0] != 0
    assert recorded(dom0) == before


def lease_of_second_nic(guest):
    """What DHCP gives the NIC that has come to a guest, beside its first one's lease."""
    status, console = guest.run("until [ -e /sys/class/net/eth1 ]; do usleep 20000; done; dhcp eth1 >/dev/null")
    assert status == 0, console
    return guest.run("cat /tmp/lease.eth1")[1]


def test_a_nic_attached_to_a_running_guest_works_and_is_forgotten_when_detached(dom0, alice, bob):
    dom0.sh("ln -s vif-vnet /etc/xen/scripts/vif-vnet@default")
    dom0.sh("xl network-attach bob mac=00:16:3e:00:53:1b bridge=lab script=vif-vnet@default")
    interface = f"vif{bob.domid}.1"
    assert nics(dom0)[interface] == ("default", "bob")
    lease = lease_of_second_nic(bob)
    (found,) = [lease for lease in dom0.vnet_json("net-dhcp-leases", "default") if lease["hostname"] == "bob"]
    assert found["mac"] == "00:16:3e:00:53:1b"
    assert lease.startswith(f"ip={found['ip']} ")
    dom0.sh("xl network-detach bob 1")
    assert interface not in recorded(dom0)
    assert bob.pings(alice.ip)


def test_what_a_vif_is_configured_with_is_what_the_guest_gets_and_no_more(dom0, alice, bob):
    dom0.sh("xl network-attach alice mac=00:16:3e:00:53:1a bridge=lab ip=192.168.77.7 vifname=alice-lab")
    assert network_of(dom0, "alice-lab") == "lab"
    assert lease_of_second_nic(alice).startswith("ip=192.168.77.7 ")
    assert alice.run(f"ping -c 1 -W 2 -I eth1 {bob.ip}")[0] == 0
    alice.run("ip address flush dev eth1; ip address add 192.168.77.8/24 dev eth1")
    assert alice.run(f"ping -c 1 -W 2 -I eth1 {bob.ip}")[0] == 1
    dom0.sh("xl network-detach alice 1")
    assert "alice-lab" not in recorded(dom0)


def test_a_guest_that_restarts_itself_finds_its_address_again(dom0, alice, bob):
    address = bob.ip
    bob.type("reboot -f")
    bob.wait_for_restart()
    assert bob.ip == address
    assert alice.pings("bob")
    assert recorded(dom0) == {f"vif{guest.domid}.0" for guest in (alice, bob)}


def test_both_devices_of_an_hvm_guest_are_ports_of_its_network(dom0):
    with created(XenGuest(dom0, "erin", "mac=00:16:3e:00:53:0e,bridge=lab", kind="hvm")) as erin:
        both = [f"vif{erin.domid}.0", f"vif{erin.domid}.0-emu"]
        assert [network_of(dom0, interface) for interface in both] == ["lab", "lab"]
        assert [nics(dom0).get(interface) for interface in both] == [("lab", "erin"), ("lab", "erin")]
    assert not set(both) & recorded(dom0)


@contextmanager
def guest_of_qemu(dom0):
    """A QEMU without a processor beside the Xen guests: its hook attaches the tap, and QEMU carries its frames.

    They come from a namespace, through a hub and a second tap. A guest emulated in an emulated host takes minutes.
    """
    up = f"{QEMU}/qemu-ifup-lab"
    hub = "-netdev hubport,id=h0,hubid=0,netdev=n0 -netdev hubport,id=h1,hubid=0,netdev=n1"
    dom0.sh(f"ln -s qemu-ifup {up}; ip netns add frank")
    dom0.sh(
        f"qemu-system-x86_64 -name frank -machine none -nodefaults -display none -daemonize -pidfile /run/frank.pid "
        f"-netdev tap,id=n0,ifname=tap0,script={up},downscript={QEMU}/qemu-ifdown "
        f"-netdev tap,id=n1,ifname=eth0,script=no,downscript=no {hub}"
    )
    dom0.sh("ip link set eth0 netns frank && ip -n frank link set eth0 up")
    try:
        yield "ip netns exec frank"
    finally:
        dom0.sh("kill $(cat /run/frank.pid)")


def test_a_qemu_guest_beside_them_reaches_a_xen_guest(dom0, alice):
    with guest_of_qemu(dom0) as inside:
        assert nics(dom0)["tap0"] == ("lab", "frank")
        dom0.sh(f"{inside} udhcpc -i eth0 -f -n -q -t 10 -T 1 -s /guest/on-lease")
        frank = dom0.sh(f"{inside} ip -4 -o address show dev eth0").split()[3].partition("/")[0]
        assert frank.startswith("192.168.77.")
        assert alice.ip in dom0.sh(f"{inside} nslookup -type=a alice 192.168.77.1")
        dom0.sh(f"{inside} ping -c 1 -W 2 {alice.ip}")
        assert alice.pings(frank)
    wait_for(lambda: "tap0" not in recorded(dom0), "the record of QEMU's tap to go")


def test_a_destroyed_guest_leaves_no_record_and_the_last_one_an_idle_network(dom0, alice, bob):
    dom0.sh("xl destroy bob")
    assert recorded(dom0) == {f"vif{alice.domid}.0"}
    assert not alice.pings(bob.ip)
    dom0.sh("xl destroy alice")
    assert recorded(dom0) == set()
    wait_for(lambda: not dom0.sh("ls /run/vnethook/live"), "the networks to go down", timeout_s=60)
    assert dom0.run("xenstore-exists /local/domain/0/backend/vif")[0] == 1
