"""Two hosts whose networks are linked: guests behind both are in one LAN, and it heals by itself."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.linked import FAR, FAR_MAC, NEAR_MAC, define, two_hosts, wait_until_up
from tests.lab.machine import wait_for
from vnethook.live import process

pytestmark = pytest.mark.netns
Hosts = tuple[Host, Host]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as hosts:
        yield hosts


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
    define(*hosts, "tls")
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
