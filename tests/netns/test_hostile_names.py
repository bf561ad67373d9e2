"""Guests and links of any name: what reaches the kernel's ruleset comes from numbers, hashes and a strict set of characters."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.errors import VnetError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.host import host as machine
from vnethook.lifecycle import health

pytestmark = pytest.mark.netns
GUESTS = [
    *(
        'a"; flush ruleset; "',
        "b\nadd table inet pwned\n",
        "} table inet pwned {",
        "$(touch /tmp/pwned)",
        "`id`",
        "fwd",
        "1abc",
    ),
    *(
        "named",
        "ä\u2028\u202e",
        "x" * 200,
        "-",
        "..",
        "../../etc",
        "a b\\",
        "#",
        "%s%n",
        "@bridges",
        "web,1 : 192.0.2.1",
    ),
]
LINKS = ['v"', "v;accept", "v$(id)", "v}", "v\\", "v#", "v`", "v'", "v*", "v@x", "v:1", "-v", "fwd", "vé"]
NAMES = re.compile(r"[a-z][a-z0-9_]{0,62}")
COMMENTS = re.compile(r"[A-Za-z0-9_.:=-]{0,100}")
INTERFACES = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@:-]{0,14}")
LAB = """
<network><name>_Lab.+@-x</name><title>"; flush ruleset</title><forward mode='nat'/><bridge name='vnbr.+@-1'/>
  <domain name='lab.example'/><ip address='10.67.0.1' netmask='255.255.255.0'><dhcp/></ip><guard mode='strict'/>
  <portgroup name='$(id) &quot;'><bandwidth><outbound average='1000'/></bandwidth></portgroup>
  <forwarding><incoming><allow port='8000' domain='named'/><allow port='8001' domain='fwd'/></incoming></forwarding>
</network>"""
NETWORK = "_Lab.+@-x"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        host.vnet("net-start", NETWORK)
        yield host


def _attach(here: machine.Host, interface: str, guest: str, mac: str) -> str:
    """Attach; what it was refused for."""
    try:
        serve.attach(here.paths, NicRequest(interface, NETWORK, guest=guest, mac=mac))
    except VnetError as error:
        return error.message
    return ""


def _judge(host: Host) -> None:
    """Each name and comment is of its form, nobody's table was made, and the ruleset can be saved and loaded."""
    listed = [next(iter(item.items())) for item in host.json(["nft", "-j", "list", "ruleset"])["nftables"]]
    assert {facts["name"] for kind, facts in listed if kind == "table"} == {"vnethook"}
    for kind, facts in listed:
        if kind in {"chain", "set", "map"}:
            assert NAMES.fullmatch(facts["name"]), facts
        assert COMMENTS.fullmatch(facts.get("comment", "")), facts
        for name in _interfaces(facts):
            assert INTERFACES.fullmatch(name), facts
    saved = host.run(["nft", "-s", "list", "ruleset"]).stdout
    host.run(["nft", "-f", "-"], stdin=f"flush ruleset\n{saved}")
    assert host.run(["nft", "-s", "list", "ruleset"]).stdout == saved


def _interfaces(facts: dict[str, Any]) -> Iterator[str]:
    """The devices that a chain is at, and those that rules compare with."""
    devices = facts.get("dev", [])
    yield from [devices] if isinstance(devices, str) else devices
    for part in facts.get("expr", []):
        match = part.get("match") or {}
        if match.get("left", {}).get("meta", {}).get("key", "") in {"iifname", "oifname"} and isinstance(
            match["right"], str
        ):
            yield match["right"].removeprefix("@")


def test_guests_of_any_name_are_in_no_word_of_the_ruleset(host: Host) -> None:
    for number, guest in enumerate(GUESTS):
        tap = host.make_tap(f"tap{number}")
        mac = f"52:54:00:00:67:{number:02x}"
        on(host, lambda here, words=(tap, guest, mac): _attach(here, *words))
    _judge(host)
    attached = [nic["interface"] for nic in host.vnet_json("nic-list")]
    assert len(attached) == len(GUESTS)
    assert on(host, lambda here: health.check(here, NETWORK)) == []
    text = host.run(["nft", "list", "ruleset"]).stdout
    assert not any(guest in text for guest in GUESTS if guest not in {"-", "#", "@bridges", ".."})
    for tap in attached:
        on(host, lambda here, tap=tap: serve.detach(here.paths, tap))
    assert [name for name in _chains(host) if name[0] in "gi"] == []  # those of ports, by their index


def _chains(host: Host) -> list[str]:
    found = host.json(["nft", "-j", "list", "chains", "netdev"])["nftables"]
    return [item["chain"]["name"] for item in found if "chain" in item]


def test_links_of_any_name_are_refused_or_are_only_themselves(host: Host) -> None:
    for number, link in enumerate(LINKS):
        made = host.run(["ip", "tuntap", "add", "dev", link, "mode", "tap"], check=False).returncode == 0
        mac = f"52:54:00:00:68:{number:02x}"
        refused = on(host, lambda here, words=(link, f"guest{number}", mac): _attach(here, *words))
        assert refused == "" or not INTERFACES.fullmatch(link) or not made, (link, refused)
    _judge(host)
    assert on(host, lambda here: health.check(here, NETWORK)) == []
