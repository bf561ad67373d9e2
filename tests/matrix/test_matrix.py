"""Packets of all kinds through the rules of hundreds of definitions: each fares as the oracle reads from the definition.

A failure prints the two definitions and the packet. `pytest tests/matrix -k '[3]'` judges the definitions of one seed again.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.golden.complete import complete
from tests.lab.library import on
from tests.matrix.definitions import Said, definition
from tests.matrix.ground import Ground, ground
from tests.matrix.oracle import LOST, PASSES, REFUSED, Oracle, Packet
from tests.matrix.places import BEYOND, FORGED, GUESTS, NETWORKS, PORTS, addresses, is_in, subnets
from tests.matrix.probes import Flow, Prober, Seen
from vnethook.capability import firewall
from vnethook.definition import xml
from vnethook.host import host as machine
from vnethook.host.facts import Facts
from vnethook.host.programs import run
from vnethook.live.record import NFT
from vnethook.live.xtables import LEGACY

if TYPE_CHECKING:
    from vnethook.plan.step import Step

LED_PORTS = (22, 80, 8000, 8005, 8010)
UNHEARD = tuple(port for port in range(23, 8010) if port not in PORTS and (port < 80 or port > 8000))
"""Ports that rules are about and nobody listens on."""
pytestmark = pytest.mark.netns
SEEDS = range(6)
FRAMES = ("iptables", "ip6tables")
FIREWALLS = (NFT, LEGACY)
PAIRS, PROBES, HELD, FAILURES = 25, 80, 12, 3
"""In each seed's process: pairs of definitions, packets and flows that go on for each, and failures until it ends."""


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground() as made:
        yield made


@pytest.mark.parametrize("filter_of_host", FIREWALLS)
@pytest.mark.parametrize("seed", SEEDS)
def test_each_packet_fares_as_the_definition_says(place: Ground, seed: int, filter_of_host: str) -> None:
    sees_frames = seed % 2 == 0
    place.host.run(["sysctl", "-qw", *(f"net.bridge.bridge-nf-call-{name}={sees_frames:d}" for name in FRAMES)])
    failures, counts, ruleset = on(
        place.host, lambda here: _judge(here, place.namespaces, seed, filter_of_host, sees_frames=sees_frames)
    )
    assert not failures, "\n\n".join(failures)
    missing = [key for key in _KINDS if not counts[key]]
    assert missing == []  # what is never tried is not shown
    assert ruleset == ""


Kind = tuple[str, str, str]
_KINDS: list[Kind] = [
    *((source, kind, verdict) for source in ("guest", "far") for kind in ("udp", "tcp") for verdict in (PASSES,)),
    *(("guest", kind, verdict) for kind in ("udp", "tcp", "icmp") for verdict in (REFUSED, LOST)),
    *(("led", kind, PASSES) for kind in ("udp", "tcp")),
    *(("far", "tcp", REFUSED), ("far", "tcp", LOST), ("host", "tcp", PASSES), ("answer", "udp", PASSES)),
    *(("again", "udp", PASSES), ("again", "udp", REFUSED)),
]


class Judge:
    """What has been seen so far on one host; definitions come and go, `judge` after each pair."""

    def __init__(self, here: machine.Host, namespaces: dict[str, int], random: Random, filter_of_host: str) -> None:
        self.failures: list[str] = []
        self.counts: Counter[Kind] = Counter()
        self._here = here
        self._facts = Facts(here.paths, firewall=filter_of_host)
        self._random = random
        self._prober = Prober(namespaces)
        self._steps: dict[str, Step] = {}
        self._said: dict[str, Said] = {}
        self._held: list[Flow] = []

    def judge(self, oracle: Oracle, said: tuple[Said, Said]) -> None:
        """Bring these into force, see what becomes of flows that went before, and of new packets."""
        changed = {each.network for each in said if self._install(each)}
        self._judge_held(oracle, changed)
        self._prober.close(self._held)
        flows = self._prober.probe([item for item in _packets(self._random) if not oracle.is_confused(item)])
        for flow in flows:
            want = _expected(oracle, flow.packet)
            self._count("led" if oracle.forward(flow.packet) else _kind(flow.packet), flow, want)
            if fault := _fault(oracle, flow, want):
                self._fail(flow, fault)
        self._held = [flow for flow in flows if _goes_on(oracle, flow)][:HELD]
        self._prober.close([flow for flow in flows if flow not in self._held])

    def end(self) -> str:
        """Take all rules away; the ruleset that is left."""
        for step in self._steps.values():
            step.undo(self._here)
        return run(["/usr/sbin/nft", "list", "ruleset"]).output

    def _install(self, said: Said) -> bool:
        """Bring a network's rules into force, in place of those that it has or after these; whether flows are forgotten."""
        network = complete(xml.parse(said.xml, source=f"{said.network}.xml").network)
        [step] = firewall.plan(network, self._facts)
        old, was = self._steps.get(said.network), self._said.get(said.network)
        is_anew = old is None or self._random.random() < 0.3
        if old is not None and not is_anew:
            step.supersede(self._here, old)
        else:
            if old is not None:
                old.undo(self._here)
            step.do(self._here)
        assert step.is_done(self._here)
        self._steps[said.network], self._said[said.network] = step, said
        return is_anew or was is None or _translation(was) != _translation(said)

    def _judge_held(self, oracle: Oracle, changed: set[str]) -> None:
        """Of flows that go on answers pass where the definition lets flows be; what is sent is judged as if it were new."""
        held = [
            flow for flow in self._held if not oracle.forward(flow.packet)
        ]  # one that goes to the host goes on there
        stay = [flow for flow in held if not changed & _networks(flow.packet)]
        stay = [
            flow for flow in stay if oracle.verdict(flow.packet) != LOST
        ]  # to one that is not the network's any more
        for flow, has_come in zip(stay, self._prober.answers(stay), strict=True):
            want = Seen(oracle.verdict(oracle.answer(flow.packet)))
            self._count("answer", flow, want)
            if has_come is not (want.verdict == PASSES):
                self._fail(flow, f"another answer: {want}")
        for flow in self._prober.again(held):
            want = _expected(oracle, flow.packet)
            self._count("again", flow, want)
            if _fault(oracle, flow, want):
                self._fail(flow, f"another of the same flow: {want}")

    def _count(self, kind: str, flow: Flow, want: Seen) -> None:
        self.counts[kind, flow.packet.protocol, want.verdict] += 1

    def _fail(self, flow: Flow, want: str) -> None:
        facts = [each.xml for each in self._said.values()]
        self.failures.append("\n".join([*facts, str(flow.packet), f"seen: {flow.seen}", f"expected: {want}"]))


