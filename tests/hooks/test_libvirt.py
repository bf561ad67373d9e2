"""libvirt's hook, stage by stage, with the calls and documents that libvirt makes."""

import subprocess

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from tests.lab.libvirt_call import ETHERNET, HOOK, LAB, MAC, NIC, STARTED, UUID, call, domain

pytestmark = pytest.mark.netns
QEMU = CHECKOUT / "hooks/qemu"
OTHER = "448a8a30-e61b-46ff-86ed-dc3044c9894a"
DMZ = "<network><name>dmz</name><bridge name='vndmz'/><ip address='198.51.100.1' netmask='255.255.255.0'/></network>"
TAP_MAC = "fe:54:00:00:53:0a"


@pytest.fixture
def host():
    with Host() as host:
        host.define(LAB)
        yield host


def _active(host):
    return sorted(network["name"] for network in host.vnet_json("net-list"))


def _nics(host):
    return [(nic["network"], nic["interface"], nic["guest"], nic["mac"]) for nic in host.vnet_json("nic-list")]


def _make_tap(host, name="vnet0", *, bridge="", mac=TAP_MAC):
    """As libvirt makes it: on its bridge, up."""
    host.make_tap(name)
    host.run(["ip", "link", "set", name, "address", mac, "up", *(["master", bridge] if bridge else [])])


def _start(host, document=None):
    """A guest on network lab that has started."""
    assert call(host, "prepare", domain(NIC % "")) == (0, "")
    _make_tap(host, bridge="vnlab")
    assert call(host, "start", document or domain(STARTED)) == (0, "")
    assert call(host, "started", domain(STARTED)) == (0, "")


def test_a_guest_is_recorded_from_its_start_to_its_release(host):
    assert call(host, "prepare", domain(NIC % "")) == (0, "")
    assert _active(host) == ["lab"]
    assert _nics(host) == []
    _make_tap(host, bridge="vnlab")
    assert call(host, "start", domain(STARTED)) == (0, "")
    assert _nics(host) == [("lab", "vnet0", "web", MAC)]
    guests = host.root / "run/vnethook/dnsmasq/lab/guests"
    assert {path.name: path.read_text() for path in guests.iterdir()} == {MAC: f"{MAC},web\n"}
    host.run(["ip", "link", "delete", "vnet0"])
    assert call(host, "stopped", domain(NIC % "")) == (0, "")
    assert call(host, "release", domain(NIC % ""), "web", "destroyed") == (0, "")
    assert list(guests.iterdir()) == []
    run = host.root / "run/vnethook"
    assert [
        str(path) for name in ("announced", "libvirt", "ports", "interfaces") for path in run.glob(f"{name}/*")
    ] == []
    assert _active(host) == ["lab"]


def test_a_guest_gets_the_address_that_the_definition_keeps_for_its_name(host):
    host.define(LAB.replace("<dhcp/>", "<dhcp><host name='web' ip='192.0.2.50'/></dhcp>"))
    _start(host)
    written = (host.root / f"run/vnethook/dnsmasq/lab/guests/{MAC}").read_text()
    assert written == f"{MAC},192.0.2.50,web\n"


def test_prepare_mends_a_network_that_is_not_as_it_came_up(host):
    host.vnet("net-start", "lab")
    host.run(["ip", "link", "delete", "vnlab"])
    assert call(host, "prepare", domain(NIC % "")) == (0, "")
    assert host.json(["ip", "-json", "link", "show", "vnlab"])


def test_a_network_is_not_taken_down_under_a_guest_that_is_starting(host):
    assert call(host, "prepare", domain(NIC % "")) == (0, "")
    said = host.vnet("net-destroy", "lab", check=False)
    expected = "error: network 'lab': stop: guest 'web' is starting on it\n  stop the guest first, or use --force\n"
    assert (said.returncode, said.stderr) == (4, expected)
    assert call(host, "release", domain(NIC % "")) == (0, "")
    host.vnet("net-destroy", "lab")


