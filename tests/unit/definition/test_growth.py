"""The largest documents take as long as they are large: four times as many elements about four times as long.

Compared is the CPU time of one process within one test, which asks nothing of the machine; what takes the square of the
number takes sixteen times as long.
"""

import gc
import re
from pathlib import Path
from time import process_time

import pytest

from tests.unit.definition.large import KINDS, document, most
from tests.unit.plan.fake_host import FakeHost
from vnethook.definition import xml
from vnethook.definition.vocabulary import ELEMENTS
from vnethook.errors import DefinitionError
from vnethook.host import programs
from vnethook.lifecycle import catalog, health

RATIO_MAX = 9
TRIES = 5
NEGLIGIBLE_S = 0.05
ONCE = {
    *(
        "network",
        "network/uuid",
        "network/title",
        "network/description",
        "network/mtu",
        "network/vde",
        "network/mac",
        "network/domain",
    ),
    *(
        "network/bridge",
        "network/port",
        "network/forward",
        "network/forward/backend",
        "network/forwarding",
        "network/host",
    ),
    "network/virtualport",
    "network/connections/peer",  # of which a fabric takes 256
    "network/listen/peer",
}
"""Those that say one thing, however often they stand there, and one of which there are few."""


def duration_s(act):
    """The CPU time of `act`, without that of collecting garbage, which others have left too."""
    gc.collect()
    gc.disable()
    try:
        start = process_time()
        act()
        return process_time() - start
    finally:
        gc.enable()


def ratio(one, four):
    """How many times as long `four` takes; the shortest of some tries counts, since other programs use the caches too."""
    ones, fours = [duration_s(one)], [duration_s(four)]
    while len(fours) < TRIES and min(fours) > max(RATIO_MAX * min(ones), NEGLIGIBLE_S):
        ones.append(duration_s(one))
        fours.append(duration_s(four))
    return min(fours) / min(ones) if min(fours) > NEGLIGIBLE_S else 0


@pytest.fixture(autouse=True)
def _is_read_before():
    """The schema is compiled once for each process."""
    xml.is_valid("<network/>")


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_document_is_read_in_a_time_that_grows_with_its_length(kind):
    count = most(kind)
    small, large = document(kind, count // 4), document(kind, count)
    assert ratio(lambda: xml.parse(small, source="t"), lambda: xml.parse(large, source="t")) <= RATIO_MAX


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "route of another metric"])
def test_a_large_network_is_defined_again_and_planned_in_a_time_that_grows_with_it(tmp_path, monkeypatch, kind):
    """It is a fifth of the most, since what is stored has line breaks and end tags. No dnsmasq: a process takes its time."""
    monkeypatch.setattr(programs, "find", lambda _: None)
    count = most(kind) // 5
    hosts = {number: FakeHost(Path(f"{tmp_path}/{number}")) for number in (count // 4, count)}
    texts = {number: document(kind, number) for number in hosts}

    def act(number):
        catalog.define(hosts[number], texts[number], source="t")
        health.plan(hosts[number], "x")
        catalog.dump(hosts[number], "x")

    assert ratio(lambda: act(count // 4), lambda: act(count)) <= RATIO_MAX


def test_every_element_that_may_stand_there_thousands_of_times_does():
    documents = "".join(document(kind, 2) for kind in KINDS).replace("o:", "dnsmasq:")
    tags = set(re.findall(r"<([\w:]+)", documents))
    assert {path for path in ELEMENTS if path.rpartition("/")[2] not in tags} <= ONCE


@pytest.mark.parametrize("one", ["a{}='1'", "xmlns:a{}='urn:x'"])
def test_attributes_beyond_a_number_are_refused_before_they_are_read(one):
    text = f"<network>\n<name {' '.join(one.format(number) for number in range(65))}/></network>"
    with pytest.raises(DefinitionError) as caught:
        xml.parse(text, source="t")
    assert caught.value.message == "t:2: element 'name' has more than 64 attributes"
