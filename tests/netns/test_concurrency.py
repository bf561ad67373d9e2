"""Many at once: one bring-up, every port in place, and whatever ran in parallel equals some order of it."""

import random
import subprocess

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog
from vnethook.live import nics, process, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifdown"
COUNT = 50


def _wait(processes: "list[subprocess.Popen[str]]") -> list[str]:
    return [
        f"{process.returncode}: {error}"
        for process in processes
        for error in [process.communicate()[1]]
        if process.returncode
    ]


def _start(host: Host, words: list[object], network: str = "default") -> "subprocess.Popen[str]":
    return host.popen(list(map(str, words)), env={"VNET_NETWORK": network}, stderr=subprocess.PIPE, text=True)


def _servers(network: str) -> object:
    def count(here: machine.Host) -> int:
        word = f"--conf-file={here.paths.dnsmasq(network)}/dnsmasq.conf"
        return sum(word in process.command_line(pid) for pid in process.running())

    return count


def test_fifty_hooks_at_once_on_a_cold_network_bring_it_up_once() -> None:
    with Host() as host:
        taps = [host.make_tap(f"tap{number}") for number in range(COUNT)]
        assert _wait([_start(host, [IFUP, tap]) for tap in taps]) == []
        live = on(host, lambda here: record.read(here.paths, "default"))
        assert live is not None
        attached = on(host, lambda here: bringup.guests(here, "default"))
        assert sorted(nic.interface for nic in attached) == sorted(taps)
        masters = on(host, lambda here: {link.master for link in here.links.all_links() if link.kind == "tun"})
        assert masters == {live.index}
        assert on(host, _servers("default")) == 1
        assert on(host, lambda here: record.fault(live, here.links)) == ""
        bridges = on(host, lambda here: [link.name for link in here.links.all_links() if link.kind == "bridge"])
        assert bridges == [live.bridge]


def test_twenty_networks_may_come_up_and_go_down_at_once() -> None:
    with Host() as host:
        names = [f"net{number}" for number in range(20)]
        for name in names:
            host.make_tap(name)
            on(
                host,
                lambda here, name=name: (
                    catalog.define(here, f"<network><name>{name}</name><forward mode='nat'/></network>", source="x")
                    and None
                ),
            )
        before = host.snapshot()
        for _ in range(3):
            assert _wait([_start(host, [IFUP, name], name) for name in names]) == []
            assert (
                on(
                    host,
                    lambda here: [
                        record.fault(live, here.links) for name in names if (live := record.read(here.paths, name))
                    ],
                )
                == [""] * 20
            )
            assert _wait([_start(host, [IFDOWN, name], name) for name in names]) == []
            stops = [
                host.popen([str(CHECKOUT / ".venv/bin/python"), "-c", STOP, name], stderr=subprocess.PIPE, text=True)
                for name in names
            ]
            assert _wait(stops) == []
        changes = before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "locks", "leases", r"link net\d+"])
        assert [line for line in changes if "file d" not in line] == []


STOP = """
import sys
from vnethook.host.host import Host
from vnethook.lifecycle import bringup
from vnethook.live import paths
bringup.stop(Host(paths.current()), sys.argv[1])
"""


def test_random_attaches_and_detaches_from_many_processes_end_as_the_last_of_each_said() -> None:
    chance = random.Random(2)
    with Host() as host:
        taps = [host.make_tap(f"tap{number}") for number in range(8)]
        last: dict[str, bool] = {}
        for _ in range(6):
            round_of = []
            for tap in taps:
                last[tap] = chance.random() < 0.6
                round_of.append(_start(host, [IFUP if last[tap] else IFDOWN, tap]))
            assert _wait(round_of) == []
        attached = {nic.interface for nic in on(host, lambda here: nics.attached(here.paths, "default"))}
        assert attached == {tap for tap, is_on in last.items() if is_on}
        live = on(host, lambda here: record.read(here.paths, "default"))
        assert live is not None
        on_bridge = on(host, lambda here: {link.name for link in here.links.ports(live.index)})
        assert on_bridge == attached
