"""Real guests of an ordinary user, by every way onto the user's network, with nothing of root's in it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.lab import Guest, Outside, wait_for
from tests.lab.console import wait_for_guests
from tests.lab.guest import tap
from tests.lab.host import VNET
from tests.lab.machine import PYTHON, Machine
from tests.lab.outside import WWW
from tests.lab.plugged import PLUG
from tests.lab.users_host import USER, UsersHost, becoming

pytestmark = [pytest.mark.netns, pytest.mark.guests]
NET = """<network><name>play</name><forward mode='user'/>
<forwarding><incoming><allow port='8080' protocol='tcp' to='80' domain='alice'/></incoming></forwarding>
<ip address='10.7.0.1' netmask='255.255.255.0'><dhcp><range start='10.7.0.2' end='10.7.0.99'/></dhcp></ip></network>"""


class UsersGuest(Guest):
    """A guest whose QEMU the user has started, by `vnet run` if `inside` names a network."""

    inside = ""

    def __init__(self, host: UsersHost, name: str, netdev: str, *, mac: str) -> None:
        super().__init__(host, name, netdev, mac=mac)
        self.qmp = host.root / f"{name}.qmp"  # where the user may write

    def command(self) -> list[str]:
        run = [str(VNET), "run", "--network", self.inside, "--"] if self.inside else []
        return [*becoming(USER), *run, *super().command()]

    def page(self, name: str) -> str:
        """What a web server says, asked by a client that waits for its end (not so nc, which closes its half first)."""
        return self.run(f"wget -q -O - http://{name}/ 2>/dev/null")[1].strip()


class Site(NamedTuple):
    """A user's machine with an uplink: alice's QEMU runs inside with a tap, bob's outside with a plug."""

    host: UsersHost
    outside: Outside
    alice: UsersGuest
    bob: UsersGuest


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        host, outside = stack.enter_context(UsersHost()), stack.enter_context(Outside())
        outside.plug(host)
        host.write_settings("[networks]\nidle = 1\n")
        host.define(NET)
        alice = UsersGuest(host, "alice", tap(), mac="52:54:00:00:53:0a")
        alice.inside = "play"
        bob = UsersGuest(host, "bob", f"vde,sock=cmd://{PLUG} play", mac="52:54:00:00:53:0b")
        for guest in (alice, bob):
            stack.enter_context(guest)
        wait_for_guests([alice, bob])
        alice.serve(80)
        yield Site(host, outside, alice, bob)


def test_two_guests_lease_resolve_and_reach_each_other(site: Site) -> None:
    found = {nic["guest"]: nic for nic in site.host.vnet_json("nic-list")}
    assert {name: nic["ip"] for name, nic in found.items()} == {"alice": site.alice.ip, "bob": site.bob.ip}
    assert site.alice.resolve("bob") == site.bob.ip
    assert site.bob.resolve("alice") == site.alice.ip
    assert site.alice.pings("bob")
    assert site.bob.pings("alice")


def test_they_reach_the_outside_by_name_and_again_after_the_uplink_was_killed(site: Site) -> None:
    for guest in (site.alice, site.bob):
        assert guest.page(WWW) == "outside sees 192.0.2.2"
    site.host.run(["pkill", "-9", "passt|pasta|slirp4netns"])
    wait_for(lambda: site.bob.page(WWW) == "outside sees 192.0.2.2", "another uplink")


def test_a_port_leads_to_a_guest_by_its_name_from_outside_and_from_the_machine(site: Site) -> None:
    assert _said_at(site.outside, "192.0.2.2", 8080) == "here"
    assert _said_at(site.host, "127.0.0.1", 8080) == "here"


def _said_at(machine: Machine, address: str, port: int) -> str:
    """What a server says first; the uplink accepts every connection, so one alone says nothing."""
    program = (
        "import socket, sys; print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).recv(99).decode())"
    )
    return machine.run([PYTHON, "-IS", "-c", program, address, str(port)]).stdout.strip()


def test_nothing_runs_as_root_and_nothing_is_left_after_the_last_guest(site: Site) -> None:
    names = set(site.host.run(["ps", "-o", "comm=", "-u", "0"]).stdout.split())
    assert not names & {"qemu-system-x86", "dnsmasq", "passt.avx2", "passt", "sleep"}
    assert len([line for line in site.host.users_processes() if "qemu-system" in line.split()[0]]) == 2
    site.bob.kill()
    assert site.alice.power_off() == 0
    wait_for(lambda: not site.host.users_processes(), "all of the user's to end", timeout_s=40)
    left = [path for path in (site.host.root / "run").rglob("*") if not path.is_dir() and path.parent.name != "locks"]
    assert left == []
