"""A store that is down, silent or started again, calls that are ended, and many at once."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import wait_for
from tests.lab.library import on
from tests.lab.machine import CHECKOUT, PYTHON
from tests.lab.xen import CONNECTED, Dom0
from vnethook.live import record

pytestmark = [pytest.mark.netns, pytest.mark.xen]
HASTY = """
import posix, sys
sys.path.append(sys.argv.pop(1))
from vnethook.hook import xen, xen_nodes, xenstore
xen.DEADLINE_S = float(sys.argv.pop(1))
xenstore.TIMEOUT_S = xen_nodes.LAST_WORD_S = 0.3
sys.argv[0] = "/etc/xen/scripts/vif-vnet"
posix._exit(xen.main())
"""


def is_quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def hasty(vif, *words, deadline_s=60.0):
    """The hook with little patience: what a test can wait for."""
    command = [PYTHON, "-IS", "-c", HASTY, CHECKOUT, str(deadline_s), *words]
    return vif.host.run(command, env=vif.environment(), check=False)


@contextmanager
def held(dom0, network="lab"):
    """Somebody holds a network's lock."""
    program = (
        "import sys; sys.path.append(sys.argv[1]); from vnethook.live import paths; from vnethook.live.lock import Lock\n"
        "with Lock(paths.current().lock(sys.argv[2])):\n print('held', flush=True); sys.stdin.read()"
    )
    words = [PYTHON, "-IS", "-c", program, CHECKOUT, network]
    with dom0.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


def test_a_store_that_is_down_is_said_to_who_called(dom0, domid):
    with Dom0("without") as other:
        other.define("<network><name>lab</name></network>")
        vif = other.vif(domid, bridge="lab")
        assert is_quiet(vif.online())
        second = other.vif(domid, 1, bridge="lab")
        other.stop_store()
        done = second.online()
        place = other.environment["XENSTORED_RUNDIR"]
        assert done.returncode == 5
        said = (
            f"vif-vnet: xenstore: read '{second.path}/frontend-id': connect to '{place}/socket': Connection refused\n"
        )
        assert done.stderr.startswith(said)
        assert "master" not in other.link(second.name)
        assert is_quiet(vif.offline()), "detaching needs no store"
        assert "master" not in other.link(vif.name)
        other.start_store()
        assert second.online().returncode == 5, "its nodes are gone"
        assert other.tree() == ['/tool = ""', '/tool/xenstored = ""'], "and not made anew"
        other.write_nodes(second, guest="web", by="libxl", nodes={"bridge": "lab"})
        assert is_quiet(second.online())


def test_a_store_that_is_started_again_while_a_vif_is_attached_is_asked_anew(dom0, domid):
    """Here with what was in it, as oxenstored and a live update keep it."""
    with Dom0("restarted") as other:
        other.define("<network><name>lab</name></network>")
        vif = other.vif(domid, bridge="lab")
        vif.online()
        second = other.vif(domid, 1, bridge="lab")
        with held(other):
            hook = other.popen(
                [second.script, "online", "type_if=vif"], env=second.environment(), stderr=subprocess.PIPE
            )
            wait_for(lambda: f"{second.path}/vifname" in other.trace.read_text(), "the hook's questions")
            wait_for(lambda: waits_for_lock(other, hook), "the hook to wait")
            other.stop_store()
            other.start_store()
            other.write_nodes(second, guest="web", by="libxl", nodes={"bridge": "lab"})
        with hook:
            assert hook.communicate()[1] == b""
        assert second.status == CONNECTED


def test_a_vif_whose_nodes_vanish_while_it_is_attached_is_detached_and_not_made_anew(dom0, domid):
    dom0.vif(domid, 7, guest="neighbour", bridge="lab").online()
    vif = dom0.vif(domid, bridge="lab")
    with held(dom0):
        hook = dom0.popen([vif.script, "online", "type_if=vif"], env=vif.environment(), stderr=subprocess.PIPE)
        wait_for(lambda: waits_for_lock(dom0, hook), "the hook to wait")
        dom0.store("rm", vif.nodes)
        before = dom0.tree()
    with hook:
        said = hook.communicate()[1].decode()
    assert said == f"vif-vnet: interface '{vif.name}': the guest has gone while it was attached\n"
    assert hook.returncode == 5
    assert dom0.tree() == before
    assert "master" not in dom0.link(vif.name)
    assert vif.port is None


