"""`vnet share` cuts nobody off: what is not confirmed in time is taken back, whoever is killed in between."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.host import VNET
from tests.lab.lan import GATEWAY, OURS, connect, has_settled, layer3, master
from tests.lab.library import on
from vnethook.errors import StateError
from vnethook.host import host as machine
from vnethook.lifecycle.share import sharing
from vnethook.live import process, shared_interface

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ (run|var/lib)/vnethook"]


@pytest.fixture(scope="module")
def router() -> Iterator[Machine]:
    with Machine("router") as router:
        yield router


@pytest.fixture(scope="module")
def host(router: Machine) -> Iterator[Host]:
    """A host that each test leaves as it was."""
    with Host() as host:
        connect(host, router)
        yield host


def _guards(host: Host) -> list[str]:
    return [line for line in host.processes() if "vnethook-share-guard" in line]


def _is_reached(host: Host, router: Machine) -> bool:
    pings = ((host, GATEWAY), (router, OURS))
    return all(machine.run(["ping", "-c1", "-W5", there], check=False).returncode == 0 for machine, there in pings)


def test_what_is_confirmed_stays_and_what_is_given_back_leaves_nothing(host: Host, router: Machine) -> None:
    before, picture = layer3(host), host.snapshot()
    done = host.vnet("share", "eth0")
    assert done.stdout == "Interface eth0 shared by bridge ebreth0 until it is confirmed or given back\n\n"
    assert done.stderr.startswith("warning: within ")
    assert len(_guards(host)) == 1
    assert host.vnet("confirm", "eth0").stdout == "Interface eth0 stays shared by bridge ebreth0\n\n"
    assert _guards(host) == []
    assert (master(host, "eth0"), _is_reached(host, router)) == ("ebreth0", True)
    assert host.vnet("confirm").stderr == "warning: no interface: nothing waits to be confirmed\n"
    assert host.vnet("unshare", "eth0").stdout == "Interface eth0 is no longer shared\n\n"
    assert host.vnet("unshare", "eth0").stderr == "warning: interface 'eth0': is not shared: nothing done\n"
    assert layer3(host) == before
    assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []


def test_what_nobody_confirms_is_taken_back_in_time(host: Host, router: Machine) -> None:
    before, picture = layer3(host), host.snapshot()
    host.vnet("share", "eth0", "--timeout", "1")
    wait_for(lambda: not _guards(host), "the guard to end")
    assert (layer3(host), _is_reached(host, router)) == (before, True)
    assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []
    late = host.vnet("confirm", "eth0", check=False)
    assert late.stderr.startswith("error: interface 'eth0': confirm: it is not shared\n  what nobody confirms in time ")
    assert late.returncode == 4
    assert host.vnet("confirm", check=False).stderr.startswith("error: confirm: no interface is shared\n")


def test_yes_keeps_it_at_once_and_it_is_given_back_without_the_run_directory_too(host: Host) -> None:
    before = layer3(host)
    done = host.vnet("share", "eth0", "--yes")
    assert (done.stdout, done.stderr) == ("Interface eth0 shared by bridge ebreth0\n\n", "")
    assert _guards(host) == []
    assert master(host, "eth0") == "ebreth0"
    host.run(["rm", "-r", host.root / "run/vnethook"])
    host.vnet("unshare", "ebreth0")
    assert layer3(host) == before


def test_a_dry_run_shows_the_steps_and_changes_nothing(host: Host) -> None:
    picture = host.snapshot()
    said = host.vnet("share", "eth0", "--dry-run").stdout
    assert said.startswith("Interface eth0 would be shared:\n  create bridge ebreth0, MAC ")
    assert f"  make eth0 a port of ebreth0, which takes over {OURS}/24, " in said
    assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []


def test_what_stays_with_the_nic_is_told_and_force_goes_past_a_filter(host: Host) -> None:
    filter_ = 'add table inet f; add chain inet f c; add rule inet f c iifname "eth0" accept'
    host.run(["nft", filter_])
    words = ["python3", "-ISc", _LISTEN]
    with host.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as listener:
        listener.stdout.readline()
        refused = host.vnet("share", "eth0", check=False).stderr
        reason = "interface 'eth0': nftables' table inet f would not know its bridge 'ebreth0'"
        assert (master(host, "eth0"), refused.splitlines()[0]) == ("", f"error: {reason.replace(': ', ': share: ')}")
        said = host.vnet("share", "eth0", "--yes", "--force").stderr.splitlines()
        assert said == [
            "warning: interface 'eth0': programs in 239.1.2.3 have to join on bridge 'ebreth0' anew",
            f"warning: {reason}",
        ]
        host.vnet("unshare", "eth0")
        listener.kill()
    host.run(["nft", "delete", "table", "inet", "f"])


def test_a_network_that_goes_out_by_the_nic_alone_is_asked_to_name_its_bridge_first(host: Host) -> None:
    host.vnet("net-create", "-", stdin=_OUT_BY)
    refused = host.vnet("share", "eth0", check=False).stderr.splitlines()
    assert refused == [
        "error: interface 'eth0': share: network 'lan2' goes out by it alone (forward dev), and not by its bridge 'ebreth0'",
        "  dev='ebreth0' by `vnet net-edit lan2` and `vnet net-apply lan2` first, or --layout proposal: it keeps the name",
    ]
    assert host.vnet("share", "eth0", "--yes", "--force").stderr.startswith(
        "warning: interface 'eth0': network 'lan2' "
    )
    told = "forward dev 'eth0': is a port of bridge 'ebreth0', by which packets go: name that"
    assert told in host.vnet("net-check", "lan2", check=False).stdout
    host.vnet("unshare", "eth0")
    host.vnet("net-destroy", "lan2")


def test_of_two_nics_on_one_network_the_first_stays_the_first(host: Host, router: Machine) -> None:
    router.lay_cable("lan1", host, "eth1")
    host.run(["ip", "address", "add", "192.0.2.40/24", "dev", "eth1"])
    wait_for(lambda: has_settled(host, "eth1"), "its link-local address")
    before = sorted(layer3(host))
    for shared, devices in (("eth0", ["ebreth0", "eth1"]), ("eth1", ["eth0", "ebreth1"])):
        host.vnet("share", shared, "--yes")
        assert _devices_to_the_network(host) == devices
        host.vnet("unshare", shared)
        assert (_devices_to_the_network(host), sorted(layer3(host))) == (["eth0", "eth1"], before)
    host.run(["ip", "link", "delete", "eth1"])


def _devices_to_the_network(host: Host) -> list[str]:
    return [route["dev"] for route in host.json(["ip", "-json", "route", "show", "192.0.2.0/24"])]


def test_a_name_that_contradicts_the_layout_is_refused_and_a_bridge_is_left_as_it_is(
    host: Host,
) -> None:
    refused = host.vnet("share", "eth0", "--bridge", "eth0", check=False)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, "error: --bridge eth0: is the name of the NIC")
    host.run(["ip", "link", "add", "br7", "type", "bridge"])
    theirs = host.vnet("share", "br7").stdout
    assert theirs.endswith(" guests join it by a network with <forward mode='bridge'/><bridge name='br7'/>\n\n")
    host.run(["ip", "link", "delete", "br7"])
    refused = host.vnet("share", "eth0", "--layout", "proposal", "--bridge", "br7", check=False)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, "error: --bridge br7: is for --layout bridge")
    assert master(host, "eth0") == ""


_OUT_BY = """
<network>
  <name>lan2</name>
  <forward mode='nat' dev='eth0'/>
  <ip address='10.44.0.1' prefix='24'/>
