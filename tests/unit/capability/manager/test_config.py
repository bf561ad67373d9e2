"""Which values the files of a network manager can hold: nothing that ends a line, a quote or a word."""

import pytest

from vnethook.capability.manager.config import Address, InterfaceConfig, Route, Rule
from vnethook.errors import DefinitionError

MAC = "52:54:00:aa:bb:01"
HOSTILE = (
    *("'", '"', "a'b", "a;reboot", "a\nb", "a\rb", "a b", "-a", "a$(id)", "a`id`", "ä", "a\\", "a\0b", "a#b", "a=b"),
    *("${HOME}", "a|b", "a&b", "a>b", "a*", "a?", "[a]", "\x1b[2J", "a\tb", "%i", "!!a", "a: b", "a,b", "x" * 300),
)
GOOD = InterfaceConfig("eth0", "br0", MAC)


def _with(**changes):
    return lambda word: GOOD.replace(**{name: make(word) for name, make in changes.items()})


FIELDS = {
    "interface": _with(nic=str),
    "bridge": _with(bridge=str),
    "MAC address": _with(mac=lambda word: MAC + word),
    "IPv6 mode": _with(ipv6=str),
    "address": lambda word: Address(f"192.0.2.1{word}", 24),
    "label": lambda word: Address("192.0.2.1", 24, word),
    "route": lambda word: Route(f"192.0.2.0{word}/24"),
    "gateway": lambda word: Route("192.0.2.0/24", f"192.0.2.1{word}"),
    "source": lambda word: Route("192.0.2.0/24", source=f"192.0.2.1{word}"),
    "from": lambda word: Rule(100, source=f"192.0.2.1/32{word}"),
    "to": lambda word: Rule(100, destination=f"192.0.2.1/32{word}"),
    "DNS server": _with(dns=lambda word: (f"192.0.2.1{word}",)),
    "search domain": _with(search=lambda word: (f"example.org{word}",)),
    "zone": _with(zone=str),
}


@pytest.mark.parametrize("word", HOSTILE, ids=ascii)
@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_value_is_refused_by_the_name_of_its_field(field, word):
    if field == "search domain" and word == "-a":
        word = ".-a"
    with pytest.raises(DefinitionError) as refused:
        FIELDS[field](word)
    assert field in refused.value.message
    assert refused.value.message.isprintable()
    assert refused.value.message.isascii() or "…" in refused.value.message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Address("192.0.2.1", 33), "address 192.0.2.1: prefix 33: must be 0 to 32"),
        (lambda: Address("2001:DB8::1", 64), "address '2001:DB8::1': write it as 2001:db8::1"),
        (lambda: Address("2001:db8::1", 64, "1"), "address 2001:db8::1: label '1': must be letters and digits, and of IPv4"),
        (lambda: Route("192.0.2.1/24"), "route 192.0.2.1/24: the subnet is 192.0.2.0/24"),
        (lambda: Route("192.0.2.0/24", "2001:db8::1"), "route '192.0.2.0/24': gateway 2001:db8::1: is of the other IP version"),
        (lambda: Rule(0, source="192.0.2.1/32"), "rule: table 0: must be 1 to 4294967295"),
        (lambda: Rule(7), "rule: table 7: it says neither where packets come from nor where they go"),
        (lambda: GOOD.replace(mtu=67), "MTU 67: must be 68 to 65535"),
        (lambda: GOOD.replace(mac="53:54:00:aa:bb:01"), "MAC address 53:54:00:aa:bb:01: is a multicast address, which no interface can have"),
        (lambda: GOOD.replace(bridge="all"), "bridge 'all': must be 1 to 15 of A-Z a-z 0-9 _-, a letter or digit first"),
        (lambda: GOOD.replace(ipv6="none", addresses=(Address("2001:db8::1", 64),)), "IPv6 mode 'none': 2001:db8::1/64 is of IPv6"),
        (lambda: GOOD.replace(nic="enx525400aabb01", bridge="enx525400aabb01"), "interface 'enx525400aabb01': layout proposal: 'penx525400aabb01' is longer than 15 characters"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused(make, message):
    with pytest.raises(DefinitionError) as refused:
        make()
    assert refused.value.message == message


def test_a_bridge_of_the_nics_name_means_layout_proposal():
    config = GOOD.replace(bridge="eth0")
    assert (config.layout, config.port, GOOD.layout, GOOD.port) == ("proposal", "peth0", "bridge", "eth0")
