"""A user's own network of kind vde: processes of the user's alone, up with the first guest, gone after the last."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab import Host, Outside, wait_for
from tests.lab.host import VNET
from tests.lab.machine import PYTHON
from tests.lab.plugged import PluggedClient
from tests.lab.users import asked
from tests.lab.vde_client import as_user

pytestmark = pytest.mark.netns
USER, OTHER = 61001, 61002
MINE = """<network><name>mine</name><forward mode='user'><backend type='vde'/></forward>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>
  <forwarding><incoming><allow port='8080' to='80' protocol='tcp' address='10.77.0.2'/></incoming></forwarding>
</network>"""


RESET_SERVER = """
import socket, struct, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open(sys.argv[2], "w").close()
for _ in range(3):
    client = server.accept()[0]
    client.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
"""
"""Hangs up on who sends, by a reset."""


class Place(NamedTuple):
    """A host with an uplink, on which an ordinary user has a home."""

    host: Host
    outside: Outside
    uplink: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"VNETHOOK_ROOT": "", "HOME": str(self.home), "XDG_RUNTIME_DIR": f"{self.home}/run"}

    @property
    def run(self) -> Path:
        return self.home / "run/vnethook"

    def vnet(self, *words: str) -> str:
        """What `vnet` says to the user."""
        return self.host.run([*as_user(USER, str(USER)), VNET, *words], env=self.environment).stdout

    def guest(self, name: str) -> PluggedClient:
        """A guest whose QEMU is the user's."""
        mac = f"52:54:00:00:00:{name[0].encode().hex()}"
        return PluggedClient(self.host, name, network="mine", mac=mac, user=USER, env=self.environment)

    def processes(self) -> list[str]:
        """The user's, but for "QEMU" and its plugs."""
        found = self.host.run(["ps", "-U", str(USER), "-o", "args="], check=False).stdout.splitlines()
        return [line for line in found if "qemu-vde" not in line]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Host() as host, Outside() as outside:
        uplink = outside.plug(host)
        home = host.directory / "home"
        (home / "run").mkdir(parents=True)
        host.run(["chown", "-R", f"{USER}:{USER}", home])
        host.run(["chmod", "700", home / "run"])
        host.run(["mount", "--bind", host.root / "etc/resolv.conf", "/etc/resolv.conf"])
        made = Place(host, outside, uplink, home)
        (host.directory / "mine.xml").write_text(MINE)
        made.vnet("net-define", str(host.directory / "mine.xml"))
        yield made


def test_two_guests_have_leases_each_other_and_the_outside_and_leave_nothing(place: Place) -> None:
    with place.guest("anna") as anna, place.guest("bert") as bert:
        leases = [guest.lease() for guest in (anna, bert)]
        assert [lease["ip"] for lease in leases] == ["10.77.0.2", "10.77.0.3"]
        for guest, other in ((anna, leases[1]), (bert, leases[0])):
            guest.run(["ping", "-n", "-c1", "-W3", "-Mdo", "-s1472", other["ip"]])
        assert anna.resolve("www.example.test", server=leases[0]["dns"])
        assert anna.fetch("203.0.113.80") == f"outside sees {place.uplink}\n"
        assert {nic["mac"] for nic in _nics(place)} == {anna.mac, bert.mac}
        assert "as defined" in place.vnet("net-check", "mine")
        asked = place.host.run([*as_user(USER, str(USER)), VNET, "net-dhcp-leases", "mine"], env=place.environment)
        assert "only what gives its leases knows them" in asked.stderr
        with anna.popen(["busybox", "httpd", "-f", "-p", "80", "-h", str(place.host.directory)]) as server:
            assert wait_for(lambda: place.outside.connects(place.uplink, 8080), "the forward to lead to the guest")
            server.kill()
    wait_for(lambda: not place.processes(), "what is the user's to end after the last guest")
    assert [path.name for path in place.run.rglob("*") if path.is_file()] == [".host"]


