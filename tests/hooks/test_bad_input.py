"""Calls that no hypervisor should make: one clear line and its hint, the documented status, and nothing changed."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Host

pytestmark = pytest.mark.netns
QEMU = CHECKOUT / "hooks/qemu"
IFUP, IFDOWN, HELPER = (str(QEMU / name) for name in ("qemu-ifup", "qemu-ifdown", "qemu-bridge-helper"))
CALLED_BY_QEMU = "QEMU calls this: -netdev tap,script=PATH; by hand, use `vnet attach IFNAME`"
NAME_HINT = "the name of the guest's tap, veth or vif in the host, for example tap0"
HELPER_HINT = "QEMU calls this: -netdev bridge,br=NETWORK,helper=PATH"
KNOWN = "known networks: default"
EVIL = "x\"\n$(touch /tmp/vnethook-pwned);`id`'\t\x1b[31m<b>&#10;"


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        host.make_tap("tap0")
        yield host


@pytest.fixture
def call(host):
    """Run a hook with raw bytes as arguments; its status and stderr; fail if anything of the host was changed.

    `network`: what was there before this test may be kept.
    """
    before = host.snapshot()

    def run(program, *arguments, env=None, pass_fds=()):
        words = [os.fsencode(word) for word in (program, *arguments)]
        environment = {os.fsencode(key): os.fsencode(value) for key, value in (host.environment | (env or {})).items()}
        status, out, errors = host.call(lambda: _run(words, environment, pass_fds))
        assert out == b""
        changes = [line for line in before.changes_to(host.snapshot()) if not line.startswith("- process")]
        assert changes == []
        return status, errors.decode()

    return run


def _run(words, environment, pass_fds):
    done = subprocess.run(
        words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=pass_fds
    )
    return done.returncode, done.stdout, done.stderr


def _two_lines(hook, message, hint):
    return f"{os.path.basename(hook)}: {message}\n  {hint}\n"


@pytest.mark.parametrize("arguments", [(), ("tap0", "tap1"), ("tap0", "", "")], ids=["none", "two", "three"])
@pytest.mark.parametrize("hook", [IFUP, IFDOWN])
def test_a_call_without_exactly_one_argument_is_refused(call, hook, arguments):
    message = f"{len(arguments)} arguments given, one is needed: the interface"
    assert call(hook, *arguments) == (1, _two_lines(hook, message, CALLED_BY_QEMU))


IMPOSSIBLE = {
    "": "'': not a name for a network interface",
    "x" * 16: f"'{'x' * 16}': longer than 15 characters",
    "x" * 300: f"'{'x' * 59}…{'x' * 7}': longer than 15 characters",
    "../x": "'../x': not a name for a network interface",
    "..": "'..': not a name for a network interface",
    "tap0/x": "'tap0/x': not a name for a network interface",
    "tap0\n": r"'tap0\n': not a name for a network interface",
    "tap 0": "'tap 0': not a name for a network interface",
    "tap0\t": r"'tap0\t': not a name for a network interface",
    "\x1b[31m": r"'\x1b[31m': not a name for a network interface",
    "\x01": r"'\x01': not a name for a network interface",
    "'tap0'": "\"'tap0'\": not a name for a network interface",
    'tap"0': "'tap\"0': not a name for a network interface",
    "tap0;id": "'tap0;id': not a name for a network interface",
    "$(id)": "'$(id)': not a name for a network interface",
    "`id`": "'`id`': not a name for a network interface",
    "*": "'*': not a name for a network interface",
    "-h": "'-h': not a name for a network interface",
    "--help": "'--help': not a name for a network interface",
    "täp0": r"'t\xe4p0': not a name for a network interface",
    "tap\udcff": r"'tap\udcff': not a name for a network interface",
    "%d": "'%d': not a name for a network interface",
    "tap%n": "'tap%n': not a name for a network interface",
}


@pytest.mark.parametrize("name", IMPOSSIBLE, ids=ascii)
@pytest.mark.parametrize("hook", [IFUP, IFDOWN])
def test_an_impossible_interface_name_is_refused(call, hook, name):
    assert call(hook, name) == (1, _two_lines(hook, f"interface {IMPOSSIBLE[name]}", NAME_HINT))


@pytest.mark.parametrize("name", ["tap9", "a.b", "eth0:1", "_", "x" * 15])
def test_an_interface_that_does_not_exist_is_refused(call, name):
    message = f"interface '{name}': attach to network 'default': no such network interface"
    hint = "the hypervisor makes it before it calls the hook; see `ip link`"
    assert call(IFUP, name) == (5, _two_lines(IFUP, message, hint))


def test_taking_away_what_was_never_attached_is_no_failure(call):
    assert call(IFDOWN, "tap9") == (0, "")
    assert call(IFDOWN, "tap0") == (0, "")


UNKNOWN = {
    "nowhere": "'nowhere'",
    "../default": "'../default'",
    "/etc/passwd": "'/etc/passwd'",
    "default\n": r"'default\n'",
    "default ": "'default '",
    "vnbr0": "'vnbr0'",
    "$(id)": "'$(id)'",
    "-x": "'-x'",
    "\x1b]0;x\x07": r"'\x1b]0;x\x07'",
    "\udcff": r"'\udcff'",
    "bridge:vnbr0": "'bridge'",  # of a colon on, it is a portgroup
    "x" * 65: f"'{'x' * 65}'",
    "x" * 300: f"'{'x' * 59}…{'x' * 7}'",
}


@pytest.mark.parametrize("name", UNKNOWN, ids=ascii)
def test_an_unknown_network_of_the_variable_is_named_with_the_known_ones(call, name):
    expected = _two_lines(IFUP, f"network {UNKNOWN[name]}: no such network", KNOWN)
    assert call(IFUP, "tap0", env={"VNET_NETWORK": name}) == (3, expected)


@pytest.mark.parametrize("name", ["nowhere", "x;id", "a b", "\n", "\udcff", "x" * 200], ids=ascii)
def test_an_unknown_network_of_the_called_link_is_named_with_the_known_ones(call, host, name):
    link = os.fsencode(f"{host.directory}/qemu-ifup-{name}")
    os.symlink(IFUP, link)
    shown = {"\n": r"'\n'", "\udcff": r"'\udcff'", "x" * 200: f"'{'x' * 59}…{'x' * 7}'"}.get(name, f"'{name}'")
    status, errors = call(os.fsdecode(link), "tap0")
    called = {"\n": r"'qemu-ifup-\n'", "\udcff": r"'qemu-ifup-\udcff'"}.get(name, f"qemu-ifup-{name}")
    assert (status, errors) == (3, f"{called}: network {shown}: no such network\n  {KNOWN}\n")


@pytest.mark.parametrize("name", UNKNOWN, ids=ascii)
def test_an_unknown_network_of_br_is_named_and_its_tap_is_gone(call, name):
    """QEMU waits at one end of a socket pair: it is told nothing and sees the other end closed."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = (HELPER, "--use-vnet", f"--fd={theirs.fileno()}", f"--br={name}")
        answer = call(*words, pass_fds=(theirs.fileno(),))
        theirs.close()
        assert ours.recv(1) == b""
    assert answer == (3, _two_lines(HELPER, f"network {UNKNOWN[name]}: no such network", KNOWN))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "argument --fd: missing or no number"),
        (("--br=default",), "argument --fd: missing or no number"),
        (("--fd=", "--br=default"), "argument --fd: missing or no number"),
        (("--fd=x", "--br=default"), "argument --fd: missing or no number"),
        (("--fd=-1", "--br=default"), "argument --fd: missing or no number"),
        (("--fd=3", "--br=default", "--help"), "argument '--help': not understood"),
        (("default",), "argument 'default': not understood"),
        (("-fd=3",), "argument '-fd=3': not understood"),
        (("--x\n" + "y" * 300,), r"argument '--x\n" + "y" * 36 + "': not understood"),
    ],
    ids=ascii,
)
def test_arguments_that_qemu_never_sends_to_the_helper_are_refused(call, arguments, message):
    assert call(HELPER, *arguments) == (1, _two_lines(HELPER, message, HELPER_HINT))


