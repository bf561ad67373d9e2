"""A NIC that has its address by DHCP is shared: the client goes to the bridge and back, the same one to the server."""

import os
import posix
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.lab import Machine, wait_for
from tests.lab.dhcp_hosts import DhclientHost, DhcpcdHost, DhcpHost, NetworkdHost, NetworkManagerHost
from tests.lab.dhcp_server import LEASE_S, RELEASE, REQUEST, DhcpServer
from tests.lab.lan import GATEWAY, answers, call, layer3
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import dhcp_clients, programs
from vnethook.host import host as machine
from vnethook.lifecycle.share import sharing
from vnethook.live import files
from vnethook.plan import dhcp_client as dhcp_client_steps
from vnethook.plan import networkd as networkd_steps
from vnethook.plan import networkmanager as networkmanager_steps

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ (run|var/lib)/vnethook", r"process dhcpcd: \["]
HOSTS: tuple[type[DhcpHost], ...] = (DhclientHost, NetworkdHost, DhcpcdHost, NetworkManagerHost)


@pytest.fixture(params=HOSTS, ids=lambda kind: kind.client)
def joined(router: Machine, request: pytest.FixtureRequest) -> Iterator[DhcpHost]:
    with request.param() as host:
        host.join(router)
        yield host


@pytest.fixture
def server(router: Machine, joined: DhcpHost) -> Iterator[DhcpServer]:
    with DhcpServer(router) as server:
        yield server


@pytest.fixture
def host(joined: DhcpHost, server: DhcpServer) -> DhcpHost:
    joined.start_client()
    return joined


@pytest.mark.slow
def test_every_client_renews_on_the_bridge_past_the_end_of_the_lease_that_moved() -> None:
    with ExitStack() as stack:
        cases = [_start_host(stack, kind) for kind in HOSTS]
        for host, server in cases:
            before = len(server.messages())
            assert call(host, "start") == (0, ""), host.client
            ended_s = server.messages()[before - 1]["at_s"] + LEASE_S
            assert host.address("eth0") == "", host.client
            assert host.address("ebreth0") == "192.0.2.20", host.client
            host.ended_s = ended_s
        for host, server in cases:
            wait_for(lambda: server.renewals_after(host.ended_s), f"a renewal by {host.client}", timeout_s=40)  # noqa: B023 (called here)
            assert host.address("eth0") == "", host.client
            assert host.address("ebreth0") == "192.0.2.20", host.client
            assert {route["dev"] for route in host.json(["ip", "-json", "route", "show"])} == {"ebreth0"}, host.client
            assert len({message["who"] for message in server.messages()}) == 1, host.client
            assert call(host, "stop") == (0, ""), host.client
            assert host.address("eth0") == "192.0.2.20", host.client
            assert answers(host, GATEWAY)
            assert server.messages(RELEASE) == [], host.client


def _start_host(stack: ExitStack, kind: type[DhcpHost]) -> tuple[DhcpHost, DhcpServer]:
    router, host = stack.enter_context(Machine("router")), stack.enter_context(kind())
    host.join(router)
    server = stack.enter_context(DhcpServer(router))
    host.start_client()
    return host, server


def test_a_client_is_the_same_to_the_server_and_leaves_nothing_behind(host: DhcpHost, server: DhcpServer) -> None:
    before, picture, clients = layer3(host), host.snapshot(), _words(host)
    own = host.files_of_clients()
    layouts = [("bridge", "eth0", "ebreth0"), ("proposal", "peth0", "eth0")]
    for layout, nic, bridge in layouts[: 1 if isinstance(host, NetworkdHost | NetworkManagerHost) else 2]:
        host.vnet("share", "eth0", "--layout", layout, "--yes")
        assert (host.address(nic), host.address(bridge)) == ("", "192.0.2.20")
        assert len(host.clients()) == 1
        host.vnet("unshare", "eth0")
        wait_for(lambda: layer3(host) == before, "all to be as it was")
        assert (_words(host), host.files_of_clients()) == (clients, own)
        assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []
    assert {(one["who"], one["mac"], one["name"], one["asked"]) for one in server.messages(REQUEST)} == {
        (server.messages()[0]["who"], server.messages()[0]["mac"], "mill", "192.0.2.20")
    }
    assert server.messages()[0]["who"].startswith("ff")  # an identifier with a DUID
    assert server.messages(RELEASE) == []


@pytest.mark.parametrize("joined", [DhclientHost], indirect=True, ids=lambda kind: kind.client)
def test_the_lease_lasts_as_long_as_the_server_says_though_the_address_was_there(host: DhcpHost) -> None:
    host.run(["ip", "address", "change", "192.0.2.20/24", "dev", "eth0", "valid_lft", "9", "preferred_lft", "9"])
    for action, link in (("start", "ebreth0"), ("stop", "eth0")):
        assert call(host, action) == (0, "")
        [found] = host.json(["ip", "-json", "-4", "address", "show", "dev", link])
        assert LEASE_S - 5 < found["addr_info"][0]["valid_life_time"] <= LEASE_S


@pytest.mark.parametrize(
    "joined", [DhclientHost, NetworkdHost, NetworkManagerHost], indirect=True, ids=lambda kind: kind.client
)
def test_with_a_server_that_does_not_answer_all_stays_as_it_was(host: DhcpHost, server: DhcpServer) -> None:
    before, clients, own = layer3(host), _words(host), host.files_of_clients()
    server.end()
    assert on(host, _start_impatiently).startswith(
        (
            f"{host.client} of ebreth0: start: no lease within 1 s",
            "systemd-networkd: look after 'ebreth0': it is not done after 1 s",
            "NetworkManager: ebreth0: was given nothing, and not 192.0.2.20",
        )
    )
    wait_for(lambda: layer3(host) == before, "all to be as it was")
    assert (_words(host), host.files_of_clients()) == (clients, own)


def _start_impatiently(here: machine.Host) -> str:
    for steps in (dhcp_client_steps, networkd_steps, networkmanager_steps):
        steps.LEASE_S = 1  # type: ignore[attr-defined]
    try:
        sharing.start(here, "eth0")
    except HostError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("joined", [DhclientHost], indirect=True, ids=lambda kind: kind.client)
def test_another_address_on_the_bridge_is_not_taken(host: DhcpHost, router: Machine, server: DhcpServer) -> None:
    before, clients = layer3(host), host.clients()
    server.end()
    with DhcpServer(router, first=40):
        status, said = call(host, "start")
    assert status == 5
    assert "was given 192.0.2.40" in said
    assert (layer3(host), host.clients()) == (before, clients)


def _words(host: DhcpHost) -> list[str]:
    return [line.partition(" ")[2] for line in host.clients()]


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

        places = [(dhcp_clients, "_signal"), (programs, "run"), (files, "put_in_place"), (files, "remove")]
        for place, name in (*places, (posix, "write")):
            setattr(place, name, counted(getattr(place, name)))
        function(here)
        return made

    return run


def _is_killed(host: DhcpHost, number: int, function: Callable[[machine.Host], None]) -> bool:
    try:
        on(host, _killed_at(number, function))
    except AssertionError as error:
        assert "ended with -9" in str(error)
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("joined", [DhclientHost, NetworkdHost], indirect=True, ids=lambda kind: kind.client)
def test_a_call_that_is_killed_at_any_change_of_a_client_is_mended_by_the_next(
    host: DhcpHost, router: Machine, server: DhcpServer
) -> None:
    before, own = _lasting(host), host.files_of_clients()
    number = 0
    while _is_killed(host, number, lambda here: sharing.start(here, "eth0")):
        assert router.run(["ping", "-c1", "-w5", "-i0.1", "192.0.2.20"], check=False).returncode == 0, number
        assert call(host, "stop")[0] == 0
        wait_for(lambda: _lasting(host) == before, f"all to be as it was after change {number}")
        assert (host.files_of_clients(), len(host.clients())) == (own, 1), number
        number += 1
    assert number > 8
    number = 0
    while _is_killed(host, number, lambda here: sharing.stop(here, "eth0")):
        assert router.run(["ping", "-c1", "-w5", "-i0.1", "192.0.2.20"], check=False).returncode == 0, number
        assert call(host, "start")[0] == 0
        assert (host.address("eth0"), len(host.clients())) == ("", 1), number
        number += 1
    assert number > 4
    wait_for(lambda: _lasting(host) == before, "all to be as it was")
    assert (host.files_of_clients(), len(host.clients())) == (own, 1)
    if isinstance(host, DhclientHost):  # networkd may be told twice within the time that its farewell waits
        assert server.messages(RELEASE) == []


def _lasting(host: DhcpHost) -> list[str]:
    """What a host has at layer 3, but for whether an address ends: networkd that keeps one gives it no end."""
    return [line.replace('"dynamic": true, ', "") for line in layer3(host)]
