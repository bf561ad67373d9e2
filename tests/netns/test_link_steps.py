"""Each step of what links a network may fail, and what it made may be taken away: the host is as before, or is mended."""

from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, definitions, health, planning
from vnethook.live import link_names
from vnethook.plan.step import Step

pytestmark = pytest.mark.netns
BASE = "<network><name>base</name><mtu size='1450'/><listen local='yes'/></network>"
LINKED = """<network><name>blue</name><forward mode='nat'/><port isolated='yes'/>
  <ip address='10.74.1.1' netmask='255.255.255.0'><dhcp/></ip>
  <listen transport='vxlan' address='192.0.2.1'/>
  <connections><connection transport='vxlan' address='192.0.2.2'/><connection network='base'/></connections></network>"""
KINDS = ("CreateLinksBridge", "JoinBridges", "GuardLinks", "AdmitPeers", "CreateVxlan", "JoinBridge", "JoinNetwork")
DAMAGES = (
    "ip link delete vnbrl{0}",
    "ip link delete vnlg{0}",
    "ip link set vnlg{0} type bridge_slave isolated off",
    "nft delete table netdev vnethook",
    "nft delete table inet vnethook_l{1}",
    "ip link set vnbrl{0} type bridge stp_state 0",
)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(BASE)
        host.define(LINKED)
        host.vnet("net-start", "base")
        yield host


def _steps(here: machine.Host) -> list[Step]:
    return planning.steps_of(here, definitions.load(here, "blue"), by=bringup.ADMIN)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_step_leaves_the_host_as_it_was(host: Host, kind: str) -> None:
    def start(here: machine.Host) -> str:
        [target, *_] = [step for step in _steps(here) if type(step).__name__ == kind]
        original = type(target).do

        def do(step: Step, here: machine.Host) -> None:
            original(step, here)
            if step == target:
                msg = "refused by the test"
                raise HostError(msg)

        type(target).do = do  # type: ignore[method-assign]
        try:
            bringup.start(here, "blue")
        except HostError as error:
            return str(error)
        return ""

    before = host.snapshot()
    assert on(host, start) == "refused by the test"
    assert before.changes_to(host.snapshot(), ignoring=["^. file "]) == []


def test_whatever_is_taken_away_is_seen_and_mended(host: Host) -> None:
    host.vnet("net-start", "blue")
    uuid = host.vnet("net-uuid", "blue").stdout.strip()
    own = link_names.cable(uuid)[0].removeprefix("vnlg")
    for damage in DAMAGES:
        host.run(damage.format(own, uuid.replace("-", "")).split())
        assert on(host, lambda here: health.check(here, "blue")), damage
        on(host, lambda here: health.repair(here, "blue"))
        assert on(host, lambda here: health.check(here, "blue")) == [], damage
    host.vnet("net-stop", "blue")
