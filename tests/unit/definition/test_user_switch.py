"""A user's network of kind vde: what it cannot do is refused, and what it can is told to libslirp."""

import pytest

from tests.golden.complete import complete
from vnethook.capability import user_switch
from vnethook.definition import xml
from vnethook.definition.user_switch import KIND
from vnethook.errors import DefinitionError

IP = "<ip address='10.77.0.1' prefix='24'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>"


def parsed(inside):
    forward = "<forward mode='user'><backend type='vde'/></forward>"
    return xml.parse(f"<network><name>x</name>{forward}{inside}</network>", source="t").network


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<vde/>", "vde: {} cannot do that; 'namespace' can"),
        ("<bridge stp='on'/>", "bridge stp, delay, zone, macTableManager: {} cannot do that; 'namespace' can"),
        ("<dns enable='no'/>", "dns: {} cannot do that; 'namespace' can"),
        ("<port isolated='yes'/>", "port isolated: {} cannot do that; 'namespace' can"),
        ("<guard/>", "guard: {} cannot do that; 'namespace' can"),
        ("<host allow='22'/>", "host: {} cannot do that; 'namespace' can"),
        ("<listen local='yes'/>", "listen: {} cannot do that; 'namespace' can"),
        ("<mtu size='9000'/>", "mtu 9000: {} carries 1500 bytes at most"),
        ("<ip address='10.77.0.1' prefix='24'/>", "ip: {} always serves DHCP: write <dhcp>"),
        (
            IP.replace("<range", "<host mac='52:54:00:00:00:01' ip='10.77.0.5'/><range"),
            "dhcp host: {} knows no fixed hosts; 'namespace' does",
        ),
        (IP.replace("99'/>", "99'><lease expiry='9'/></range>"), "dhcp range: {} has one, without a lease time"),
        (IP.replace("99", "9"), "dhcp range: {} hands out 16 addresses, and has the subnet's last for DNS"),
        (
            IP.replace("10.77.0.1'", "10.77.0.3'"),
            "ip: {}: 10.77.0.3 is among the 16 addresses that it hands out, or that of DNS",
        ),
        (
            "<forwarding><outgoing><deny port='25'/></outgoing></forwarding>",
            "forwarding outgoing: {} lets all out that the user may do; 'namespace' has rules",
        ),
        (
            f"{IP}<forwarding><incoming><allow port='8080' domain='a'/></incoming></forwarding>",
            "incoming port 8080: {} leads to an IPv4 address: it knows no guest by its name",
        ),
        (
            f"{IP}<forwarding><incoming><allow port='2000-3000' address='10.77.0.2'/></incoming></forwarding>",
            "forwarding incoming: {} forwards 256 ports at most",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(inside, reason):
    with pytest.raises(DefinitionError) as caught:
        parsed(inside)
    assert str(caught.value) == f"t:1: {reason.format(KIND)}"


def test_libslirp_is_told_all_of_it():
    network = parsed(
        f"{IP}<ip family='ipv6' address='2001:db8:77::1' prefix='64'/><domain name='x.example'/><mtu size='1400'/>"
        "<forwarding><incoming><allow port='8080-8081' to='80-81' protocol='tcp' address='10.77.0.2'/>"
        "<allow port='5353' on='192.0.2.9' address='10.77.0.3'/></incoming></forwarding>"
    )
    assert user_switch.uplink(network) == "slirp:///" + "/".join(
        [
            *("disable_host_loopback", "v4", "v6", "addr='10.77.0.1/24'", "vnameserver=10.77.0.254", "dhcp=10.77.0.2"),
            *("addr6='2001:db8:77::1/64'", "vdomainname=x.example", "vdnssearch=x.example", "mtu=1400", "mru=1400"),
            "tcpfwd=8080:10.77.0.2:80,8081:10.77.0.2:81,192.0.2.9:5353:10.77.0.3:5353",
            "udpfwd=192.0.2.9:5353:10.77.0.3:5353",
        ]
    )


def test_a_subnet_that_was_chosen_is_good_for_it():
    assert user_switch.uplink(complete(parsed(""))).startswith("slirp:///disable_host_loopback/v4/addr=")
