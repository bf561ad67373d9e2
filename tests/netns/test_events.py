"""`vnet net-event` on a host where real networks go up and down: what it prints, and that it misses nothing."""

import json
import re
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from tests.lab.host import VNET

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifdown"
LAB = "<network><name>lab</name><bridge name='vnbr7'/><ip address='10.77.0.1' prefix='24'/></network>"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


def _is_listening(pid: int) -> bool:
    """Whether a process sleeps until a descriptor is ready. Source: proc(5), wchan."""
    return "poll" in Path(f"/proc/{pid}/wchan").read_text()


class Listener:
    """A `vnet net-event`: what it has printed, and how it ended."""

    def __init__(self, path: Path, process: "subprocess.Popen[str]") -> None:
        self.path = path
        self.process = process
        self.status = -1

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def wait_for(self, count: int) -> list[str]:
        """The lines once there are so many of them."""
        wait_for(lambda: len(self.lines) >= count, f"{count} lines of {self.lines}")
        return self.lines

    def end(self, number: signal.Signals = signal.SIGINT) -> list[str]:
        """Interrupt it; all that it has printed."""
        self.process.send_signal(number)
        self.status = self.process.wait()
        return self.lines


@contextmanager
def _listening(host: Host, *words: str) -> Iterator[Listener]:
    path = host.directory / f"events-{len(list(host.directory.glob('events-*')))}"
    with path.open("w") as out:
        process = host.popen([str(VNET), "net-event", *words], stdout=out, text=True)
    try:
        wait_for(lambda: _is_listening(process.pid), "the wait for events")
        yield Listener(path, process)
    finally:
        process.kill()
        process.wait()


def test_what_happens_is_printed_in_virshs_words(host: Host) -> None:
    with _listening(host, "--loop") as listener:
        host.define(LAB)
        host.vnet("net-start", "lab")
        host.vnet("net-undefine", "lab")
        host.vnet("net-destroy", "lab")
        listener.wait_for(4)
        assert listener.end() == [
            "event 'lifecycle' for network lab: Defined",
            "event 'lifecycle' for network lab: Started",
            "event 'lifecycle' for network lab: Undefined",
            "event 'lifecycle' for network lab: Stopped",
            "event loop interrupted",
            "events received: 4",
            "",
        ]
        assert listener.status == 0


def test_the_built_in_network_is_undefined_too(host: Host) -> None:
    with _listening(host, "--loop") as listener:
        host.vnet("net-undefine", "default")
        host.vnet("net-define", "-", stdin="<network><name>default</name></network>")
        host.vnet("net-undefine", "default")
        listener.wait_for(3)
        events = [f"event 'lifecycle' for network default: {event}" for event in ("Undefined", "Defined", "Undefined")]
        assert listener.end()[:3] == events


def test_one_event_is_enough_unless_more_are_asked_for(host: Host) -> None:
    with _listening(host, "--timestamp", "--timeout", "60") as listener:
        host.define(LAB)
        assert listener.process.wait() == 0
        first, *rest = listener.lines
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: event 'lifecycle' for network lab: Defined", first
        )
        assert rest == ["events received: 1", ""]


def test_only_the_network_that_is_asked_for_is_told(host: Host) -> None:
    host.define(LAB)
    host.define(LAB.replace("lab", "other").replace("vnbr7", "vnbr8").replace("10.77", "10.78"))
    with _listening(host, "vnbr7") as listener:
        host.vnet("net-start", "other")
        host.vnet("net-start", "lab")
        assert listener.process.wait() == 0
        assert listener.lines == ["event 'lifecycle' for network lab: Started", "events received: 1", ""]


def test_nothing_within_the_time_is_status_1(host: Host) -> None:
    done = host.vnet("net-event", "--timeout", "1", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "event loop timed out\nevents received: 0\n\n", "")


def test_hooks_bring_networks_up_and_nics_on_them(host: Host) -> None:
    host.make_tap("tap0")
    with _listening(host, "--event", "nic", "--loop") as nics, _listening(host, "--json", "--loop") as networks:
        for hook in (IFUP, IFUP, IFDOWN):
            host.run([hook, "tap0"])
        assert nics.wait_for(2) == [
            "event 'nic' for network default: Attached tap0",
            "event 'nic' for network default: Detached tap0",
        ]
        [line] = networks.wait_for(1)
        [state] = host.vnet_json("net-list")
        event = json.loads(line)
        assert event.pop("time").endswith("+00:00")
        assert event == {"event": "lifecycle", "kind": "started", "network": "default", "uuid": state["uuid"]}


def test_a_repair_is_no_event_and_a_lost_run_directory_is(host: Host) -> None:
    host.define("<network><name>lab</name><bridge name='vnbr7'/></network>")
    host.vnet("net-start", "lab")
    with _listening(host, "--loop") as listener:
        host.run(["nft", "flush", "ruleset"])
        host.vnet("net-repair", "lab")
        assert listener.lines == []
        shutil.rmtree(host.root / "run/vnethook")
        assert listener.wait_for(1) == ["event 'lifecycle' for network lab: Stopped"]
        host.run(["ip", "link", "delete", "vnbr7"])
        host.vnet("net-start", "lab")
        assert listener.wait_for(2)[1:] == ["event 'lifecycle' for network lab: Started"]


WORKER = """
import random, sys
from vnethook.errors import StateError
from vnethook.host.host import Host
from vnethook.lifecycle import bringup, catalog
from vnethook.live import paths
number = int(sys.argv[1])
host, chance, own = Host(paths.current()), random.Random(number), f"own{number}"
xml = "<network><name>NAME</name><ip address='10.8NUMBER.0.1' prefix='24'/></network>"
xml = xml.replace("NAME", own).replace("NUMBER", str(number))
for _ in range(3):
    for _ in range(chance.randint(1, 2)):
        catalog.define(host, xml, source="x")
        print(own, "Defined")
    bringup.start(host, own)
    print(own, "Started")
    if chance.random() < 0.5:
        bringup.restart(host, own)
        print(own, "Stopped")
        print(own, "Started")
    for action in (bringup.start, bringup.stop, bringup.restart):
        if chance.random() < 0.4:
            try:
                action(host, "common")
            except StateError:
                pass
    bringup.stop(host, own)
    print(own, "Stopped")
    catalog.undefine(host, own)
    print(own, "Undefined")
"""


def test_of_what_eight_processes_do_nothing_is_lost_and_nothing_invented(host: Host) -> None:
    host.define(LAB.replace("lab", "common"))
    with _listening(host, "--loop") as listener:
        workers = [
            host.popen(
                [str(CHECKOUT / ".venv/bin/python"), "-c", WORKER, str(number)], stdout=subprocess.PIPE, text=True
            )
            for number in range(8)
        ]
        happened = "".join(worker.communicate()[0] for worker in workers).splitlines()
        assert [worker.returncode for worker in workers] == [0] * 8
        host.vnet("net-start", "common")  # its event is the last, if there is one
        told = [line.removeprefix("event 'lifecycle' for network ").replace(":", "") for line in listener.end()[:-3]]
    assert _by_network(line for line in told if not line.startswith("common")) == _by_network(happened)
    common = _by_network(told)["common"]
    assert common == ["Started" if place % 2 == 0 else "Stopped" for place in range(len(common))]
    assert common[-1] == "Started"


def _by_network(lines: "Iterator[str] | list[str]") -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in lines:
        network, what = line.split()
        found[network].append(what)
    return found
