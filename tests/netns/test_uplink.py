"""How a user's networks reach the outside and are reached: by pasta, by slirp4netns, by nothing; and what they do not."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import Outside, wait_for
from tests.lab.host import VNET
from tests.lab.machine import PYTHON, Machine
from tests.lab.outside import WWW, WWW_4, WWW_6
from tests.lab.plugged import PluggedClient
from tests.lab.upstream import Upstream
from tests.lab.users_host import USER, UsersHost

pytestmark = pytest.mark.netns
MAC, OTHER_MAC = "52:54:00:00:00:11", "52:54:00:00:00:12"
RESOLVER = "127.0.0.53"
NET = """<network><name>play</name><forward mode='user'/>
<ip address='10.7.0.1' netmask='255.255.255.0'><dhcp><range start='10.7.0.2' end='10.7.0.99'/>
<host mac='52:54:00:00:00:11' name='alice' ip='10.7.0.50'/></dhcp></ip>
<ip family='ipv6' address='fd00:7::1' prefix='64'/>
<forwarding><incoming><allow port='8080' protocol='tcp' to='80' address='10.7.0.50'/>
<allow port='5353' protocol='udp' address='10.7.0.50'/></incoming></forwarding></network>"""
# What answers at any of these places, asked at once.
FETCH = """
import socket, sys, threading
def fetch(place):
    address, _, port = place.rpartition(":")
    try:
        with socket.create_connection((address, int(port)), timeout=float(sys.argv[1])) as peer:
            peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            print(b"".join(iter(lambda: peer.recv(4096), b"")).partition(b"\\r\\n\\r\\n")[2].decode().strip())
    except OSError:
        pass
threads = [threading.Thread(target=fetch, args=[place]) for place in sys.argv[2:]]
[thread.start() for thread in threads], [thread.join() for thread in threads]
"""
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers(), self.wfile.write(f"{sys.argv[3]} sees {self.client_address[0]}".encode())
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


# Tells who sends a datagram who that is, as seen here; asks that, for two seconds.
ECHO = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.bind(("", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        peer = here.recvfrom(99)[1]
        here.sendto(f"you are {peer[0]}".encode(), peer)
"""
ASK = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
    here.settimeout(2)
    here.sendto(b"who am I", (sys.argv[1], int(sys.argv[2])))
    print(here.recv(99).decode(), end="")
"""
_ASKING = [PYTHON, "-IS", "-c", ASK]


@contextmanager
def _echoing(machine: Machine, port: int) -> Iterator[None]:
    with machine.popen([PYTHON, "-IS", "-c", ECHO, str(port)], stdout=subprocess.PIPE) as echo:
        try:
            assert echo.stdout.readline() == b"ready\n"
            yield
        finally:
            echo.kill()


@contextmanager
def _serving(machine: Machine, address: str, port: int, name: str) -> Iterator[None]:
    with machine.popen([PYTHON, "-IS", "-c", SERVER, address, str(port), name]) as server:
        try:
            wait_for(lambda: machine.connects("127.0.0.1" if address == "0.0.0.0" else address, port), name)
            yield
        finally:
            server.kill()


def _get(machine: Machine, *places: str, timeout_s: int = 3) -> str:
    """What answers at these places, address:port."""
    return machine.run(_fetching(*places, timeout_s=timeout_s)).stdout.strip()


def _fetching(*places: str, timeout_s: int = 3) -> list[str]:
    return [PYTHON, "-IS", "-c", FETCH, str(timeout_s), *places]


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
        outside.plug(host, subnet6="2001:db8:1::/64")
        Upstream(host, RESOLVER, 53, "203.0.113.9")
        host.set_resolvers(RESOLVER)
        host.write_settings("[networks]\nidle = 1\n")
        host.define(NET)
        with (
            _serving(host, "127.0.0.1", 8001, "loopback"),
            _serving(host, "192.0.2.2", 8002, "machine"),
            _without(host, "slirp4netns"),
        ):
            yield host


@pytest.fixture(autouse=True)
def nothing_is_left(host: UsersHost) -> Iterator[None]:
    """After each test the user's network goes down, and then nothing of the user runs."""
    yield
    host.vnet("net-destroy", "play", "--force", check=False)
    wait_for(lambda: not host.users_processes(), "the user's programs to end")


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
        assert _get(alice, f"{WWW_4}:80") == "outside sees 192.0.2.2"
        for guest, number in ((alice, 2), (bob, 3)):  # at once, each with its own answers
            guest.run(["ip", "address", "add", f"fd00:7::{number}/64", "dev", "eth0", "nodad"])
            guest.run(["ip", "-6", "route", "replace", "default", "via", "fd00:7::1"])
        assert [_get(guest, f"{WWW_6}:80") for guest in (alice, bob, alice)] == ["outside sees 2001:db8:1::2"] * 3
        with _serving(alice, "0.0.0.0", 80, "alice"), _echoing(alice, 5353):
            assert outside.run([*_ASKING, "192.0.2.2", "5353"]).stdout == "you are 192.0.2.1"
            assert _get(outside, "192.0.2.2:8080") == "alice sees 192.0.2.1"
            assert _get(host, "127.0.0.1:8080").startswith("alice sees 10.7.0.1")
            assert _get(host, "192.0.2.2:8080").startswith("alice sees ")
            assert _get(bob, "192.0.2.2:8080").startswith("alice sees ")
        addresses = (RESOLVER, "127.0.0.1", "10.7.0.1", "192.0.2.2", "192.0.2.1", "169.254.1.53")
        assert _get(bob, *(f"{address}:{port}" for address in addresses for port in (8001, 8002)), timeout_s=1) == ""
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
    return host.inside(*_fetching(f"{WWW_4}:80")).stdout.strip()


