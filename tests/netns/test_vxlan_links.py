"""Networks of several hosts that are linked by VXLAN: one layer 2, one DHCP server, one path."""

import socket
from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.frames import EVERYONE, Sniffer, ether, ip4, ip6, neighbour, send, udp
from tests.lab.library import on
from tests.lab.machine import wait_for
from tests.lab.ring import Linked, address, linked
from vnethook.host import host as machine
from vnethook.host import link_probe
from vnethook.live import record

pytestmark = pytest.mark.netns
SERVER = (
    "<ip address='10.74.1.1' netmask='255.255.255.0'><dhcp><range start='10.74.1.50' end='10.74.1.99'/></dhcp></ip>"
)
SIX = "<ip family='ipv6' address='2001:db8:74::1' prefix='64'/>"


def definition(number: int, peers: list[int], *, more: str = "", network: str = "blue") -> str:
    """The network on the host of that number."""
    connections = "".join(f"<connection transport='vxlan' address='{address(peer)}'/>" for peer in peers)
    return f"""<network><name>{network}</name>{more}<listen transport='vxlan' address='{address(number)}'/>
      <connections>{connections}</connections></network>"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Linked]:
    """Two hosts, the first with DHCP."""
    with linked(2) as found:
        found.hosts[0].define(definition(0, [1], more=f"<forward mode='nat'/>{SERVER}{SIX}"))
        found.hosts[1].define(definition(1, [0], more="<guard mode='off'/>"))
        yield found


def test_guests_of_two_hosts_are_on_one_network_with_one_server(pair: Linked) -> None:
    near, far = pair.plug(0, "blue", "near"), pair.plug(1, "blue", "far")
    for guest in (near, far):
        lease = guest.lease()
        assert (lease.get("server"), lease.get("mtu")) == ("10.74.1.1", "1450")
        guest.run(["ip", "link", "set", "eth0", "mtu", lease["mtu"]])
    far_ip = far.json(["ip", "-json", "-4", "address", "show", "eth0"])[0]["addr_info"][0]["local"]
    assert near.pings(far_ip)
    near.run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1422", far_ip])
    for host in pair.hosts:
        assert host.vnet("net-check", "blue").returncode == 0
    [link] = pair.hosts[0].vnet_json("link-list", "blue")
    assert (link["transport"], link["address"], link["state"]) == ("vxlan", address(1), "unknown")
    assert min(link["received"], link["sent"]) > 1422


def test_who_has_an_address_of_the_bridge_behind_a_link_is_found_out(pair: Linked) -> None:
    host, far = pair.hosts
    for each in pair.hosts:
        each.vnet("net-start", "blue")
    [device] = [link["ifname"] for link in host.json(["ip", "-json", "link", "show", "type", "vxlan"])]

    def ask(here: machine.Host) -> str:
        live = record.read(here.paths, "blue")
        assert live
        return link_probe.conflict(here.links, live, device)

    wait_for(lambda: not on(host, ask), "the link to be on the path")
    bridge = far.vnet_json("net-info", "blue")["bridge"]
    far.run(["ip", "address", "add", "10.74.1.1/24", "dev", bridge])
    assert on(host, ask).endswith(" behind it has the address 10.74.1.1 of bridge 'vnbr0'")
    far.run(["ip", "address", "del", "10.74.1.1/24", "dev", bridge])


def test_a_far_dhcp_server_and_a_stranger_on_the_wire_reach_nobody(pair: Linked) -> None:
    near, far = pair.plug(0, "blue", "quiet"), pair.plug(1, "blue", "loud")
    sniffer = Sniffer(near)
    mac = far.json(["ip", "-json", "link", "show", "eth0"])[0]["address"]

    def frame(source: int, to: int, text: bytes) -> bytes:
        return ether(mac, EVERYONE, 0x0800, ip4("10.74.1.9", "255.255.255.255", 17, udp(source, to, text)))

    [number] = [
        link["linkinfo"]["info_data"]["id"]
        for link in pair.hosts[0].json(["ip", "-json", "-details", "link", "show", "type", "vxlan"])
    ]
    pair.wire.run(["ip", "address", "add", "192.0.2.9/24", "dev", "br0"])
    strange, rogue, honest = frame(4000, 4001, b"strange"), frame(67, 68, b"rogue"), frame(4000, 4001, b"honest")

    def intrude() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"\x08\0\0\0" + number.to_bytes(3, "big") + b"\0" + strange, (address(0), 4789))

    pair.wire.call(intrude)
    bridge = pair.hosts[0].vnet_json("net-info", "blue")["bridge"]
    [six] = pair.hosts[0].json(["ip", "-json", "-6", "address", "show", "dev", bridge])
    posing = [
        ether(mac, EVERYONE, 0x86DD, ip6(source, "ff02::1", 58, neighbour(kind, target)))
        for own in (item["local"] for item in six["addr_info"])
        for source, kind, target in (("fe80::9", 136, own), (own, 135, "2001:db8:74::50"))
    ]
    assert len(posing) == 4
    send(far, [rogue, *posing, honest])
    sniffer.wait_for(honest)
    assert sniffer.frames().isdisjoint({rogue, strange, *posing})
    assert "counter packets 1 " in pair.hosts[0].run(["nft", "list", "ruleset"]).stdout


def test_five_hosts_in_a_ring_have_one_path_and_mend_it_when_a_host_is_gone() -> None:
    with linked(5) as ring:
        for number, host in enumerate(ring.hosts):
            more = f"<forward mode='nat'/>{SERVER}" if number == 0 else ""
            host.define(definition(number, [(number + 1) % 5, (number - 1) % 5], more=more))
            host.vnet("net-start", "blue")
        near, far = ring.plug(0, "blue", "near"), ring.plug(2, "blue", "far")
        leases = [guest.lease(tries=20) for guest in (near, far)]
        assert [lease.get("server") for lease in leases] == ["10.74.1.1"] * 2
        wait_for(lambda: sum(map(_blocked, ring.hosts)) == 1, "one link to be out of use, and no other")
        assert 3 <= _heard(near, far) <= 30
        assert "192.0.2.2 (vxlan)" in ring.hosts[0].vnet("graph").stdout
        ring.cut(1)
        wait_for(lambda: near.pings(leases[1]["ip"]), "the way around")
        assert 3 <= _heard(near, far) <= 30


def _blocked(host: Host) -> int:
    """How many links carry nothing but the tree's messages."""
    ports = host.json(["bridge", "-json", "-details", "link"])
    return sum(port["state"] == "blocking" for port in ports if port["ifname"].startswith("vnlx"))


def _heard(near: Client, far: Client) -> int:
    """How many frames arrive at one guest while another broadcasts three: a loop would not end to send them."""

    def received() -> int:
        return int(far.json(["ip", "-json", "-stats", "link", "show", "eth0"])[0]["stats64"]["rx"]["packets"])

    before = received()
    near.run(["busybox", "arping", "-c", "3", "-w", "3", "-I", "eth0", "10.74.1.200"], check=False)
    return received() - before
