"""Which places of the host's packet filter lead to which chains of ours, and what a live record says of them."""

import pytest

from tests.golden.complete import ON_HOST, complete
from vnethook.capability import admission
from vnethook.definition import xml
from vnethook.host.facts import Facts, filtered_versions
from vnethook.host.filters import FORWARD, INPUT, LEGACY, NFT, Filter

UUID = "12345678-9abc-4def-8123-456789abcdef"
PLACES = (Filter(4, NFT, FORWARD, FORWARD), Filter(4, NFT, INPUT, "ufw-before-input"))
IP = "<ip address='10.7.0.1' prefix='24'/>"
THROUGH = (
    "-i {0} -j ACCEPT",
    "-o {0} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-o {0} -m conntrack --ctstate DNAT -j ACCEPT",
)
TO_HOST = (
    "-i {0} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-i {0} -p udp -m multiport --dports 53,67 -j ACCEPT",
    "-i {0} -p tcp -m tcp --dport 53 -j ACCEPT",
    "-i {0} -p icmp -j ACCEPT",
)


def _network(inner="<forward mode='nat'/><bridge name='vnbr7'/>" + IP):
    document = f"<network><name>lab</name><uuid>{UUID}</uuid>{inner}</network>"
    return complete(xml.parse(document.encode(), source="lab.xml").network)


def _plan(inner, places=PLACES):
    steps = admission.plan(_network(inner), Facts(ON_HOST, filters=places))
    return [(step.chain, step.last, step.rules) for step in steps]


def _of(rules, bridge):
    return tuple(rule.format(bridge) for rule in rules)


def test_where_nothing_is_dropped_there_is_nothing_to_do():
    assert _plan("<forward mode='nat'/>" + IP, ()) == []


def test_bridges_with_our_prefix_share_a_chain_for_each_place():
    assert _plan("<forward mode='nat'/><bridge name='vnbr7'/>" + IP) == [
        ("VNETHOOK-FORWARD", "FORWARD", _of(THROUGH, "vnbr+")),
        ("VNETHOOK-INPUT", "ufw-before-input", _of(TO_HOST, "vnbr+")),
    ]


def test_what_docker_would_have_dropped_by_its_policy_alone_is_dropped_by_its_chain():
    place = Filter(4, NFT, FORWARD, FORWARD, "DOCKER-ISOLATION-STAGE-2")
    [(_, _, rules)] = _plan("<forward mode='nat'/><bridge name='vnbr7'/>" + IP, (place,))
    assert rules == ("-i vnbr+ -j DOCKER-ISOLATION-STAGE-2", *_of(THROUGH, "vnbr+"))


def test_a_bridge_of_another_name_has_chains_of_its_own():
    assert _plan("<forward mode='nat'/><bridge name='virbr0'/>" + IP) == [
        ("VNETHOOK-F-123456789abc4def", "FORWARD", _of(THROUGH, "virbr0")),
        ("VNETHOOK-I-123456789abc4def", "ufw-before-input", _of(TO_HOST, "virbr0")),
    ]


def test_on_a_shared_interface_what_is_bridged_is_let_through_where_the_filter_sees_it():
    network = _network("<forward mode='bridge'/><bridge name='ebreth0'/>")
    places = (*PLACES, Filter(6, NFT, FORWARD, FORWARD))
    [step] = admission.plan(network, Facts(ON_HOST, filters=places, bridged=(4,)))
    assert (step.version, step.chain) == (4, "VNETHOOK-F-123456789abc4def")
    assert step.rules == ("-i ebreth0 -m physdev --physdev-is-bridged -j ACCEPT",)
    assert admission.watched(network, [step], set(), bridged=(4, 6)) == (
        (4, FORWARD, "VNETHOOK-F-123456789abc4def", 2),
        (6, FORWARD, "", 0),
    )
    assert admission.plan(network, Facts(ON_HOST, filters=places)) == []
    assert admission.watched(network, [], set()) == ()


@pytest.mark.parametrize(
    "inner",
    [
        "<forward mode='route'/>",
        "<forward mode='nat'/><forwarding><incoming default='allow'/></forwarding>",
    ],
)
def test_guests_that_take_connections_from_outside_are_let_take_them(inner):
    more = ("VNETHOOK-F-123456789abc4def", "FORWARD", ("-o vnbr7 -j ACCEPT",))
    assert more in _plan(f"{inner}<bridge name='vnbr7'/>{IP}")
    assert more not in _plan(f"{inner}<bridge name='vnbr7'/>{IP}", (PLACES[1],))


def test_a_network_that_serves_tftp_has_it_let_through():
    ip = "<ip address='10.7.0.1' prefix='24'><tftp root='/srv/tftp'/></ip>"
    more = ("VNETHOOK-I-123456789abc4def", "ufw-before-input", ("-i vnbr7 -p udp -m udp --dport 69 -j ACCEPT",))
    assert more in _plan(f"<forward mode='nat'/><bridge name='vnbr7'/>{ip}")


def test_a_name_that_iptables_takes_for_a_wildcard_lets_no_other_link_through():
    assert _plan(f"<forward mode='nat'/><bridge name='eth+'/>{IP}") == []


def test_the_names_of_chains_are_as_iptables_takes_them():
    """At most 28 characters: XT_EXTENSION_MAXNAMELEN, linux/netfilter/x_tables.h."""
    assert all(len(chain) <= 28 for chain, _, _ in _plan(f"<forward mode='route'/><bridge name='b'/>{IP}"))


@pytest.mark.parametrize(
    ("inner", "versions"),
    [
        ("<forward mode='open'/><bridge name='vnbr7'/>" + IP, ()),
        ("<forward mode='bridge'/><bridge name='br0'/>", ()),
        ("<bridge name='vnbr7'/>" + IP, (4,)),
        ("<bridge name='vnbr7'/>" + IP + "<ip family='ipv6' address='fd00:7::1' prefix='64'/>", (4, 6)),
    ],
)
def test_the_filter_matters_to_the_ip_versions_that_a_network_has(inner, versions):
    assert filtered_versions(_network(inner)) == versions


def test_a_live_record_says_what_is_to_be_seen_at_each_place():
    network = _network()
    legacy = Filter(4, LEGACY, INPUT, INPUT)
    steps = admission.plan(network, Facts(ON_HOST, filters=(PLACES[0], legacy)))
    forward = (4, "FORWARD", "VNETHOOK-FORWARD", 4)
    assert admission.watched(network, steps, set()) == (forward, (4, "INPUT", "", 0))
    assert admission.watched(network, steps, {(4, "INPUT")}) == (forward,)
