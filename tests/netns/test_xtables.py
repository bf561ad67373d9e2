"""iptables as the host's firewall: beside others' rules and other processes, damaged and mended, killed at any time."""

import os
import re
import signal
from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.lab.at_once import at_once
from tests.lab.library import on
from tests.lab.outside import WWW_4
from tests.lab.site import Site, site
from tests.lab.witness import Witness, ask
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.host import iptables
from vnethook.lifecycle import bringup, health
from vnethook.live import record, xtables
from vnethook.live.record import NFT
from vnethook.live.xtables import LEGACY

pytestmark = pytest.mark.netns
FIREWALLS = ("iptables-legacy", "iptables-nft")
FORWARDING = "<forwarding><incoming><allow port='8080' address='10.21.0.10'/></incoming></forwarding>"


def _saved(host: Host, firewall: str) -> list[str]:
    """The rules of both families that are there, without counters."""
    found = []
    for family in ("ip", "ip6"):
        if firewall == LEGACY and not host.call(lambda family=family: xtables.tables_in_use(family)):
            continue
        text = host.run([f"{family}{firewall.removeprefix('ip')}-save"]).stdout
        found += [re.sub(r" \[\d+:\d+\]", "", line) for line in text.splitlines() if line[:1] in {"*", ":", "-"}]
    return found


def _ours(host: Host, firewall: str) -> list[str]:
    return [line for line in _saved(host, firewall) if "VN" in line]


def _stop(place: Site, name: str) -> None:
    on(place.host, lambda here: bringup.stop(here, name, force=True))


@pytest.fixture
def place(firewall: str) -> Iterator[Site]:
    with site() as place:
        place.define("lab", 21, "<forward mode='nat'/>", more=FORWARDING)
        place.define("other", 22, "<forward mode='route'/>")
        yield place


def test_a_stop_leaves_nothing_and_others_as_they_were(place: Site, firewall: str) -> None:
    place.plug("other")
    alone = _saved(place.host, firewall)
    for _ in range(2):
        on(place.host, lambda here: bringup.start(here, "lab") and None)
        assert len(_saved(place.host, firewall)) > len(alone)
        assert on(place.host, lambda here: health.check(here, "other")) == []
        _stop(place, "lab")
        left = [line for line in _saved(place.host, firewall) if line not in alone]
        assert [line for line in left if "VN" in line or line.startswith("-")] == []
        assert on(place.host, lambda here: health.check(here, "other")) == []
    _stop(place, "other")
    assert _ours(place.host, firewall) == []


def test_networks_that_came_up_in_another_order_have_the_same_rules(place: Site, firewall: str) -> None:
    found = []
    for names in (("lab", "other"), ("other", "lab")):
        for name in names:
            on(place.host, lambda here, name=name: bringup.start(here, name) and None)
        found.append(sorted(_ours(place.host, firewall)))
        for name in names:
            _stop(place, name)
    assert found[0] == found[1]


def test_rules_of_others_stay_as_they_are_and_in_their_order(place: Site, firewall: str) -> None:
    for words in (
        "-P FORWARD DROP",
        "-A FORWARD -p tcp --dport 81 -j DROP",
        "-A FORWARD -i x+ -m mark --mark 1 -j ACCEPT",
    ):
        place.host.run([firewall, *words.split()])
    before = _forward(place.host, firewall)
    assert len(before) == 3
    place.plug("lab")
    Witness(place.outside)
    assert ask(place.guests["lab"], "tcp", WWW_4).split()[0] == "192.0.2.2"
    assert _forward(place.host, firewall) == [before[0], "-A FORWARD -j VNETHOOK_FORWARD", *before[1:]]
    place.host.run([firewall, "-A", "FORWARD", "-j", "LOG"])
    _stop(place, "lab")
    assert _forward(place.host, firewall) == [*before, "-A FORWARD -j LOG"]


def _forward(host: Host, firewall: str) -> list[str]:
    """The policy and the rules of the kernel's chain of what is forwarded."""
    return host.run([firewall, "-S", "FORWARD"]).stdout.splitlines()


OTHERS_DO = (
    "-F VNETHOOK_FORWARD",
    "-F VNETHOOK_FORWARD_NETS",
    "-D FORWARD -j VNETHOOK_FORWARD",
    "-F {prefix}_to",
    "-D VNETHOOK_INPUT_NETS 1",
    "-F",
    "-t nat -F",
    "-t nat -D POSTROUTING -j VNETHOOK_POSTROUTING",
)


def test_what_others_undo_is_seen_by_the_hook_named_by_check_and_mended_by_repair(place: Site, firewall: str) -> None:
    place.plug("lab")
    whole = _saved(place.host, firewall)
    live = on(place.host, lambda here: record.read(here.paths, "lab"))
    assert live.firewall == firewall
    prefix = next(chain.split()[2][:24] for chain, _ in live.chains if "VNETHOOK" not in chain)
    for words in OTHERS_DO:
        place.host.run([firewall, *words.format(prefix=prefix).split()])
        assert on(place.host, lambda here: record.fault(live, here.links)).startswith("firewall chain "), words
        [found] = on(place.host, lambda here: health.check(here, "lab"))
        assert re.fullmatch(
            rf"not done: install \d+ firewall rules for network lab in {firewall}, table by table", found
        )
        assert on(place.host, lambda here: health.repair(here, "lab")) == [found]
        assert on(place.host, lambda here: health.check(here, "lab")) == []
        assert on(place.host, lambda here: record.fault(live, here.links)) == ""
        assert sorted(_saved(place.host, firewall)) == sorted(whole), words