def test_an_idle_network_waits_for_the_tap_of_a_guest_that_is_starting(host):
    (host.root / "etc/vnethook/vnethook.toml").write_text("[networks]\nidle = 1\n")
    assert call(host, "prepare", domain(NIC % "")) == (0, "")
    announcement = host.root / f"run/vnethook/announced/{UUID}.json"
    [watcher] = [line for line in host.processes() if "vnethook-idle" in line]
    log = host.root / "run/vnethook/locks/lab"
    first = log.stat().st_mtime_ns
    wait_for(lambda: log.stat().st_mtime_ns != first, "the watcher's first try")
    assert _active(host) == ["lab"]
    assert watcher in host.processes()
    announcement.unlink()
    wait_for(lambda: _active(host) == [], "the idle network's end")


UNKNOWN = "network 'nowhere': no such network\n  known networks: default, lab\n"


def test_a_refused_guest_leaves_nothing(host):
    before = host.snapshot()
    document = domain(NIC % "", "<v:interface network='nowhere'/>")
    assert call(host, "prepare", document) == (3, f"qemu: {UNKNOWN}")
    assert call(host, "stopped", document) == (0, "")
    assert call(host, "release", document) == (0, "")
    assert before.changes_to(host.snapshot()) == []


def test_a_network_that_cannot_come_up_stops_the_guest_with_its_reason(host):
    host.run(["ip", "link", "add", "vnlab", "type", "dummy"], check=False)
    host.run(["ip", "tuntap", "add", "dev", "vnlab", "mode", "tap"], check=False)
    status, said = call(host, "prepare", domain(NIC % ""))
    assert status == 5
    assert said.startswith("qemu: network 'lab': bridge 'vnlab': an interface of that name exists and is not ours\n")
    assert not (host.root / f"run/vnethook/announced/{UUID}.json").exists()


@pytest.mark.parametrize(
    ("devices", "metadata", "message"),
    [
        ("", "<v:nic/>", "metadata: unknown element <nic>: must be <interface>"),
        (
            f"<interface type='user'><mac address='{MAC}'/></interface>",
            f"<v:interface mac='{MAC}' network='lab'/>",
            f"metadata: interface {MAC} is of type 'user'",
        ),
        (
            NIC % "",
            f"<v:interface mac='{MAC}' network='dmz'/>",
            f"interface {MAC}: is on bridge 'vnlab', but in the metadata on network 'dmz', whose bridge is 'vndmz'",
        ),
    ],
    ids=["element", "type", "bridge"],
)
def test_metadata_that_is_not_in_order_stops_the_guest(host, devices, metadata, message):
    host.define(DMZ)
    status, said = call(host, "prepare", domain(devices, metadata))
    assert (status, said.splitlines()[0]) == (2, f"qemu: guest 'web': {message}")
    assert not (host.root / f"run/vnethook/announced/{UUID}.json").exists()


def test_metadata_names_the_network_of_a_tap_without_a_script(host):
    host.define(DMZ)
    metadata = "<v:interface target='tap5' network='dmz'/><v:interface network='lab'/>"
    document = domain(ETHERNET % "<target dev='tap5' managed='no'/>", metadata)
    assert call(host, "prepare", document) == (0, "")
    assert _active(host) == ["dmz", "lab"]
    _make_tap(host, "tap5")
    assert call(host, "start", document) == (0, "")
    assert _nics(host) == [("dmz", "tap5", "web", MAC)]
    assert call(host, "release", document) == (0, "")
    [tap] = host.json(["ip", "-json", "link", "show", "tap5"])
    assert (_nics(host), tap.get("master")) == ([], None)


# How libvirtd runs a script: a program of that name, the tap as the only argument.
FAKE_LIBVIRTD = "import os, sys; os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"