def test_guests_are_on_the_network_again_after_any_of_its_processes_was_killed(place: Place) -> None:
    with place.guest("anna") as anna, place.guest("bert") as bert:
        leases = [guest.lease() for guest in (anna, bert)]
        for pid_file in ("switch/mine/control/pid", "switch/mine/control/uplink.pid"):
            place.host.run(["kill", "-9", (place.run / pid_file).read_text().strip()])
            place.vnet("vde-socket", "mine")
            wait_for(lambda: anna.pings(leases[1]["ip"]) and bert.pings("10.77.0.1"), "the guests to be there again")
            assert "as defined" in place.vnet("net-check", "mine")


def test_the_host_s_loopback_is_none_of_the_guests_business(place: Place) -> None:
    with place.guest("anna") as anna, place.host.listening(tcp=8000, udp=8001) as came:
        gateway = anna.lease()["router"]
        assert anna.fetch(gateway, 8000) == ""
        assert came() == []


def test_another_user_can_neither_connect_nor_read(place: Place) -> None:
    with place.guest("anna"):
        socket = place.vnet("vde-socket", "mine").strip()
        stranger = as_user(OTHER, str(OTHER))
        refused = place.host.run([*stranger, "vde_plug", f"vde://{socket}", "=", "true"], check=False)
        assert "Permission denied" in refused.stderr
        assert place.host.run([*stranger, "ls", socket], check=False).returncode != 0


@contextmanager
def _without_libslirp(place: Place, settings: str) -> Iterator[None]:
    """Libslirp's plug is not installed, and vnethook.toml of the user says this."""
    wait_for(lambda: not place.processes(), "what earlier guests have had to end")
    directories = [path.parent for path in Path("/usr/lib").glob("*/vdeplug/libvdeplug_slirp.so")]
    toml = place.home / ".config/vnethook/vnethook.toml"
    toml.write_text(settings)
    for directory in directories:
        others = place.host.directory / "plugs" / directory.relative_to("/")
        shutil.copytree(directory, others, ignore=lambda _, _names: ["libvdeplug_slirp.so"], dirs_exist_ok=True)
        place.host.run(["mount", "--bind", others, directory])
    try:
        yield
    finally:
        for directory in directories:
            place.host.run(["umount", "--lazy", directory])
        toml.unlink()


def _start(place: Place) -> str:
    """What `vnet net-start mine` has to say."""
    words = [*as_user(USER, str(USER)), VNET, "net-start", "mine"]
    return place.host.run(words, env=place.environment, check=False).stderr


def test_without_libslirp_it_is_told_what_else_there_is_and_what_that_opens(place: Place) -> None:
    with _without_libslirp(place, ""):
        said = _start(place)
    assert "vde_plug: plug slirp: not found" in said
    assert "`slirpvde = true` in [users] of vnethook.toml, if guests may reach" in said
    assert place.processes() == []


def test_slirpvde_leads_out_where_it_may_and_no_hang_up_ends_it(place: Place) -> None:
    with _without_libslirp(place, "[users]\nslirpvde = true\n"):
        with place.guest("anna") as anna, place.guest("bert") as bert:
            leases = [guest.lease() for guest in (anna, bert)]
            assert [lease["ip"] for lease in leases] == ["10.77.0.2", "10.77.0.3"]
            assert (leases[0]["router"], leases[0]["dns"]) == ("10.77.0.1", "10.77.0.254")
            assert anna.resolve("www.example.test", server=leases[0]["dns"])
            assert anna.fetch("203.0.113.80") == f"outside sees {place.uplink}\n"
            anna.run(["ping", "-n", "-c1", "-W3", leases[1]["ip"]])
            assert "guests reach what listens on this machine's loopback" in _defined(place)
            with anna.popen(["busybox", "httpd", "-f", "-p", "80", "-h", str(place.host.directory)]) as server:
                assert wait_for(lambda: place.outside.connects(place.uplink, 8080), "the forward to lead to the guest")
                server.kill()
            pid = _slirpvde(place)
            _upload_to_who_hangs_up(place, anna)
            assert _slirpvde(place) == pid
            place.host.run(["kill", "-9", pid])
            again = place.host.run([*as_user(USER, str(USER)), VNET, "net-repair", "mine"], env=place.environment)
            assert "has forgotten its leases" in again.stderr
            assert _slirpvde(place) != pid
            wait_for(lambda: anna.fetch("203.0.113.80") != "", "the outside to be there again")
            assert "as defined" in place.vnet("net-check", "mine")
        wait_for(lambda: not place.processes(), "what is the user's to end after the last guest")


