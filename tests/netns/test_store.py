"""Many processes at one store, killed ones among them, and a disk that is full: no change is lost, half or stale."""

import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.at_once import PROCESSES, at_once, fork
from tests.lab.library import on
from vnethook.address import parse_subnet
from vnethook.definition import compiled
from vnethook.definition.store import Store
from vnethook.errors import DefinitionError, HostError, NoNetworkError, StateError
from vnethook.hook import resolve
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog, health
from vnethook.live import files, record

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
AUTOMATIC = "<network><name>{name}</name><forward mode='nat'/><dns enable='no'/></network>"
LAB = """
<network><name>{name}</name><uuid>11111111-2222-4333-8444-55555555555{number}</uuid>
  <bridge name='br{number}'/><mtu size='{mtu}'/><dns enable='no'/><ip address='10.77.{number}.1' prefix='24'/>
</network>"""


def _is_compiled_or_stale(here: machine.Host, name: str) -> None:
    """A hook follows what is compiled: it is what the files say, or a hook is told that it is stale."""
    before = files.read_text(f"{here.paths.networks}/{name}.xml")
    found = compiled.read(here.paths, name)
    try:
        read = Store(here.paths).read(name)
    except NoNetworkError:
        return
    if files.read_text(f"{here.paths.networks}/{name}.xml") == before and found is not None:
        assert found == read


def test_networks_that_eight_processes_define_at_once_share_nothing() -> None:
    each = 15

    def define(here: machine.Host, number: int) -> None:
        for more in range(each):
            name = f"net{number}-{more}"
            catalog.define(here, AUTOMATIC.format(name=name), source="x")
            assert catalog.state(here, name).problem == ""
            if more % 5 == 4:
                catalog.undefine(here, name)

    def watch(here: machine.Host, _: int) -> None:
        for state in catalog.states(here):
            assert state.problem == ""
            if state.name != "default":
                assert state.uuid
                assert len(state.subnets) == 1
                _is_compiled_or_stale(here, state.name)

    def look(here: machine.Host) -> list[catalog.NetworkState]:
        assert at_once(here, [define] * PROCESSES, watch) == []
        states = [state for state in catalog.states(here) if state.name != "default"]
        assert [catalog.find(here, state.uuid) for state in states] == [state.name for state in states]
        assert [resolve.named(here.paths, state.bridge) for state in states] == [state.name for state in states]
        return states

    with Host() as host:
        states = on(host, look)
    names = {f"net{number}-{more}" for number in range(PROCESSES) for more in range(each) if more % 5 != 4}
    assert {state.name for state in states} == names
    assert len({state.bridge for state in states}) == len({state.uuid for state in states}) == len(names)
    subnets = [parse_subnet(state.subnets[0]) for state in states]
    assert not any(one.overlaps(other) for index, one in enumerate(subnets) for other in subnets[:index])


def test_no_change_is_lost_that_eight_processes_make_in_one_definition() -> None:
    each = 20
    seen = [0, 0]

    def count_up(here: machine.Host, _: int) -> None:
        for _again in range(each):
            catalog.rewrite(here, "lab", lambda lab: lab.replace(description=str(int(lab.description or 0) + 1)))

    def switch(here: machine.Host, number: int) -> None:
        for again in range(each):
            catalog.set_autostart(here, "lab", enabled=bool((number + again) % 2))

    def watch(here: machine.Host, number: int) -> None:
        count = int(Store(here.paths).read("lab").description or 0)
        assert count >= seen[number]
        seen[number] = count
        found = compiled.read(here.paths, "lab")
        assert found is None or int(found.description or 0) >= count
        assert resolve.named(here.paths, "br1") == "lab"

    def look(here: machine.Host) -> str | None:
        catalog.define(here, LAB.format(name="lab", number=1, mtu=1400), source="x")
        assert at_once(here, [count_up] * PROCESSES + [switch] * 2, watch) == []
        found = compiled.read(here.paths, "lab")
        assert found == Store(here.paths).stored("lab")
        return found.description

    with Host() as host:
        assert on(host, look) == str(PROCESSES * each)


def _act(here: machine.Host, chance: random.Random) -> None:
    """Do something to one of three networks."""
    number = chance.randrange(3)
    name = f"net{number}"
    text = LAB.format(name=name, number=number, mtu=chance.choice((1400, 1500)))
    actions: list[Callable[[], object]] = [
        lambda: catalog.define(here, text, source="x"),
        lambda: catalog.create(here, text, source="x"),
        lambda: catalog.rewrite(here, name, lambda lab: lab.replace(mtu=1300)),
        lambda: catalog.undefine(here, name),
        lambda: catalog.set_autostart(here, name, enabled=True),
        lambda: bringup.start(here, name),
        lambda: catalog.stop(here, name),
    ]
    chance.choice(actions)()


