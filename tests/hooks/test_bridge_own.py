"""A user's QEMU with a NIC on a network of the user's own, by the bridge helper: the tap is inside, QEMU is not."""

import json

import pytest

from tests.lab import Machine, User, wait_for
from tests.lab.machine import PYTHON
from tests.lab.users import HELPER, MAC, QEMU

pytestmark = pytest.mark.netns
RED = ["-netdev", "bridge,id=n0,br=red", "-device", f"virtio-net-pci,netdev=n0,mac={MAC}"]


@pytest.fixture(scope="module")
def user():
    with Machine("users") as machine:
        user = User(machine)
        user.define("red", "192.0.2")
        yield user
        assert user.files() == []


def _nics(user):
    return [(nic["network"], nic["guest"], nic["mac"]) for nic in json.loads(user.vnet("nic-list", "--json").stdout)]


def test_a_users_qemu_outside_has_a_tap_inside(user):
    """In QEMU's sandbox, too."""
    words = ["qemu-system-x86_64", "-S", "-sandbox", "on", "-machine", "microvm", "-accel", "tcg", "-display", "none"]
    words += ["-nodefaults", "-qmp", "stdio", "-name", "web", "-netdev", f"bridge,id=n0,br=red,helper={HELPER}"]
    words += ["-device", f"virtio-net-device,netdev=n0,mac={MAC}"]
    with user.popen(words, stdin=-1, stdout=-1, text=True) as program:
        assert "QMP" in program.stdout.readline()
        assert _nics(user) == [("red", "web", MAC)]
        assert user.machine.json(["ip", "-json", "link", "show", "type", "tun"]) == []
        program.kill()
    user.vnet("net-destroy", "red")


def test_a_name_that_is_none_of_the_users_is_asked_of_root_and_none_is_the_users_default(user):
    for name, status in (("red", 0), ("lab", 5)):
        words = [PYTHON, "-IS", "-c", QEMU, HELPER, f"--br={name}", *RED]
        assert eval(user.run(words).stdout)[0] == status, name
    words = [PYTHON, "-IS", "-c", QEMU, HELPER, "--br=br0", "-netdev", "bridge,id=n0"]  # as QEMU says nothing
    assert eval(user.run(words).stdout)[0] == 0
    assert user.active() == ["default", "red"]
    for name in user.active():
        user.vnet("net-destroy", name, "--force")


def test_a_logout_that_takes_the_run_directory_away_leaves_nothing_after_the_last_guest(user):
    """As logind does without lingering, and without KillUserProcesses: the user finds these networks no more."""
    words = [PYTHON, "-IS", "-c", QEMU, HELPER, "--br=red", *RED]
    user.vnet("net-start", "red")
    with user.popen(words, stdin=-1, stdout=-1, text=True) as guest:
        assert eval(guest.stdout.readline())[0] == 0
        served = [line for line in user.processes() if "vnethook" in line or "sleep" in line]
        user.machine.run(["rm", "-rf", user.run_directory])
        user.vnet("net-start", "red")  # who logs in again
        assert len([line for line in user.processes() if "dnsmasq" in line]) == 2
        guest.communicate(timeout=60)
    wait_for(lambda: len([line for line in user.processes() if "dnsmasq" in line]) == 1, "the old one", timeout_s=90)
    assert len([line for line in user.processes() if "vnethook" in line or "sleep" in line]) <= len(served)
    assert user.active() == ["red"]
    user.vnet("net-destroy", "red")
    wait_for(lambda: not user.processes(), "all to end")