def test_a_silent_store_is_given_up(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    dom0.freeze_store()
    try:
        done = hasty(vif, "online", "type_if=vif")
    finally:
        dom0.thaw_store()
    said = f"vif-vnet: xenstore: read '{vif.path}/frontend-id': no answer within 0.3 s\n"
    hint = "is xenstored running? see `xenstore-ls`"
    assert (done.returncode, done.stderr) == (5, f"{said}  {hint}\n")
    assert is_quiet(vif.online())


def waits_for_lock(dom0, hook):
    """Whether a process sleeps between two looks at a lock, its device being there. Source: proc(5), wchan."""
    try:
        return "nanosleep" in Path(f"/proc/{hook.pid}/wchan").read_text()
    except OSError:
        return False


def test_what_takes_too_long_is_told_before_xl_kills_the_hook(dom0, domid):
    dom0.vif(domid, 7, guest="neighbour", bridge="lab").online()
    vif = dom0.vif(domid, bridge="lab")
    with held(dom0):
        done = hasty(vif, "online", "type_if=vif", deadline_s=0.5)
    message = f"interface '{vif.name}': attach: not done within 0.5 s"
    assert (done.returncode, done.stderr) == (5, f"vif-vnet: {message}\n")
    assert (vif.status, vif.error) == ("error", message)
    assert is_quiet(vif.online())
    assert (vif.status, vif.error) == (CONNECTED, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("kind", ["vif", "tap"])
def test_a_signal_is_told_too(dom0, domid, number, kind):
    dom0.vif(domid, 7, guest="neighbour", bridge="lab").online()
    vif = dom0.vif(domid, bridge="lab", is_pair=True)
    words = ("online", "type_if=vif") if kind == "vif" else ("add", "type_if=tap")
    with held(dom0):
        hook = dom0.popen([vif.script, *words], env=vif.environment(), stderr=subprocess.PIPE)
        wait_for(lambda: waits_for_lock(dom0, hook), "the hook to wait")
        os.kill(hook.pid, number)
        with hook:
            said = hook.communicate()[1].decode()
    device = vif.name if kind == "vif" else vif.tap
    message = f"interface '{device}': attach: ended by {number.name}"
    assert (hook.returncode, said) == (128 + number, f"vif-vnet: {message}\n")
    assert (vif.status, vif.error) == ("error", message)
    assert is_quiet(vif.offline())
    assert is_quiet(vif.remove())


def test_offline_that_is_ended_says_so_and_leaves_the_store_as_it_is(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    before = dom0.tree()
    with held(dom0):
        done = hasty(vif, "offline", "type_if=vif", deadline_s=0.5)
    assert (done.returncode, done.stderr) == (
        5, f"vif-vnet: interface '{vif.name}': detach: not done within 0.5 s\n",
    )  # fmt: skip
    assert dom0.tree() == before
    assert is_quiet(vif.offline())


def test_a_signal_that_the_toolstack_ignores_is_ignored(dom0, domid):
    dom0.vif(domid, 7, guest="neighbour", bridge="lab").online()
    vif = dom0.vif(domid, bridge="lab")
    with held(dom0):
        words = ["/bin/sh", "-c", f"trap '' HUP; exec {vif.script} online type_if=vif"]
        hook = dom0.popen(words, env=vif.environment(), stderr=subprocess.PIPE)
        wait_for(lambda: waits_for_lock(dom0, hook), "the hook to wait")
        os.kill(hook.pid, signal.SIGHUP)
    with hook:
        assert hook.communicate()[1] == b""
    assert vif.status == CONNECTED


def test_a_bug_of_ours_is_told_as_one(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    program = HASTY.replace(
        "posix._exit", "from vnethook.hook import xen_attach\nxen_attach.resolve = None\nposix._exit"
    )
    command = [PYTHON, "-IS", "-c", program, CHECKOUT, "60", "online", "type_if=vif"]
    dom0.store("write", f"{vif.nodes}/bridge", "xenbr0")
    done = dom0.run(command, env=vif.environment(), check=False)
    assert done.returncode == 70
    assert done.stderr.startswith("vif-vnet: internal error, please report it:\n")
    assert (vif.status, vif.error) == ("error", "internal error of vif-vnet: see the system log")


def wait(processes):
    said = [(process.communicate()[1], process.returncode) for process in processes]
    return [(text, status) for text, status in said if (text, status) != (b"", 0)]


def test_fifty_vifs_at_once_bring_a_cold_network_up_once():
    with Dom0("crowd") as dom0:
        vifs = [dom0.vif(number, link="", guest=f"guest{number}", bridge="lab") for number in range(1, 51)]
        dom0.make_links(*vifs)
        dom0.define("<network><name>lab</name><bridge name='vnlab'/><ip address='10.55.0.1' prefix='24'><dhcp><range start='10.55.0.2' end='10.55.0.254'/></dhcp></ip></network>")  # fmt: skip
        hooks = [dom0.popen([vif.script, "online", "type_if=vif"], env=vif.environment(), stderr=subprocess.PIPE) for vif in vifs]  # fmt: skip
        assert wait(hooks) == []
        assert {vif.status for vif in vifs} == {CONNECTED}
        ports = dom0.json(["ip", "-json", "link", "show", "master", "vnlab"])
        assert sorted(port["ifname"] for port in ports) == sorted(vif.name for vif in vifs)
        assert sum("dnsmasq" in line for line in dom0.processes()) == 1
        live = on(dom0, lambda here: record.read(here.paths, "lab"))
        assert on(dom0, lambda here: record.fault(live, here.links)) == ""
        hooks = [dom0.popen([vif.script, "offline", "type_if=vif"], env=vif.environment(), stderr=subprocess.PIPE) for vif in vifs]  # fmt: skip
        assert wait(hooks) == []
        assert dom0.json(["ip", "-json", "link", "show", "master", "vnlab"]) == []


def test_of_many_who_ask_for_one_address_at_once_one_gets_it(dom0, domid, numbers):
    dom0.vif(domid, bridge="lab").online()
    vifs = [dom0.vif(next(numbers), bridge="lab", ip="10.53.0.240") for _ in range(6)]
    hooks = [dom0.popen([vif.script, "online", "type_if=vif"], env=vif.environment(), stderr=subprocess.PIPE) for vif in vifs]  # fmt: skip
    said = [(hook.communicate()[1], hook.returncode) for hook in hooks]
    assert sorted(status for _, status in said) == [0, 4, 4, 4, 4, 4]
    assert all(b"address 10.53.0.240: guest '" in text for text, status in said if status)
    [winner] = [vif for vif in vifs if vif.status == CONNECTED]
    assert is_quiet(winner.offline())
    other = next(vif for vif in vifs if vif is not winner)
    assert is_quiet(other.online()), "at once"


def test_two_vifs_of_one_guest_and_two_who_want_one_name_come_at_once(dom0, domid):
    first, second = (dom0.vif(domid, devid, guest=f"twice{domid}", bridge="lab") for devid in (0, 1))
    third, fourth = (dom0.vif(domid, devid, bridge="lab", vifname=f"one{domid}") for devid in (2, 3))
    hooks = [dom0.popen([vif.script, "online", "type_if=vif"], env=vif.environment(), stderr=subprocess.PIPE) for vif in (first, second, third, fourth)]  # fmt: skip
    statuses = [(hook.communicate()[0], hook.returncode)[1] for hook in hooks]
    assert statuses[:2] == [0, 0]
    assert sorted(statuses[2:]) == [0, 4]
    assert {first.status, second.status} == {CONNECTED}
    assert {third.status, fourth.status} == {CONNECTED, "error"}
    assert dom0.port(f"one{domid}").device in {third.name, fourth.name}
