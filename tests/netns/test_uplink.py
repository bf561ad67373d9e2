"""How a user's networks reach the outside and are reached: by pasta, by slirp4netns, by nothing; and what they do not."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import Outside, wait_for
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW_4
from tests.lab.plugged import PluggedClient
from tests.lab.upstream import Upstream
from tests.lab.users_host import USER, UsersHost

pytestmark = pytest.mark.netns
MAC, OTHER_MAC = "52:54:00:00:00:11", "52:54:00:00:00:12"
RESOLVER = "127.0.0.53"
NET = """<network><name>play</name><forward mode='user'/>
<ip address='10.7.0.1' netmask='255.255.255.0'><dhcp><range start='10.7.0.2' end='10.7.0.99'/>
<host mac='52:54:00:00:00:11' name='alice' ip='10.7.0.50'/></dhcp></ip>
<forwarding><incoming><allow port='8080' protocol='tcp' to='80' address='10.7.0.50'/>
<allow port='5353' protocol='udp' address='10.7.0.50'/></incoming></forwarding></network>"""
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(f"{sys.argv[3]} sees {self.client_address[0]}".encode())
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


@contextmanager
def _serving(machine, address: str, port: int, name: str) -> Iterator[None]:
    with machine.popen([PYTHON, "-IS", "-c", SERVER, address, str(port), name]) as server:
        try:
            wait_for(lambda: machine.connects("127.0.0.1" if address == "0.0.0.0" else address, port), name)
            yield
        finally:
            server.kill()


def _get(machine, url: str) -> str:
    """What a web server answers; empty if nothing comes."""
    return machine.run(["curl", "-s", "-m", "3", url], check=False).stdout.strip()


def _all_of(machine, places: list[str]) -> str:
    """What answers at any of these places, asked at once."""
    calls = " ".join(f"curl -s -m 1 http://{place} &" for place in places)
    return machine.run(["sh", "-c", f"{calls} wait"], check=False).stdout.strip()


def _pasta(host: UsersHost) -> list[str]:
    return host.run(["pgrep", "-u", str(USER), "passt|pasta"], check=False).stdout.split()


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with Outside() as outside:
        yield outside


@pytest.fixture(scope="module")
def host(outside: Outside) -> Iterator[UsersHost]:
    """A machine that is on a network, with its name server and a service on its loopback, and a user's network."""
    with UsersHost() as host:
        outside.plug(host)
        Upstream(host, RESOLVER, 53, "203.0.113.9")
        host.set_resolvers(RESOLVER)
        host.write_settings("[networks]\nidle = 1\n")
        host.define(NET)
        with _serving(host, "127.0.0.1", 8001, "loopback"), _serving(host, "192.0.2.2", 8002, "machine"):
            yield host


def test_a_users_guest_has_lease_names_and_the_outside_and_is_reached_by_ports(
    host: UsersHost, outside: Outside
) -> None:
    with (
        PluggedClient(host, "alice", network="play", mac=MAC, user=USER) as alice,
        PluggedClient(host, "bob", network="play", mac=OTHER_MAC, user=USER) as bob,
    ):
        lease, other = alice.lease(), bob.lease()
        assert bob.resolve("alice", server="10.7.0.1") == ["10.7.0.50"]
        assert alice.resolve("bob", server="10.7.0.1") == [other["ip"]]
        alice.run(["ping", "-c1", "-W2", "-M", "do", "-s", "1472", other["ip"]])
        assert (lease["ip"], lease["router"]) == ("10.7.0.50", "10.7.0.1")
        assert alice.resolve("anything.example", server="10.7.0.1") == ["203.0.113.9"]
        assert _get(alice, f"http://{WWW_4}") == "outside sees 192.0.2.2"
        with _serving(alice, "0.0.0.0", 80, "alice"):
            assert _get(outside, "http://192.0.2.2:8080") == "alice sees 192.0.2.1"
            assert _get(host, "http://127.0.0.1:8080").startswith("alice sees 10.7.0.1")
            assert _get(host, "http://192.0.2.2:8080").startswith("alice sees ")
            assert _get(bob, "http://192.0.2.2:8080").startswith("alice sees ")
        addresses = (RESOLVER, "127.0.0.1", "10.7.0.1", "192.0.2.2", "192.0.2.1", "169.254.1.53")
        assert _all_of(bob, [f"{address}:{port}" for address in addresses for port in (8001, 8002)]) == ""
        assert {line.split()[0] for line in host.users_processes()} <= {
            "/usr/bin/python3",
            *("/usr/bin/sleep", "/usr/bin/pasta", "/usr/sbin/dnsmasq", "python3"),
        }
    wait_for(lambda: not host.users_processes(), "the user's network to go down after its last guest", timeout_s=30)
    assert not list(host.root.glob("run/vnethook/*/*.json"))


def test_a_killed_uplink_and_what_watches_it_come_back(host: UsersHost) -> None:
    host.vnet("net-start", "play")
    (before,) = _pasta(host)
    host.run(["kill", "-9", before])
    wait_for(lambda: _pasta(host) not in ([], [before]), "another pasta")
    assert _get_inside(host) == "outside sees 192.0.2.2"
    host.run(["pkill", "-9", "-u", str(USER), "-f", "vnethook-outside:"])
    (now,) = _pasta(host)
    host.vnet("net-repair", "play")
    assert (_pasta(host), _get_inside(host)) == ([now], "outside sees 192.0.2.2")
    host.run(["kill", now])
    wait_for(lambda: _pasta(host) not in ([], [now]), "another pasta of the new watcher")
    host.vnet("net-destroy", "play")
    assert host.users_processes() == []


def _get_inside(host: UsersHost) -> str:
    return host.inside("curl", "-s", "-m", "3", f"http://{WWW_4}", check=False).stdout.strip()
