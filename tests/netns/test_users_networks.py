"""An ordinary user's own networks: all that root's are, in a namespace of the user's, and nothing of the machine's."""

import ctypes
import json
import os
import pickle
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lab import Client, Machine, User, wait_for
from tests.lab.host import VNET
from tests.lab.kills import killed_at
from tests.lab.user import BESIDE
from tests.lab.users import qemu
from vnethook.lifecycle import bringup

pytestmark = pytest.mark.netns
WORDS = ("sleep", "vnethook-outside:", "dnsmasq")
"""What runs for a network that was started by hand."""


@pytest.fixture(scope="module")
def machine():
    with Machine("users") as machine:
        machine.run(["ip", "link", "add", "eth0", "type", "bridge"])
        machine.run(["ip", "address", "add", "198.51.100.7/24", "dev", "eth0"])
        machine.run(["ip", "link", "set", "eth0", "up"])
        yield machine


@pytest.fixture(scope="module")
def home(machine):
    """A user who has networks, quickly idle."""
    user = User(machine)
    (user.home / ".config/vnethook").mkdir(parents=True)
    (user.home / ".config/vnethook/vnethook.toml").write_text("[networks]\nidle = 1\n")
    machine.run(["chown", "-R", str(user.number), user.home])
    user.define("red", "192.0.2")
    user.define("blue", "203.0.113")
    return user


@pytest.fixture
def user(home):
    yield home
    for name in home.active():
        home.vnet("net-destroy", name, "--force")
    assert_nothing_is_left(home)


def assert_nothing_is_left(user):
    wait_for(lambda: not user.processes(), "the user's programs to end")
    assert user.files() == []


def new_alice(machine):
    return Client(machine, "alice", port="valice", mac="52:54:00:00:53:01")


def new_bob(machine):
    return Client(machine, "bob", port="vbob", mac="52:54:00:00:53:02")


def attached(user, network, client):
    """Have a client be a guest of the user's on a network."""
    user.plug(client.port)
    user.vnet("attach", client.port, "--network", network, "--guest", client.name, "--mac", client.mac)


def test_a_users_network_serves_guests_and_nothing_of_it_is_roots(user, machine):
    before = machine.processes(), machine.json(["ip", "-json", "link", "show"])
    user.vnet("net-start", "red")
    assert user.active() == ["red"]
    assert [word for word in WORDS if any(word in line for line in user.processes())] == list(WORDS)
    assert len(user.processes()) == len(machine.processes()) - len(before[0])
    assert machine.json(["ip", "-json", "link", "show"]) == before[1]
    assert machine.run(["nft", "list", "ruleset"]).stdout == ""
    with new_alice(machine) as alice, new_bob(machine) as bob:
        for client in (alice, bob):
            attached(user, "red", client)
            assert client.lease()["router"] == "192.0.2.1"
        assert alice.resolve("bob", server="192.0.2.1") == [bob.lease()["ip"]]
        assert alice.pings(bob.lease()["ip"])
        assert len(json.loads(user.vnet("nic-list", "--json").stdout)) == 2
        user.vnet("net-check", "red")
    user.vnet("net-destroy", "red")
    assert_nothing_is_left(user)


def test_two_networks_of_a_user_do_not_reach_each_other(user, machine):
    user.vnet("net-start", "red", "blue")
    with new_alice(machine) as alice, new_bob(machine) as bob:
        attached(user, "red", alice)
        attached(user, "blue", bob)
        assert alice.lease()
        address = bob.lease()["ip"]
        assert alice.pings("192.0.2.1")
        assert not alice.pings(address)


@pytest.mark.parametrize("word", WORDS)
def test_what_is_killed_is_mended_and_guests_stay(user, machine, word):
    user.vnet("net-start", "red")
    with new_alice(machine) as alice:
        attached(user, "red", alice)
        assert alice.lease()
        user.kill(word)
        user.vnet("net-repair", "red")
        user.vnet("net-check", "red")
        assert alice.pings("192.0.2.1")
        assert alice.lease()
    wanted = [found for found in WORDS if any(found in line for line in user.processes())]
    assert wanted == list(WORDS)


def test_where_all_is_killed_the_network_is_down_and_comes_up_again(user):
    user.vnet("net-start", "red")
    leases = user.home / ".local/state/vnethook/leases/red"
    leases.write_text("4102444800 52:54:00:00:53:01 192.0.2.9 web *\n")
    for word in ("dnsmasq", "sleep"):
        user.kill(word)
    wait_for(lambda: not user.processes(), "what is outside to see that nobody is inside")
    assert user.files() == []
    assert user.active() == []
    user.vnet("net-start", "red")
    assert "web" in leases.read_text()


