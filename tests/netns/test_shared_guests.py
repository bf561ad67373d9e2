"""What guests on a shared interface may send, and what joining and leaving it does to the bridge and the host."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Machine, wait_for
from tests.lab.frames import Sniffer, arp, dhcp, ether, ip4, ip6, send, tagged, udp
from tests.lab.lan import GATEWAY, OURS, PLAIN, answers, call, connect
from tests.lab.library import on
from vnethook.errors import StateError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.lifecycle import attach, health

pytestmark = pytest.mark.netns
EVE, BOB = "02:00:00:00:00:0e", "02:00:00:00:00:0b"
"""Lower than any MAC that the kernel makes up for a veth would be likely to be."""
OTHER, ROUTER = "52:54:00:00:61:99", "52:54:00:00:61:fe"
EVES, BOBS = "192.0.2.66", "192.0.2.67"
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
UDP, ICMPV6 = 17, 58
ADVERTISEMENT = bytes.fromhex("86000000400007080000000000000000")
CLASSES = """
<network><name>lan</name><forward mode='bridge'/><bridge name='ebreth0'/><port isolated='yes'/>
  <portgroup name='slow'><bandwidth><inbound average='1000'/><outbound average='1000'/></bandwidth></portgroup>
</network>"""


class Lan(NamedTuple):
    """A host that shares eth0 with eve and bob, and a router on the physical network."""

    router: Machine
    host: Host
    eve: Client
    bob: Client

    def attach(self, guest: Client, **asked: object) -> list[str]:
        """As a hook does; `asked` goes into the request."""
        request = NicRequest(guest.port, explicit="eth0", mac=guest.mac).replace(**asked)
        return on(self.host, lambda here: serve.attach(here.paths, request))

    def detach(self, *guests: Client) -> None:
        for guest in guests:
            on(self.host, lambda here, guest=guest: attach.detach(here, guest.port) and None)

    def link(self, name: str) -> tuple[int, str]:
        """MTU and MAC."""
        [found] = self.host.json(["ip", "-json", "link", "show", "dev", name])
        return found["mtu"], found["address"]

    def faults(self, network: str = "ebreth0") -> list[str]:
        return on(self.host, lambda here: health.check(here, network))


@contextmanager
def _lan(lines: str = PLAIN) -> Iterator[Lan]:
    with (
        Machine("router") as router,
        Host() as host,
        Client(host, "eve", port="ve", mac=EVE) as eve,
        Client(host, "bob", port="vb", mac=BOB) as bob,
    ):
        connect(host, router, lines)
        eve.run(["ip", "address", "add", f"{EVES}/24", "dev", "eth0"])
        bob.run(["ip", "address", "add", f"{BOBS}/24", "dev", "eth0"])
        yield Lan(router, host, eve, bob)


@pytest.fixture(scope="module")
def there() -> Iterator[Lan]:
    with _lan() as found:
        yield found


@pytest.fixture
def lan(there: Lan) -> Iterator[Lan]:
    assert call(there.host, "start") == (0, "")
    yield there
    there.detach(there.eve, there.bob)
    there.host.vnet("net-destroy", "lan", "--force", check=False)
    there.host.vnet("net-undefine", "lan", check=False)
    assert call(there.host, "stop") == (0, "")


def _v4(mac: str, source: str, payload: bytes, to: str = GATEWAY) -> bytes:
    return ether(mac, "ff:ff:ff:ff:ff:ff", IPV4, ip4(source, to, UDP, payload))


def _router_advertisement(mac: str) -> bytes:
    return ether(mac, "33:33:00:00:00:01", IPV6, ip6("fe80::1", "ff02::1", ICMPV6, ADVERTISEMENT))


def test_a_guarded_guest_forges_nothing_on_the_physical_network_and_nothing_that_comes_from_there_is_filtered(lan):
    assert call(lan.host, "start", "antispoof=yes") == (0, "")
    assert lan.attach(lan.eve, asked=(EVES,)) == []
    assert lan.attach(lan.bob, asked=(BOBS,)) == []
    forged = {
        "another MAC": _v4(OTHER, EVES, udp(1, 1, b"mac")),
        "another address": _v4(EVE, OURS, udp(1, 1, b"address")),
        "ARP by another MAC": ether(EVE, "ff:ff:ff:ff:ff:ff", ARP, arp(2, OTHER, EVES, target=GATEWAY)),
        "ARP for the gateway": ether(EVE, "ff:ff:ff:ff:ff:ff", ARP, arp(2, EVE, GATEWAY, target=OURS)),
        "a DHCP offer": _v4(EVE, EVES, udp(67, 68, dhcp(BOB, operation=2)), "255.255.255.255"),
        "a router advertisement": _router_advertisement(EVE),
        "a VLAN tag": tagged(_v4(EVE, EVES, udp(1, 1, b"tag")), 7),
    }
    last = _v4(EVE, EVES, udp(5000, 5001, b"the last of them"))
    for guest in (lan.eve, lan.bob):
        assert wait_for(lambda guest=guest: guest.pings(GATEWAY), "the port")
    outside, inside = Sniffer(lan.router, "lan0"), Sniffer(lan.bob)
    send(lan.eve, [*forged.values(), last])
    outside.wait_for(last)
    inside.wait_for(last)
    for seen in (outside.frames(), inside.frames()):
        assert [what for what, frame in forged.items() if frame in seen] == []
    from_there = [
        _v4(OTHER, "198.51.100.9", udp(1, 1, b"mac"), BOBS),
        ether(ROUTER, "ff:ff:ff:ff:ff:ff", ARP, arp(2, OTHER, GATEWAY, target=BOBS)),
        _v4(ROUTER, GATEWAY, udp(67, 68, dhcp(BOB, operation=2)), "255.255.255.255"),
        _router_advertisement(ROUTER),
        _v4(ROUTER, GATEWAY, udp(5000, 5001, b"the last from there"), BOBS),
    ]
    send(lan.router, from_there, link="lan0")
    inside.wait_for(from_there[-1])
    assert [frame for frame in from_there if frame not in inside.frames()] == []
    for guest, own in ((lan.eve, EVES), (lan.bob, BOBS)):
        assert guest.pings(GATEWAY)
        assert answers(lan.router, own)


def test_classes_of_a_definition_work_as_on_any_bridge(lan):
    lan.host.define(CLASSES)
    for guest in (lan.eve, lan.bob):
        assert lan.attach(guest) == []
        assert wait_for(lambda guest=guest: guest.pings(GATEWAY), "the port")
    assert not lan.eve.pings(BOBS)
    assert lan.attach(lan.bob, explicit="ebreth0:slow") == []
    assert lan.bob.pings(GATEWAY)
    queues = lan.host.run(["tc", "qdisc", "show", "dev", "vb"]).stdout
    assert "htb" in queues, queues


def test_guests_are_let_through_a_filter_that_drops_what_is_bridged_as_dockers_does_and_what_is_routed_is_not(lan):
    """br_netfilter shows it bridged frames, by default where it is loaded."""
    for name in ("iptables", "ip6tables"):
        if lan.host.run(["sysctl", "-qw", f"net.bridge.bridge-nf-call-{name}=1"], check=False).returncode != 0:
            pytest.skip("this kernel has no br_netfilter")
    lan.host.run(["iptables", "-P", "FORWARD", "DROP"])
    try:
        assert lan.attach(lan.eve) == []
        assert wait_for(lambda: lan.eve.pings(GATEWAY), "the port")
        assert answers(lan.router, EVES)
        assert lan.faults() == []
        said = [finding["what"] for finding in json.loads(lan.host.vnet("doctor", "--json", check=False).stdout)]
        assert [what for what in said if "br_netfilter" in what] == []
        lan.host.run(["iptables", "-F"])  # as who starts after us
        assert not lan.eve.pings(GATEWAY)
        assert lan.attach(lan.bob) == []
        assert lan.eve.pings(GATEWAY)
        lan.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        lan.router.run(["ip", "address", "add", "198.51.100.1/24", "dev", "lan0"])
        lan.host.run(["ip", "route", "add", "198.51.100.0/24", "dev", "ebreth0"])
        lan.eve.run(["ip", "route", "add", "198.51.100.0/24", "via", OURS])
        lan.router.run(["ip", "route", "add", f"{EVES}/32", "via", OURS, "src", "198.51.100.1"])
        assert not lan.eve.pings("198.51.100.1")
        lan.host.run(["iptables", "-P", "FORWARD", "ACCEPT"])
        assert lan.eve.pings("198.51.100.1")
        lan.host.run(["iptables", "-P", "FORWARD", "DROP"])
    finally:
        lan.detach(lan.eve, lan.bob)
        lan.host.vnet("net-destroy", "ebreth0", "--force")
        left = lan.host.run(["iptables", "-S"]).stdout.splitlines()
        assert left == ["-P INPUT ACCEPT", "-P FORWARD DROP", "-P OUTPUT ACCEPT"]
        lan.host.run(["iptables", "-P", "FORWARD", "ACCEPT"])
        lan.host.run(["ip", "route", "delete", "198.51.100.0/24"], check=False)
        lan.eve.run(["ip", "route", "delete", "198.51.100.0/24"], check=False)
        lan.router.run(["ip", "route", "delete", f"{EVES}/32"], check=False)
        lan.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=0"])


@pytest.mark.parametrize("mtu", [9000, 1450])
def test_no_guest_changes_the_mtu_or_the_mac_of_the_bridge(there, mtu):
    for machine, name in ((there.router, "lan0"), (there.host, "eth0")):
        machine.run(["ip", "link", "set", name, "mtu", str(mtu)])
    mac = there.link("eth0")[1]
    assert call(there.host, "start") == (0, "")
    try:
        with _watching(there.host) as seen:
            assert there.attach(there.eve) == []
            assert there.attach(there.bob, mtu=1300) == []
        assert {one for one in seen() if one[0] == "ebreth0"} <= {("ebreth0", mtu, mac)}
        assert [there.link(name)[0] for name in ("ve", "vb", "ebreth0", "eth0")] == [mtu, 1300, mtu, mtu]
        assert mac > EVE
        assert there.link("ebreth0") == (mtu, mac)
        with pytest.raises(StateError, match=rf"^interface 'vb': MTU 9001: network 'ebreth0' has {mtu}$"):
            there.attach(there.bob, mtu=9001)
        assert there.faults() == []
        [bridge] = there.host.json(["ip", "-json", "-details", "link", "show", "dev", "ebreth0"])
        assert (bridge["linkinfo"]["info_data"]["stp_state"], bridge["linkinfo"]["info_data"]["forward_delay"]) == (
            0,
            0,
        )
    finally:
        there.detach(there.eve, there.bob)
        assert call(there.host, "stop") == (0, "")
        for machine, name in ((there.router, "lan0"), (there.host, "eth0")):
            machine.run(["ip", "link", "set", name, "mtu", "1500"])


def test_no_guest_pulls_down_an_administrators_bridge_that_follows_its_ports(there):
    """One whose MTU nobody has set takes its smallest port's."""
    host = there.host
    for words in (
        "add br0 type bridge",
        "add cable0 mtu 9000 type veth peer name cable1",
        "set cable0 master br0 up",
        "set br0 up",
    ):
        host.run(["ip", "link", *words.split()])
    host.define("<network><name>lan</name><forward mode='bridge'/><bridge name='br0'/></network>")
    try:
        assert there.link("br0")[0] == 9000
        with _watching(host) as seen:
            there.attach(there.eve, explicit="lan")
            there.attach(there.bob, explicit="lan", mtu=1400)
        assert {mtu for name, mtu, _ in seen() if name == "br0"} <= {9000}
        assert [there.link(name)[0] for name in ("ve", "vb", "br0")] == [9000, 9000, 9000]
    finally:
        there.detach(there.eve, there.bob)
        host.vnet("net-destroy", "lan", "--force")
        host.vnet("net-undefine", "lan")
        for name in ("br0", "cable0"):
            host.run(["ip", "link", "delete", name])


@contextmanager
def _watching(host: Host) -> Iterator[Callable[[], set[tuple[str, int, str]]]]:
    """The (name, MTU, MAC) that any link has in between, as the kernel tells."""
    log = host.directory / "links"

    def is_seen(name: str) -> bool:
        """Whether a link that is made and deleted is told of, as it is once the monitor listens."""
        host.run(["ip", "link", "add", name, "type", "bridge"])
        host.run(["ip", "link", "delete", name])
        return f" {name}: " in log.read_text()

    def seen() -> set[tuple[str, int, str]]:
        found = re.findall(r"^\d+: (\S+?)[:@].* mtu (\d+) .*link/ether (\S+)", log.read_text(), re.MULTILINE)
        return {(name, int(mtu), mac) for name, mtu, mac in found}

    with log.open("w") as out, host.popen(["ip", "-oneline", "monitor", "link"], stdout=out) as monitor:
        try:
            wait_for(lambda: is_seen("first"), "the monitor")
            yield seen
            wait_for(lambda: is_seen("last"), "all that was told before")
        finally:
            monitor.kill()
