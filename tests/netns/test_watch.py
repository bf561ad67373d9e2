"""`vnet watch`: what others undo is mended by itself, at once, and guests go on; what was stopped stays down."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab import CHECKOUT, Client, Host, Outside, wait_for
from tests.lab.host import VNET
from tests.lab.library import on
from tests.lab.outside import WWW_4
from vnethook.lifecycle import health
from vnethook.live import record

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
DAMAGE = {
    "the whole ruleset was flushed": "nft flush ruleset",
    "our table was deleted": "nft delete table inet vnethook",
    "our rules were flushed": "nft flush table inet vnethook",
    "the guards of ports were deleted": "nft delete table netdev vnethook",
    "dnsmasq was killed": "kill -9 $(cat $RUN/dnsmasq/lab/dnsmasq.pid)",
    "the bridge was deleted": "ip link delete vnbr7",
    "the bridge was taken down": "ip link set vnbr7 down",
    "the bridge's address was removed": "ip address del 10.77.0.1/24 dev vnbr7",
    "forwarding was turned off": "sysctl -qw net.ipv4.ip_forward=0",
    "another program came to drop what it does not know": "iptables-nft -P FORWARD DROP; iptables-nft -P INPUT DROP",
    "a guest's port was taken off": "ip link set va nomaster",
}


class Watching:
    """A `vnet watch` that is ready: what it says, and how it ended."""

    def __init__(self, log: Path, process: "subprocess.Popen[str]") -> None:
        self.log = log
        self.process = process

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it as the system does; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def _watching(host: Host, *, by: Sequence[str] = ()) -> Iterator[Watching]:
    """A watch, as a service manager starts it: what follows comes after it has said that it is ready.

    `by`: the words of a program that runs it.
    """
    place, log = host.directory / "notify", host.directory / "watch.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, log.open("w") as stderr:
        manager.bind(str(place))
        manager.settimeout(20)
        process = host.popen([*by, VNET, "watch"], stderr=stderr, env={"NOTIFY_SOCKET": str(place)}, text=True)
        try:
            assert manager.recv(100) == b"READY=1", log.read_text()
            yield Watching(log, process)
        finally:
            process.kill()
            process.wait()
            place.unlink()


class World(NamedTuple):
    host: Host
    alice: Client


@pytest.fixture
def world() -> Iterator[World]:
    with Host() as host, Outside() as outside, Client(host, "alice", port="va") as alice:
        outside.plug(host)
        host.define(LAB)
        host.vnet("attach", "va", "--network", "lab")
        assert alice.lease()["ip"]
        yield World(host, alice)


def _run(host: Host, command: str) -> None:
    host.run(["sh", "-c", command], env={"RUN": f"{host.root}/run/vnethook"})


def _drift(host: Host) -> list[str]:
    return on(host, lambda here: health.drift(here, "lab"))


def _await_whole(host: Host) -> None:
    wait_for(lambda: _drift(host) == [], "the network to be mended")


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_undone_is_mended_by_itself_and_guests_go_on(world: World, damage: str) -> None:
    with _watching(world.host) as watching:
        _run(world.host, DAMAGE[damage])
        wait_for(lambda: "network 'lab': repaired: " in watching.log.read_text(), "the line of the repair")
        _await_whole(world.host)
        assert world.alice.lease()["ip"]
        assert world.alice.fetch(WWW_4) == "outside sees 192.0.2.2\n"
        assert watching.end() == 0
        assert len(watching.lines) == 1


def test_what_was_undone_before_it_came_is_mended_first(world: World) -> None:
    _run(world.host, "nft flush ruleset")
    with _watching(world.host) as watching:
        assert _drift(world.host) == []
        assert len(watching.lines) == 1


def test_a_network_that_its_administrator_stops_stays_down(world: World) -> None:
    host = world.host
    host.define(LAB.replace("lab", "other").replace("vnbr7", "vnbr8").replace("10.77", "10.78"))
    host.vnet("net-start", "other")
    with _watching(host) as watching:
        host.vnet("net-stop", "lab", "--force")
        _run(host, "kill -9 $(cat $RUN/dnsmasq/other/dnsmasq.pid)")
        wait_for(lambda: watching.lines, "a look after the stop")
        assert watching.lines[0].startswith("network 'other': repaired: ")
        assert [network["name"] for network in host.vnet_json("net-list")] == ["other"]
        assert "vnbr7" not in host.run(["ip", "link", "show"]).stdout
        assert watching.end() == 0


def test_networks_that_start_and_restart_meanwhile_are_watched_too(world: World) -> None:
    host = world.host
    with _watching(host) as watching:
        host.define(LAB.replace("lab", "new").replace("vnbr7", "vnbr8").replace("10.77", "10.78"))
        host.vnet("net-start", "new")
        host.vnet("net-restart", "lab")
        _run(host, "kill -9 $(cat $RUN/dnsmasq/new/dnsmasq.pid)")
        wait_for(lambda: watching.lines, "the line of the repair")
        assert [line.partition(": repaired: ")[0] for line in watching.lines] == ["network 'new'"]
        _run(host, "kill -9 $(cat $RUN/dnsmasq/lab/dnsmasq.pid)")
        wait_for(lambda: len(watching.lines) == 2, "the second repair")
        _await_whole(host)
        assert watching.lines[1].startswith("network 'lab': repaired: ")


def test_what_it_started_goes_on_without_it(world: World) -> None:
    with _watching(world.host) as watching:
        _run(world.host, DAMAGE["dnsmasq was killed"])
        wait_for(lambda: watching.lines, "the line of the repair")
        assert watching.end(signal.SIGINT) == 0
    assert _drift(world.host) == []
    assert world.alice.lease()["ip"]
    assert world.host.vnet("watch", "--once").stdout == ""


def test_there_is_one_on_a_host(world: World) -> None:
    with _watching(world.host) as watching:
        second = world.host.vnet("watch", check=False)
        assert second.returncode == 4
        pid = (world.host.root / "run/vnethook/locks/.watch").read_text().strip()
        assert second.stderr.splitlines()[0] == f"error: watch: is running already: process {pid}"
        assert watching.end() == 0
    with _watching(world.host) as watching:
        assert watching.end() == 0


def test_a_program_that_undoes_it_in_a_loop_is_met_with_patience_and_said_once(world: World) -> None:
    flushes = world.host.directory / "flushes"
    flushes.touch()
    loop = """while :; do
      nft list table inet vnethook >/dev/null 2>&1 && { nft flush ruleset; echo >>"$0"; } || read -t 0.01 none <>"$1"
    done"""
    pipe = world.host.directory / "pipe"
    os.mkfifo(pipe)
    with _watching(world.host) as watching, ExitStack() as stack:
        foe = world.host.popen(["bash", "-c", loop, flushes, pipe])
        stack.callback(foe.wait)
        stack.callback(foe.kill)
        wait_for(lambda: any("again and again" in line for line in watching.lines), "the word of the fight")
        count = len(flushes.read_text().splitlines())
        wait_for(lambda: len(flushes.read_text().splitlines()) >= count + 2, "two more rounds")
        assert [line for line in watching.lines if "again and again" in line] == [watching.lines[-1]]
        assert len(watching.lines) == 4
        foe.kill()
        foe.wait()
        _await_whole(world.host)
        assert watching.end() == 0


_TAKE = """
import socket, time
taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        taken.bind(("10.77.0.1", 53))
        break
    except OSError:  # whoever was killed is still going
        time.sleep(0.01)
