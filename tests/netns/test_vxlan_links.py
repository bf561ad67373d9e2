"""Networks of several hosts that are linked by VXLAN: one layer 2, one DHCP server, one path."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.machine import wait_for
from tests.lab.ring import Linked, address, linked

pytestmark = pytest.mark.netns
SERVER = (
    "<ip address='10.74.1.1' netmask='255.255.255.0'><dhcp><range start='10.74.1.50' end='10.74.1.99'/></dhcp></ip>"
)


def definition(number: int, peers: list[int], *, more: str = "", network: str = "blue") -> str:
    """The network on the host of that number."""
    connections = "".join(f"<connection transport='vxlan' address='{address(peer)}'/>" for peer in peers)
    return f"""<network><name>{network}</name>{more}<listen transport='vxlan' address='{address(number)}'/>
      <connections>{connections}</connections></network>"""


@pytest.fixture(scope="module")
def pair() -> Iterator[Linked]:
    """Two hosts, the first with DHCP."""
    with linked(2) as found:
        found.hosts[0].define(definition(0, [1], more=f"<forward mode='nat'/>{SERVER}"))
        found.hosts[1].define(definition(1, [0]))
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
