"""A network's daemons outlive the systemd unit whose guest brought the network up."""

import os

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.lifecycle import bringup

pytestmark = pytest.mark.netns
IN_UNIT = """
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/$UNIT
echo $$ > /sys/fs/cgroup/$UNIT/cgroup.procs
$IFUP tap0
echo 0 > /sys/fs/cgroup/cgroup.procs
rmdir /sys/fs/cgroup/$UNIT
cat /proc/$(cat $VNETHOOK_ROOT/run/vnethook/dnsmasq/default/dnsmasq.pid)/cgroup
"""


def test_dnsmasq_is_taken_out_of_the_unit_of_the_first_guest() -> None:
    with Host() as host:
        host.make_tap("tap0")
        variables = {"UNIT": f"vnethook-test-{os.getpid()}", "IFUP": str(CHECKOUT / "hooks/qemu/qemu-ifup")}
        groups = host.run(["sh", "-euc", IN_UNIT], env=variables).stdout.splitlines()
        assert [line for line in groups if line.startswith("0::")] == ["0::/vnethook"]
        on(host, lambda here: bringup.stop(here, "default", force=True))
        assert not host.call(lambda: os.path.exists("/sys/fs/cgroup/vnethook"))


ALL = """<network><name>all</name><vde/><ip address='192.0.2.1' prefix='24'/>
<listen transport='tcp' address='127.0.0.1' port='16515'/>
<connections><connection transport='tcp' address='127.0.0.1' port='16516'/></connections></network>"""


def test_a_switch_and_what_keeps_links_up_are_taken_out_with_all_their_children() -> None:
    with Host() as host:
        host.define(ALL)
        host.make_tap("tap0")
        variables = {"UNIT": f"vnethook-test-{os.getpid()}", "IFUP": str(CHECKOUT / "hooks/qemu/qemu-ifup")}
        here = IN_UNIT.partition("cat /proc")[0]  # a group in which a process is cannot be removed
        host.run(
            ["sh", "-euc", f"{here}cat /sys/fs/cgroup/vnethook/cgroup.procs"], env=variables | {"VNET_NETWORK": "all"}
        )
        kept = [line for line in host.processes() if "vnethook" in line]
        assert {
            word for word in ("dnsmasq", "vde_switch", "vnethook-links:") if any(word in line for line in kept)
        } == {
            "dnsmasq",
            "vde_switch",
            "vnethook-links:",
        }
        host.vnet("net-destroy", "all", "--force")


def test_a_guest_that_is_in_no_unit_leaves_control_groups_alone() -> None:
    with Host() as host:
        host.make_tap("tap0")
        host.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"])
        host.run([CHECKOUT / "hooks/qemu/qemu-ifup", "tap0"])
        assert not host.call(lambda: os.path.exists("/sys/fs/cgroup/vnethook"))
