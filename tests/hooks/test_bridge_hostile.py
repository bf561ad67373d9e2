"""Root's side of the bridge helper and users who mean it ill, or have gone wrong: nobody else is worse off for it."""

import pytest

from tests.hooks.test_bridge_socket import LAB, SOCKET, serving
from tests.lab import wait_for
from tests.lab.machine import CHECKOUT, PYTHON
from tests.lab.users import ALICE, BOB, NAME, STAFF, Place, asked, qemu, words_of
from vnethook.hook import bridge_call, bridge_service

pytestmark = pytest.mark.netns
FREE = LAB.replace("<bridge", "<guard mode='off'/><bridge")
CALL = bridge_call.packed(bridge_call.Call("lab"))
PROGRAM = f"""
import array, os, socket, struct, sys
call = {CALL!r}
def connected():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect({SOCKET!r})
    return connection
"""
GONE = "the calling process: gone, out of sight, or another user's"


@pytest.fixture(scope="module")
def place():
    with Place() as host:
        host.define(FREE)
        host.write_conf("bridge.conf", "allow lab")
        with serving(host):
            host.vnet("net-start", "lab")
            yield host


@pytest.fixture
def host(place):
    """One whose server has as many processes and open files after the test as before."""
    place.write_conf("bridge.conf", "allow lab")
    before = _server(place)
    yield place
    place.write_conf("bridge.conf", "allow lab")
    wait_for(lambda: _server(place) == before, "the server as it was")
    assert asked(place, "lab").status == 0


def _server(host):
    """The processes of root's side, and how many files the first has open."""
    pids = host.run(["pgrep", "-f", f"{bridge_service.NAME} {bridge_service.FOR_GOOD}"]).stdout.split()
    return pids, len(host.run(["ls", f"/proc/{pids[0]}/fd"]).stdout.split())


def _words(program, user=ALICE):
    """A program that talks to root's side itself and is started by its parent, a user's process."""
    words = [PYTHON, "-IS", "-c", PROGRAM + program]
    return [*words_of(user), PYTHON, "-IS", "-c", f"import subprocess; subprocess.run({words!r}, check=True)"]


def _as_user(host, program, user=ALICE):
    """What such a program prints."""
    return host.run(_words(program, user)).stdout


def test_nobody_is_another_user_by_saying_so(host):
    """The kernel lets nobody claim to be another process, and what it lets one send is not looked at."""
    host.write_conf("bridge.conf", "deny all")
    said = _as_user(
        host,
        """
connection = connected()
for forged in ((1, 0, 0), (os.getppid(), 0, 0), (os.getpid(), 0, os.getgid())):
    try:
        connection.sendmsg([call], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("=iII", *forged))])
    except PermissionError as error:
        print(error.strerror)
mine = struct.pack("=iII", os.getpid(), os.getuid(), os.getgid())
connection.sendmsg([call], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, mine)])
print(connection.recv(9000)[1:].decode())
""",
    )
    assert said.splitlines()[:3] == ["Operation not permitted"] * 3
    assert said.splitlines()[3] == (
        f"{NAME}: user {ALICE}: guest on network 'lab': denied by '/etc/vnethook/bridge.conf'"
    )


def test_who_has_no_process_of_its_own_to_show_is_refused(host):
    """Whoever connected has ended, or its parent is root's: a pid that is another's now helps nobody."""
    handed_over = """
connection = connected()
if os.fork():
    os._exit(0)
while os.getppid() != 1:
    pass
connection.send(call)
print(connection.recv(9000)[1:].decode(), flush=True)
"""
    assert GONE in _as_user(host, handed_over)
    own = PROGRAM + "connection = connected(); connection.send(call); print(connection.recv(9000)[1:].decode())"
    assert GONE in host.run([*words_of(ALICE), PYTHON, "-IS", "-c", own]).stdout  # whose parent is not Alice's


def test_garbage_is_refused_and_does_no_harm(host):
    said = _as_user(
        host,
        """
import random
answers = set()
for number in range(100):
    connection = connected()
    data = random.randbytes(number % 50 * 40) if number % 2 else call.replace(b"lab", random.randbytes(3))
    files = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 200))] if number % 7 == 0 else []
    connection.sendmsg([data], files)
    answers.add(connection.recv(9000)[:1])
    connection.close()
print(answers <= {b"", bytes([3]), bytes([4]), bytes([5])})
""",
    )
    assert said == "True\n"


def test_one_user_who_calls_and_says_nothing_keeps_no_other_waiting(host):
    silent = f"""
import select
poll = select.poll()
calls = []
for _ in range({bridge_service.AT_ONCE_OF_USER + bridge_service.WAITING_OF_USER + 100}):
    calls.append(connected())
    poll.register(calls[-1], select.POLLIN)
by_fd = {{call.fileno(): call for call in calls}}
while not (ready := [fd for fd, _ in poll.poll()]):
    pass
print(by_fd[ready[0]].recv(9000)[1:].decode().splitlines()[0], flush=True)
sys.stdin.read()
"""
    with host.popen([*words_of(ALICE), PYTHON, "-IS", "-c", PROGRAM + silent], stdin=-1, stdout=-1, text=True) as mute:
        said = f"{NAME}: user {ALICE}: too many calls of the bridge helper at once"
        assert mute.stdout.readline().strip() == said
        with qemu(host, "lab", user=BOB) as answer:
            assert (answer.status, answer.said) == (0, "")
        mute.communicate(timeout=60)


