"""What the host lacks is said with what to install or do, and nothing is left half-made."""

import os

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from tests.lab.library import on
from vnethook.host import programs
from vnethook.live import record

pytestmark = pytest.mark.netns
IFUP = str(CHECKOUT / "hooks/qemu/qemu-ifup")
IFDOWN = str(CHECKOUT / "hooks/qemu/qemu-ifdown")
# What the choice for the built-in network leaves is no harm: name, MAC and subnet are remembered.
REMEMBERED = (
    r"var/lib/vnethook",
    r"^\+ file d\S+ run/vnethook(/(dnsmasq|journal|locks))?$",
    r"run/vnethook/locks/\.host",
)


@pytest.fixture
def host():
    with Host() as host:
        host.make_tap("tap0")
        yield host


def _hide(host, program):
    """Make a program not executable wherever it is found, on this machine alone; what makes it so again."""
    paths = host.call(lambda: [f"{place}/{program}" for place in programs.PLACES if _is_there(f"{place}/{program}")])
    for path in paths:
        host.run(["mount", "--bind", "/dev/null", path])
    return lambda: [host.run(["umount", path]) for path in reversed(paths)]


def _is_there(path):
    return os.access(path, os.X_OK)


@pytest.mark.parametrize("is_dual", [False, True], ids=["default", "with IPv6"])
@pytest.mark.parametrize(
    ("program", "package"), [("nft", "nftables"), ("dnsmasq", "dnsmasq-base (Debian) or dnsmasq (Fedora)")]
)
def test_a_missing_program_is_named_with_its_package(host, program, package, is_dual):
    env = {}
    if is_dual:
        host.define("<network><name>lab</name><ip address='2001:db8::1' prefix='64'/></network>")
        env = {"VNET_NETWORK": "lab"}
    before = host.snapshot()
    shows = [_hide(host, name) for name in (program, "iptables")]  # that would do in place of nft
    done = host.run([IFUP, "tap0"], check=False, env=env)
    for show in shows:
        show()
    hint = f"install the package {package}: apt-get install or dnf install"
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"qemu-ifup: program '{program}': not installed\n  {hint}\n"
    assert before.changes_to(host.snapshot(), ignoring=REMEMBERED) == []
    host.run([IFUP, "tap0"], env=env)


def _read_only(host, directory):
    directory.mkdir(parents=True, exist_ok=True)
    host.run(["mount", "--bind", directory, directory])
    host.run(["mount", "-o", "remount,bind,ro", directory])


def test_a_read_only_run_directory_is_named(host):
    _read_only(host, host.root / "run")
    lock = f"{host.root}/run/vnethook/locks/default"
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 5
    first, hint = done.stderr.splitlines()
    assert "Read-only file system" in first
    assert f"{host.root}/run/vnethook" in first
    assert lock.startswith(f"{host.root}/run/vnethook")
    assert "writable" in hint
    assert host.run(["nft", "list", "ruleset"]).stdout == ""
    assert not host.run(["ip", "-o", "link", "show", "type", "bridge"]).stdout


def test_a_full_run_directory_leaves_nothing(host):
    run = host.root / "run"
    host.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "tmpfs", run])
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 5
    assert "No space left on device" in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2
    assert host.run(["nft", "list", "ruleset"]).stdout == ""
    assert not host.run(["ip", "-o", "link", "show", "type", "bridge"]).stdout
    assert not [line for line in host.processes() if "dnsmasq" in line]


@pytest.mark.parametrize("inodes", range(4, 30))
def test_a_run_directory_that_fills_up_at_any_file_leaves_no_network_without_its_record(host, inodes):
    """The network may be up if only the NIC's own record had no room: then the next call attaches to it."""
    host.run(["mount", "-t", "tmpfs", "-o", f"nr_inodes={inodes}", "tmpfs", host.root / "run"])
    before = host.snapshot()
    done = host.run([IFUP, "tap0"], check=False)
    changes = before.changes_to(host.snapshot(), ignoring=REMEMBERED)
    live = on(host, lambda here: record.read(here.paths, "default"))
    assert (live is None) is (changes == []), done.stderr
    if done.returncode != 0:
        assert (done.returncode, "No space left on device" in done.stderr.splitlines()[0]) == (5, True), done.stderr
        assert live is None or "/interfaces" in done.stderr or "/ports" in done.stderr
    host.run(["mount", "-o", "remount,nr_inodes=1000", host.root / "run"])
    host.run([IFUP, "tap0"])
    assert [link["ifname"] for link in host.json(["ip", "-json", "link", "show", "master", "vnbr0"])] == ["tap0"]


