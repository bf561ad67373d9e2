"""Each check of the doctor: what it says of which host, and that it is silent on a healthy one."""

import shlex

import pytest

from tests.unit.lifecycle.doctor import cases_of_host, cases_of_lans, cases_of_networks
from tests.unit.lifecycle.doctor.cases_of_networks import FORWARD_DROPS, chain
from tests.unit.lifecycle.doctor.healthy import DOWN, HEALTHY, LAN, ROOM
from vnethook.host.listeners import Listener
from vnethook.host.rules import ACCEPT, DROP, Chain, Match, Rule, Table
from vnethook.lifecycle.doctor import IN_ORDER, examine
from vnethook.lifecycle.doctor.finding import STOPS, UNSEEN, WARNS, Finding, is_plain

CASES = cases_of_host.CASES | cases_of_networks.CASES | cases_of_lans.CASES


def _of(finding: Finding) -> tuple[str, str, str]:
    return finding.level, f"{finding.subject}: {finding.what}", finding.command


def test_nothing_is_said_of_a_healthy_host() -> None:
    assert examine(HEALTHY) == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of(case: str) -> None:
    changes, expected = CASES[case]
    assert [_of(finding) for finding in examine(HEALTHY.replace(**changes))] == expected


def test_every_check_says_something_of_some_host() -> None:
    surveys = [HEALTHY.replace(**changes) for changes, _ in CASES.values()]
    assert [check for check in IN_ORDER if not any(list(check(survey)) for survey in surveys)] == []


def test_what_stops_guests_comes_first() -> None:
    found = examine(HEALTHY.replace(watches=9, missing_programs=("nft",), unseen=("the firewall",), managed=("vnbr7",)))
    assert [finding.level for finding in found] == [STOPS, WARNS, WARNS, UNSEEN]


def test_a_filter_that_lets_our_bridges_through_is_in_order() -> None:
    ours = Rule((Match("iifname", ("vnbr*",)),), ACCEPT)
    back = Rule((Match("oifname", ("vnbr*",)), Match("state", ("related", "established"))), ACCEPT)
    table = FORWARD_DROPS.replace(chains=(chain("forward", ours, back), chain("input", ours)))
    assert examine(HEALTHY.replace(tables=(table,))) == []


def test_a_finding_is_a_line() -> None:
    assert str(Finding(STOPS, "kernel", "has no bridge")) == "error: kernel: has no bridge"


HOSTILE = "x'; reboot; '"


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, HOSTILE),)},
        {"networks": (DOWN,), "tables": (Table("inet", HOSTILE, (Chain("c", "forward", DROP),)),)},
        {"networks": (DOWN,), "tables": (Table("inet", "t", (Chain(HOSTILE, "forward", DROP),)),)},
        {"lans": (LAN.replace(nic=HOSTILE, addresses=("192.0.2.1/24",)),)},
        {"lans": (LAN.replace(nic=HOSTILE, clients=(HOSTILE,)),)},
        {"lans": (LAN.replace(bridge=HOSTILE, is_pinned=False),)},
        {"places": (ROOM.replace(path=HOSTILE, free_bytes=0),)},
        {"places": (ROOM.replace(path=HOSTILE, is_read_only=True),)},
        {
            "uplinks": ((6, HOSTILE),),
            "sysctls": (("net/ipv6/conf/all/forwarding", "1"), (f"net/ipv6/conf/{HOSTILE}/accept_ra", "1")),
        },
    ],
)
def test_no_name_of_others_is_read_by_the_shell_that_a_command_is_pasted_into(changes) -> None:
    found = examine(HEALTHY.replace(**changes))
    assert found
    for finding in found:
        assert "reboot" not in shlex.split(finding.command.replace(";", " ; "))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dnsmasq", True), ("a-b.c_d", True), ("-x", False), ("a b", False), ("", False), ("é", False)],
)
def test_a_plain_name_is_letters_and_digits(name: str, *, expected: bool) -> None:
    assert is_plain(name) is expected
