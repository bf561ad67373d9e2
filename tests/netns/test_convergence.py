"""Two hundred operations by four processes at once leave the rules that a fresh host has with the same definitions and guests."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest

from tests.lab import Host
from tests.lab.at_once import at_once
from tests.lab.library import on
from vnethook.definition.forwarding import PortForward
from vnethook.errors import DefinitionError, StateError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog, changes, forwards, health, updates
from vnethook.live import record

pytestmark = [pytest.mark.netns, pytest.mark.slow]
PROCESSES, OPERATIONS, SEEDS = 4, 50, (1, 2)
NETWORKS = range(4)
GUESTS = range(8)
FORWARDS = (
    "<forward mode='nat'/>",
    "<forward mode='route'/>",
    "<forward mode='nat'><nat ipv6='yes'/></forward>",
    "<forward mode='open'/>",
    "",
)
GUARDS = ("", "<guard mode='off'/>", "<guard mode='strict'/>", "<guard mode='standard' mac='no' connections='9'/>")
OFFERS = ("", "<host allow='22/tcp 123/udp'/>", "<host allow='all'/>")
BOTH = updates.Affected(live=True, config=True)
ISOLATED = ("", "", "<port isolated='yes'/>")


def _definition(random: Random, network: int) -> str:
    """Any definition of a network; what each guest has is fixed, so that no history chooses it."""
    forward = random.choice(FORWARDS)
    hosts = "".join(
        f"<host mac='{_mac(guest)}' name='guest{guest}' ip='10.6{network}.0.{10 + guest}'/>" for guest in GUESTS
    )
    rules = ""
    if "nat" in forward or "route" in forward:
        port = 8000 + 100 * network
        ways = (
            f"<allow port='{port}-{port + 9}' address='10.6{network}.0.{10 + random.choice(GUESTS)}'/>",
            f"<allow port='{port + 20}' to='80' protocol='tcp' domain='guest{random.choice(GUESTS)}'/>",
            f"<allow port='{port + 30}' address='10.6{network}.0.12' from='192.0.2.0/24'/>",
        )
        incoming = "".join(random.sample(ways, random.randint(0, 3)))
        denied = random.choice(("", "<deny port='25'/>", "<deny port='25'/><allow port='20-30'/><deny port='1-99'/>"))
        rules = f"<forwarding><incoming>{incoming}</incoming><outgoing>{denied}</outgoing></forwarding>"
    return f"""<network><name>net{network}</name>{forward}<bridge name='vnbr{network}'/>
      <ip address='10.6{network}.0.1' netmask='255.255.255.0'><dhcp>{hosts}</dhcp></ip>
      <ip family='ipv6' address='fd00:6{network}::1' prefix='64'/>
      {random.choice(GUARDS)}{random.choice(OFFERS)}{random.choice(ISOLATED)}{rules}</network>"""


def _mac(guest: int) -> str:
    return f"52:54:00:00:60:{guest:02x}"


def _tap(guest: int) -> str:
    return f"tap{guest}"


def _attach(here: machine.Host, network: str, guest: int) -> None:
    serve.attach(here.paths, NicRequest(_tap(guest), network, guest=f"guest{guest}", mac=_mac(guest)))


def _name(random: Random) -> str:
    return f"net{random.choice(NETWORKS)}"


def _define(here: machine.Host, random: Random) -> None:
    catalog.define(here, _definition(random, random.choice(NETWORKS)), source="x.xml")


def _plug(here: machine.Host, random: Random) -> None:
    _attach(here, _name(random), random.choice(GUESTS))


def _unplug(here: machine.Host, random: Random) -> None:
    serve.detach(here.paths, _tap(random.choice(GUESTS)))


def _stop(here: machine.Host, random: Random) -> None:
    bringup.stop(here, _name(random), force=True)


def _forward(here: machine.Host, random: Random) -> None:
    """Add or remove a forward, live and stored or one of them."""
    network, guest = random.choice(NETWORKS), random.choice(GUESTS)
    port = 8050 + 100 * network + random.choice(range(4))
    whose = {"domain": f"guest{guest}"} if guest % 2 else {"address": f"10.6{network}.0.{10 + guest}"}
    item = PortForward((port, port), "tcp", (80, 80), **whose)
    on = random.choice([BOTH, BOTH, updates.Affected(live=False, config=True)])
    random.choice([forwards.add, forwards.add, forwards.remove])(here, f"net{network}", item, on=on)


def _of_network(act: Callable[[machine.Host, str], object]) -> Callable[[machine.Host, Random], object]:
    return lambda here, random: act(here, _name(random))


WHAT = (
    *(_define, _stop, _unplug, *[_plug] * 3, *[_forward] * 3),
    *map(_of_network, (changes.apply, changes.apply, bringup.start, bringup.restart, health.repair)),
)


def _work(here: machine.Host, seed: int) -> None:
    """What one process does: any operation, again and again; one that the state of the network or its definition refuses is no failure."""
    random = Random(seed)
    for _ in range(OPERATIONS):
        try:
            random.choice(WHAT)(here, random)
        except (StateError, DefinitionError):
            pass


def _settled(here: machine.Host) -> tuple[dict[str, str], list[str], dict[int, str]]:
    """Bring what is up to its definition: the definitions, the networks that are up, and where guests are."""
    up = [f"net{network}" for network in NETWORKS if record.read(here.paths, f"net{network}")]
    for name in up:
        changes.apply(here, name)
        assert health.check(here, name) == []
    definitions = {f"net{network}": catalog.dump(here, f"net{network}") for network in NETWORKS}
    places = {int(nic.interface.removeprefix("tap")): name for name in up for nic in bringup.guests(here, name)}
    return definitions, up, places


def _anew(here: machine.Host, definitions: dict[str, str], up: list[str], places: dict[int, str]) -> None:
    for xml in definitions.values():
        catalog.define(here, xml, source="x.xml")
    for name in up:
        bringup.start(here, name)
    for guest, name in places.items():
        _attach(here, name, guest)


def _ruleset(host: Host) -> dict[str, Any]:
    """All tables: of each chain its rules in their order, of each set its elements; no handles, no counts."""
    found: dict[str, Any] = {}
    for item in host.json(["nft", "-j", "-s", "list", "ruleset"])["nftables"]:
        [(kind, facts)] = item.items()
        if kind == "metainfo":
            continue
        facts.pop("handle", None)
        place = (facts["family"], facts.get("table", facts["name"] if kind == "table" else ""))
        if kind == "rule":
            found.setdefault(f"rules {place} {facts['chain']}", []).append(facts["expr"])
            continue
        facts["elem"] = sorted(json.dumps(element) for element in facts.get("elem", []))
        found[f"{kind} {place} {facts['name']}"] = facts
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_was_done_the_rules_are_those_of_a_fresh_host(seed: int) -> None:
    with ExitStack() as stack:
        busy, fresh = stack.enter_context(Host("busy")), stack.enter_context(Host("fresh"))
        for host in (busy, fresh):  # first, so that the taps have the same index, by which their chains are named
            for guest in GUESTS:
                host.make_tap(_tap(guest))
        first = Random(seed)
        xml = [_definition(first, network) for network in NETWORKS]
        on(busy, lambda here: [catalog.define(here, text, source="x.xml") for text in xml] and None)
        works = [lambda here, number: _work(here, 100 * seed + number)] * PROCESSES
        assert on(busy, lambda here: at_once(here, works)) == []
        state = on(busy, _settled)
        on(fresh, lambda here: _anew(here, *state))
        found, expected = _ruleset(busy), _ruleset(fresh)
        assert found.keys() ^ expected.keys() == set()
        assert {key: (found[key], expected[key]) for key in found if found[key] != expected[key]} == {}
        assert len(found) > 20
        saved = busy.run(["nft", "-s", "list", "ruleset"]).stdout
        busy.run(["nft", "-f", "-"], stdin=f"flush ruleset\n{saved}")
        assert busy.run(["nft", "-s", "list", "ruleset"]).stdout == saved
        assert on(busy, lambda here: [health.check(here, name) for name in state[1]]) == [[] for _ in state[1]]
