"""A user's QEMU with a NIC on a network of the user's own, by the bridge helper: the tap is inside, QEMU is not."""

import json

import pytest

from tests.lab import Machine, User, wait_for
from tests.lab.machine import PYTHON
from tests.lab.users import HELPER, MAC, QEMU

pytestmark = pytest.mark.netns
RED = ["-netdev", "bridge,id=n0,br=red", "-device", f"virtio-net-pci,netdev=n0,mac={MAC}"]


@pytest.fixture
def user():
    with Machine("users") as machine:
        user = User(machine)
        user.define("red", "192.0.2")
        yield user


def _nics(user):
    return [(nic["network"], nic["guest"], nic["mac"]) for nic in json.loads(user.vnet("nic-list", "--json").stdout)]


def test_a_users_qemu_outside_has_a_tap_inside_and_brings_its_network_up_and_down(user):
    """In QEMU's sandbox, too."""
    words = ["qemu-system-x86_64", "-S", "-sandbox", "on", "-machine", "microvm", "-accel", "tcg", "-display", "none"]
    words += ["-nodefaults", "-qmp", "stdio", "-name", "web", "-netdev", f"bridge,id=n0,br=red,helper={HELPER}"]
    words += ["-device", f"virtio-net-device,netdev=n0,mac={MAC}"]
    with user.popen(words, stdin=-1, stdout=-1, text=True) as program:
        assert "QMP" in program.stdout.readline()
        assert _nics(user) == [("red", "web", MAC)]
        assert user.machine.json(["ip", "-json", "link", "show", "type", "tun"]) == []
        program.kill()
    wait_for(lambda: not user.processes(), "all that the network had running to end", timeout_s=40)
    assert (user.active(), user.files()) == ([], [])


def test_a_name_that_is_none_of_the_users_is_asked_of_root(user):
    for name, status in (("red", 0), ("lab", 5)):
        words = [PYTHON, "-IS", "-c", QEMU, HELPER, f"--br={name}", *RED]
        assert eval(user.run(words).stdout)[0] == status, name
    words = [PYTHON, "-IS", "-c", QEMU, HELPER, "--br=br0", "-netdev", "bridge,id=n0"]  # as QEMU says nothing
    assert eval(user.run(words).stdout)[0] == 0
    assert user.active() == ["default", "red"]
    for name in user.active():
        user.vnet("net-destroy", name, "--force")
