"""What the firewall's chains hold, for any definition."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.definition.networks import networks, offers
from vnethook.address import Subnet, format_ip, parse_ip, parse_subnet
from vnethook.capability import firewall
from vnethook.capability.policy import local, named, table, translation
from vnethook.capability.policy import outgoing as outgoing_policy
from vnethook.definition.forwarding import Forwarding, Outgoing, PortRule
from vnethook.definition.ip import Ip
from vnethook.definition.model import Bridge, Nat, Network
from vnethook.definition.offers import read_offers
from vnethook.host.facts import Facts
from vnethook.live.paths import Paths

FACTS = Facts(Paths("/etc/vnethook", "/run/vnethook", "/var/lib/vnethook"))
UUID = "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11"
PLAIN = Network("lab", UUID, Bridge("vnbr3"), "52:54:00:5e:00:02", forward="nat", ips=(Ip("192.0.2.1", 24),))


def _rules(network):
    [step] = firewall.plan(network, FACTS)
    return step


def _first_match(rules, protocol, port):
    for rule in rules.rules:
        if rule.protocol in {protocol, "both"} and rule.ports[0] <= port <= rule.ports[1]:
            return rule.action
    return rules.default


near = st.tuples(st.integers(1, 20), st.integers(0, 10)).map(lambda pair: (pair[0], sum(pair)))
crowded = st.builds(
    Outgoing,
    st.sampled_from(["allow", "deny"]),
    st.lists(
        st.builds(PortRule, st.sampled_from(["allow", "deny"]), near, st.sampled_from(["tcp", "udp", "both"]))
    ).map(tuple),
)


@given(crowded, st.sampled_from(["tcp", "udp"]))
def test_the_ports_of_an_action_are_those_for_which_the_first_match_says_it(rules, protocol):
    edges = {port + by for rule in rules.rules for port in rule.ports for by in (-1, 0, 1)}
    for action in ("allow", "deny"):
        found = outgoing_policy.ports_of(rules.rules, protocol, action)
        assert all(first <= last for first, last in found)
        assert all(left[1] + 1 < right[0] for left, right in zip(found, found[1:], strict=False))
        for port in edges - {0, 65536}:
            is_said = any(first <= port <= last for first, last in found)
            is_matched = any(
                rule.protocol in {protocol, "both"} and rule.ports[0] <= port <= rule.ports[1] for rule in rules.rules
            )
            assert is_said is (is_matched and _first_match(rules, protocol, port) == action)


def test_a_thousand_rules_for_what_goes_out_are_one_look_up_for_each_protocol():
    rules = tuple(PortRule("deny", (port, port)) for port in range(1, 3000, 3))
    chain = outgoing_policy.chain(PLAIN.replace(forwarding=Forwarding(outgoing=Outgoing("allow", rules))))
    assert [rule.split(" {")[0] for rule in chain] == [
        "ct direction reply accept",
        "ct status expected accept",
        "tcp dport",
        "udp dport",
        "accept",
    ]


@given(offers, st.sampled_from(["tcp", "udp"]))
def test_what_the_host_offers_are_the_ports_of_each_service_and_no_others(offered, protocol):
    found = offered.ports(protocol)
    edges = {port + by for service in offered.services for port in service.ports for by in (-1, 0, 1)}
    assert all(left[1] + 1 < right[0] for left, right in zip(found, found[1:], strict=False))
    for port in edges - {0, 65536}:
        is_offered = any(
            service.protocol in {protocol, "both"} and service.ports[0] <= port <= service.ports[1]
            for service in offered.services
        )
        assert any(first <= port <= last for first, last in found) is is_offered


def test_a_network_that_offers_nothing_has_no_rule_for_it():
    assert local.local(PLAIN)[-3:] == [
        "ip daddr 192.0.2.1 meta l4proto { 6, 17 } th dport 53 accept",
        "meta l4proto 6 reject with tcp reset",
        "reject",
    ]
    offering = local.local(PLAIN.replace(offers=read_offers("all")))
    assert offering[-4:] == [
        "ip daddr 127.0.0.0/8 drop",
        "ip daddr != { 192.0.2.1 } ip daddr @gateways reject",
        "ip6 daddr @gateways6 reject",
        "accept",
    ]


def test_what_denies_nothing_needs_no_chain():
    for rules in (None, Outgoing(), Outgoing("allow", (PortRule("allow", (25, 25)),))):
        assert outgoing_policy.chain(PLAIN.replace(forwarding=Forwarding(outgoing=rules))) == []
    off = Forwarding(enabled=False, outgoing=Outgoing("deny"))
    assert outgoing_policy.chain(PLAIN.replace(forward="none", forwarding=off)) == []


ranges = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(sorted)
prefixes = st.builds(
    lambda number, prefix: [(number >> prefix << prefix), (number >> prefix << prefix) + (1 << prefix) - 1],
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


def _is_prefix(first, last):
    size = last - first + 1
    return size & (size - 1) == 0 and first % size == 0


@given(ranges | prefixes)
def test_the_parts_of_a_nat_range_are_all_of_it_and_no_prefix(ends):
    start, end = (format_ip(4, number) for number in ends)
    rules = translation.rules(PLAIN.replace(nat=Nat(addresses=(start, end))))
    found = [re.search(r"snat ip to ([0-9.]+)(?:-([0-9.]+))?:1024-65535 persistent$", rule) for rule in rules[:-1]]
    parts = [(parse_ip(part[1])[1], parse_ip(part[2] or part[1])[1]) for part in found]
    assert (parts[0][0], parts[-1][1]) == tuple(ends)
    assert all(left[1] + 1 == right[0] for left, right in zip(parts, parts[1:], strict=False))
    assert not any(first != last and _is_prefix(first, last) for first, last in parts)
    assert len({rule.split("snat")[0] for rule in rules}) == len(rules)
    assert rules[-1].startswith("meta nfproto ipv4 snat ip to ")


def test_a_network_without_special_needs_has_five_chains_and_shares_the_masquerading():
    for mode in ("nat", "route", "none"):
        step = _rules(PLAIN.replace(forward=mode))
        assert [name.rpartition("_")[2] for name, _ in step.uses] == [
            *("loopback", "prerouting", "output", "input", "forward", "postrouting"),
            *("local", "host", "from", "to", "flows"),
        ]
    assert ("masqueraded", "c0000200") in _rules(PLAIN).elements


@given(networks())
def test_any_network_leaves_the_base_chains_as_they_are(network):
    if network.wants_subnet:
        network = network.with_subnet(Subnet(4, parse_ip("192.168.0.0")[1], 24))
    step = _rules(network.replace(uuid=network.uuid or UUID, bridge=network.bridge.replace(name="vnbr3")))
    assert step.uses[: len(table.USES)] == table.USES
    own = [line for line in step.install.splitlines() if line not in {*table.BASE, *table.HOLDERS}]
    assert not any(f" {chain} " in line for line in own for chain in ("input", "forward", "postrouting"))


sources = st.sampled_from(["0.0.0.0/0", "198.51.100.0/24", "198.51.100.128/25", "198.51.100.7/32", "203.0.113.0/24"])


@given(st.dictionaries(sources.map(parse_subnet), st.lists(near, min_size=1, max_size=4), max_size=5))
def test_what_a_guest_is_reached_at_directly_is_the_same_without_overlaps(reached):
    found = list(named._apart(reached))

    def holding(pairs, number, port):
        return [
            subnet for subnet, (first, last) in pairs if subnet.first <= number <= subnet.last and first <= port <= last
        ]

    said = [(subnet, ports) for subnet, ranges in reached.items() for ports in ranges]
    for subnet in reached:
        for port in range(32):
            for number in {subnet.first, subnet.last}:
                assert len(holding(found, number, port)) == bool(holding(said, number, port))
