"""The small netlink clients of the hook say and do what pyroute2 and nft say and do."""

import errno
import ipaddress
import struct

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.live import nftables
from vnethook.live.netlink import DUMP, Netlink, NetlinkError

pytestmark = pytest.mark.netns
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20


@pytest.fixture(scope="module")
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        host.run(["sh", "-ec", SETUP])
        yield host


SETUP = """
ip link add br0 type bridge; ip link set br0 mtu 1400 address 02:00:00:00:00:01 up
ip link add br1 type bridge stp_state 1 forward_delay 400
ip link add va type veth peer name vb; ip link set va master br0 up; ip link set vb up
ip tuntap add tap0 mode tap; ip link set tap0 master br0 up
ip address add 10.1.0.1/24 dev br0; ip address add 10.2.0.1/16 dev br0; ip -6 address add 2001:db8:1::1/64 dev br0 nodad
ip address add 192.0.2.1/32 dev vb
ip route add 198.51.100.0/24 via 10.1.0.9; ip route add 203.0.113.0/24 dev vb table 51820
ip route add default via 10.1.0.9 metric 70000; ip -6 route add 2001:db8:8::/48 via 2001:db8:1::9 metric 4000000000; ip -6 route add 2001:db8:9::/48 dev br0; ip route add blackhole 10.66.0.0/16
ip route add 10.9.0.0/24 nexthop via 10.1.0.7 nexthop via 10.1.0.8
"""


def test_a_list_that_the_kernel_does_not_tell_to_its_end_is_none(host: Host) -> None:
    """As of sockets of a protocol that nobody listens by; a link without addresses is another matter."""

    def ask(here: machine.Host) -> tuple[list[str], int | None]:
        with pytest.raises(NetlinkError) as caught:
            Netlink(NETLINK_SOCK_DIAG).request(SOCK_DIAG_BY_FAMILY, DUMP, struct.pack("=BBBBI48x", 2, 200, 0, 0, 1))
        return here.links.addresses_at(99999), caught.value.errno

    assert on(host, ask) == ([], errno.ENOENT)