print(flush=True)
input()
"""


def test_what_cannot_be_mended_is_said_once_and_nothing_else_waits_for_it(world: World) -> None:
    host = world.host
    host.define(LAB.replace("lab", "good").replace("vnbr7", "vnbr8").replace("10.77", "10.78"))
    host.vnet("net-start", "good")
    with _watching(host) as watching:
        os.kill(watching.process.pid, signal.SIGSTOP)
        _run(host, DAMAGE["dnsmasq was killed"])
        with host.popen(["python3", "-c", _TAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout
            other.stdout.readline()
            os.kill(watching.process.pid, signal.SIGCONT)
            wait_for(lambda: watching.lines, "the refusal")
            _run(host, "kill -9 $(cat $RUN/dnsmasq/good/dnsmasq.pid)")
            wait_for(lambda: len(watching.lines) > 1, "the repair of the other network")
            assert watching.lines[0].startswith("network 'lab': repair: dnsmasq: start: ")
            assert watching.lines[1].startswith("network 'good': repaired: ")
            other.kill()
        _await_whole(host)


def test_once_mends_and_ends(world: World) -> None:
    host = world.host
    _run(host, "nft flush ruleset")
    said = host.vnet("watch", "--once")
    assert (said.stdout.splitlines()[0], said.stderr) == ("Network lab repaired:", "")
    assert _drift(host) == []
    assert host.vnet("watch", "--once").stdout == ""
    live = on(host, lambda here: record.read(here.paths, "lab"))
    assert live is not None


def test_it_sleeps_when_nothing_happens(world: World) -> None:
    with _watching(world.host) as watching:
        sleeping = Path(f"/proc/{watching.process.pid}/wchan")
        wait_for(lambda: "poll" in sleeping.read_text(), "the wait for events")
        before = Path(f"/proc/{watching.process.pid}/stat").read_text()
        world.host.run(["true"])
        assert Path(f"/proc/{watching.process.pid}/stat").read_text() == before


def test_the_rights_that_its_unit_leaves_it_are_enough(world: World) -> None:
    unit = (CHECKOUT / "hooks/systemd/vnethook-watch.service").read_text()
    (line,) = [line for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=")]
    rights = [f"+{word.removeprefix('CAP_').lower()}" for word in line.partition("=")[2].split()]
    limits = ["setpriv", "--no-new-privs", f"--bounding-set=-all,{','.join(rights)}"]
    damages = [DAMAGE[name] for name in DAMAGE if "dnsmasq" in name or "bridge was deleted" in name]
    with _watching(world.host, by=limits) as watching:
        for number, damage in enumerate((*damages, "nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0"), 1):
            _run(world.host, damage)
            wait_for(lambda number=number: len(watching.lines) >= number, "a repair")
            assert "repaired" in watching.lines[-1] or "again and again" in watching.lines[-1]
            _await_whole(world.host)
        assert world.alice.lease()["ip"]
        assert world.alice.fetch(WWW_4) == "outside sees 192.0.2.2\n"
