"""Ordinary users' guests by root's side of the bridge helper: who gets what, and who stands in nobody's way."""

import socket
from contextlib import contextmanager

import pytest

from tests.lab import wait_for
from tests.lab.host import VNET
from tests.lab.users import ALICE, BOB, HELPER, MAC, NAME, STAFF, Place, asked, qemu, words_of
from vnethook.live.nics import GUARDS

pytestmark = pytest.mark.netns
SOCKET = "/run/vnethook/bridge.socket"
LAB = "<network><name>lab</name><bridge name='vnlab'/><ip address='203.0.113.1' prefix='24'/></network>"


@contextmanager
def serving(host, *words):
    """Root's side, as a host without systemd has it."""
    with host.popen([VNET, "bridge-serve", *words]) as server:
        try:
            wait_for(lambda: host.call(_is_listened_at), "the socket")
            yield server
        finally:
            server.terminate()
            server.wait(60)


def _is_listened_at():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        return caller.connect_ex(SOCKET) == 0


@pytest.fixture(scope="module")
def served():
    with Place() as host:
        host.define(LAB)
        with serving(host) as server:
            yield host, server


@pytest.fixture
def host(served):
    host, _ = served
    host.write_conf("bridge.conf", "allow lab")
    yield host
    host.vnet("net-destroy", "lab", "--force", check=False)


def test_a_users_guest_brings_up_what_it_is_allowed_and_is_guarded_and_known(host):
    with qemu(host, "lab", name="web") as answer:
        assert (answer.status, answer.said) == (0, "")
        [nic] = host.vnet_json("nic-list")
        assert (nic["interface"], nic["network"], nic["guest"], nic["mac"]) == (answer.tap, "lab", "web", MAC)
        assert nic["guard"] == list(GUARDS["standard"])
        owner = host.run(["stat", "-c", "%u", f"/proc/{nic['pid']}"]).stdout.strip()
        assert owner == str(ALICE)
        assert asked(host, "lab", user=BOB).said.splitlines()[0] == (
            f"{NAME}: user {BOB}: guest on network 'lab': its MAC is that of another's guest there"
        )
    assert asked(host, "lab", user=0).status == 0  # root does not ask


def test_a_refusal_reaches_who_has_called_with_its_status(host):
    host.write_conf("bridge.conf", "allow other")
    said = (
        f"{NAME}: user {ALICE}: guest on network 'lab': not allowed by '/etc/vnethook/bridge.conf'\n"
        "  a line `allow lab` there allows it\n"
    )
    assert asked(host, "lab") == (4, said, "")
    assert asked(host, "nowhere").status == 3
    assert [network["name"] for network in host.vnet_json("net-list")] == []
    host.write_conf("bridge.conf", "include /etc/vnethook/staff.conf")
    host.write_conf("staff.conf", "allow lab", owner=(0, STAFF), mode=0o640)
    assert asked(host, "lab").status == 0  # by a group of its, as the kernel tells


def test_a_user_has_no_more_nics_than_the_settings_say(host):
    host.write_conf("vnethook.toml", "[users]\nnics = 2\n")
    macs = [f"52:54:00:00:53:{number:02x}" for number in range(1, 5)]
    try:
        with qemu(host, "lab", mac=macs[0]) as first, qemu(host, "lab", mac=macs[1]) as second:
            assert (first.status, second.status) == (0, 0)
            third = asked(host, "lab", mac=macs[2])
            assert third.said.splitlines() == [
                f"{NAME}: user {ALICE}: has 2 NICs of the bridge helper, and may have 2",
                "  end a guest, or ask root for more: '/etc/vnethook/vnethook.toml', [users] nics = …",
            ]
            assert asked(host, "lab", mac=macs[2], user=BOB).status == 0
            host.write_conf("../subuid", f"nobody-here:70000:9\n{ALICE}:100000:65536\n")
            assert asked(host, "lab", mac=macs[2], user=100009).said == third.said  # a user within her namespace
            assert asked(host, "lab", mac=macs[2], user=99999).status == 0
        assert asked(host, "lab", mac=macs[3]).status == 0  # those are gone
    finally:
        host.run(["rm", "/etc/vnethook/vnethook.toml"])


def test_a_user_cannot_choose_whose_definitions_count(host):
    answer = asked(host, "lab", env={"VNETHOOK_ROOT": "/tmp/mine"})
    where = "root's side at '/tmp/mine/run/vnethook/bridge.socket'"
    assert answer.said.splitlines()[0] == (
        f"{NAME}: user {ALICE}: guest on network 'lab': {where}: No such file or directory"
    )
    assert asked(host, "other", env={"VNET_NETWORK": "lab"}).status == 0


def test_a_real_qemu_in_its_sandbox_has_its_nic(host):
    words = [*words_of(ALICE), "qemu-system-x86_64", "-S", "-sandbox", "on", "-machine", "microvm", "-accel", "tcg"]
    words += ["-display", "none", "-nodefaults", "-qmp", "stdio", "-name", "web"]
    words += ["-netdev", f"bridge,id=n0,br=lab,helper={HELPER}", "-device", f"virtio-net-device,netdev=n0,mac={MAC}"]
    with host.popen(words, stdin=-1, stdout=-1, text=True) as program:
        assert "QMP" in program.stdout.readline()
        [nic] = host.vnet_json("nic-list")
        assert (nic["network"], nic["guest"], nic["mac"]) == ("lab", "web", MAC)
        program.kill()


def test_the_doctor_says_when_nobody_serves_users_who_are_allowed():
    with Place() as host:
        host.write_conf("bridge.conf", "# allow lab\ndeny lab")
        assert "bridge.conf" not in host.vnet("doctor", check=False).stdout
        host.write_conf("bridge.conf", "allow lab")
        assert f"bridge.conf: allows users guests, and nobody listens at {SOCKET}" in (
            host.vnet("doctor", check=False).stdout
        )
        with serving(host):
            assert "bridge.conf" not in host.vnet("doctor", check=False).stdout


def test_one_server_serves_and_another_is_refused(host):
    done = host.vnet("bridge-serve", check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        4,
        f"error: socket '{SOCKET}': listen: somebody does already",
    )
