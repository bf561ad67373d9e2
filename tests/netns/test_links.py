"""Two hosts whose networks are linked: guests behind both are in one LAN, and it heals by itself."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.linked import FAR, FAR_MAC, NEAR_MAC, PORT, define, status, two_hosts, wait_for_link, wait_until_up
from tests.lab.machine import wait_for
from vnethook.live import link_status, process

pytestmark = pytest.mark.netns
Hosts = tuple[Host, Host]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as hosts:
        define(*hosts, "tls")
        yield hosts


def _carriers(host: Host) -> list[int]:
    """The processes that carry links there, the supervisor's two first."""

    def pids() -> list[int]:
        found = []
        for pid in process.running():
            words = process.command_line(pid)
            if any(word.startswith("vnethook-links:") for word in words) or words[:1] == ["/usr/bin/vde_plug"]:
                found.append(pid)
        return sorted(found)

    return host.call(pids)


def _all_carriers(host: Host, count: int) -> list[int]:
    return wait_for(lambda: found if len(found := _carriers(host)) == count else [], f"the link of {host.name}")


def _kill(host: Host, pid: int) -> None:
    host.run(["kill", "-9", str(pid)])


@pytest.mark.parametrize("side", [0, 1])
def test_whatever_process_of_a_link_is_killed_it_is_up_again(hosts: Hosts, side: int) -> None:
    host = hosts[side]
    wait_until_up(hosts[0])
    count = len(_carriers(host))
    assert count == 4  # the supervisor, what keeps it, who encrypts, who has the frames
    for number in range(count):
        before = _all_carriers(host, count)
        _kill(host, before[number])
        wait_for(lambda gone=before[number]: gone not in _carriers(host), f"process {number} of {host.name} to go")
        _all_carriers(host, count)
        for one in hosts:
            wait_until_up(one)
        assert hosts[1].run(["ip", "-json", "link", "show", "type", "tun"]).stdout.count("vnl") == 1


def test_a_path_that_is_cut_is_noticed_in_seconds_and_so_is_that_it_is_back(hosts: Hosts) -> None:
    here, there = hosts
    wait_until_up(here)
    first = wait_until_up(there)
    here.run(["ip", "link", "set", "u0", "down"])
    try:
        for host in hosts:
            wait_for_link(host, lambda link: link.state != link_status.UP, f"the cut to be noticed by {host.name}")
    finally:
        here.run(["ip", "link", "set", "u0", "up"])
    wait_until_up(here)
    assert wait_until_up(there).since >= first.since


def test_a_network_that_is_started_anew_on_one_host_is_linked_again(hosts: Hosts) -> None:
    there = hosts[1]
    wait_until_up(there)
    with Client(there, "far", port="vfar", mac=FAR_MAC) as far:
        there.vnet("attach", "vfar", "--network", "lab", "--guest", "far", "--mac", FAR_MAC)
        assert far.lease()["ip"] == FAR
        for host in hosts:
            host.vnet("net-restart", "lab")
            wait_for(lambda: far.pings("10.61.0.1"), "the far guest to be reached again")


def test_a_listener_whose_port_is_taken_takes_it_once_it_is_free(hosts: Hosts) -> None:
    here, there = hosts
    here.vnet("net-stop", "lab")
    with here.listening(tcp=PORT, udp=9):
        here.vnet("net-start", "lab")
        wait_for(lambda: [one.reason for one in status(here).listens] == ["Address already in use"], "why not")
        assert [link["state"] for link in here.vnet_json("link-list", "lab")] == ["down"]
    wait_until_up(there)


def test_nothing_is_left_of_a_network_with_links(hosts: Hosts) -> None:
    for host in hosts:
        host.vnet("net-stop", "lab")
    before = [host.snapshot() for host in hosts]
    for host in hosts:
        host.vnet("net-start", "lab")
    wait_until_up(hosts[0])
    for host, was in zip(hosts, before, strict=True):
        host.vnet("net-stop", "lab")
        assert was.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "var/lib", r"locks/", "file d"]) == []


def test_without_a_certificate_the_network_is_up_and_says_why_it_has_no_link(hosts: Hosts) -> None:
    there = hosts[1]
    key = there.root / "etc/vnethook/tls/key.pem"
    key.chmod(0o644)
    for host in hosts:
        host.vnet("net-start", "lab")
    try:
        link = wait_for_link(there, lambda link: bool(link.reason), "the reason")
        assert link.reason == f"file '{key}': others than its owner may read it"
    finally:
        key.chmod(0o600)
    wait_until_up(there)


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_guest_on_the_far_host_has_a_lease_and_reaches_guests_here(hosts: Hosts, transport: str) -> None:
    here, there = hosts
    define(here, there, transport)
    wait_until_up(there)
    wait_until_up(here)
    with (
        Client(here, "near", port="vnear", mac=NEAR_MAC) as near,
        Client(there, "far", port="vfar", mac=FAR_MAC) as far,
    ):
        here.vnet("attach", "vnear", "--network", "lab", "--guest", "near", "--mac", NEAR_MAC)
        there.vnet("attach", "vfar", "--network", "lab", "--guest", "far", "--mac", FAR_MAC)
        address = near.lease()["ip"]
        lease = far.lease()
        assert (lease["ip"], lease["server"]) == (FAR, "10.61.0.1")
        assert far.resolve("near", server="10.61.0.1") == [address]
        assert near.resolve("far", server="10.61.0.1") == [FAR]
        far.run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", address])