def _judge(
    here: machine.Host, namespaces: dict[str, int], seed: int, filter_of_host: str, *, sees_frames: bool
) -> tuple[list[str], Counter[Kind], str]:
    """What fares otherwise than expected, how often each kind was tried, and the ruleset that is left at the end."""
    random = Random(seed)
    judge = Judge(here, namespaces, random, filter_of_host)
    two = definition(random, "two")
    for _ in range(PAIRS):
        if random.random() < 0.5:  # else it goes on as it is
            two = definition(random, "two")
        judge.judge(Oracle(one := definition(random, "one"), two, sees_frames=sees_frames), (one, two))
        if len(judge.failures) > FAILURES:
            break
    return judge.failures[:FAILURES], judge.counts, judge.end()


def _packets(random: Random) -> list[Packet]:
    """Some, no two by the same socket."""
    found = [_packet(random) for _ in range(PROBES)]
    return list(
        {(item.place, item.source, item.source_port) if item.source_port else item: item for item in found}.values()
    )


def _packet(random: Random) -> Packet:
    """Any packet that makes sense on this ground: of one family, to somewhere else."""
    while True:
        place = random.choice([*GUESTS, *GUESTS, *BEYOND, "host"])
        own = addresses(place)
        source = random.choice(FORGED[place] if place in FORGED and random.random() < 0.2 else own)
        target = random.choice([other for other in (*GUESTS, *BEYOND, "host", "host", "host") if other != place])
        if place in BEYOND and target in BEYOND:
            continue
        to = random.choice(addresses(target))
        if (":" in to) is not (":" in source):
            continue
        protocol = random.choice(["tcp", "udp", "udp", "icmp"])
        port = 0 if protocol == "icmp" else random.choice(PORTS)
        if port and target == "host" and random.random() < 0.5:
            port = 53 if place in BEYOND and random.random() < 0.4 else random.choice(LED_PORTS)
        # answers to such a port are what rules for ports must not take for something else
        source_port = random.choice(UNHEARD) if protocol == "udp" and place in BEYOND and random.random() < 0.5 else 0
        return Packet(place, source, to, protocol, port, source_port=source_port)


def _expected(oracle: Oracle, packet: Packet) -> Seen:
    verdict = oracle.verdict(packet)
    if verdict != PASSES:
        return Seen(verdict)
    is_own = packet.source in addresses(packet.place)
    is_answered = is_own and oracle.verdict(oracle.answer(packet)) == PASSES
    return Seen(PASSES, is_answered=is_answered)


def _goes_on(oracle: Oracle, flow: Flow) -> bool:
    """Whether it is one of which more can be sent: not from an address here that no definition has at the time."""
    packet = flow.packet
    is_ours = bool(oracle.owner(packet.source)) or not any(
        is_in(packet.source, item.subnet) for network in NETWORKS for item in subnets(network)
    )
    is_led = oracle.forward(packet) is not None
    return packet.protocol == "udp" and flow.seen.is_answered and is_ours and not is_led


def _kind(packet: Packet) -> str:
    return "guest" if packet.place in GUESTS else "far" if packet.place in BEYOND else "host"


def _fault(oracle: Oracle, flow: Flow, want: Seen) -> str:
    """What was expected of a packet, if something else came of it."""
    packet, seen = flow.packet, flow.seen
    if packet.protocol == "udp":
        is_good = (seen.verdict == PASSES) is (want.verdict == PASSES) and seen.is_answered is want.is_answered
    elif want.verdict == PASSES and not want.is_answered:
        is_good = seen.verdict == LOST
    elif packet.protocol == "tcp":
        is_good = seen.verdict == want.verdict
    else:
        is_good = seen.is_answered is want.is_answered
    if not is_good:
        return str(want)
    if seen.source:
        source, (least, most) = oracle.seen_as(packet)
        if seen.source != source or not least <= seen.port <= most:
            return f"source {source}, port {least} to {most}"
    return ""


def _translation(said: Said) -> tuple[object, ...]:
    """What flows depend on that go on; one that is not translated goes on as it is."""
    if said.mode != "nat":
        return ()
    return said.ips, said.dev, said.nat_ipv6, said.nat_address, said.nat_ports


def _networks(packet: Packet) -> set[str]:
    """The networks whose flows a packet's is one of, when they are forgotten."""
    ends = (packet.source, packet.to)
    return {
        network for network in NETWORKS if any(is_in(end, item.subnet) for item in subnets(network) for end in ends)
    }
