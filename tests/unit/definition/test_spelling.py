"""What can be said in several ways: each comes back from a dump as it was written, and all mean the same."""

import pytest

from vnethook.definition import xml
from vnethook.definition.model import Network
from vnethook.definition.update import ADD_LAST, Change, updated


def ip(*inside, said="address='192.0.2.1' netmask='255.255.255.0'"):
    return f"<ip {said}>{''.join(inside)}</ip>"


def leases(inside, *said):
    return [ip("<dhcp>", inside.format(f"<lease expiry={lease}/>"), "</dhcp>") for lease in said]


def routes(*said):
    return [f"{ip()}<route {route} gateway='192.0.2.2'/>" for route in said]


WAYS = [
    [
        ip(),
        ip(said="address='192.0.2.1' prefix='24'"),
        ip(said="family='ipv4' address='192.0.2.1' netmask='255.255.255.0'"),
        ip(said="family='ipv4' address='192.0.2.1' prefix='24' localPtr='no'"),
    ],
    [
        ip(said="family='ipv6' address='2001:db8::1' prefix='64'"),
        ip(said="family='ipv6' address='2001:db8::1' prefix='64' localPtr='no'"),
    ],
    leases(
        "<range start='192.0.2.2' end='192.0.2.3'>{}</range>",
        "'2' unit='hours'",
        "'120' unit='minutes'",
        "'7200' unit='seconds'",
    ),
    leases("<host mac='52:54:00:00:00:01' ip='192.0.2.3'>{}</host>", "'1' unit='hours'", "'60' unit='minutes'"),
    routes(
        "address='198.51.100.0' prefix='24'",
        "address='198.51.100.0' netmask='255.255.255.0'",
        "family='ipv4' address='198.51.100.0' netmask='255.255.255.0'",
        "family='ipv4' address='198.51.100.0' prefix='24'",
    ),
    ["<domain name='lab.example'/>", "<domain name='lab.example' localOnly='no' register='no'/>"],
    ["", "<dns enable='yes'/>", "<dns forwardPlainNames='yes'/>", "<dns enable='yes' forwardPlainNames='yes'/>"],
    [
        "<forward mode='nat'/>",
        "<forward mode='nat'><nat ipv6='no'/></forward>",
        "<forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>",
    ],
    ["<ip></ip>", "<ip family='ipv4'></ip>"],
]
EACH = [(way, ways[0]) for ways in WAYS for way in ways]


def read(*inside):
    return xml.parse(f"<network><name>x</name>{''.join(inside)}</network>", source="t").network


def flat(network):
    return "".join(line.strip() for line in xml.dump(network).splitlines())


@pytest.mark.parametrize(("way", "other"), EACH, ids=[way for way, _ in EACH])
def test_a_dump_says_it_as_it_was_written_and_all_ways_are_equal(way, other):
    network = read(way)
    assert way in flat(network)
    assert xml.dump(xml.parse(xml.dump(network), source="t").network) == xml.dump(network)
    for copy in (xml.parse(xml.dump(network), source="t").network, read(other), read(other, way), read(way, other)):
        assert (copy, hash(copy)) == (network, hash(network))


@pytest.mark.parametrize("way", [way for way, _ in EACH])
def test_the_compiled_form_keeps_how_it_was_written(way):
    network = read(way)
    for plain in (network.to_sparse(), network.to_plain()):
        assert xml.dump(Network.from_plain(plain)) == xml.dump(network)


def test_what_is_written_as_we_write_it_costs_the_compiled_form_nothing():
    assert "said" not in str(read(WAYS[4][0], *(ways[0] for ways in WAYS[5:8])).to_sparse())


def test_another_spelling_replaces_the_one_before():
    plain, written = read(), read("<dns enable='yes'/>")
    assert xml.dump(plain.replace(dns=written.dns)) == xml.dump(written)


def test_an_update_leaves_the_rest_as_it_was_written():
    network = read(
        ip("<dhcp><range start='192.0.2.2' end='192.0.2.3'/></dhcp>", said="address='192.0.2.1' prefix='24'")
    )
    change = Change(ADD_LAST, "ip-dhcp-host")
    host = "<host mac='52:54:00:00:00:01' ip='192.0.2.9'><lease expiry='60' unit='minutes'/></host>"
    after = updated(network, change, xml.parse_part(host, change.path, source="t"))
    assert flat(after) == flat(network).replace("</dhcp>", f"{host}</dhcp>")


def test_a_subnet_that_is_chosen_is_written_as_the_address_would_be():
    network = read("<forward mode='nat'/>", "<ip family='ipv4'><dhcp/></ip>")
    asked = xml.dump(network, with_automatic=False)
    assert "<ip family='ipv4'>\n    <dhcp/>" in asked
    assert xml.dump(xml.parse(asked, source="t").network) == asked


def test_a_mask_that_is_not_written_is_shown():
    assert ip() in flat(read("<ip address='192.0.2.1'/>"))
    assert "prefix='8' gateway" in flat(read(ip(), "<route address='10.0.0.0' gateway='192.0.2.2'/>"))