@contextmanager
def _without(host: UsersHost, *programs: str) -> Iterator[None]:
    """These programs are not installed."""
    for program in programs:
        host.run(["mount", "--bind", "/etc/resolv.conf", f"/usr/bin/{program}"])
    try:
        yield
    finally:
        for program in programs:
            host.run(["umount", f"/usr/bin/{program}"])


@contextmanager
def _with(host: UsersHost, program: str) -> Iterator[None]:
    """This program is installed after all."""
    host.run(["umount", f"/usr/bin/{program}"])
    try:
        yield
    finally:
        host.run(["mount", "--bind", "/etc/resolv.conf", f"/usr/bin/{program}"])


def test_a_port_that_somebody_has_is_refused_and_leaves_nothing(host: UsersHost) -> None:
    with _serving(host, "0.0.0.0", 8080, "somebody"):
        done = host.vnet("net-start", "play", check=False)
    assert done.returncode != 0
    assert "network 'play': incoming port 8080/tcp: somebody on this machine has it" in done.stderr
    assert host.users_processes() == []


def test_ports_come_and_go_while_the_network_is_up(host: UsersHost, outside: Outside) -> None:
    with PluggedClient(host, "alice", network="play", mac=MAC, user=USER) as alice:
        alice.lease()
        with _serving(alice, "0.0.0.0", 80, "alice"):
            host.vnet("forward-add", "play", "8090/tcp", "10.7.0.50:80", "--live")
            assert _get(outside, "192.0.2.2:8090") == "alice sees 192.0.2.1"
            for port, at in (("8091", "127.0.0.1"), ("8092", "192.0.2.2")):
                host.vnet("forward-add", "play", f"{port}/tcp", "10.7.0.50:80", "--on", at, "--live")
                assert _get(host, f"{at}:{port}").startswith("alice sees")
            assert (_get(outside, "192.0.2.2:8092"), _get(outside, "192.0.2.2:8091")) == ("alice sees 192.0.2.1", "")
            (before,) = _pasta(host)
            host.vnet("forward-remove", "play", "8090/tcp", "10.7.0.50:80", "--live")
            assert _get(outside, "192.0.2.2:8090") == ""
            assert (_get(outside, "192.0.2.2:8080"), _pasta(host)) == ("alice sees 192.0.2.1", [before])


def test_the_uplink_follows_the_machine_to_another_network(host: UsersHost, outside: Outside) -> None:
    outside.unplug(host)
    done = host.vnet("net-start", "play")
    assert "nothing outside is reached: the machine has no default route" in done.stderr
    assert host.vnet("net-check", "play").returncode == 0
    outside.plug(host, subnet="198.51.100.0/24")
    wait_for(lambda: _get_inside(host) == "outside sees 198.51.100.2", "the uplink on a network")
    outside.unplug(host)
    outside.plug(host)
    host.set_resolvers("192.0.2.1")
    wait_for(lambda: "inet 192.0.2.2/" in host.inside("ip", "address").stdout, "the uplink on another network")
    wait_for(lambda: _get_inside(host) == "outside sees 192.0.2.2", "the outside from there")
    servers = host.root / "run/vnethook/uplink/resolv.conf"
    wait_for(lambda: servers.read_text() == "nameserver 192.0.2.1\n", "the other network's name server")
    said = host.inside("dig", "+short", "+time=2", "@10.7.0.1", WWW, check=False).stdout
    assert said.strip() == WWW_4
    host.set_resolvers(RESOLVER)


