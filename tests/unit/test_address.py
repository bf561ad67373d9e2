"""Addresses as numbers, compared with what the standard library says."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook import address, mac
from vnethook.errors import DefinitionError

any_ip = st.ip_addresses()
networks = st.one_of(
    st.builds(
        lambda ip, bits: ipaddress.ip_network((int(ip), bits), strict=False), st.ip_addresses(v=4), st.integers(0, 32)
    ),
    st.builds(
        lambda ip, bits: ipaddress.ip_network((ip, bits), strict=False), st.ip_addresses(v=6), st.integers(0, 128)
    ),
)


@given(any_ip)
def test_an_address_is_read_and_written_as_the_standard_library_does(ip):
    assert address.parse_ip(str(ip)) == (ip.version, int(ip))
    assert ipaddress.ip_address(address.format_ip(ip.version, int(ip))) == ip
    assert address.canonical_ip(address.canonical_ip(str(ip))) == address.canonical_ip(str(ip))


@given(networks, networks)
def test_subnets_overlap_as_the_standard_library_says(one, two):
    first, second = address.parse_subnet(str(one)), address.parse_subnet(str(two))
    assert first.overlaps(second) is second.overlaps(first) is (one.version == two.version and one.overlaps(two))


@given(networks, any_ip)
def test_a_subnet_has_the_addresses_that_the_standard_library_says(network, ip):
    assert address.parse_subnet(str(network)).has_address(str(ip)) is (ip in network)


@given(st.integers(0, 32))
def test_netmask_and_prefix_are_inverse(prefix):
    assert address.prefix_of_netmask(address.netmask_of_prefix(prefix)) == prefix


@pytest.mark.parametrize("netmask", ["255.0.255.0", "0.0.0.255", "ffff::", "24", ""])
def test_a_netmask_with_holes_is_refused(netmask):
    with pytest.raises(DefinitionError):
        address.prefix_of_netmask(netmask)


@given(st.text(max_size=400))
def test_any_other_string_is_refused_in_one_line(text):
    for parse in (address.parse_ip, address.parse_subnet, mac.canonical_mac, address.prefix_of_netmask):
        said = message_of(parse, text)
        assert said.isprintable()
        assert len(said) < 300


def message_of(parse, text):
    """What `parse` says when it refuses; nothing if it does not."""
    try:
        parse(text)
    except DefinitionError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    "text", ["192.0.2.1\n", "192.0.2.1\0", "192.0.2", "192.0.2.01", " 192.0.2.1", "fe80::1%eth0", "1", "\ud800"]
)
def test_what_is_nearly_an_address_is_refused(text):
    with pytest.raises(DefinitionError):
        address.parse_ip(text)


@pytest.mark.parametrize(
    "text", ["192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/24/24", "2001:db8::/129", "192.0.2.0/٢"]
)
def test_what_is_nearly_a_subnet_is_refused(text):
    with pytest.raises(DefinitionError):
        address.parse_subnet(text)


def test_a_mac_is_written_in_one_way():
    assert mac.canonical_mac("52-54-0-AB-cd-1") == "52:54:00:ab:cd:01"
    assert mac.is_multicast_mac("01:00:5e:00:00:01")
    assert not mac.is_multicast_mac("52:54:00:00:00:01")
    for text in ("52:54:00:00:00", "52:54:00:00:00:001", "52:54:00:00:00:0g", "", "52:54:00:00:00:0\n"):
        with pytest.raises(DefinitionError):
            mac.canonical_mac(text)
