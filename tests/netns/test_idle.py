"""With the `idle` setting a network that a guest brought up goes down after its last guest, however that one went."""

import pytest

from tests.lab import CHECKOUT, Client, Host, wait_for
from tests.lab.library import on
from tests.lab.vde_client import VdeClient
from vnethook.lifecycle import bringup
from vnethook.live import record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifdown"


@pytest.fixture
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        (host.root / "etc/vnethook").mkdir()
        (host.root / "etc/vnethook/vnethook.toml").write_text("[networks]\nidle = 1\n")
        yield host


def _is_up(host: Host) -> bool:
    return on(host, lambda here: record.read(here.paths, "default") is not None)


def _is_gone(host: Host) -> bool:
    return not _is_up(host) and not host.processes()


def test_a_network_goes_down_after_its_last_guest_and_leaves_nothing(host: Host) -> None:
    host.make_tap("tap0")
    host.make_tap("tap1")
    before = host.snapshot()
    host.run([IFUP, "tap0"])
    host.run([IFUP, "tap1"])
    host.run([IFDOWN, "tap0"])
    assert _is_up(host)
    host.run([IFDOWN, "tap1"])
    wait_for(lambda: _is_gone(host), "the idle network to go down")
    changes = before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "var/lib", r"\.host", "file d", "link tap"])
    assert changes == []


def test_a_guest_that_was_killed_counts_as_gone(host: Host) -> None:
    with Client(host, "guest", port="vguest") as guest:
        host.run([IFUP, "vguest"])
        guest.lease()
        assert _is_up(host)
    wait_for(lambda: _is_gone(host), "the idle network to go down")


def test_a_network_that_was_started_by_hand_stays(host: Host) -> None:
    host.make_tap("tap0")
    host.run([IFUP, "tap0"])
    on(host, lambda here: bringup.start(here, "default") and None)
    host.run([IFDOWN, "tap0"])
    live = on(host, lambda here: record.read(here.paths, "default"))
    assert live
    assert live.started_by == "admin"
    assert [program for program, _, _ in live.daemons] == ["dnsmasq"]
    wait_for(lambda: len(host.processes()) == 1, "the watcher to end")
    assert _is_up(host)


def test_a_watcher_that_was_killed_is_started_again_by_the_next_hook(host: Host) -> None:
    host.make_tap("tap0")
    host.make_tap("tap1")
    host.run([IFUP, "tap0"])
    host.run(["sh", "-c", "kill -9 $(cat $VNETHOOK_ROOT/run/vnethook/idle-default.pid)"])
    host.run([IFUP, "tap1"])
    host.run([IFDOWN, "tap0"])
    host.run([IFDOWN, "tap1"])
    wait_for(lambda: _is_gone(host), "the idle network to go down")


def test_a_guest_at_the_switch_keeps_its_network_up_until_it_goes(host: Host) -> None:
    host.define("<network><name>lab</name><vde group='kvm'/><ip address='10.77.0.1' prefix='24'/></network>")
    host.make_tap("tap0")
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    with VdeClient(host, "anna", sock=f"{host.root}/run/vnethook/vde/lab", user=61001, group="kvm") as anna:
        host.run([IFDOWN, "tap0"])
        host.run([IFUP, "tap0"])  # another network goes down meanwhile
        host.run([IFDOWN, "tap0"])
        wait_for(lambda: not _is_up(host), "the other network to go down")
        assert host.vnet("net-check", "lab").stdout == "Network lab is as defined\n\n"
        anna.unplug()
        wait_for(lambda: not host.processes(), "the network of the switch to go down")