def test_without_pasta_slirp4netns_does_it(host: UsersHost, outside: Outside) -> None:
    with (
        _with(host, "slirp4netns"),
        _without(host, "pasta"),
        PluggedClient(host, "alice", network="play", mac=MAC, user=USER) as alice,
        _serving(alice, "0.0.0.0", 80, "alice"),
    ):
        lease = alice.lease()
        assert alice.resolve("anything.example", server=lease["router"]) == ["203.0.113.9"]
        assert _get(alice, f"{WWW_4}:80") == "outside sees 192.0.2.2"
        assert _get(outside, "192.0.2.2:8080") == "alice sees 192.0.2.1"
        addresses = (RESOLVER, "127.0.0.1", "10.7.0.1", "10.0.2.2", "10.0.2.3")
        assert _get(alice, *(f"{address}:{port}" for address in addresses for port in (8001, 8002)), timeout_s=1) == ""
        host.run(["pkill", "-9", "slirp4netns"])
        wait_for(lambda: _get(alice, f"{WWW_4}:80") == "outside sees 192.0.2.2", "another slirp4netns")


def test_without_either_the_network_is_up_and_says_what_to_install(host: UsersHost) -> None:
    with _without(host, "pasta"):
        done = host.vnet("net-start", "play")
        assert "nothing outside is reached: neither pasta nor slirp4netns is installed" in done.stderr
        assert "passt" in done.stderr
        assert "uplink" in host.vnet("net-check", "play", check=False).stdout
    host.vnet("net-repair", "play")
    assert _get_inside(host) == "outside sees 192.0.2.2"


def test_one_uplink_serves_all_networks_and_goes_with_the_last(host: UsersHost) -> None:
    host.vnet("net-start", "play")
    (before,) = _pasta(host)
    host.define("<network><name>more</name><forward mode='user'/></network>")
    host.vnet("net-start", "more")
    assert _pasta(host) == [before]
    host.vnet("net-destroy", "play")
    assert (_pasta(host), _get_inside(host)) == ([before], "outside sees 192.0.2.2")
    host.vnet("net-destroy", "more")
    assert _pasta(host) == []


def test_a_call_from_inside_goes_on_where_nobody_outside_is_left(host: UsersHost) -> None:
    host.vnet("net-start", "play")
    (outside_of_it,) = host.run(["pgrep", "-u", str(USER), "-f", "vnethook-outside:"]).stdout.split()
    done = host.inside("sh", "-c", f"kill -9 {outside_of_it}; exec {VNET} net-repair play")
    assert "nobody looks after its uplink" in done.stderr
    assert _get_inside(host) == "outside sees 192.0.2.2"
    assert host.vnet("net-check", "play").returncode == 0


def test_a_plug_for_a_network_that_there_is_not_leaves_nothing(host: UsersHost) -> None:
    with PluggedClient(host, "alice", network="nosuch", mac=MAC, user=USER) as alice:
        assert alice.qemu
        alice.qemu.wait(20)
        assert "qemu-vde: network 'nosuch': no such network" in alice.stderr.read_text()
    assert host.users_processes() == []


def test_a_pasta_of_unknown_version_leads_out_but_not_in_where_slirp4netns_can(host: UsersHost) -> None:
    if "unknown version" not in host.run(["pasta", "--version"]).stdout:
        pytest.skip("this pasta knows its version")
    with _with(host, "slirp4netns"):
        host.vnet("net-start", "play")
        assert _pasta(host) == []
        host.vnet("forward-add", "play", "8091/tcp", "10.7.0.50:80", "--on", "127.0.0.1", "--live")
        assert len(_pasta(host)) == 1
        host.vnet("net-destroy", "play")
        host.define("<network><name>more</name><forward mode='user'/></network>")
        host.vnet("net-start", "more")
        assert len(_pasta(host)) == 1
        host.vnet("net-destroy", "more")
