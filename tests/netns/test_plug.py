"""qemu-vde: a guest whose QEMU knows no tap is on the network as any other, from its plug's start to its end."""

from collections.abc import Iterator

import pytest

from tests.lab import Host, wait_for
from tests.lab.library import on
from tests.lab.plugged import PLUG, PluggedClient
from vnethook.hook import qemu_vde
from vnethook.live import nics

pytestmark = pytest.mark.netns
MAC, OTHER_MAC = "52:54:00:00:00:11", "52:54:00:00:00:12"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


def _attached(host: Host) -> list[nics.Nic]:
    return on(host, lambda here: nics.attached(here.paths, "default"))


def test_a_plugged_guest_has_lease_name_guard_and_whole_frames_and_leaves_nothing(host: Host) -> None:
    with (
        PluggedClient(host, "alice", network="default", mac=MAC) as alice,
        PluggedClient(host, "bob", network="", mac=OTHER_MAC) as bob,
    ):
        lease, other = alice.lease(), bob.lease()
        assert lease["ip"] != other["ip"]
        known = {nic.guest: nic for nic in _attached(host)}
        assert (known["alice"].mac, known["alice"].via, known["bob"].mac) == (MAC, qemu_vde.NAME, OTHER_MAC)
        assert known["alice"].held
        assert alice.resolve("bob", server=lease["router"]) == [other["ip"]]
        alice.run(["ping", "-c2", "-i0.2", "-W2", "-M", "do", "-s", "1472", other["ip"]])
        alice.unplug()
        wait_for(lambda: [nic.guest for nic in _attached(host)] == ["bob"], "alice's NIC to be forgotten")
    wait_for(lambda: not _attached(host), "bob's NIC to be forgotten")
    links = {link["ifname"] for link in host.json(["ip", "-json", "link"])}
    assert not any(name.startswith("vnt") for name in links)


def test_a_plug_goes_on_when_its_tap_was_deleted_and_its_bridge(host: Host) -> None:
    with PluggedClient(host, "alice", network="default", mac=MAC) as alice:
        lease = alice.lease()
        (nic,) = _attached(host)
        host.run(["ip", "link", "delete", nic.interface])
        wait_for(lambda: [one.index for one in _attached(host)] not in ([nic.index], []), "another tap of the plug")
        wait_for(lambda: alice.run(["ping", "-c1", "-W1", lease["router"]], check=False).returncode == 0, "a ping")
        host.run(["ip", "link", "delete", "vnbr0"])
        host.vnet("net-repair", "default")
        wait_for(lambda: alice.run(["ping", "-c1", "-W1", lease["router"]], check=False).returncode == 0, "a ping")
        host.vnet("net-restart", "default")
        wait_for(lambda: alice.run(["ping", "-c1", "-W1", lease["router"]], check=False).returncode == 0, "a ping")


def test_a_plug_that_cannot_be_made_says_why_and_ends_the_qemu_that_starts(host: Host) -> None:
    with PluggedClient(host, "alice", network="nosuch", mac=MAC) as alice:
        assert alice.qemu
        alice.qemu.wait(20)
    assert "qemu-vde: network 'nosuch': no such network" in alice.stderr.read_text()


def test_a_plug_called_by_hand_says_who_calls_it(host: Host) -> None:
    done = host.run([PLUG, "lab", "extra"], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "at most one is taken" in done.stderr
