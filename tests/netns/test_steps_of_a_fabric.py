"""The steps of a network on many hosts may fail, and be killed, as all others."""

from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.lab.library import on
from tests.netns import test_steps
from vnethook.lifecycle import bringup, catalog

pytestmark = pytest.mark.netns
RICH = """
<network><name>rich</name><bridge name='vnbr9'/><dns enable='no'/>
  <ip address='10.79.0.1' netmask='255.255.255.0'/>
  <connections fabric='evpn' vni='77'><peer address='192.0.2.2'/></connections>
</network>"""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        host.run(["ip", "link", "add", "u0", "up", "type", "bridge"])
        host.run(["ip", "address", "add", "192.0.2.1/24", "dev", "u0"])
        on(host, lambda here: catalog.define(here, RICH, source="rich.xml") and None)
        on(host, lambda here: bringup.start(here, "rich") and None)  # what is kept is there before
        on(host, lambda here: bringup.stop(here, "rich"))
        yield host


def test_a_refused_step_leaves_the_host_as_it_was(host: Host) -> None:
    test_steps.test_a_refused_step_leaves_the_host_as_it_was(host)


def test_a_start_killed_after_any_step_is_finished_by_the_next(host: Host) -> None:
    test_steps.test_a_start_killed_at_any_step_is_finished_by_the_next(host, test_steps._kill_after)


def test_a_vni_that_the_host_has_already_is_refused_in_words(host: Host) -> None:
    host.run(["ip", "link", "add", "other", "type", "vxlan", "id", "77", "dstport", "4789", "local", "192.0.2.1"])
    done = host.vnet("net-start", "rich", check=False)
    first, hint, *_ = done.stderr.splitlines()
    assert (done.returncode, first.partition(" (")[0], hint) == (
        5,
        "error: vxlan 'vnvx77': create with vni 77: File exists",
        "  `ip -details link show type vxlan` shows another one with that VNI and UDP port",
    )
    host.run(["ip", "link", "delete", "other"])
    host.vnet("net-start", "rich")