def test_a_read_only_state_directory_is_named(host):
    _read_only(host, host.root / "var/lib")
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 5
    assert "Read-only file system" in done.stderr.splitlines()[0]
    assert f"{host.root}/var/lib/vnethook" in done.stderr
    assert host.run(["nft", "list", "ruleset"]).stdout == ""


def test_read_only_sysctls_are_named_and_nothing_is_left(host):
    host.run(["mount", "--bind", "/proc/sys", "/proc/sys"])
    host.run(["mount", "-o", "remount,bind,ro", "/proc/sys"])
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 5
    first, hint = done.stderr.splitlines()
    assert first == "qemu-ifup: sysctl 'net/ipv4/conf/vnbr0/arp_notify': set to 1: Read-only file system"
    assert hint == "  /proc/sys has to be writable for root"
    assert host.run(["nft", "list", "ruleset"]).stdout == ""
    assert not host.run(["ip", "-o", "link", "show", "type", "bridge"]).stdout
    left = [str(path.relative_to(host.root)) for path in (host.root / "run").rglob("*") if path.is_file()]
    assert [path for path in left if "locks" not in path] == ["run/vnethook/failed/default"]  # why, for who lists it


def test_a_warm_network_does_without_the_programs(host):
    host.make_tap("tap1")
    host.run([IFUP, "tap0"])
    for program in ("nft", "dnsmasq"):
        _hide(host, program)
    host.run([IFUP, "tap1"])
    host.run([IFDOWN, "tap0"])


def test_a_dnsmasq_that_cannot_start_leaves_nothing_and_says_why(host):
    """Security note, section 6, scenario 1."""
    server = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--dhcp-range=192.0.2.1,192.0.2.9",
    ]
    host.popen([*server, "--dhcp-leasefile=/dev/null"])
    wait_for(lambda: "67" in host.run(["ss", "-lunH", "sport", "=", ":67"]).stdout, "the other server")
    before = host.snapshot()
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 5, done.stderr
    first, hint = done.stderr.splitlines()
    assert first.startswith("qemu-ifup: dnsmasq: start: ")
    assert "ddress already in use" in first
    assert "another DNS or DHCP server listens on all addresses of this host" in hint
    assert before.changes_to(host.snapshot(), ignoring=REMEMBERED) == []


def test_an_ordinary_user_is_told_to_be_root(host):
    home = host.directory / "home"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", IFUP, "tap0"]
    before = host.snapshot()
    done = host.run(words, env={"HOME": str(home), "VNETHOOK_ROOT": ""}, check=False)
    assert done.returncode == 5, done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert before.changes_to(host.snapshot()) == []


def test_a_kernel_that_refuses_a_bridge_is_named(host):
    """A guest's tap that belongs to another's bridge is left where it is."""
    host.run(["ip", "link", "add", "theirs", "type", "bridge"])
    host.run(["ip", "link", "set", "tap0", "master", "theirs"])
    done = host.run([IFUP, "tap0"], check=False)
    assert done.returncode == 4
    assert done.stderr == (
        "qemu-ifup: interface 'tap0': attach to network 'default': already a port of 'theirs'\n"
        "  take it off first: ip link set tap0 nomaster\n"
    )
    [tap] = host.json(["ip", "-json", "link", "show", "tap0"])
    assert tap["master"] == "theirs"


def test_a_guest_that_names_no_network_is_refused_when_there_is_no_default(host):
    host.vnet("net-undefine", "default")
    done = host.run([IFUP, "tap0"], check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (3, "qemu-ifup: network 'default': no such network")
    assert host.vnet("net-list", "--all", "--name").stdout == "\n"
    host.vnet("net-define", "-", stdin="<network><name>default</name><forward mode='nat'/></network>")
    host.run([IFUP, "tap0"])
    host.vnet("net-undefine", "default")
    assert host.vnet("net-list", "--transient", "--name").stdout == "default\n\n"
    host.run([IFDOWN, "tap0"])
    host.vnet("net-destroy", "default")
    assert host.vnet("net-list", "--all", "--name").stdout == "\n"
