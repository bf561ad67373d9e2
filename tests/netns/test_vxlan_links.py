"""Networks of several hosts that are linked by VXLAN: one layer 2, one DHCP server, one path."""

from collections.abc import Iterator

import pytest

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