def test_links_are_as_pyroute2_sees_them(host: Host) -> None:
    def compare(here: machine.Host) -> tuple[object, object]:
        from pyroute2 import IPRoute

        with IPRoute() as ipr:
            expected = []
            for link in ipr.get_links():
                info = link.get_attr("IFLA_LINKINFO")
                kind = info.get_attr("IFLA_INFO_KIND") if info else ""
                data = info.get_attr("IFLA_INFO_DATA") if kind == "bridge" else None
                stp, delay = (
                    (data.get_attr("IFLA_BR_STP_STATE"), data.get_attr("IFLA_BR_FORWARD_DELAY") // 100)
                    if data
                    else (0, 0)
                )
                flags = link["flags"]
                expected.append(
                    (
                        link.get_attr("IFLA_IFNAME"),
                        link["index"],
                        link.get_attr("IFLA_ADDRESS"),
                        link.get_attr("IFLA_MTU"),
                        link.get_attr("IFLA_MASTER") or 0,
                        kind,
                        bool(flags & 1),
                        bool(flags & 0x10000),
                        stp,
                        delay,
                        bool(flags & 8),
                    )
                )
        ours = [tuple(link.to_plain().values()) for link in here.links.all_links()]
        one_by_one = [tuple(found.to_plain().values()) for row in expected if (found := here.links.link(row[0]))]
        assert ours == one_by_one
        assert {link.name for link in here.links.ports(here.links.link("br0").index)} == {"va", "tap0"}  # type: ignore[union-attr]
        return sorted(expected), sorted(ours)

    expected, ours = on(host, compare)
    assert ours == expected


def test_addresses_are_as_pyroute2_sees_them(host: Host) -> None:
    def compare(here: machine.Host) -> tuple[object, object]:
        from pyroute2 import IPRoute

        with IPRoute() as ipr:
            expected = [
                (
                    at["index"],
                    f"{ipaddress.ip_address(at.get_attr('IFA_LOCAL') or at.get_attr('IFA_ADDRESS'))}/{at['prefixlen']}",
                )
                for at in ipr.get_addr()
            ]
        return sorted(expected), sorted(here.links.all_addresses())

    expected, ours = on(host, compare)
    assert ours == expected


def test_unicast_routes_of_all_tables_are_as_pyroute2_sees_them(host: Host) -> None:
    def compare(here: machine.Host) -> tuple[object, object]:
        from pyroute2 import IPRoute

        with IPRoute() as ipr:
            expected = set()
            for family in (2, 10):
                for route in ipr.get_routes(family=family):
                    if route["type"] == 1:
                        nothing = "0.0.0.0" if family == 2 else "::"
                        destination = f"{route.get_attr('RTA_DST') or nothing}/{route['dst_len']}"
                        expected.add(
                            (
                                str(ipaddress.ip_network(destination)),
                                route.get_attr("RTA_OIF") or 0,
                                route.get_attr("RTA_TABLE"),
                                route.get_attr("RTA_GATEWAY") or "",
                                route.get_attr("RTA_PRIORITY") or 0,
                            )
                        )
        ours = set()
        for route in here.links.routes():
            cls = ipaddress.IPv4Network if route.version == 4 else ipaddress.IPv6Network
            network = cls((route.first, route.prefix))
            assert int(network[-1]) == route.last
            ours.add((str(network), route.device, route.table, route.gateway, route.metric))
        return sorted(expected), sorted(ours)

    expected, ours = on(host, compare)
    assert ours == expected


def test_what_is_changed_is_seen_by_ip(host: Host) -> None:
    def change(here: machine.Host) -> None:
        links = here.links
        links.create_bridge("br9", mac="52:54:00:00:00:09", stp=True, delay_s=4)
        links.set_link("br9", mtu=1300, up=True)
        for address in ("10.99.0.1/24", "2001:db8:99::1/64"):
            links.add_address("br9", address)
            links.add_address("br9", address)
        links.set_link("tap0", master=0, up=False)

    on(host, change)
    link = host.json(["ip", "-json", "-details", "link", "show", "br9"])[0]
    assert (link["address"], link["mtu"], "UP" in link["flags"]) == ("52:54:00:00:00:09", 1300, True)
    assert (link["linkinfo"]["info_data"]["stp_state"], link["linkinfo"]["info_data"]["forward_delay"]) == (1, 400)
    found = {at["local"]: at for at in host.json(["ip", "-json", "address", "show", "br9"])[0]["addr_info"]}
    assert found["10.99.0.1"]["broadcast"] == "10.99.0.255"
    assert not found["2001:db8:99::1"].get("tentative")
    tap = host.json(["ip", "-json", "link", "show", "tap0"])[0]
    assert "master" not in tap
    assert "UP" not in tap["flags"]

    def take_back(here: machine.Host) -> None:
        for _ in range(2):
            here.links.remove_address("br9", "10.99.0.1/24")
        for _ in range(2):
            here.links.delete("br9")
        here.links.remove_address("br9", "10.99.0.1/24")
        here.links.set_link("tap0", master=here.links.link("br0").index, up=True)  # type: ignore[union-attr]

    on(host, take_back)
    assert on(host, lambda here: here.links.link("br9")) is None


def test_a_refusal_carries_the_kernels_reason(host: Host) -> None:
    def create(here: machine.Host) -> None:
        here.links.create_bridge("br0", mac="52:54:00:00:00:09", stp=False, delay_s=0)

    with pytest.raises(HostError) as caught:
        on(host, create)
    assert str(caught.value) == "bridge 'br0': create: File exists"
    with pytest.raises(HostError) as caught:
        on(host, lambda here: here.links.set_link("nowhere", up=True))
    assert str(caught.value) == "link 'nowhere': no such network interface"


def test_chain_uses_count_rules_and_jumps(host: Host) -> None:
    host.run(["nft", "-f", "-"], stdin=RULES)
    assert on(host, lambda here: nftables.chain_uses(("base", "one", "two", "none"))) == {"base": 2, "one": 3, "two": 1}
    host.run(["nft", "delete", "table", "inet", "vnethook"])
    assert on(host, lambda here: nftables.chain_uses(("base", "one", "two", "none"))) == {}


RULES = """
table inet vnethook {
  map dispatch { type ifname : verdict; elements = { "br0" : jump one } }
  chain two { }
  chain one { jump two; accept; }
  chain base { type filter hook forward priority 0; iifname vmap @dispatch; accept; }
}
"""