def _defined(place: Place) -> str:
    words = [*as_user(USER, str(USER)), VNET, "net-define", str(place.host.directory / "mine.xml")]
    return place.host.run(words, env=place.environment).stderr


def _slirpvde(place: Place) -> str:
    [line] = [line for line in place.processes() if line.startswith("/usr/bin/slirpvde ")]
    pid = (place.run / "switch/mine/control/uplink.pid").read_text().strip()
    assert place.host.run(["ps", "-p", pid, "-o", "args="]).stdout.strip() == line
    return pid


def _upload_to_who_hangs_up(place: Place, guest: PluggedClient) -> None:
    """Send to a port of the host's loopback that resets each connection, as long as that goes."""
    is_there = place.host.directory / "resets"
    with place.host.popen([PYTHON, "-IS", "-c", RESET_SERVER, "8002", is_there]) as server:
        try:
            wait_for(is_there.exists, "who hangs up")
            for _ in range(3):
                guest.call(lambda: _send("10.77.0.1", 8002))
        finally:
            server.kill()


def _send(address: str, port: int) -> None:
    import socket

    with suppress(OSError), socket.create_connection((address, port), timeout=3) as connection:
        for _ in range(100):
            connection.sendall(bytes(1 << 16))


def _nics(place: Place) -> list[dict[str, str]]:
    import json

    found: list[dict[str, str]] = json.loads(place.vnet("nic-list", "mine", "--json"))
    return found


def test_it_starts_beside_networks_in_the_namespace_and_outlives_them(place: Place) -> None:
    place.vnet("net-start", "default", "mine")
    place.vnet("net-stop", "default")
    assert "as defined" in place.vnet("net-check", "mine")
    [shown] = json.loads(place.vnet("top", "--once", "--json"))["networks"]
    assert (shown["name"], shown["type"]) == ("mine", "virtual")
    place.vnet("net-stop", "mine")
    wait_for(lambda: not place.processes(), "what is the user's to end")


def test_a_tap_is_refused_as_no_guest_of_it_has_one(place: Place) -> None:
    for _ in ("while it is down", "while it is up"):
        answer = asked(place.host, "mine", user=USER, env=place.environment)
        assert answer.status == 4
        assert "network 'mine': attach: is of kind 'vde', whose guests have no tap\n" in answer.said
    place.vnet("net-stop", "mine")
    wait_for(lambda: not place.processes(), "what is the user's to end")


def test_where_namespaces_are_forbidden_a_network_whose_kind_is_not_said_is_of_this_one(place: Place) -> None:
    wait_for(lambda: not place.processes(), "what earlier guests have had to end")
    root = place.host.directory / "everything"
    root.mkdir()
    place.host.run(["mount", "--rbind", "/", root])  # in the machine's own mount namespace

    def vnet(*words: str, stdin: str = "") -> str:
        """What `vnet` says where the kernel lets nobody make a user namespace: in a root directory of its own."""
        program = ["chroot", root, *as_user(USER, str(USER)), VNET, *words]
        return place.host.run(program, env=place.environment, stdin=stdin).stdout

    try:
        vnet("net-define", "-", stdin="<network><name>open</name><forward mode='user'/></network>")
        vnet("net-start", "open")
        assert "as defined" in vnet("net-check", "open")
        assert [line.split()[0].rpartition("/")[2] for line in place.processes()] == ["vde_switch", "vde_plug"]
        vnet("net-destroy", "open")
        assert place.processes() == []
    finally:
        place.host.run(["umount", "--lazy", root])
