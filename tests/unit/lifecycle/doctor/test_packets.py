"""What becomes of a packet in a filter's rules."""

import pytest

from vnethook.host.rules import ACCEPT, DROP, GOTO, JUMP, RETURN, UNKNOWN, Chain, Match, Rule, Table
from vnethook.lifecycle.doctor.packets import PERHAPS, Fate, Packet, fates

OUT = Packet("forward", 4, "vnbr7", "eth0", "tcp", "443", "new", "10.77.0.5", "192.0.2.1", "unicast")
FROM_US = Match("iifname", ("vnbr*",))


def _verdicts(*rules, policy=DROP, more=(), packet=OUT, family="inet"):
    table = Table(family, "t", (Chain("base", packet.hook, policy, rules), *more))
    return [fate.verdict for fate in fates([table], packet)]


def test_what_meets_no_rule_has_the_policy() -> None:
    assert _verdicts() == [DROP]
    assert _verdicts(policy=ACCEPT) == []


@pytest.mark.parametrize(
    ("match", "is_met"),
    [
        (FROM_US, True),
        (Match("iifname", ("eth*",)), False),
        (Match("oifname", ("eth0", "eth1"), is_negated=True), False),
        (Match("l4proto", ("6",)), True),
        (Match("l4proto", ("udp",)), False),
        (Match("dport", ("400-500",)), True),
        (Match("dport", ("80",)), False),
        (Match("state", ("established", "new")), True),
        (Match("status", ("dnat",)), False),
        (Match("direction", ("original",)), True),
        (Match("direction", ("reply",)), False),
        (Match("version", ("6",)), False),
        (Match("saddr", ("10.0.0.0/8",)), True),
        (Match("saddr", ("10.77.0.1-10.77.0.9",)), True),
        (Match("saddr", ("2001:db8::/32",)), False),
        (Match("daddr", ("192.0.2.1",)), True),
        (Match("daddr", ("nonsense",)), False),
        (Match("daddrtype", ("unicast", "broadcast")), True),
        (Match("daddrtype", ("local",)), False),
    ],
)
def test_a_match_is_met_or_not(match: Match, *, is_met: bool) -> None:
    assert _verdicts(Rule((match,), ACCEPT)) == ([] if is_met else [DROP])


def test_the_first_rule_that_is_met_decides() -> None:
    assert _verdicts(Rule((FROM_US,), DROP), Rule((), ACCEPT), policy=ACCEPT) == [DROP]
    assert _verdicts(Rule((FROM_US,)), Rule((), ACCEPT)) == []


def test_jumps_come_back_and_gotos_do_not() -> None:
    empty, leaving = Chain("empty"), Chain("leaving", rules=(Rule((), RETURN), Rule((), DROP)))
    accept = Rule((), ACCEPT)
    assert _verdicts(Rule((), JUMP, "empty"), accept, more=(empty,)) == []
    assert _verdicts(Rule((), JUMP, "leaving"), accept, more=(leaving,)) == []
    assert _verdicts(Rule((), GOTO, "empty"), accept, more=(empty,)) == [DROP]
    assert _verdicts(Rule((), JUMP, "inner"), accept, more=(Chain("inner", rules=(Rule((), DROP),)),)) == [DROP]


def test_chains_in_a_circle_end() -> None:
    circle = Chain("circle", rules=(Rule((), JUMP, "circle"),))
    assert _verdicts(Rule((), JUMP, "circle"), more=(circle,)) == [PERHAPS]


def test_what_is_not_understood_leaves_it_open_only_where_it_could_let_pass() -> None:
    unknown = Match(UNKNOWN)
    assert _verdicts(Rule((unknown,), ACCEPT)) == [PERHAPS]
    assert _verdicts(Rule((unknown,), DROP)) == [DROP]
    assert _verdicts(Rule((unknown,), DROP), policy=ACCEPT) == []
    assert _verdicts(Rule((unknown, Match("iifname", ("eth0",))), ACCEPT)) == [DROP]
    assert _verdicts(Rule((), UNKNOWN)) == [PERHAPS]
    assert _verdicts(Rule((unknown,))) == [DROP]
    accepts, drops = Chain("accepts", rules=(Rule((), ACCEPT),)), Chain("drops", rules=(Rule((), DROP),))
    assert _verdicts(Rule((unknown,), JUMP, "drops"), more=(drops,)) == [DROP]
    assert _verdicts(Rule((unknown,), JUMP, "accepts"), more=(accepts,)) == [PERHAPS]
    assert _verdicts(Rule((Match("saddr", ("10.0.0.0/8",)),), ACCEPT), packet=OUT.replace(saddr="")) == [PERHAPS]


def test_a_packet_passes_only_what_is_for_it() -> None:
    assert _verdicts(family="ip6") == []
    assert _verdicts(family="ip") == [DROP]
    table = Table("inet", "t", (Chain("base", "input", DROP),))
    assert fates([table], OUT) == []
    assert fates([table], OUT.replace(hook="input")) == [Fate(DROP, table, "base")]
