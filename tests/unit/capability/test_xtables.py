"""The firewall's rules as iptables has them: every rule of the policy has a form, and an unknown one is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.golden.complete import ON_HOST, complete
from tests.unit.definition.networks import networks
from vnethook import capability
from vnethook.capability.policy import named, table
from vnethook.capability.policy.xtables import Translator
from vnethook.definition import xml
from vnethook.errors import UnsupportedError
from vnethook.host.facts import Facts
from vnethook.live import files
from vnethook.live.xtables import LEGACY
from vnethook.plan.xtables import InstallXtables, compose, is_ours

PLANS = Path(__file__).parents[2] / "golden/plans"
RULED = sorted(path.stem for path in PLANS.glob("*.nft"))
FACTS = Facts(ON_HOST, firewall=LEGACY)
CHAIN = r"VN[0-9A-Za-z]{22}_[a-z]{2,3}|VNETHOOK_[A-Z_]+"
TARGETS = "ACCEPT|DROP|RETURN|REJECT|MASQUERADE|SNAT|DNAT|MARK"
WORD = r"[A-Za-z0-9_.:,/@+\[\]-]+"


def _golden(name):
    return complete(xml.parse((PLANS / f"{name}.xml").read_bytes(), source="x").network)


def _step(network, facts=FACTS):
    [step] = [step for step in capability.plan(network, facts) if isinstance(step, InstallXtables)]
    return step


def _rules(text, family="ip", **options):
    return Translator(family, lambda chain: f"VN_{chain}", **options).rules(text)


def _check(step):
    """What holds for every network's rules: known words only, names of ours, and no jump that leads nowhere."""
    assert type(step).from_plain(files.loads(files.dumps(step.to_plain()))) == step
    entry = {"": step.prefix} | {place: "\n".join(rules) for place, rules in step.links}
    shared = compose([entry], {chain for chain, _ in step.chains})
    chains = dict(step.chains) | shared
    for chain, rules in chains.items():
        family, kind, name = chain.split()
        assert re.fullmatch(CHAIN, name), chain
        assert is_ours(chain)
        assert len(name) <= 28
        for rule in rules:
            assert re.fullmatch(
                rf"((! )?--?[a-zA-Z-]+ {WORD} |--invert )*-[jg] ({TARGETS}|{CHAIN})( --[a-z-]+( {WORD})?)*", rule
            ), rule
            target = re.search(rf"-[jg] ({CHAIN})$", rule)
            assert target is None or f"{family} {kind} {target[1]}" in chains, rule


@pytest.mark.parametrize("name", RULED)
def test_every_rule_of_a_golden_definition_has_a_form_for_iptables(name):
    network = _golden(name)
    if _is_for_nft_only(network):
        with pytest.raises(UnsupportedError):
            _step(network)
    else:
        _check(_step(network))


def _is_for_nft_only(network):
    """Whether something is asked for that iptables is not made to do: rules by a guest's name, counting what it opens."""
    asked = network.guard
    return bool(named.guests(network) or (asked and (asked.flows or asked.connections or asked.new_connections)))


@settings(max_examples=25, deadline=None)
@given(networks())
def test_every_rule_of_any_definition_has_one(network):
    network = complete(network)
    if (
        network.owns_bridge
        and not _is_for_nft_only(network)
        and not any(link.endswith("+") for link in (network.bridge.name, *network.uplinks))
    ):
        _check(_step(network))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("accept", ["-j ACCEPT"]),
        ("ip6 saddr 2001:db8::/64 accept", []),
        ('iifname != "eth0" reject', ["! -i eth0 -j REJECT --reject-with icmp-port-unreachable"]),
        ("iifname @bridges reject", ["-j VNETHOOK_BRIDGES"]),
        (
            "ct status dnat ct direction reply accept",
            ["-m conntrack --ctstate DNAT -m conntrack --ctdir REPLY -j ACCEPT"],
        ),
        ("meta l4proto { 1, 58 } accept", ["-p icmp -j ACCEPT"]),
        ("meta l4proto 6 reject with tcp reset", ["-p tcp -j REJECT --reject-with tcp-reset"]),
        ("ip saddr 10.0.0.0/24 goto x", ["-s 10.0.0.0/24 -g VN_x"]),
        ("ether saddr != 52:54:00:00:00:01 drop", ["-m mac ! --mac-source 52:54:00:00:00:01 -j DROP"]),
        ("fib daddr type local accept", ["-m addrtype --dst-type LOCAL -j ACCEPT"]),
        ("fib saddr . iif oif missing drop", ["-m mark --mark 0x766e6574 -j DROP"]),
        (
            "ip daddr { 10.0.0.1, 10.0.0.2 } meta l4proto { 6, 17 } th dport 53 accept",
            [
                f"-d 10.0.0.{last} -p {name} -m {name} --dport 53 -j ACCEPT"
                for last in (1, 2)
                for name in ("tcp", "udp")
            ],
        ),
        ("tcp dport 80 dnat ip to 10.0.0.9", ["-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.9"]),
        (
            "tcp dport 8000-8002 dnat ip to 10.0.0.9:tcp dport map { 8000 : 90, 8001 : 91, 8002 : 92 }",
            ["-p tcp -m tcp --dport 8000:8002 -j DNAT --to-destination 10.0.0.9:90-92/8000"],
        ),
    ],
)
def test_a_rule_becomes_what_iptables_has_for_it(rule, expected):
    assert _rules(rule) == expected