def _check_and_remove(here: machine.Host, state: catalog.NetworkState) -> None:
    assert catalog.find(here, state.uuid) == state.name
    if state.is_active:
        assert health.check(here, state.name) == []
        catalog.stop(here, state.name)
    if state.is_persistent:
        assert compiled.read(here.paths, state.name) == Store(here.paths).read(state.name)
        catalog.undefine(here, state.name)
    elif not state.is_active:
        catalog.stop(here, state.name)


def test_whatever_eight_processes_do_to_three_networks_is_some_order_of_it() -> None:
    def act(here: machine.Host, number: int) -> None:
        chance = random.Random(number)
        for _ in range(12):
            try:
                _act(here, chance)
            except (NoNetworkError, StateError):
                continue  # another was quicker

    def watch(here: machine.Host, _: int) -> None:
        for state in catalog.states(here):
            assert state.problem == ""
            if state.name != "default" and state.uuid:  # a network may be half made, and its definition gone
                assert state.uuid[-1] == state.name[-1] == state.bridge[-1]

    def look(here: machine.Host) -> list[str]:
        assert at_once(here, [act] * PROCESSES, watch) == []
        for state in catalog.states(here):
            if state.name != "default":
                _check_and_remove(here, state)
        return [state.name for state in catalog.states(here)]

    with Host() as host:
        assert on(host, look) == ["default"]
        left = [path for path in host.root.rglob("*") if not path.is_dir() and "run/vnethook-said" not in str(path)]
        assert {str(path.relative_to(host.root)) for path in left} <= {"etc/resolv.conf", "run/vnethook/locks/.host"}


def test_a_stored_definition_is_compiled_again_when_the_transient_one_before_it_stops() -> None:
    """Else the next guest would have to wait until `vnet` has read its XML."""

    def look(here: machine.Host) -> "tuple[int | None, int | None]":
        catalog.define(here, LAB.format(name="lab", number=1, mtu=1400), source="x")
        catalog.create(here, LAB.format(name="lab", number=1, mtu=1500), source="x")
        before = compiled.read(here.paths, "lab")
        catalog.stop(here, "lab")
        after = compiled.read(here.paths, "lab")
        return before and before.mtu, after and after.mtu

    with Host() as host:
        assert on(host, look) == (1500, 1400)


def test_a_process_killed_at_any_moment_leaves_one_definition_or_the_other() -> None:
    def change(here: machine.Host, _: int) -> None:
        while True:
            for mtu in (1400, 1500):
                catalog.define(here, LAB.format(name="lab", number=1, mtu=mtu), source="x")
                catalog.set_autostart(here, "lab", enabled=True)
            catalog.undefine(here, "lab")

    def look(here: machine.Host) -> set[object]:
        chance = random.Random(3)
        found: set[object] = set()
        catalog.define(here, LAB.format(name="lab", number=1, mtu=1400), source="x")  # loads what it needs
        for number in range(600):
            if number >= 60 and len(found) > 1:  # a busy machine has it killed before it has done anything
                break
            pid = fork(here, change, 0, Path(f"{here.paths.run}-said"))
            time.sleep(chance.uniform(0.0, 0.02))  # not for a condition: when it is killed is left to chance
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            states = {state.name: state for state in catalog.states(here)}
            assert [state.problem for state in states.values()] == [""] * len(states)
            lab = Store(here.paths).read("lab") if "lab" in states else None
            found.add(lab and lab.mtu)
            if lab is not None:
                assert compiled.read(here.paths, "lab") in {None, lab}
                assert (resolve.named(here.paths, "br1"), catalog.find(here, lab.uuid or "")) == ("lab", "lab")
        catalog.define(here, LAB.format(name="lab", number=1, mtu=1300), source="x")
        assert not Path(f"{here.paths.run}-said").exists()
        return found

    with Host() as host:
        found = on(host, look)
    assert found <= {None, 1400, 1500}
    assert len(found) > 1


PLACES = {"definitions": "etc/vnethook", "state": "var/lib/vnethook"}


def _fill(directory: str) -> None:
    """Leave no byte and no file in the file system of a directory."""
    try:
        for number in range(10_000):
            Path(directory, f"fill{number}").write_bytes(bytes(2048))
    except OSError:
        return


def _empty(directory: str) -> None:
    for path in Path(directory).glob("fill*"):
        path.unlink()


