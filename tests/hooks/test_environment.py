"""What a hook takes over from its caller: nothing that could run another's code, no descriptor, no signal mask."""

import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from vnethook.host import programs
from vnethook.live import process
from vnethook.live.lock import Lock

pytestmark = pytest.mark.netns
QEMU = CHECKOUT / "hooks/qemu"
IFUP, IFDOWN, HELPER = (str(QEMU / name) for name in ("qemu-ifup", "qemu-ifdown", "qemu-bridge-helper"))


@pytest.fixture
def host():
    with Host() as host:
        host.make_tap("tap0")
        yield host


def _dnsmasq(host):
    return int((host.root / "run/vnethook/dnsmasq/default/dnsmasq.pid").read_text())


def _is_attached(host):
    [tap] = host.json(["ip", "-json", "link", "show", "tap0"])
    return tap.get("master") == "vnbr0" and "UP" in tap["flags"]


MODULES = (
    "os",
    "sys",
    "vnethook",
    "_socket",
    "_json",
    "errno",
    "fcntl",
    "posixpath",
    "select",
    "zlib",
    "sitecustomize",
    "usercustomize",
    "encodings",
)


def test_code_of_the_caller_is_not_run(host):
    """Modules in PYTHONPATH and the working directory, a start-up file, programs in PATH."""
    trap = host.directory / "trap"
    trap.mkdir()
    sprung = host.directory / "sprung"
    for name in MODULES:
        (trap / f"{name}.py").write_text(f"open({str(sprung)!r}, 'a').write({name!r})\n")
    for name in ("nft", "dnsmasq", "ip", "python3", "sh", "vnet", "modprobe"):
        program = trap / name
        program.write_text(f"#!/bin/sh\necho {name} >> {sprung}\n")
        program.chmod(0o755)
    environment = {
        "PATH": str(trap),
        **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "LD_LIBRARY_PATH", "HOME"), str(trap)),
        **dict.fromkeys(("PYTHONSTARTUP", "PYTHONBREAKPOINT", "BASH_ENV", "ENV"), f"{trap}/os.py"),
        "PYTHONINSPECT": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error",
        "XTABLES_LIBDIR": str(trap),
        "IFS": "/",
    }
    words = ["/usr/bin/env", f"--chdir={trap}", *(f"{name}={value}" for name, value in environment.items())]
    done = host.run([*words, IFUP, "tap0"])
    assert (done.stdout, done.stderr) == ("", "")
    assert not sprung.exists()
    assert _is_attached(host)
    assert process.command_line(_of_machine(host))[0] == "/usr/sbin/dnsmasq"


def _of_machine(host):
    """The pid of the network's dnsmasq as seen from outside of the machine."""
    [pid] = [
        pid
        for pid in process.running()
        if f"--conf-file={host.root}/run/vnethook/dnsmasq/default/dnsmasq.conf" in process.command_line(pid)
    ]
    return pid


def test_the_programs_that_a_hook_runs_get_a_clean_environment(host):
    host.run([IFUP, "tap0"], env={"LD_DEBUG_OUTPUT": "/tmp/x", "SECRET": "of the caller", "IFS": "/"})
    environment = Path(f"/proc/{_of_machine(host)}/environ").read_bytes().split(b"\0")
    assert sorted(filter(None, environment)) == [b"LC_ALL=C", b"PATH=/usr/sbin:/usr/bin:/sbin:/bin"]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("hook", [IFUP, IFDOWN])
def test_hooks_work_with_standard_streams_closed(host, hook, closed):
    host.run([IFUP, "tap0"]) if hook == IFDOWN else None
    redirections = " ".join(f"{fd}>&-" for fd in closed)
    host.run(["/bin/sh", "-c", f"exec {hook} tap0 {redirections}"])
    assert _is_attached(host) is (hook == IFUP)
    if hook == IFUP:
        assert host.run(["dig", "+short", "+time=2", "@" + _address(host), "gw.test"], check=False).returncode == 0


def _address(host):
    [link] = host.json(["ip", "-json", "-4", "address", "show", "dev", "vnbr0"])
    return link["addr_info"][0]["local"]


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)], ids=str)
def test_a_refusal_with_standard_streams_closed_has_its_status(host, closed):
    redirections = " ".join(f"{fd}>&-" for fd in closed)
    done = host.run(["/bin/sh", "-c", f"exec {IFUP} tap9 {redirections}"], check=False)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")


@pytest.mark.parametrize("closed", [(), (0,), (1,), (2,), (0, 1), (0, 1, 2)], ids=str)
def test_a_program_gets_its_streams_and_our_lock_also_if_ours_are_closed(host, closed):
    """As a hook begins: what its caller closed is filled first."""

    def call():
        for fd in closed:
            os.close(fd)
        process.fill_standard_descriptors()
        with Lock(f"{host.directory}/lock"):
            # flock(2) belongs to the open file: whoever has inherited it is seen by /proc
            script = f"cat; echo err >&2; for fd in /proc/self/fd/*; do [ $fd -ef {host.directory}/lock ] && echo locked; done; true"
            finished = programs.run(["/bin/sh", "-c", script], text="in\n")
        return finished.status, finished.output, finished.errors

    assert host.call(call) == (0, "in\nlocked\n", "err\n")