def test_many_ports_are_as_few_rules_as_can_be():
    ports = ", ".join(f"{port}-{port + 1}" for port in range(1, 40, 3))
    assert [rule.count(":") for rule in _rules(f"tcp dport {{ {ports} }} accept")] == [7, 6]


def test_a_chain_that_asks_for_our_bridges_knows_the_answer():
    rule = "ip saddr 10.0.0.0/24 oifname != @bridges accept"
    assert _rules(rule, to_bridge=False) == ["-s 10.0.0.0/24 -j ACCEPT"]
    assert _rules(rule, to_bridge=True) == []
    with pytest.raises(UnsupportedError):
        _rules(rule)


def test_addresses_on_other_bridges_are_refused_by_the_chain_of_all():
    assert _rules("ip daddr != { 10.0.0.1 } ip daddr @gateways reject", gateways=("10.0.0.1",)) == [
        "-j VNETHOOK_GATEWAYS"
    ]
    with pytest.raises(UnsupportedError):
        _rules("ip daddr != { 10.0.0.1 } ip daddr @gateways reject", gateways=("10.0.0.2",))
    with pytest.raises(UnsupportedError):
        _rules("ip daddr @gateways accept")


UNKNOWN = (
    *(
        "",
        "ip saddr 10.0.0.1",
        "accept accept",
        "log accept",
        "ip saddr @friends accept",
        'iifname "x" @bridges accept',
    ),
    *("th dport 53 accept", "tcp sport 5 accept", "ip daddr != { 10.0.0.1, 10.0.0.2 } accept", "iifname eth0 accept"),
    *("ct status assured accept", "iifname @bridges accept", "meta mark 7 drop", "reject with icmp admin-prohibited"),
    *("tcp dport 8000-8001 dnat ip to 10.0.0.9:tcp dport map { 8000 : 90, 8001 : 99 }", "limit rate 5/second accept"),
)


@pytest.mark.parametrize("rule", UNKNOWN)
def test_a_rule_of_no_known_form_is_refused(rule):
    with pytest.raises(UnsupportedError) as caught:
        _rules(rule)
    assert caught.value.message == f"firewall rule {rule!r}: has no form for iptables"


def test_a_link_whose_name_is_a_pattern_to_iptables_is_refused():
    network = _golden("nat").replace(bridge=_golden("nat").bridge.replace(name="vnbr+"))
    with pytest.raises(UnsupportedError) as caught:
        _step(network)
    assert caught.value.message == "interface 'vnbr+': iptables takes the + at its end for the beginning of other names"


def test_the_base_chains_are_those_whose_translation_is_written_by_hand():
    """capability/xtables.py has for each of these rules what all networks share, or nothing where that is the same."""
    rules = [line.removeprefix(f"add rule {table.NAME} ") for line in table.BASE if line.startswith("add rule")]
    assert rules == [
        "input ct state new ct status & confirmed == 0 iifname vmap @counted",  # not here
        "forward ct state new ct status & confirmed == 0 iifname vmap @counted",
        "input iifname vmap @to_host",
        'input iifname != "lo" ip daddr @gateways meta l4proto { 6, 17 } th dport 53 drop',
        'input iifname != "lo" ip6 daddr @gateways6 meta l4proto { 6, 17 } th dport 53 drop',
        "forward iifname vmap @from_guest",
        "forward oifname vmap @to_guest",
        'loopback ip daddr 127.0.0.0/8 iifname != "lo" drop',
        *(
            f"{chain} {rule}"
            for chain in ("prerouting", "output")
            for rule in (
                "ip daddr @gateways meta l4proto { 6, 17 } th dport { 53, 67 } return",
                "ip6 daddr @gateways6 meta l4proto { 6, 17 } th dport { 53, 547 } return",
                "ip6 daddr fe80::/10 meta l4proto { 6, 17 } th dport { 53, 547 } return",
                "fib daddr type local meta l4proto . th dport . ip saddr . ip daddr vmap @forwards",
                "ip6 daddr != ::1 fib daddr type local meta l4proto . th dport . ip6 saddr . ip6 daddr vmap @forwards6",
            )
        ),
        "postrouting ct status dnat oifname vmap @returning",
        "postrouting oifname @bridges return",
        'postrouting oifname "lo" return',
        "postrouting ip daddr { 224.0.0.0/24, 255.255.255.255 } return",
        "postrouting ip6 daddr ff02::/16 return",
        "postrouting ip saddr vmap @translated",
        "postrouting ip6 saddr vmap @translated6",
        "postrouting ip saddr @masqueraded meta l4proto { 6, 17 } masquerade to :1024-65535",
        "postrouting ip saddr @masqueraded masquerade",
    ]


def test_equal_networks_have_equal_rules_in_another_order_of_starts():
    steps = [_step(_golden(name)) for name in ("nat", "routed", "isolated")]
    entries = [{"": step.prefix} | {place: "\n".join(rules) for place, rules in step.links} for step in steps]
    present = {chain for step in steps for chain, _ in step.chains}
    assert compose(entries, present) == compose(entries[::-1], present)


def test_what_leads_to_a_chain_that_is_not_there_is_left_out():
    step = _step(_golden("nat"))
    entry = {"": step.prefix} | {place: "\n".join(rules) for place, rules in step.links}
    rules = [rule for rules in compose([entry], set()).values() for rule in rules]
    assert not [rule for rule in rules if step.prefix in rule]


def test_a_host_without_ipv6_gets_rules_for_ipv4_only():
    step = _step(_golden("dual-stack"), FACTS.replace(has_ipv6=False))
    assert {chain.split()[0] for chain, _ in (*step.chains, *step.links, *step.uses)} == {"ip"}