</network>
"""
_LISTEN = """
import socket
group = socket.inet_aton("239.1.2.3") + socket.inet_aton("192.0.2.20")
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print(flush=True)
input()
"""


def _cut_bridged_frames(host: Host) -> None:
    host.run(
        ["nft", "add table bridge f; add chain bridge f c { type filter hook prerouting priority 0; policy drop; }"]
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_vnet_that_ends_or_hangs_half_way_is_taken_back_by_the_guard(
    host: Host, router: Machine, number: int
) -> None:
    before = layer3(host)
    _cut_bridged_frames(host)  # so that it waits for the gateway
    with host.popen([VNET, "share", "eth0", "--timeout", "1"]) as share:
        wait_for(lambda: master(host, "eth0"), "the NIC to be a port")
        share.send_signal(number)
        wait_for(lambda: not master(host, "eth0"), "the NIC to be given back")
        wait_for(lambda: not _guards(host), "the guard to end")
        assert share.wait() == -signal.SIGKILL
    host.run(["nft", "delete", "table", "bridge", "f"])
    assert layer3(host) == before
    assert _is_reached(host, router)


def test_the_next_call_does_what_a_guard_that_was_killed_would_have_done(host: Host) -> None:
    before = layer3(host)
    for seconds, is_kept in (("60", True), ("1", False)):
        host.vnet("share", "eth0", "--timeout", seconds)
        host.call(lambda: [os.kill(one, signal.SIGKILL) for one in _guard_pids()])
        wait_for(lambda: not _guards(host), "the guard to be gone")
        wait_for(lambda is_kept=is_kept: is_kept or _is_late(host), "it to be too late")  # type: ignore[misc]
        on(host, sharing.settle)
        assert (len(_guards(host)), master(host, "eth0")) == ((1, "ebreth0") if is_kept else (0, ""))
        host.vnet("unshare", "eth0")
        assert layer3(host) == before


def _is_late(host: Host) -> bool:
    [shared] = on(host, lambda here: shared_interface.every(here.paths))
    return on(host, lambda _: sharing.left_s(shared)) == 0


def _guard_pids() -> list[int]:
    return [one for one in process.running() if any("share-guard" in word for word in process.command_line(one))]


def test_a_guard_outlives_the_signals_of_a_session_that_ends(host: Host) -> None:
    before = layer3(host)
    with host.popen(["setsid", "sh", "-c", f"{VNET} share eth0 --timeout 3; kill -HUP 0; kill -TERM 0"]) as session:
        session.wait()
    guards = host.call(_guard_pids)
    assert len(guards) == 1
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
        host.call(lambda number=number: os.kill(guards[0], number))  # type: ignore[misc]
    assert master(host, "eth0") == "ebreth0"
    wait_for(lambda: not _guards(host), "the guard to end")
    assert layer3(host) == before


def test_what_is_confirmed_at_the_last_moment_stays_or_it_is_given_back_and_said_so(host: Host) -> None:
    """The guard and `vnet confirm` go by one record under one lock."""

    def confirm_late(here: machine.Host) -> bool:
        shared = sharing.start(here, "eth0", sharing.Terms(guard_s=1))
        assert shared
        while sharing.left_s(shared):
            pass
        try:
            return bool(sharing.confirm(here))
        except StateError:
            return False

    before = layer3(host)
    is_kept = on(host, confirm_late)
    wait_for(lambda: not _guards(host), "the guard to end")
    assert master(host, "eth0") == ("ebreth0" if is_kept else "")
    host.vnet("unshare", "eth0")
    assert layer3(host) == before


def test_guests_that_lose_the_network_are_named(host: Host) -> None:
    before = layer3(host)
    host.vnet("share", "eth0", "--yes")
    host.define("<network><name>lan</name><forward mode='bridge'/><bridge name='ebreth0'/></network>")
    host.make_tap("tap0")
    host.vnet("attach", "tap0", "--network", "lan")
    said = host.vnet("unshare", "eth0", check=False).stderr.splitlines()[0]
    assert said == "error: bridge 'ebreth0': stop: guests are on it: tap0"
    said = host.vnet("unshare", "eth0", "--force").stderr
    assert said == "warning: bridge 'ebreth0': guests lose the network: tap0\n"
    assert (master(host, "tap0"), layer3(host)) == ("", before)
    assert "inactive" in host.vnet("net-list", "--all").stdout
    host.vnet("net-undefine", "lan")
    host.run(["ip", "link", "delete", "tap0"])


_IN_SESSION = """
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/$SESSION
echo $$ > /sys/fs/cgroup/$SESSION/cgroup.procs
$VNET share eth0
echo 0 > /sys/fs/cgroup/cgroup.procs
cat /sys/fs/cgroup/$SESSION/cgroup.procs /proc/$(cat $VNETHOOK_ROOT/run/vnethook/share-guard-ebreth0.pid)/cgroup
rmdir /sys/fs/cgroup/$SESSION
"""


def test_a_guard_is_in_no_control_group_that_ends_with_a_session(host: Host) -> None:
    """systemd-logind ends what is in that of a session, KillUserProcesses= in logind.conf(5), as systemd a unit's."""
    variables = {"SESSION": f"vnethook-test-{os.getpid()}", "VNET": str(VNET)}
    said = host.run(["sh", "-euc", _IN_SESSION], env=variables).stdout.splitlines()
    assert said[-1] == "0::/vnethook"
    host.vnet("unshare", "eth0")
    host.run(["umount", "/sys/fs/cgroup"])