def _said(path):
    return lambda: path.exists() and path.read_text()


@pytest.mark.parametrize("target", ["/dev/full", "pipe"])
def test_a_refusal_that_nobody_can_read_has_its_status(host, target):
    """QEMU's stderr may be a full disk or a pipe whose reader is gone."""
    if target == "pipe":
        program = f"trap '' PIPE; ({IFUP} tap9; echo $? >{host.directory}/status) 2>&1 | true"
        host.run(["/bin/sh", "-c", program], check=False)
        status = int(wait_for(_said(host.directory / "status"), "the hook's status"))
    else:
        status = host.run(["/bin/sh", "-c", f"exec {IFUP} tap9 2>/dev/full"], check=False).returncode
    assert status == 5


def test_descriptors_of_the_caller_are_not_kept_by_what_stays(host):
    """Descriptor 3 is QEMU's tap: whoever keeps it keeps the tap. Others are its disks and sockets."""

    def call():
        read, write = os.pipe()
        for fd in (3, 7, 50):
            os.dup2(write, fd)
        os.set_inheritable(read, True)
        pid = os.posix_spawn(IFUP, [IFUP, "tap0"], os.environ | host.environment)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        for fd in {3, 7, 50, write} - {read}:
            os.close(fd)
        return os.read(read, 1)  # ends when nobody holds the other end any more

    assert host.call(call) == b""
    kept = {fd: os.readlink(fd) for fd in Path(f"/proc/{_of_machine(host)}/fd").iterdir()}
    ours = ("/dev/null", host.root / "var/lib/vnethook/leases/default")
    files = [fd for fd, link in kept.items() if link.startswith("/")]
    assert [fd for fd in files if not any(fd.samefile(path) for path in ours)] == []
    assert len({link for link in kept.values() if link.startswith("pipe:")}) <= 1  # dnsmasq's own, for its signals


def test_a_tap_of_qemu_goes_with_qemu(host):
    def call():
        import fcntl
        import struct

        tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tap, 0x400454CA, struct.pack("=16sH22x", b"tap7", 0x5002))
        os.dup2(tap, 3)
        pid = os.posix_spawn(IFUP, [IFUP, "tap7"], os.environ | host.environment)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return status, os.path.exists("/sys/class/net/tap7")

    assert host.call(call) == (0, True)
    wait_for(lambda: not host.json(["ip", "-json", "link", "show", "master", "vnbr0"]), "the tap to vanish")


BLOCKED = {signal.SIGBUS, signal.SIGUSR1, signal.SIGALRM, signal.SIGIO, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP}


def test_signals_ignored_and_blocked_by_qemu_are_not_handed_on(host):
    def call():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        pid = os.posix_spawn(IFUP, [IFUP, "tap0"], os.environ | host.environment)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert host.call(call) == 0
    status = dict(
        line.split(":\t")
        for line in Path(f"/proc/{_of_machine(host)}/status").read_text().splitlines()
        if ":\t" in line
    )
    assert int(status["SigBlk"], 16) == 0
    assert not int(status["SigIgn"], 16) & (1 << (signal.SIGTERM - 1) | 1 << (signal.SIGHUP - 1))


def test_the_callers_umask_and_working_directory_do_not_matter(host):
    gone = host.directory / "gone"
    gone.mkdir()
    host.run(["/bin/sh", "-c", f"cd {gone} && rmdir {gone} && umask 0777 && exec {IFUP} tap0"])
    assert _is_attached(host)
    modes = {
        str(path.relative_to(host.root)): stat.S_IMODE(path.stat().st_mode)
        for path in (host.root / "run/vnethook").rglob("*")
        if not path.is_symlink()
    }
    with Host() as other:
        other.make_tap("tap0")
        other.run([IFUP, "tap0"])
        for path, mode in modes.items():
            assert stat.S_IMODE((other.root / path).stat().st_mode) == mode, path


def test_no_file_of_ours_can_be_written_by_others(host):
    host.run(["/bin/sh", "-c", f"umask 0 && exec {IFUP} tap0"])
    for path in host.root.rglob("vnethook/**/*"):
        if not path.is_symlink():
            assert not path.stat().st_mode & 0o022, path
    for name in ("journal", "locks"):
        assert stat.S_IMODE((host.root / "run/vnethook" / name).stat().st_mode) == 0o700


@pytest.mark.parametrize("hook", [IFUP, IFDOWN])
def test_a_hook_writes_nothing_to_stdout_and_reads_nothing_from_stdin(host, hook):
    done = host.run(["/bin/sh", "-c", f"{hook} tap0; cat"], stdin="for the monitor\n")
    assert (done.stdout, done.stderr) == ("for the monitor\n", "")


def test_a_hook_needs_no_environment_but_its_root(host):
    root = {"VNETHOOK_ROOT": str(host.root)}
    status = host.call(lambda: subprocess.run([IFUP, "tap0"], env=root, check=False, cwd="/").returncode)
    assert status == 0
    assert _is_attached(host)