def _run_script(host, script, tap="vnet0"):
    program = host.directory / "libvirtd"
    if not program.is_symlink():
        program.symlink_to("/usr/bin/python3")
    return host.run([program, "-c", FAKE_LIBVIRTD, script, tap])


@pytest.mark.parametrize(
    ("metadata", "target", "network"),
    [
        ("", "", "default"),
        ("", "<target dev='vnt7'/>", "default"),
        (f"<v:interface mac='{MAC}' network='dmz'/>", "", "dmz"),
        ("<v:interface target='vnt7' network='dmz'/>", "<target dev='vnt7'/>", "dmz"),
    ],
    ids=["no name", "a link's name", "metadata by MAC", "metadata by link"],
)
def test_a_script_learns_guest_mac_and_network_from_the_hook(host, metadata, target, network):
    host.define(DMZ)
    script = f"<script path='{QEMU}/qemu-ifup'/>"
    assert call(host, "prepare", domain(ETHERNET % f"{target}{script}", metadata)) == (0, "")
    tap = "vnt7" if target else "vnet0"
    _make_tap(host, tap)
    _run_script(host, QEMU / "qemu-ifup", tap)
    assert _nics(host) == [(network, tap, "web", MAC)]
    before = host.snapshot()
    started = domain(ETHERNET % f"<target dev='{tap}'/>{script}", metadata)
    assert call(host, "start", started) == (0, "")
    changes = [line for line in before.changes_to(host.snapshot()) if "/locks" not in line]
    assert [line.split()[3].rpartition("/")[2] for line in changes if "json" in line] == [f"{UUID}.json"] * 2
    _run_script(host, QEMU / "qemu-ifdown", tap)
    assert _nics(host) == []
    assert call(host, "release", started) == (0, "")


def test_the_administrators_map_by_guest_counts_for_a_script(host):
    (host.root / "etc/vnethook/vnethook.toml").write_text('[map.guests]\n"w*" = "lab"\n')
    assert call(host, "prepare", domain(ETHERNET % f"<script path='{QEMU}/qemu-ifup'/>")) == (0, "")
    _make_tap(host)
    _run_script(host, QEMU / "qemu-ifup")
    assert _nics(host) == [("lab", "vnet0", "web", MAC)]


def test_a_script_without_the_hook_attaches_without_a_name(host):
    """Also how a NIC is plugged in. The name of the called link says the network."""
    host.define(DMZ)
    link = host.directory / "qemu-ifup-dmz"
    link.symlink_to(QEMU / "qemu-ifup")
    _make_tap(host)
    _run_script(host, link)
    assert _nics(host) == [("dmz", "vnet0", "", "")]
    assert [nic["pid"] for nic in host.vnet_json("nic-list")] == [0]
    document = domain(ETHERNET % f"<target dev='vnet0'/><script path='{link}'/>")
    assert call(host, "reconnect", document) == (0, "")
    assert _nics(host) == [("dmz", "vnet0", "web", MAC)]


def test_reconnect_attaches_what_a_restart_has_missed_and_never_fails(host):
    _start(host)
    host.vnet("net-destroy", "lab", "--force")
    document = domain(STARTED)
    assert call(host, "reconnect", document) == (0, "")
    assert (_active(host), _nics(host)) == (["lab"], [("lab", "vnet0", "web", MAC)])
    [tap] = host.json(["ip", "-json", "link", "show", "vnet0"])
    assert tap["master"] == "vnlab"
    status, said = call(host, "reconnect", domain(NIC % "<target dev='vnet9'/>" + STARTED))
    assert status == 0
    assert "interface 'vnet9': attach to network 'lab': no such network interface" in said
    status, said = call(host, "reconnect", domain(STARTED, f"<v:interface mac='{MAC}' network='nowhere'/>"))
    assert (status, said) == (0, f"libvirt: guest 'web': {UNKNOWN}")
    assert call(host, "reconnect", domain(STARTED, "<v:nic/>")) == (0, "")


