"""Where the host's own packet filter drops what meets no rule: both variants of iptables, whose rules stay as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.host import VNET
from tests.lab.outside import WWW_4, WWW_6
from tests.lab.site import Site, site

pytestmark = pytest.mark.netns
NAT = "<forward mode='nat'/>"
LEGACY_TABLES = "/proc/net/ip_tables_names"


@pytest.fixture
def place() -> Iterator[Site]:
    with site() as place:
        yield place


def _drop(host: Host, variant: str) -> None:
    for program in (f"iptables-{variant}", f"ip6tables-{variant}"):
        for words in ("-P FORWARD DROP", "-P INPUT DROP", "-A FORWARD -i eth7 -j DROP"):
            host.run([program, *words.split()])
        for link in ("lo", "uplink0"):
            host.run([program, "-A", "INPUT", "-i", link, "-j", "ACCEPT"])


def _rules(host: Host, variant: str) -> list[str]:
    programs = (f"iptables-{variant}", f"ip6tables-{variant}")
    return [line for program in programs for line in host.run([program, "-S"]).stdout.splitlines()]


def _run_at_once(host: Host, commands: list[list[str | Path]]) -> None:
    for program in [host.popen(words) for words in commands]:
        assert program.wait(60) == 0, program.args


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_guests_are_let_through_either_variant_and_its_rules_are_as_before_in_the_end(
    place: Site, variant: str
) -> None:
    _drop(place.host, variant)
    before = _rules(place.host, variant)
    place.define("lab", 77, NAT)
    place.define("mine", 78, NAT)
    lab, mine = place.plug("lab"), place.plug("mine")
    for guest, gateway in ((lab, "10.77.0.1"), (mine, "10.78.0.1")):
        assert guest.fetch(WWW_4)
        assert guest.fetch(WWW_6)
        assert guest.pings(gateway)
    assert not lab.pings(place.address("mine"))
    for network in ("lab", "mine"):
        assert _rules(place.host, variant) != before
        place.host.vnet("net-destroy", network, "--force")
    assert _rules(place.host, variant) == before


def test_a_host_without_a_filter_of_iptables_gets_none(place: Site) -> None:
    place.define("lab", 77, NAT)
    place.plug("lab")
    place.host.vnet("net-check", "lab")
    assert "table ip " not in place.host.run(["nft", "list", "ruleset"]).stdout
    assert place.host.run(["cat", LEGACY_TABLES]).stdout.split() == []


OF_NFT = """
table ip filter {
  set lan { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
  chain INPUT { type filter hook input priority filter; policy drop; ct state established accept; iifname { "lo", "uplink0" } accept; }
  chain FORWARD { type filter hook forward priority filter; policy drop; ip saddr @lan tcp dport { 80, 443 } accept; }
}
"""
"""As a firewall that was translated from iptables: iptables calls it incompatible."""


def test_a_filter_that_is_nfts_by_iptables_name_is_left_alone_and_told(place: Site) -> None:
    host = place.host
    host.run(["nft", "-f", "-"], stdin=OF_NFT)
    before = host.run(["nft", "list", "table", "ip", "filter"]).stdout
    place.define("lab", 77, NAT)
    said = host.vnet("net-start", "lab")
    what = "a filter that is not iptables' drops what meets no rule in FORWARD of IPv4 and INPUT of IPv4"
    assert said.stderr == f"warning: network 'lab': {what}: see `vnet doctor`\n"
    assert host.vnet("net-list").stderr == ""  # no hook goes the long way for it
    assert f"  {what}: see `vnet doctor`\n" in host.vnet("net-check", "lab", check=False).stdout
    assert host.run(["nft", "list", "table", "ip", "filter"]).stdout == before


def test_a_filter_of_the_one_variant_brings_no_table_of_the_other_into_being(place: Site) -> None:
    _drop(place.host, "nft")
    place.define("lab", 77, NAT)
    place.plug("lab")
    assert place.host.run(["cat", LEGACY_TABLES]).stdout.split() == []


def test_the_lock_of_iptables_is_where_the_environment_says(place: Site) -> None:
    _drop(place.host, "legacy")
    place.define("lab", 77, NAT)
    lock = place.host.directory / "elsewhere.lock"
    place.host.run([VNET, "net-start", "lab"], env={"XTABLES_LOCKFILE": str(lock)})
    assert lock.exists()
    assert "-N VNETHOOK-FORWARD" in _rules(place.host, "legacy")


@pytest.mark.parametrize("damage", ["-F", "-D FORWARD -j VNETHOOK-FORWARD", "-F VNETHOOK-INPUT"])
def test_what_was_taken_out_is_back_with_the_next_hook(place: Site, damage: str) -> None:
    _drop(place.host, "nft")
    place.define("lab", 77, NAT)
    lab = place.plug("lab")
    whole = _rules(place.host, "nft")
    place.host.run(["iptables", *damage.split()])
    assert "iptables" in place.host.vnet("net-list").stderr
    tap = place.host.make_tap("tap0")
    place.host.run([CHECKOUT / "hooks/qemu/qemu-ifup", tap], env={"VNET_NETWORK": "lab"})
    assert lab.fetch(WWW_4)
    assert sorted(_rules(place.host, "nft")) == sorted(whole) or damage == "-F"
    place.host.vnet("net-check", "lab")


def test_a_saved_ruleset_lets_through_what_the_present_one_does(place: Site) -> None:
    _drop(place.host, "nft")
    place.define("lab", 77, NAT)
    lab = place.plug("lab")
    saved = place.host.run(["nft", "--stateless", "list", "ruleset"]).stdout
    place.host.run(["nft", "-f", "-"], stdin=f"flush ruleset\n{saved}")
    assert (bool(lab.fetch(WWW_4)), lab.pings("10.77.0.1")) == (True, True)


def test_a_filter_that_drops_nothing_any_more_is_left_by_the_next_repair(place: Site) -> None:
    _drop(place.host, "nft")
    place.define("lab", 77, NAT)
    place.plug("lab")
    for program in ("iptables", "ip6tables"):
        for chain in ("FORWARD", "INPUT"):
            place.host.run([program, "-P", chain, "ACCEPT"])
    place.host.vnet("net-repair", "lab")
    assert not [rule for rule in _rules(place.host, "nft") if "VNETHOOK" in rule]


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_networks_that_come_up_while_others_change_rules_lose_none_of_anyones(place: Site, variant: str) -> None:
    host = place.host
    _drop(host, variant)
    count = 6
    for number in range(count):
        place.define(f"net{number}", 60 + number, NAT)
    ports = range(1000, 1020)
    foreign = "\n".join(f"iptables-{variant} -w -A FORWARD -p tcp --dport {port} -j DROP" for port in ports)
    commands = [["sh", "-ec", foreign], *([VNET, "net-start", f"net{n}"] for n in range(count))]
    _run_at_once(host, commands)
    for number in range(count):
        host.vnet("net-check", f"net{number}")
    rules = _rules(host, variant)
    assert [port for port in ports if f"-A FORWARD -p tcp -m tcp --dport {port} -j DROP" not in rules] == []
    assert rules.count("-A FORWARD -j VNETHOOK-FORWARD") == 2  # of IPv4 and of IPv6
    _run_at_once(host, [[VNET, "net-destroy", f"net{n}"] for n in range(count)])
    assert not [rule for rule in _rules(host, variant) if "VNETHOOK" in rule]


def test_a_filter_that_iptables_can_list_no_longer_keeps_no_network_from_stopping(place: Site) -> None:
    host = place.host
    host.run(["iptables-nft", "-P", "FORWARD", "DROP"])
    place.define("lab", 77, NAT)
    host.vnet("net-start", "lab")
    host.run(["nft", "add rule ip filter FORWARD ct state established,related accept"])
    assert host.run(["iptables-nft", "-S"], check=False).returncode != 0
    host.vnet("net-restart", "lab")
    host.vnet("net-destroy", "lab")
    left = host.run(["nft", "list", "table", "ip", "filter"]).stdout
    assert "VNETHOOK" not in left
    assert "ct state established,related accept" in left
    host.vnet("net-start", "lab")
