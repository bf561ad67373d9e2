"""The model: what a network can be, and what it cannot."""

import pytest

from vnethook.address import parse_subnet
from vnethook.definition.dns import DnsSrv, DnsTxt
from vnethook.definition.ip import every_range
from vnethook.definition.model import Bridge, DhcpHost, DhcpRange, Dns, DnsHost, Forwarder, Ip, Network
from vnethook.errors import DefinitionError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ip("192.0.2.0"), "ip 192.0.2.0/24: is the network or broadcast address of its subnet"),
        (lambda: Ip("192.0.2.255"), "ip 192.0.2.255/24: is the network or broadcast address of its subnet"),
        (lambda: Ip("2001:db8::"), "ip 2001:db8::/64: is the network or broadcast address of its subnet"),
        (lambda: Ip("192.0.2.1", 31), "ip 192.0.2.1/31: no room for guests"),
        (lambda: Ip("192.0.2.1", 7), "ip 192.0.2.1/7: the prefix is too short, 8 is the least"),
        (lambda: Ip("2001:DB8::1"), "ip: address '2001:DB8::1': write it as 2001:db8::1"),
        (
            lambda: Ip("fe80::1"),
            "ip fe80::1: a loopback, multicast, link-local or unspecified address cannot be a bridge's",
        ),
        (
            lambda: Ip("127.0.0.1"),
            "ip 127.0.0.1: a loopback, multicast, link-local or unspecified address cannot be a bridge's",
        ),
        (lambda: Ip(prefix=25), "ip: prefix 25 without an address"),
        (lambda: Ip(automatic=True), "ip: an address that was chosen automatically is missing"),
        (lambda: Ip(dhcp=False), "ip: DHCP in a subnet that is to be chosen hands out the whole of it"),
        (lambda: Ip("192.0.2.1", whole_range=True), "ip 192.0.2.1: a written address has its DHCP ranges spelt out"),
        (
            lambda: Ip("192.0.2.1", ranges=(DhcpRange("192.0.2.2", "192.0.2.3"),) * 2),
            "ip 192.0.2.1: a DHCP range is given twice",
        ),
        (
            lambda: Ip("192.0.2.1", hosts=(DhcpHost(name="a", ip="192.0.2.1"),)),
            "DHCP host 'a': 192.0.2.1 is the bridge's own address",
        ),
        (
            lambda: DhcpRange("192.0.2.1", "2001:db8::1"),
            "DHCP range 192.0.2.1 to 2001:db8::1: the two are of different families",
        ),
        (lambda: DhcpHost(ip="192.0.2.1"), "DHCP host: needs a mac, an id or a name"),
        (lambda: DhcpHost(mac="52:54:00:00:00:01"), "DHCP host 52:54:00:00:00:01: needs an ip or a name"),
        (
            lambda: DhcpHost(name="a", mac=""),
            "MAC address '': must be six pairs of hexadecimal digits, as in 52:54:00:12:34:56",
        ),
        (
            lambda: DhcpHost(name="_a", ip="192.0.2.1"),
            "DHCP host: name '_a': must be a DNS name that begins with a letter or digit",
        ),
        (
            lambda: Ip("192.0.2.1", hosts=(DhcpHost("52:54:00:00:53:01", None, "a"),)),
            "DHCP host 52:54:00:00:53:01: has no ip, and there is no range to take one from",
        ),
        (
            lambda: Ip("192.0.2.1", bootp_file="a" * 128),
            f"bootp: file '{'a' * 59}…aaaaaaa': longer than 127 characters",
        ),
        (
            lambda: Ip("192.0.2.1", tftp_root="/a\\"),
            "tftp: root '/a\\\\': must be printable ASCII characters without \" \\",
        ),
        (
            lambda: Network("a", ips=(Ip("192.0.2.1", tftp_root="/b"), Ip("198.51.100.1", tftp_root="/a"))),
            "tftp: has the roots /a and /b: a network serves one directory",
        ),
        (
            lambda: Network("a", ips=(Ip("192.0.2.1", bootp_file="x", bootp_server="boot.example"),)),
            "bootp: server 'boot.example': must be an address, or a hostname of a <host> of <dns>",
        ),
        (
            lambda: Network("a", options=("log-queries", "pid-file = /tmp/x")),
            "dnsmasq option 'pid-file = /tmp/x': pid-file is what vnethook keeps dnsmasq by",
        ),
        (lambda: Network("a", options=("test",)), "dnsmasq option 'test': test is what vnethook keeps dnsmasq by"),
        (lambda: DnsTxt("a" * 254), f"DNS txt '{'a' * 59}…aaaaaaa': name longer than 253 characters"),
        (lambda: DnsSrv("sip", "tcp", "."), "DNS srv 'sip': domain '.': not a DNS name"),
        (lambda: DnsHost("192.0.2.1", ()), "DNS host 192.0.2.1: needs a hostname"),
        (lambda: DnsHost("192.0.2.1", ("a", "a")), "DNS host 192.0.2.1: a hostname is given twice"),
        (Forwarder, "DNS forwarder: needs an addr, a domain or both"),
        (
            lambda: Dns(enable=False, forwarders=(Forwarder("192.0.2.1"),)),
            "dns: has children or other attributes although it is off",
        ),
        (
            lambda: Dns(hosts=(DnsHost("192.0.2.1", ("a",)),) * 2),
            "dns: two hosts with one ip; put its hostnames into one element",
        ),
        (lambda: Network("a", ips=(Ip(), Ip())), "ip: only one subnet can be chosen automatically"),
        (lambda: Network("a", ips=(Ip("192.0.2.1"),) * 65), "ip: more than 64 addresses"),
        (lambda: Network("a", mtu=67), "mtu 67: must be 68 to 65535"),
        (
            lambda: Network("a", uuid="A" * 8),
            "uuid 'AAAAAAAA': must be 32 hexadecimal digits in the form 8-4-4-4-12, lower case",
        ),
        (
            lambda: Network("a", forward="x"),
            "forward mode 'x': must be one of nat, route, open, none, user, bridge, private, vepa, passthrough, hostdev",
        ),
        (lambda: Bridge("a/b"), "bridge name 'a/b': must be 1 to 15 letters, digits and _.+@:-"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(DefinitionError) as caught:
        make()
    assert caught.value.message == message


def test_the_prefix_that_is_not_given_depends_on_the_family():
    assert (Ip("192.0.2.1").prefix, Ip("2001:db8::1").prefix, Ip().prefix) == (24, 64, 24)
    assert Ip("2001:db8::1") == Ip("2001:db8::1", 64) == Ip.from_plain(Ip("2001:db8::1").to_plain())


def test_an_automatic_subnet_serves_every_address_but_the_bridge_and_can_be_given_back():
    network = Network("a", forward="nat").with_subnet(parse_subnet("192.0.2.0/26"))
    assert network.ips == (
        Ip("192.0.2.1", 26, (DhcpRange("192.0.2.2", "192.0.2.62"),), whole_range=True, automatic=True),
    )
    assert network.without_automatic() == Network("a", forward="nat")


def test_an_automatic_subnet_beside_a_written_one_stays_an_element():
    network = Network("a", forward="nat", ips=(Ip("2001:db8::1"), Ip(whole_range=True, dhcp=False)))
    chosen = network.with_subnet(parse_subnet("192.0.2.0/24"))
    assert not any(ip.serves_dhcp for ip in chosen.ips)
    assert chosen.without_automatic() == network


@pytest.mark.parametrize(
    ("address", "prefix", "ranges"),
    [
        ("192.0.2.1", 24, (("192.0.2.2", "192.0.2.254"),)),
        ("192.0.2.254", 24, (("192.0.2.1", "192.0.2.253"),)),
        ("192.0.2.2", 30, (("192.0.2.1", "192.0.2.1"),)),
        ("10.0.0.1", 8, (("10.0.0.2", "10.1.0.0"),)),
        ("2001:db8::2", 64, (("2001:db8::1", "2001:db8::1"), ("2001:db8::3", "2001:db8::1:1"))),
    ],
)
def test_every_address_but_the_bridges_own(address, prefix, ranges):
    assert every_range(address, prefix) == tuple(DhcpRange(*ends) for ends in ranges)
    assert Ip(address, prefix, every_range(address, prefix)).serves_dhcp


def test_a_network_says_what_is_still_to_be_chosen():
    assert Network("a", forward="nat").wants_subnet
    assert Network("a", ips=(Ip(),)).wants_subnet
    assert not Network("a").wants_subnet
    full = Network("a", "1" * 8 + "-1111-1111-1111-" + "1" * 12, Bridge("b"), "52:54:00:00:00:01")
    assert full.is_complete
    assert not full.replace(forward="route").is_complete


def test_a_network_survives_json():
    network = Network(
        "a",
        dns=Dns(hosts=(DnsHost("192.0.2.1", ("a", "b")),)),
        ips=(Ip("192.0.2.1", hosts=(DhcpHost(name="c", ip="192.0.2.3"),)),),
    )
    assert Network.from_plain(network.to_plain()) == network