def test_release_leaves_a_link_alone_that_is_another_guests_by_now(host):
    _start(host)
    host.vnet("attach", "vnet0", "--network", "lab", "--guest", "mail", "--mac", "52:54:00:00:53:0b")
    assert call(host, "release", domain(NIC % "")) == (0, "")
    assert _nics(host) == [("lab", "vnet0", "mail", "52:54:00:00:53:0b")]


def test_release_knows_a_nic_that_was_renamed_while_the_guest_ran(host):
    _start(host)
    host.vnet("nic-set", "vnet0", "--guest", "renamed", "--mac", "52:54:00:00:53:0c")
    assert call(host, "release", domain(NIC % "")) == (0, "")
    assert _nics(host) == []


def test_a_guest_that_starts_again_is_attached_whatever_its_last_start_has_left(host):
    """A script of its own by the name of ours attaches nothing; the record is of a tap that is gone."""
    metadata = f"<v:interface mac='{MAC}' network='lab'/>"
    document = domain(ETHERNET % "<script path='/opt/qemu-ifup'/><target dev='vnet0'/>", metadata)
    for _ in range(2):
        _make_tap(host)
        assert call(host, "prepare", document) == (0, "")
        assert call(host, "start", document) == (0, "")
        [tap] = host.json(["ip", "-json", "link", "show", "vnet0"])
        assert tap["master"] == "vnlab"
        host.run(["ip", "link", "delete", "vnet0"])


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "[1]", '["vnet0"]', '[["vnet0"]]', "[[1, 2, 3]]", "null", '[["../x", ""]]']
)
def test_release_goes_on_over_a_damaged_file(host, text):
    _start(host)
    path = host.root / f"run/vnethook/libvirt/{UUID}.json"
    path.write_text(text)
    assert call(host, "release", domain(NIC % "")) == (0, "")
    assert not path.exists()


def test_a_tap_on_another_programs_bridge_stops_the_guest(host):
    host.run(["ip", "link", "add", "br0", "type", "bridge"])
    metadata = f"<v:interface mac='{MAC}' network='lab'/>"
    nic = f"<interface type='network'><mac address='{MAC}'/><source network='x'/>%s</interface>"
    assert call(host, "prepare", domain(nic % "", metadata)) == (0, "")
    _make_tap(host, bridge="br0")
    status, said = call(host, "start", domain(nic % "<target dev='vnet0'/>", metadata))
    expected = "qemu: interface 'vnet0': attach to network 'lab': already a port of 'br0'"
    assert (status, said.splitlines()[0]) == (4, expected)
    assert call(host, "release", domain(nic % "", metadata)) == (0, "")
    assert _nics(host) == []


def test_two_guests_prepare_one_network_at_once(host):
    words = [HOOK, "web", "prepare", "begin", "-"]
    hooks = [host.popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for hook, uuid in zip(hooks, (UUID, OTHER, UUID[::-1], OTHER[::-1]), strict=True):
        hook.stdin.write(domain(NIC % "", uuid=uuid))
        hook.stdin.close()
    for hook in hooks:
        with hook:
            assert (hook.wait(timeout=60), hook.stderr.read()) == (0, "")
    assert _active(host) == ["lab"]


@pytest.mark.parametrize("name", ["\x1b[31m", "a\nb", "x" * 256], ids=ascii)
def test_a_guest_whose_name_cannot_be_shown_has_none(host, name):
    assert call(host, "prepare", domain(NIC % ""), name) == (0, "")
    _make_tap(host, bridge="vnlab")
    expected = f"libvirt: guest {UUID}: its name cannot be shown: its NICs have no name in DNS\n"
    assert call(host, "start", domain(STARTED), name) == (0, expected)
    assert _nics(host) == [("lab", "vnet0", "", MAC)]
    assert call(host, "release", domain(NIC % ""), name) == (0, "")
    assert _nics(host) == []
