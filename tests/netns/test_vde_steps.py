"""Every step of a switch, on the real kernel: it may fail, and the process may be killed just after it."""

from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.lab.library import on
from tests.netns.test_steps import VOLATILE, _kill_after, _refuse, _start_with, _steps
from vnethook.lifecycle import bringup, catalog

pytestmark = pytest.mark.netns
RICH = """
<network><name>rich</name><bridge name='vnbr9'/><vde group='kvm'/>
  <ip address='10.79.0.1' netmask='255.255.255.0'/>
</network>"""
OF_THE_SWITCH = 7


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        on(host, lambda here: catalog.define(here, RICH, source="rich.xml") and None)
        on(host, lambda here: bringup.start(here, "rich") and None)
        on(host, lambda here: bringup.stop(here, "rich"))
        yield host


def _of_the_switch(host: Host) -> range:
    count = _steps(host)
    return range(count - OF_THE_SWITCH, count)


def test_a_refused_step_leaves_the_host_as_it_was(host: Host) -> None:
    before = host.snapshot()
    for number in _of_the_switch(host):
        assert on(host, _start_with(_refuse, number)) == "refused by the test"
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []


def test_a_start_killed_after_any_step_is_finished_by_the_next(host: Host) -> None:
    before = host.snapshot()
    on(host, lambda here: bringup.start(here, "rich") and None)
    whole = host.snapshot()
    on(host, lambda here: bringup.stop(here, "rich"))
    for number in _of_the_switch(host)[3:]:  # what comes before are directories
        with pytest.raises(AssertionError, match="ended with -9"):
            on(host, _start_with(_kill_after, number))
        on(host, lambda here: bringup.start(here, "rich") and None)
        volatile = [*VOLATILE, r"(dnsmasq|vde)\.json|/pid|dnsmasq\.pid", r"chain o[0-9a-f]{8}i"]  # by the link's index
        assert whole.changes_to(host.snapshot(), ignoring=volatile) == []
        on(host, lambda here: bringup.stop(here, "rich"))
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