@pytest.mark.parametrize("place", PLACES)
def test_a_full_disk_refuses_changes_clearly_and_takes_nothing_away(place: str) -> None:
    def change(here: machine.Host) -> list[str]:
        said = []
        for act in (
            lambda: catalog.define(here, LAB.format(name="new", number=3, mtu=1400), source="x"),
            lambda: catalog.define(here, LAB.format(name="lab", number=1, mtu=1500), source="x"),
            lambda: catalog.rewrite(here, "lab", lambda lab: lab.replace(mtu=1500)),
        ):
            with pytest.raises(HostError) as caught:
                act()
            said += [caught.value.message.rpartition(": ")[2], caught.value.hint]
        return said

    def everything(here: machine.Host) -> list[object]:
        store = Store(here.paths)
        names = [state.name for state in catalog.states(here)]
        return [(name, store.read(name), store.is_autostart(name)) for name in names if name != "default"]

    with Host() as host:
        directory = host.root / PLACES[place]
        directory.mkdir(parents=True, exist_ok=True)
        host.run(["mount", "-t", "tmpfs", "-o", "size=128k,nr_inodes=64", "tmpfs", directory])
        host.define(LAB.format(name="lab", number=1, mtu=1400))
        host.define(LAB.format(name="other", number=2, mtu=1400))
        host.vnet("net-autostart", "lab")
        before = on(host, everything)
        on(host, lambda _: _fill(str(directory)))
        assert on(host, change) == ["No space left on device", "make room in its file system"] * 3
        assert on(host, everything) == before
        assert not list(directory.rglob(".*"))
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "br1"})
        assert on(host, lambda here: health.check(here, "lab")) == []
        host.vnet("net-undefine", "other")
        on(host, lambda _: _empty(str(directory)))
        host.define(LAB.format(name="other", number=2, mtu=1300))
        assert [state["name"] for state in host.vnet_json("net-list", "--all")] == ["default", "lab", "other"]


def test_a_full_run_directory_keeps_a_network_down_and_nothing_else() -> None:
    with Host() as host:
        directory = host.root / "run/vnethook"
        directory.mkdir()
        host.run(["mount", "-t", "tmpfs", "-o", "size=128k,nr_inodes=64", "tmpfs", directory])
        host.define(LAB.format(name="lab", number=1, mtu=1400))
        before = host.snapshot()
        on(host, lambda _: _fill(str(directory)))
        refused = host.vnet("net-start", "lab", check=False)
        assert (refused.returncode, "No space left on device" in refused.stderr) == (5, True)
        on(host, lambda _: _empty(str(directory)))
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "locks"]) == []
        host.vnet("net-start", "lab")
        assert on(host, lambda here: record.read(here.paths, "lab")) is not None


def test_why_an_autostarted_network_is_down_is_listed_until_it_is_up() -> None:
    with Host() as host:
        host.define(LAB.format(name="lab", number=1, mtu=1400))
        host.vnet("net-autostart", "lab")
        host.run(["ip", "link", "add", "lan", "up", "type", "bridge"])
        host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "lan"])
        assert host.vnet("net-start", "--autostarted", check=False).returncode == 5
        reason = "subnet 10.77.1.0/24 overlaps the route 10.77.0.0/16 dev lan"
        listed = host.vnet("net-list", "--all")
        assert listed.stderr == f"warning: network 'lab': {reason}\n"
        assert f"Problem:        {reason}\n" in host.vnet("net-info", "lab").stdout
        host.run(["ip", "link", "delete", "lan"])
        host.vnet("net-start", "--autostarted")
        assert host.vnet("net-list", "--all").stderr == ""
        host.vnet("net-destroy", "lab")
        assert "Problem" not in host.vnet("net-info", "lab").stdout


def test_a_definition_that_is_put_there_by_hand_is_found_by_its_bridgeat_once() -> None:
    with Host() as host:
        host.define(LAB.format(name="lab", number=1, mtu=1400))
        (host.root / "etc/vnethook/networks/new.xml").write_text(LAB.format(name="new", number=5, mtu=1400))
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "br5"})
        assert on(host, lambda here: [nic.interface for nic in bringup.guests(here, "new")]) == ["tap0"]
        refused = host.run([IFUP, "tap0"], env={"VNET_NETWORK": "br6"}, check=False)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (3, "qemu-ifup: network 'br6': no such network")


def test_a_bridge_of_the_administrators_may_serve_several_networks() -> None:
    shared = "<network><name>{name}</name><forward mode='bridge'/><bridge name='lan0'/></network>"
    with Host() as host:
        host.define(shared.format(name="one"))
        host.define(shared.format(name="two"))
        text = LAB.format(name="lab", number=1, mtu=1400).replace("br1", "lan0")
        with pytest.raises(DefinitionError, match=r"^network 'lab': bridge 'lan0' is that of network "):
            on(host, lambda here: catalog.define(here, text, source="x") and None)
