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


def test_a_guest_that_is_in_no_unit_leaves_control_groups_alone() -> None:
    with Host() as host:
        host.make_tap("tap0")
        host.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"])
        host.run([CHECKOUT / "hooks/qemu/qemu-ifup", "tap0"])
        assert not host.call(lambda: os.path.exists("/sys/fs/cgroup/vnethook"))