def test_thousands_who_hang_up_leave_nothing(host):
    assert _as_user(host, "for _ in range(10_000): connected().close()\nprint('done')") == "done\n"


def test_many_guests_of_one_user_at_once_all_start(host):
    """More than are answered at once: they wait for their turn."""
    starter = f"""
import socket, subprocess, sys
calls = []
for number in range({bridge_service.AT_ONCE_OF_USER * 3}):
    near, far = socket.socketpair()
    words = [{str(CHECKOUT / "hooks/qemu/qemu-bridge-helper")!r}, "--use-vnet", f"--fd={{far.fileno()}}", "--br=lab"]
    calls.append((subprocess.Popen(words, pass_fds=[far.fileno()]), near, far))
print(sorted({{call.wait() for call, _, _ in calls}}))
print(len({{socket.recv_fds(near, 1, 1)[1][0] for _, near, _ in calls}}))
"""
    assert host.run([*words_of(ALICE), PYTHON, "-IS", "-c", starter]).stdout == "[0]\n24\n"


def test_a_tap_that_is_not_passed_on_is_taken_away_again_also_from_who_keeps_it(host):
    keeping = """
connection = connected()
connection.send(call)
kept = socket.recv_fds(connection, 9000, 1)
print(kept[1], flush=True)
connection.close()
sys.stdin.read()
"""
    with host.popen(_words(keeping), stdin=-1, stdout=-1, text=True) as user:
        assert user.stdout.readline() == "[4]\n"
        wait_for(lambda: host.vnet_json("nic-list") == [], "the NIC to be gone")
        wait_for(lambda: "vnt" not in host.run(["ip", "-o", "link"]).stdout, "its tap to be gone")
        user.communicate(timeout=60)


def test_a_tap_whose_network_is_stopped_leads_nowhere(host):
    """Its user could be a router to the host by it."""
    with qemu(host, "lab") as answer:
        host.vnet("net-destroy", "lab", "--force")
        assert "DOWN" in host.run(["ip", "-br", "link", "show", answer.tap]).stdout
        assert host.run(["cat", f"/proc/sys/net/ipv6/conf/{answer.tap}/disable_ipv6"]).stdout == "1\n"
        host.vnet("net-start", "lab")
        assert "LOWER_UP" in host.run(["ip", "-br", "link", "show", answer.tap]).stdout


def test_who_is_not_of_the_group_is_told_and_a_killed_server_is_followed_by_the_next():
    with Place() as host:
        host.define(LAB)
        host.write_conf("bridge.conf", "allow lab")
        with serving(host, "--group", "61009"):
            answer = asked(host, "lab")
            assert answer.said.splitlines() == [
                f"{NAME}: user {ALICE}: guest on network 'lab': root's side at '{SOCKET}': Permission denied",
                "  ask root to make you one of the group that may use it",
            ]
            host.run(["kill", "-KILL", _server(host)[0][0]])
        assert asked(host, "lab", user=0).status == 0
        with serving(host, "--group", str(STAFF)):
            assert asked(host, "lab").status == 0
        assert host.run(["test", "-e", SOCKET], check=False).returncode == 1


ACTIVATED = f"""
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.makedirs(os.path.dirname({SOCKET!r}), exist_ok=True)
listener.bind({SOCKET!r})
os.chmod({SOCKET!r}, 0o666)
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
while True:
    pid = os.fork()
    if not pid:
        program = "import sys; sys.path.append({str(CHECKOUT)!r}); from vnethook.hook import bridge_service as service; "
        program += "service.IDLE_S = 1; sys.argv[:] = ['qemu-bridge-server']; sys.exit(service.main())"
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
        os.execv({PYTHON!r}, [{PYTHON!r}, "-IS", "-c", program])
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    if not sys.stdin.readline():
        break
"""
"""Stands in for systemd: starts the service, says how it ended, starts it again at a line."""


def test_a_service_that_was_started_by_its_socket_ends_when_nobody_calls():
    with Place() as host:
        host.define(LAB)
        host.write_conf("bridge.conf", "allow lab")
        with host.popen([PYTHON, "-IS", "-c", ACTIVATED], stdin=-1, stdout=-1, text=True) as systemd:
            wait_for(lambda: host.run(["test", "-S", SOCKET], check=False).returncode == 0, "the socket")
            with qemu(host, "lab") as answer:
                assert (answer.status, answer.said) == (0, "")
                assert systemd.stdout.readline() == "0\n"  # and what it has given stays
                assert [nic["interface"] for nic in host.vnet_json("nic-list")] == [answer.tap]
                systemd.stdin.write("again\n")
                systemd.stdin.flush()
                assert asked(host, "lab", mac="52:54:00:00:53:0b").status == 0
            systemd.communicate(timeout=60)