NO_NUMBER = (1, _two_lines(HELPER, "argument --fd: missing or no number", HELPER_HINT))


def _not_passed(fd, reason):
    return 5, _two_lines(HELPER, f"descriptor {fd}: pass the tap to QEMU: {reason}", "QEMU calls this: helper=PATH")


@pytest.mark.parametrize(
    ("fd", "expected"),
    [
        ("²", NO_NUMBER),
        ("٣", NO_NUMBER),
        ("9" * 30, NO_NUMBER),
        ("2147483648", NO_NUMBER),
        ("99", _not_passed(99, "Bad file descriptor")),
        ("9999999", _not_passed(9999999, "Bad file descriptor")),
        ("0", _not_passed(0, "Socket operation on non-socket")),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("is_up", [False, True], ids=["down", "up"])
def test_a_descriptor_that_is_no_socket_is_refused_before_anything_is_done(fd, expected, is_up):
    """All of them are digits to str.isdigit()."""
    with Host() as host:
        host.make_tap("tap0")
        if is_up:
            host.run([IFUP, "tap0"])
            host.run([IFDOWN, "tap0"])
        before = host.snapshot()
        done = host.run([HELPER, f"--fd={fd}", "--br=default"], check=False)
        assert (done.returncode, done.stderr) == expected
        assert before.changes_to(host.snapshot()) == []


BROKEN = {
    "": "no document",
    "<network>": "not closed",
    "<network><name>lab</name><nonsense/></network>": "unknown element",
    "<network><name>other</name></network>": "another name than its file's",
    "<!DOCTYPE x [<!ENTITY a 'b'>]><network><name>lab</name></network>": "a document type",
    "<network><name>lab</name><ip address='192.0.2.1' netmask='255.255.255.0'><dhcp><range start='192.0.2.9' end='192.0.2.2'/></dhcp></ip></network>": "range",
    "\0\xff": "no text",
}


@pytest.mark.parametrize("text", BROKEN, ids=list(BROKEN.values()))
def test_a_broken_definition_is_refused_by_file_and_line(host, text):
    path = host.root / "etc/vnethook/networks/lab.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))
    before = host.snapshot()
    try:
        done = host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"}, check=False)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        first, *rest = done.stderr.splitlines()
        assert first.startswith("qemu-ifup: ")
        assert "lab.xml" in first
        assert len(rest) <= 1
        changes = before.changes_to(host.snapshot())
        locks = [line for line in changes if "run/vnethook/locks" in line or line.endswith("run/vnethook")]
        assert [line for line in changes if line not in locks] == []
    finally:
        path.unlink()
        path.parent.rmdir()


# How QEMU is called by the hostile: a shell in its place, since only its command line counts.
FAKE_QEMU = "import os, sys; os.posix_spawn(sys.argv[1], [sys.argv[1], 'tap0'], os.environ); sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"


@pytest.mark.parametrize(
    ("guest", "hostname"),
    [
        ("web", "web"),
        (EVIL, "x-touch-tmp-vnethook-pwned-id-31m-b-10"),
        ("a\nb,,c", "a-b-c"),
        ("x" * 300, "x" * 63),
        ("\udcff", ""),
        ("../../etc", "etc"),
        ("web,process=;id", "web"),
        ("-", ""),
        ("A_B", "a-b"),
        ("ſ", ""),
        ("web.example", "web-example"),
    ],
    ids=ascii,
)
def test_a_hostile_guest_name_becomes_a_harmless_label(guest, hostname):
    with Host() as host:
        host.make_tap("tap0")
        words = ["qemu", "-name", guest, "-netdev", "tap,id=n", "-device", "e1000,netdev=n,mac=02:00:00:00:53:01"]
        done = host.run(["/usr/bin/python3", "-c", FAKE_QEMU, IFUP, *words], check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        guests = host.root / "run/vnethook/dnsmasq/default/guests"
        written = {path.name: path.read_text() for path in guests.iterdir()}
        expected = {"02:00:00:00:53:01": f"02:00:00:00:53:01,{hostname}\n"} if hostname else {}
        assert written == expected
        assert not Path("/tmp/vnethook-pwned").exists()
        assert not any("\n" in path.name for path in host.root.rglob("*"))