def test_a_start_that_is_killed_anywhere_is_mended_by_the_next(user, machine):
    """At some moments, spread over all that a start changes."""
    changes = machine.call(lambda: _started(user, 1 << 30))
    user.vnet("net-destroy", "red")
    for number in range(0, changes, changes // 7):
        with pytest.raises(AssertionError, match="ended with -9"):
            machine.call(lambda number=number: _started(user, number))
        user.vnet("net-start", "red")
        user.vnet("net-check", "red")
        user.vnet("net-destroy", "red")


def test_a_command_runs_where_the_networks_are(user):
    ran = user.run(["env", "A=1", *_vnet("run", "red", "blue", "--", "sh", "-c", _SAYS)], stdin="word", check=False)
    assert ran.stdout.split() == ["word", "0", "red", "1", "vnbr0", "vnbr1"]
    assert ran.returncode == 7
    assert user.active() == ["blue", "red"]
    wait_for(lambda: user.active() == [], "idle networks to go down")
    assert_nothing_is_left(user)


def test_a_command_that_is_taken_for_a_network_is_told_where_it_stands(user):
    said = user.vnet("run", "red", "true", check=False)
    assert said.returncode == 3
    assert "; a command stands after --: vnet run NET -- COMMAND\n" in said.stderr
    said = user.vnet("run", "--", "", check=False)
    assert (said.returncode, said.stderr) == (127, "error: command '': No such file or directory\n")


def test_a_signal_ends_a_command_and_its_status_says_so(user):
    with user.popen(_vnet("run", "--", "sleep", "1000")) as command:
        wait_for(lambda: any(line == "sleep 1000" for line in user.processes()), "the command")
        user.run(["kill", str(user.pid_of("sleep 1000"))])
    assert command.returncode == -signal.SIGTERM


def test_networks_stay_up_while_a_command_runs_and_all_commands_meet(user):
    with user.popen(_vnet("run", "red", "--", "sleep", "1000")) as command:
        wait_for(lambda: user.active() == ["red"], "the network")
        first = user.vnet("run", "--", "readlink", "/proc/self/ns/net").stdout
        assert f"net:[{user.namespace()['net']}]" == first.strip()
        user.vnet("net-destroy", "red")
        assert user.vnet("run", "--", "readlink", "/proc/self/ns/net").stdout == first
        command.kill()
    assert_nothing_is_left(user)


def test_a_qemu_outside_has_its_tap_by_the_bridge_helper(user, machine):
    with qemu(machine, "red", user=user.number, env=user.environment, name="web") as answer:
        assert (answer.status, answer.said) == (0, "")
        [nic] = json.loads(user.vnet("nic-list", "--json").stdout)
        assert (nic["interface"], nic["network"], nic["guest"]) == (answer.tap, "red", "web")
        user.vnet("net-check", "red")
    wait_for(lambda: user.active() == [], "idle network to go down")
    assert_nothing_is_left(user)


def test_another_user_neither_sees_nor_joins_nor_stops(user, machine):
    user.vnet("net-start", "red")
    other = User(machine, BESIDE)
    assert other.active() == []
    there = {"HOME": str(user.home), "XDG_RUNTIME_DIR": str(user.home / "run")}
    for verb in (["net-destroy", "red"], ["net-list"], ["run", "--", "true"]):
        said = other.run(["env", *(f"{name}={value}" for name, value in there.items()), *_vnet(*verb)], check=False)
        assert said.returncode != 0, verb
        assert "Permission denied" in said.stderr
    holder = str(user.namespace()["pid"])
    assert other.run(["nsenter", "-t", holder, "-U", "-n", "true"], check=False).returncode != 0
    assert other.run(["ls", user.run_directory], check=False).returncode != 0
    assert user.active() == ["red"]


def test_a_users_network_has_no_subnet_of_the_machines(user):
    text = "<network><name>x</name><ip address='198.51.100.1' prefix='24'/></network>"
    said = user.vnet("net-define", "-", stdin=text, check=False)
    assert said.returncode == 2
    assert "subnet 198.51.100.0/24 overlaps the route 198.51.100.0/24 dev eth0" in said.stderr
    user.vnet("net-start", "red")  # now in there
    said = user.vnet("net-define", "-", stdin=text, check=False)
    assert "overlaps the route 198.51.100.0/24 dev eth0" in said.stderr


def test_where_namespaces_are_forbidden_a_start_says_by_what(user, machine):
    user.define("green", "198.18.0", inside="<forward mode='user'><backend type='namespace'/></forward>")
    status, said = machine.call(lambda: _where_namespaces_are_forbidden(user, [str(VNET), "net-start", "green"]))
    assert status == 5
    assert said.startswith("error: user namespace: make: sysctl user.max_user_namespaces is 0\n  ask for sysctl -w ")
    assert user.files() == ["failed/green"]
    user.vnet("net-undefine", "green")


def test_a_start_on_a_full_disk_says_so_and_leaves_nothing_that_runs(user, machine):
    place = user.home / "run"
    machine.run(["mount", "-t", "tmpfs", "-o", f"size=32k,mode=700,uid={user.number}", "tmpfs", place])
    try:
        user.run(["sh", "-c", f"cat /dev/zero > {place}/fill"], check=False)
        said = user.vnet("net-start", "red", check=False)
        assert said.returncode == 5
        assert "No space left on device\n  make room in its file system\n" in said.stderr
        wait_for(lambda: not user.processes(), "the user's programs to end")
    finally:
        machine.run(["umount", place])


def test_variables_of_another_user_are_told_and_not_a_missing_right(user):
    said = user.run(["env", "XDG_RUNTIME_DIR=/root", VNET, "net-start", "red"], check=False)
    assert said.returncode == 5
    assert said.stderr.endswith(
        "  see that HOME and the XDG_… variables are this user's: `su -` and `sudo -i` set them\n"
    )


def test_nics_are_no_users_to_share_and_the_doctor_speaks_of_what_is(user):
    said = user.vnet("share", "eth0", check=False)
    assert "error: user 4321: share: NICs are the machine's" in said.stderr
    assert user.vnet("doctor").stdout == "Nothing on this host stops guests\n"
    assert user.vnet("net-create", "-", stdin="<network><name>x</name></network>").stderr == ""


def test_a_plan_of_what_is_down_is_shown_and_leaves_nothing(user):
    steps = {one["step"]: one["done"] for one in json.loads(user.vnet("net-plan", "red", "--json").stdout)}
    assert not steps["HoldNamespace"]
    assert not steps["CreateBridge"]
    assert_nothing_is_left(user)


def test_a_program_that_uses_the_python_api_is_not_moved_but_told(user):
    words = ["-c", "import vnethook.api as api; c = api.open(); n = c.networkLookupByName('red'); print(n.isActive())"]
    program = [VNET.parent / "python", *words]
    user.vnet("net-start", "red")
    said = user.run(program, check=False)
    assert "this program is outside of the namespace in which they are" in said.stderr
    assert user.vnet("run", "--", *program).stdout == "1\n"
    assert "Kind:           namespace\n" in user.vnet("net-info", "red").stdout


def _started(user, number):
    """Start a network as the user, killed just before the change of that number; how many changes there are."""
    from vnethook.host.host import Host
    from vnethook.live import paths

    os.setgroups([])
    os.setgid(user.number)
    os.setuid(user.number)
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)  # as a program of the user's is
    os.environ.update(user.environment)
    return killed_at(number, lambda here: bringup.start(here, "red"))(Host(paths.current()))


def _where_namespaces_are_forbidden(user, words):
    """Run a program as the user where no user namespace can be made: in one whose own limit is 0."""
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(go[1])
        ctypes.CDLL(None).unshare(CLONE_NEWUSER)
        os.write(ready[1], b".")
        os.read(go[0], 1)
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        os.setgroups([])
        os.setgid(user.number)
        os.setuid(user.number)
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | user.environment)
        os.write(ready[1], pickle.dumps((done.returncode, done.stderr)))
        os._exit(0)
    os.read(ready[0], 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{name}").write_text("0 0 65536")
    os.close(go[1])
    os.waitpid(child, 0)
    return pickle.loads(os.read(ready[0], 1 << 16))


def _vnet(*words):
    return [VNET, *words]


CLONE_NEWUSER = 0x10000000
_SET_DUMPABLE = 4
"""linux/prctl.h."""
_SAYS = "cat; echo; id -u; echo $VNET_NETWORK $A; ip -br link | grep -o 'vnbr.' ; exit 7"
