"""A NIC that has its address by DHCP is shared: the client goes to the bridge and back, the same one to the server."""

import os
import posix
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab import Machine, wait_for
from tests.lab.dhcp_hosts import DhclientHost, DhcpHost
from tests.lab.dhcp_server import LEASE_S, RELEASE, REQUEST, DhcpServer
from tests.lab.lan import GATEWAY, answers, call, layer3
from tests.lab.library import on
from vnethook.host import dhcp_client, programs
from vnethook.host import host as machine
from vnethook.lifecycle import sharing
from vnethook.live import files
from vnethook.plan import dhcp_client as handover

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ run/vnethook"]
HOSTS: tuple[type[DhcpHost], ...] = (DhclientHost,)


@pytest.fixture
def joined(router: Machine) -> Iterator[DhclientHost]:
    with DhclientHost() as host:
        host.join(router)
        yield host


@pytest.fixture
def server(router: Machine, joined: DhclientHost) -> Iterator[DhcpServer]:
    with DhcpServer(router) as server:
        yield server


@pytest.fixture
def host(joined: DhclientHost, server: DhcpServer) -> DhclientHost:
    joined.start_client()
    return joined


@pytest.mark.slow
def test_every_client_renews_on_the_bridge_past_the_end_of_the_lease_that_moved() -> None:
    with ExitStack() as stack:
        cases = [_start_host(stack, kind) for kind in HOSTS]
        for host, server in cases:
            address, before = host.lease("eth0"), len(server.messages())
            assert call(host, "start") == (0, ""), host.client
            ended_s = server.messages()[before - 1]["at_s"] + LEASE_S
            assert host.lease("eth0") == {}, host.client
            assert host.lease("ebreth0")["local"] == address["local"], host.client
            host.ended_s = ended_s
        for host, server in cases:
            wait_for(lambda: server.renewals_after(host.ended_s), f"a renewal by {host.client}", timeout_s=40)  # noqa: B023 (called here)
            assert host.lease("eth0") == {}, host.client
            assert host.lease("ebreth0")["local"] == "192.0.2.20", host.client
            assert {route["dev"] for route in host.json(["ip", "-json", "route", "show"])} == {"ebreth0"}, host.client
            assert len({message["who"] for message in server.messages()}) == 1, host.client
            assert call(host, "stop") == (0, ""), host.client
            assert host.lease("eth0")["local"] == "192.0.2.20", host.client
            assert answers(host, GATEWAY)
            assert server.messages(RELEASE) == [], host.client


def _start_host(stack: ExitStack, kind: type[DhcpHost]) -> tuple[DhcpHost, DhcpServer]:
    router, host = stack.enter_context(Machine("router")), stack.enter_context(kind())
    host.join(router)
    server = stack.enter_context(DhcpServer(router))
    host.start_client()
    return host, server


def test_a_client_is_the_same_to_the_server_and_leaves_nothing_behind(host: DhclientHost, server: DhcpServer) -> None:
    before, picture, words = layer3(host), host.snapshot(), host.processes()
    own = host.files_of_clients()
    for _ in range(2):
        assert call(host, "start") == (0, "")
        during = [line.replace("ebreth0", "eth0") for line in layer3(host)]
        assert set(during) == set(before)
        [client] = host.processes()
        assert client.endswith(" -I ebreth0")
        assert host.lease("ebreth0")["valid_life_time"] > LEASE_S - 5
        assert call(host, "stop") == (0, "")
        assert (layer3(host), host.processes(), host.files_of_clients()) == (before, words, own)
        assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []
    asked = server.messages(REQUEST)
    assert len(asked) == 5
    assert {(one["who"], one["mac"], one["name"], one["asked"]) for one in asked} == {
        (asked[0]["who"], asked[0]["mac"], "mill", "192.0.2.20")
    }
    assert asked[0]["who"].startswith("ff")
    assert server.messages(RELEASE) == []


def test_with_a_server_that_does_not_answer_all_stays_as_it_was(host: DhclientHost, server: DhcpServer) -> None:
    before, picture = layer3(host), host.snapshot()
    pids = _pids(host)
    server.end()

    def start(here: machine.Host) -> str:
        handover.LEASE_S = 0.5  # type: ignore[misc]
        try:
            sharing.start(here, "eth0")
        except Exception as error:  # noqa: BLE001 (compared)
            return str(error)
        return ""

    assert on(host, start) == "dhclient of ebreth0: start: no lease within 0 s"
    assert (layer3(host), _pids(host)) == (before, pids)
    assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []


def test_another_address_on_the_bridge_is_not_taken(host: DhclientHost, router: Machine, server: DhcpServer) -> None:
    before, pids = layer3(host), _pids(host)
    server.end()
    with DhcpServer(router, first=40):
        status, said = call(host, "start")
    assert status == 5
    assert "dhclient of ebreth0: was given 192.0.2.40/24, and not the address that it had" in said
    assert (layer3(host), _pids(host)) == (before, pids)


def _pids(host: DhclientHost) -> list[str]:
    """The clients that run and are not held."""
    lines = host.run(["ps", "-eo", "pid,stat,comm"]).stdout.splitlines()
    return [line.split()[0] for line in lines if line.split()[2] == "dhclient" and "T" not in line.split()[1]]


def _killed_at(number: int, function: Callable[[machine.Host], None]) -> Callable[[machine.Host], int]:
    """Call a function and be killed just before the hand-over's change of that number; how many there are."""

    def run(here: machine.Host) -> int:
        made = 0

        def counted(original: Callable[..., object]) -> Callable[..., object]:
            def change(*words: object, **more: object) -> object:
                nonlocal made
                if made == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                made += 1
                return original(*words, **more)

            return change

        places = [(dhcp_client, "_signal"), (programs, "run"), (files, "put_in_place"), (posix, "write")]
        for place, name in places:
            setattr(place, name, counted(getattr(place, name)))
        function(here)
        return made

    return run


def _is_killed(host: DhclientHost, number: int, function: Callable[[machine.Host], None]) -> bool:
    try:
        on(host, _killed_at(number, function))
    except AssertionError as error:
        assert "ended with -9" in str(error)
        return True
    return False


@pytest.mark.slow
def test_a_call_that_is_killed_at_any_change_of_a_client_is_mended_by_the_next(
    host: DhclientHost, router: Machine, server: DhcpServer
) -> None:
    before, own = layer3(host), host.files_of_clients()
    number = 0
    while _is_killed(host, number, lambda here: sharing.start(here, "eth0")):
        assert router.run(["ping", "-c1", "-W5", "192.0.2.20"], check=False).returncode == 0, number
        assert call(host, "stop")[0] == 0
        assert (layer3(host), host.files_of_clients(), len(_pids(host))) == (before, own, 1), number
        number += 1
    assert number > 8
    number = 0
    while _is_killed(host, number, lambda here: sharing.stop(here, "eth0")):
        assert router.run(["ping", "-c1", "-W5", "192.0.2.20"], check=False).returncode == 0, number
        assert call(host, "start")[0] == 0
        assert (host.lease("eth0"), len(_pids(host))) == ({}, 1), number
        number += 1
    assert number > 4
    assert (layer3(host), host.files_of_clients(), len(_pids(host))) == (before, own, 1)
    assert server.messages(RELEASE) == []
