"""`<outgoing>` as rules: the first that matches counts, whatever is said together."""

import re

from hypothesis import given
from hypothesis import strategies as st

from vnethook.address import parse_ip, parse_subnet
from vnethook.capability.policy import named, outgoing
from vnethook.definition.forwarding import Forwarding, Outgoing, PortRule
from vnethook.definition.ip import Ip
from vnethook.definition.model import Bridge, Network

UUID = "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11"
IPS = (Ip("192.0.2.1", 24), Ip("2001:db8::1", 64))
PLAIN = Network("lab", UUID, Bridge("vnbr3"), "52:54:00:5e:00:02", forward="nat", ips=IPS)
NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "gre": 47, "esp": 50, "ah": 51}
DESTINATIONS = ("203.0.113.0/24", "203.0.113.9/32", "2001:db8:9::/48")
SOURCES = ("192.0.2.9/32", "192.0.2.0/25", "2001:db8::9/128")

some_ports = st.none() | st.tuples(st.integers(1, 9), st.integers(0, 4)).map(lambda pair: (pair[0], sum(pair)))


def _rule(said):
    if said["ports"] and said["protocol"] not in {"tcp", "udp", "both", "sctp"}:
        said = said | {"ports": None}
    if said["domain"]:
        said = said | {"source": None}
    if said["destination"] and said["source"] and (":" in said["destination"]) is not (":" in said["source"]):
        said = said | {"source": None}
    return PortRule(**said)


rules = st.fixed_dictionaries({
    "action": st.sampled_from(["allow", "deny"]),
    "ports": some_ports,
    "protocol": st.sampled_from(["both", "any", *NUMBERS]),
    "destination": st.none() | st.sampled_from(DESTINATIONS),
    "domain": st.none() | st.sampled_from(["web", "DB"]),
    "source": st.none() | st.sampled_from(SOURCES),
}).map(_rule)  # fmt: skip
packets = st.fixed_dictionaries({
    "protocol": st.sampled_from(list(NUMBERS)),
    "port": st.integers(1, 14),
    "guest": st.sampled_from(["web", "db", "other"]),
    "ends": st.sampled_from([
        ("192.0.2.9", "203.0.113.9"),
        ("192.0.2.8", "203.0.113.1"),
        ("192.0.2.200", "198.51.100.1"),
        ("2001:db8::9", "2001:db8:9::1"),
        ("2001:db8::8", "2001:db8:7::1"),
    ]),
})  # fmt: skip


def _said(of, packet):
    """What the definition says, rule by rule."""
    source, to = packet["ends"]
    for rule in of.rules:
        protocols = {"both": {"tcp", "udp"}, "any": set(NUMBERS)}.get(rule.protocol, {rule.protocol})
        first, last = rule.ports or (0, 65535)
        if (
            packet["protocol"] in protocols
            and first <= packet["port"] <= last
            and (rule.domain or packet["guest"]).lower() == packet["guest"]
            and (rule.source is None or parse_subnet(rule.source).has_address(source))
            and (rule.destination is None or parse_subnet(rule.destination).has_address(to))
        ):
            return rule.action
    return of.default


def _done(chain, packet, sets):
    """What the chain does, rule by rule."""
    number = NUMBERS[packet["protocol"]]
    ends = dict(zip(("saddr", "daddr"), packet["ends"], strict=True))
    if number == 1 and ":" in ends["saddr"]:
        number = 58
    for rule in chain[2:]:  # the first two are about answers
        rest, is_match = rule, True
        while found := re.match(r"(ip6?) ([sd]addr) (\S+) |ether saddr @(\S+) |meta l4proto (\{.*?\}|\d+) |"
                                r"(tcp|udp|th) dport (\{.*?\}|\S+) ", rest):  # fmt: skip
            _, end, subnet, macs, protocols, word, ports = found.groups()
            if subnet:
                is_match &= parse_subnet(subnet).has_address(ends[end])
            elif macs:
                is_match &= sets.get(packet["guest"]) == macs
            elif protocols:
                is_match &= str(number) in re.findall(r"\d+", protocols)
            else:
                is_match &= word == "th" or NUMBERS[word] == number
                ranges = [item.strip(" {}").split("-") for item in ports.split(",")]
                is_match &= any(int(item[0]) <= packet["port"] <= int(item[-1]) for item in ranges)
            rest = rest[found.end():]  # fmt: skip
        if is_match:
            assert rest in {"accept", "reject with tcp reset" if number == 6 else "reject"}, rule
            return "allow" if rest == "accept" else "deny"
    return "allow"


def test_an_earlier_rule_for_the_same_goes_before_the_last_one():
    rules = (PortRule("allow", protocol="sctp"), PortRule("deny", protocol="sctp"))
    network = PLAIN.replace(forwarding=Forwarding(outgoing=Outgoing("allow", rules)))
    assert outgoing.chain(network)[2:] == ["meta l4proto 132 accept", "meta l4proto 132 reject", "accept"]


@given(st.builds(Outgoing, st.sampled_from(["allow", "deny"]), st.lists(rules, max_size=7).map(tuple)), packets)
def test_the_chain_does_what_the_first_matching_rule_says(of, packet):
    network = PLAIN.replace(forwarding=Forwarding(outgoing=of))
    assert _done(outgoing.chain(network), packet, named.senders(network)) == _said(of, packet)
    assert parse_ip(packet["ends"][0])
