"""A start for which all is prepared brings a real host to what a planned one does, and says and refuses the same."""

import json
from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.lab.host import HOOKS

pytestmark = pytest.mark.netns
IFUP = HOOKS / "qemu/qemu-ifup"
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/><domain name='lab.test'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.9' end='10.77.0.99'/>
    <host mac='52:54:00:00:77:09' name='web' ip='10.77.0.9'/></dhcp></ip>
  <ip family='ipv6' address='fd00:77::1' prefix='64'/>
  <forwarding><incoming><allow domain='web' port='8080' destport='80' protocol='tcp'/></incoming></forwarding>
</network>"""
OF_ONE_START = [
    "journal/",  # of the first one alone: the directory of leases, which stays
    r"\.pid ",
    r"dnsmasq\.json ",
    r"live/lab\.json ",
    "shared.json",
    "leases",
    "locks",
    "tcp_fastopen",
    "process ",
]


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        host.make_tap("tap0")
        yield host


def _live(host: Host) -> dict[str, object]:
    found = json.loads((host.root / "run/vnethook/live/lab.json").read_text())
    return {name: value for name, value in found.items() if name not in {"index", "since", "daemons"}}


def test_a_prepared_start_leaves_the_host_as_a_planned_one_does(host: Host) -> None:
    plan = host.root / "var/lib/vnethook/compiled/lab.plan"
    seen = []
    for is_prepared in (False, True):
        assert plan.exists() is is_prepared
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        host.vnet("net-check", "lab")
        seen.append((host.snapshot(), _live(host)))
        host.vnet("net-destroy", "lab", "--force")
    (planned, planned_live), (prepared, prepared_live) = seen
    assert planned.changes_to(prepared, ignoring=OF_ONE_START) == []
    assert planned_live == prepared_live


def test_a_route_into_a_prepared_subnet_refuses_the_start(host: Host) -> None:
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    host.vnet("net-destroy", "lab", "--force")
    host.run(["ip", "link", "set", "lo", "up"])
    host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "lo"])
    before = host.snapshot()
    done = host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"}, check=False)
    assert done.returncode != 0
    assert "subnet 10.77.0.0/24 overlaps the route 10.77.0.0/16 dev lo" in done.stderr
    assert before.changes_to(host.snapshot(), ignoring=["locks", "failed/"]) == []
    host.run(["ip", "route", "del", "10.77.0.0/16", "dev", "lo"])
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    host.vnet("net-check", "lab")


def test_a_filter_that_drops_by_now_is_opened_by_the_next_start(host: Host) -> None:
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    host.vnet("net-destroy", "lab", "--force")
    host.run(["iptables-nft", "-P", "FORWARD", "DROP"])
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    assert "-i vnbr+ -j ACCEPT" in host.run(["iptables-nft", "-S"]).stdout
    host.vnet("net-check", "lab")
