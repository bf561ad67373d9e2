"""A hook may be killed at any instant: the next plain call makes a working network, and nothing is left after its stop."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.at_once import each_apart
from vnethook.host import host as machine
from vnethook.lifecycle import bringup
from vnethook.live import nftables, paths, process, record, sysctl
from vnethook.live.rtnl import Links

pytestmark = pytest.mark.netns
IFDOWN = str(CHECKOUT / "hooks/qemu/qemu-ifdown")
IFUP = str(CHECKOUT / "hooks/qemu/qemu-ifup")
KILLS = int(os.environ.get("VNETHOOK_KILLS", "500"))
HOSTS = 4
"""At once, since nine tenths of the time are waited for the kernel."""
SHARED = ("net/ipv4/ip_forward", "net/ipv4/conf/all/accept_redirects")


def _spawn(environment: dict[str, str], said: int = 2) -> int:
    return os.posix_spawn(IFUP, [IFUP, "tap0"], environment, file_actions=[(os.POSIX_SPAWN_DUP2, said, 2)])


def _status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _answers_dns(address: str) -> bool:
    """Whether a DNS server answers there (a query for the root's NS, refused or not)."""
    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(query, (address, 53))
        return client.recv(512)[:2] == b"\x12\x34"


def _what_is_wrong(at: paths.Paths) -> Iterator[str]:
    """What keeps the network from working, with its tap in place."""
    live = record.read(at, "default")
    if live is None:
        yield "no live record"
        return
    links = Links()
    fault = record.fault(live, links)
    if fault:
        yield fault
    tap = links.link("tap0")
    if tap is None or tap.master != live.index or not tap.is_up:
        yield f"the tap is no active port: {tap}"
    word = f"--conf-file={at.dnsmasq('default')}/dnsmasq.conf"
    servers = [pid for pid in process.running() if word in process.command_line(pid)]
    if len(servers) != 1:
        yield f"{len(servers)} dnsmasq run"
    address = links.addresses(live.bridge)[0].partition("/")[0]
    if not _answers_dns(address):
        yield "dnsmasq does not answer"


def _what_is_left(at: paths.Paths, sysctls: list[str | None]) -> Iterator[str]:
    """What a stopped network left on the host."""
    links = [link.name for link in Links().all_links()]
    if sorted(links) != ["lo", "tap0"]:
        yield f"links: {links}"
    if nftables.chain_uses(("input", "forward", "postrouting")):
        yield "nftables chains"
    if [sysctl.read(path) for path in SHARED] != sysctls:
        yield "sysctls"
    servers = [pid for pid in process.running() if "dnsmasq" in "".join(process.command_line(pid)[:1])]
    if servers:
        yield f"processes {servers}"
    for directory, _, names in os.walk(at.run):
        kept = {"tap0", "tap0.json", ".host"}
        yield from (f"file {directory}/{name}" for name in names if name not in kept)


def _torture(environment: dict[str, str], numbers: range) -> list[str]:
    """Kill one cold start after the other, a little later each time; what was not in order."""
    os.environ.update(environment)
    at = paths.current()
    host = machine.Host(at)
    complaints: list[str] = []
    sysctls = [sysctl.read(path) for path in SHARED]
    begun = time.monotonic()
    assert _status(_spawn(environment)) == 0
    bringup.stop(host, "default", force=True)
    begun = time.monotonic()
    assert _status(_spawn(environment)) == 0
    span_s = (time.monotonic() - begun) * 1.1
    bringup.stop(host, "default", force=True)
    for number in numbers:
        pid = _spawn(environment)
        time.sleep(span_s * number / KILLS)
        os.kill(pid, signal.SIGKILL)
        _status(pid)
        said = os.memfd_create("said")
        status = _status(_spawn(environment, said))
        complaints += [f"{number}: retry: status {status}: {os.pread(said, 1 << 12, 0)!r}"] if status else []
        os.close(said)
        complaints += [f"{number}: working: {what}" for what in _what_is_wrong(at)]
        if len(complaints) > 3:
            return complaints
        if record.read(at, "default") is not None:
            bringup.stop(host, "default", force=True)
        complaints += [f"{number}: left: {what}" for what in _what_is_left(at, sysctls)]
    return complaints


def _torture_a_host(first: int) -> None:
    """Every so many of the kills, on a host of its own."""
    with Host() as host:
        host.make_tap("tap0")
        host.run([IFUP, "tap0"])  # what is chosen once and remembered is there before and after
        host.call(lambda: _stop(host.environment))
        host.run([IFDOWN, "tap0"])
        before = host.snapshot()
        assert host.call(lambda: _torture(host.environment, range(first, KILLS, HOSTS))) == []
        host.run([IFDOWN, "tap0"])
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen_key", r"\.host "]) == []


@pytest.mark.slow
def test_every_killed_cold_start_is_followed_by_a_working_network_that_leaves_nothing(tmp_path: Path) -> None:
    assert each_apart([partial(_torture_a_host, number) for number in range(HOSTS)], tmp_path) == []


def _stop(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    bringup.stop(machine.Host(paths.current()), "default", force=True)