def test_when_all_chains_are_deleted_each_network_mends_its_own(place: Site, firewall: str) -> None:
    for name in ("lab", "other"):
        place.plug(name)
    whole = sorted(_saved(place.host, firewall))
    for table in ("filter", "nat", "mangle"):
        for flag in ("-F", "-X"):
            place.host.run([firewall, "-t", table, flag])
    for name in ("lab", "other"):
        assert on(place.host, lambda here, name=name: health.repair(here, name))
    assert sorted(_saved(place.host, firewall)) == whole
    assert on(place.host, lambda here: health.check(here, "lab") + health.check(here, "other")) == []


def test_a_host_that_changes_its_firewall_moves_when_a_network_comes_up_again(place: Site, firewall: str) -> None:
    place.plug("lab")
    config = place.host.root / "etc/vnethook/vnethook.toml"
    config.write_text("[firewall]\nbackend = 'nft'\n")
    assert on(place.host, lambda here: health.check(here, "lab")) == []
    assert on(place.host, lambda here: health.repair(here, "lab")) == []
    on(place.host, lambda here: bringup.restart(here, "lab") and None)
    assert _ours(place.host, firewall) == []
    assert on(place.host, lambda here: record.read(here.paths, "lab").firewall) == NFT
    assert on(place.host, lambda here: health.check(here, "lab")) == []
    config.write_text(f"[firewall]\nbackend = '{firewall}'\n")
    on(place.host, lambda here: bringup.restart(here, "lab") and None)
    assert "table inet vnethook" not in place.host.run(["nft", "list", "tables"]).stdout
    assert on(place.host, lambda here: health.check(here, "lab")) == []


@pytest.mark.parametrize("finish", ["start", "stop"])
def test_a_call_killed_between_two_tables_is_finished_by_the_next(place: Site, firewall: str, finish: str) -> None:
    place.plug("other")
    without = _saved(place.host, firewall)
    on(place.host, lambda here: bringup.start(here, "lab") and None)
    whole = _saved(place.host, firewall)
    for is_start in (True, False):
        for number in (1, 2, 3, 4):
            if is_start:
                _stop(place, "lab")

            def call(here: machine.Host, number: int = number, is_start: bool = is_start) -> None:
                _kill_after(number)
                bringup.start(here, "lab") if is_start else bringup.stop(here, "lab")

            with pytest.raises(AssertionError, match="ended with -9"):
                on(place.host, call)
            assert on(place.host, lambda here: record.fault(record.read(here.paths, "other"), here.links)) == ""
            if finish == "stop":
                on(place.host, lambda here: bringup.stop(here, "lab"))
                left = [line for line in _ours(place.host, firewall) if line not in without]
                assert left == [], (is_start, number)
            on(place.host, lambda here: bringup.start(here, "lab") and None)
            assert sorted(_saved(place.host, firewall)) == sorted(whole)
            assert on(place.host, lambda here: health.check(here, "lab") + health.check(here, "other")) == []


def _kill_after(number: int) -> None:
    """Change tables one by one, and end when so many are changed."""
    left = [number]

    def apply(here: iptables.Iptables, variant: str, transaction: dict[str, list[str]]) -> None:
        for place, lines in transaction.items():
            original(here, variant, {place: lines})
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    original = iptables.Iptables.apply
    iptables.Iptables.apply = apply  # type: ignore[method-assign]


ROUNDS = 12


def test_nothing_is_lost_where_two_processes_of_ours_and_one_of_anothers_change_tables(
    place: Site, firewall: str
) -> None:
    def change(here: machine.Host, number: int) -> None:
        name = ("lab", "other")[number]
        if number:
            iptables._library = lambda variant: None  # as in a hook
        for _ in range(ROUNDS):
            bringup.start(here, name)
            bringup.stop(here, name)
        bringup.start(here, name)

    words = f"for n in $(seq 1 {ROUNDS * 4}); do {firewall} -w -A INPUT -s 198.51.100.$n -j DROP; {firewall} -w -t nat -A POSTROUTING -s 198.51.100.$n -j RETURN; done"
    with place.host.popen(["sh", "-ec", words]) as foreign:
        assert on(place.host, lambda here: at_once(here, [change, change])) == []
        assert foreign.wait(120) == 0
    saved = _saved(place.host, firewall)
    for what in ("-A INPUT -s 198.51.100.{}/32 -j DROP", "-A POSTROUTING -s 198.51.100.{}/32 -j RETURN"):
        wanted = [what.format(number) for number in range(1, ROUNDS * 4 + 1)]
        assert [line for line in saved if line in wanted] == wanted
    assert on(place.host, lambda here: health.check(here, "lab") + health.check(here, "other")) == []


def test_a_table_that_others_change_without_the_lock_is_changed_all_the_same(place: Site, firewall: str) -> None:
    words = f"while :; do XTABLES_LOCKFILE=/run/elsewhere {firewall} -A OUTPUT -j ACCEPT || :; XTABLES_LOCKFILE=/run/elsewhere {firewall} -D OUTPUT -j ACCEPT || :; done 2>/dev/null"
    with place.host.popen(["sh", "-c", words]) as foreign:
        try:
            for _ in range(ROUNDS):
                on(place.host, lambda here: bringup.start(here, "lab") and None)
                _stop(place, "lab")
        finally:
            foreign.kill()


def test_a_refusal_is_told_in_the_programs_words(place: Site, firewall: str) -> None:
    def refused(here: machine.Host) -> list[str]:
        found = []
        for library in (iptables._library, lambda variant: None):
            iptables._library = library
            try:
                here.xtables.apply(firewall, {"ip filter": ["-A NO_SUCH_CHAIN -j ACCEPT"]})
            except HostError as error:
                found.append(str(error))
        return found

    for said in on(place.host, refused):
        assert said.startswith(f"{firewall}: change tables of iptables: ")
        assert said.count("\n") == 0
