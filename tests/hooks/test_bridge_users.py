"""What ordinary users may have of the bridge helper, made root for them by a set-id program as an administrator might."""

import pytest

from tests.lab import CHECKOUT, Machine
from tests.lab.lan import call, connect
from tests.lab.users import ALICE, BOB, HELPER, MAC, NAME, STAFF, Place
from tests.lab.users import qemu as users_qemu
from vnethook.live.nics import GUARDS

pytestmark = pytest.mark.netns
LAB = "<network><name>lab</name><bridge name='vnlab'/><ip address='203.0.113.1' prefix='24'/><portgroup name='apart'/></network>"
OPEN = "<network><name>open</name><forward mode='bridge'/><bridge name='ebreth0'/><guard mode='off'/></network>"
WRAPPERS = """
cc -O -o "$1/over/helper" -D "HELPER=\\"$2\\"" "$3"
chmod u+s "$1/over/helper"
ln -s helper "$1/over/all-root"
ln -s helper "$1/over/keep-all-root"
"""


@pytest.fixture(scope="module")
def place():
    with Machine("router") as router, Place() as host:
        source = CHECKOUT / "tests/hooks/set_id.c"
        host.run(["sh", "-euc", WRAPPERS, "wrappers", host.directory, HELPER, source])
        connect(host, router)
        host.define(LAB)
        yield host


@pytest.fixture
def host(place):
    yield place
    place.run(["rm", "-rf", "/etc/vnethook/bridge.conf", "/etc/vnethook/more.conf"])
    place.vnet("net-destroy", "lab", "--force", check=False)


def _qemu(host, network, *, wrapper="helper", **options):
    return users_qemu(host, network, helper=host.directory / "over" / wrapper, **options)


def _asked(host, network, **options):
    with _qemu(host, network, **options) as answer:
        return answer


def _active(host):
    return [network["name"] for network in host.vnet_json("net-list")]


def test_without_a_file_only_root_may(host):
    said = (
        f"{NAME}: user {ALICE}: guest on network 'lab': allowed to root only\n"
        "  a line `allow lab` in '/etc/vnethook/bridge.conf' allows it, `allow all` all networks\n"
    )
    for wrapper in ("helper", "all-root"):
        assert _asked(host, "lab", wrapper=wrapper) == (4, said, "")
    assert _active(host) == []
    assert _asked(host, "lab", user=0).status == 0


ALLOWED = {
    "allow lab": True,
    "  allow \t vnlab  \n": True,
    "# allow lab": False,
    "allow all": True,
    "allow other": False,
    "allow lab\ndeny lab": False,
    "deny lab\nallow all": False,
    "allow all\ndeny vnlab": False,
    "deny all\nallow lab": False,
    "allow lab:apart": False,
    "": False,
}


def test_the_file_is_read_as_qemus_helper_reads_its_own_and_one_deny_refuses(host):
    found = {}
    for text in ALLOWED:
        host.write_conf("bridge.conf", text)
        found[text] = _asked(host, "lab").status == 0
    assert found == ALLOWED
    host.write_conf("bridge.conf", "allow lab:apart")
    assert _asked(host, "lab:apart").status == 0
    host.write_conf("bridge.conf", "allow lab\ndeny lab:apart")
    assert _asked(host, "lab:apart").status == 4


def test_an_included_file_counts_for_who_may_read_it(host):
    host.write_conf("bridge.conf", "include /etc/vnethook/more.conf\n")
    counts = {}
    for owner, mode in (((0, 0), 0o644), ((0, STAFF), 0o640), ((0, 0), 0o640), ((0, ALICE), 0o640), ((0, 0), 0o600)):
        host.write_conf("more.conf", "allow lab\n", owner=owner, mode=mode)
        counts[owner[1], mode] = _asked(host, "lab").status == 0
    assert counts == {
        (0, 0o644): True,
        (STAFF, 0o640): True,
        (0, 0o640): False,
        (ALICE, 0o640): True,
        (0, 0o600): False,
    }


def test_the_example_says_what_its_comments_say(host):
    host.write_conf(
        "bridge.conf", (CHECKOUT / "docs/examples/bridge.conf").read_text().replace("staff.conf", "more.conf")
    )
    host.write_conf("more.conf", "deny other\n", owner=(0, STAFF), mode=0o640)
    assert [_asked(host, name).status for name in ("lab", "vnlab", "default")] == [0, 0, 4]


def test_a_file_that_is_not_in_order_or_not_roots_alone_is_refused(host):
    conf, where = "/etc/vnethook/bridge.conf", "must be root's file, and writable by nobody else"
    for owner, mode in ((ALICE, 0o644), (0, 0o664), (0, 0o646)):
        host.write_conf("bridge.conf", "allow all", owner=(owner, 0), mode=mode)
        answer = _asked(host, "lab")
        assert answer.status == 5
        assert answer.said.startswith(f"{NAME}: file {conf!r}: use as a list of who may what: {where}\n"), answer
    wrong = {
        "allow": f"{conf}:1: 'allow': must be allow, deny or include, and what",
        "\npermit lab": f"{conf}:2: 'permit lab': must be allow, deny or include, and what",
        "allow all\ninclude more.conf": f"{conf}:2: include 'more.conf': must be an absolute path",
        f"allow all\ninclude {conf}": f"{conf}:2: include {conf!r}: nested deeper than 8 files",
        "allow all\ninclude /etc/vnethook/more.conf": "file '/etc/vnethook/more.conf': read: No such file or directory",
    }
    for text, message in wrong.items():
        host.write_conf("bridge.conf", text)
        answer = _asked(host, "lab")
        assert (answer.said.splitlines()[0], answer.tap) == (f"{NAME}: {message}", ""), text
    assert _active(host) == []


def test_a_user_who_says_where_definitions_are_is_refused(host):
    host.write_conf("bridge.conf", "allow all")
    env = {"VNETHOOK_ROOT": "/tmp/mine"}
    answer = _asked(host, "lab", wrapper="keep-all-root", env=env)
    said = f"{NAME}: user {ALICE}: VNETHOOK_ROOT is set: only root chooses whose definitions count"
    assert (answer.status, answer.said.splitlines()[0]) == (1, said)
    assert _asked(host, "lab", env=env).status == 0  # whoever keeps variables from it


def test_a_users_guest_on_a_shared_interface_is_guarded_unless_the_definition_says_otherwise(host):
    assert call(host, "start") == (0, "")
    try:
        assert _asked(host, "eth0").said.startswith(
            f"{NAME}: user {ALICE}: guest on network 'ebreth0': allowed to root"
        )
        for name in ("eth0", "ebreth0"):
            host.write_conf("bridge.conf", f"allow {name}")
            with _qemu(host, "eth0") as answer:
                assert (answer.status, answer.said) == (0, "")
                [nic] = host.vnet_json("nic-list")
                assert (nic["interface"], nic["network"], nic["mac"]) == (answer.tap, "ebreth0", MAC)
                assert nic["guard"] == list(GUARDS["standard"])
        answer = _asked(host, "eth0", mac="")
        said = f"{NAME}: user {ALICE}: guest on network 'ebreth0': its MAC is not known, to which it would be held"
        assert (answer.status, answer.said.splitlines()[0]) == (4, said)
        with _qemu(host, "eth0", user=0) as answer:
            assert [nic["guard"] for nic in host.vnet_json("nic-list")] == [[]]
        host.define(OPEN)
        with _qemu(host, "eth0", mac="") as answer:
            assert (answer.status, answer.said) == (0, "")
            assert [(nic["network"], nic["guard"]) for nic in host.vnet_json("nic-list")] == [("open", [])]
        host.vnet("net-destroy", "open")
        host.vnet("net-undefine", "open")
    finally:
        assert call(host, "stop") == (0, "")


def test_a_users_guest_is_not_taken_for_another_users(host):
    host.write_conf("bridge.conf", "allow lab")
    said = f"{NAME}: user {BOB}: guest on network 'lab': its {{}} is that of another's guest there"
    with _qemu(host, "lab", name="web") as answer:
        assert answer.status == 0
        assert _asked(host, "lab", user=BOB).said.splitlines()[0] == said.format("MAC")
        other = "52:54:00:00:53:0b"
        assert _asked(host, "lab", user=BOB, mac=other, name="web").said.splitlines()[0] == said.format("name")
        for mine in ({"user": BOB, "mac": other}, {"mac": other, "name": "web"}, {"user": 0}):
            assert _asked(host, "lab", **mine).status == 0, mine


def test_what_a_user_has_set_is_not_what_a_networks_daemons_have(host):
    host.write_conf("bridge.conf", "allow lab")
    prefix = ["prlimit", "--cpu=7:", "--fsize=65536:"]
    with _qemu(host, "lab", prefix=prefix) as answer:
        assert (answer.status, answer.said) == (0, "")
        [pid] = [line.split()[0] for line in host.run(["pgrep", "-a", "dnsmasq"]).stdout.splitlines()]
        limits = host.run(["cat", f"/proc/{pid}/limits"]).stdout.splitlines()
        found = {line[:13]: line[26:].split()[0] for line in limits}
        assert (found["Max cpu time "], found["Max file size"]) == ("unlimited", "unlimited")


def test_a_real_qemu_of_a_user_has_its_nic(host):
    host.write_conf("bridge.conf", "allow lab")
    words = ["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "qemu-system-x86_64", "-S"]
    words += ["-machine", "microvm", "-accel", "tcg", "-display", "none", "-nodefaults", "-qmp", "stdio"]
    words += ["-name", "web", "-netdev", f"bridge,id=n0,br=lab,helper={host.directory}/over/helper"]
    words += ["-device", f"virtio-net-device,netdev=n0,mac={MAC}"]
    with host.popen(words, stdin=-1, stdout=-1, text=True) as qemu:
        assert "QMP" in qemu.stdout.readline()
        assert [(nic["network"], nic["guest"], nic["mac"]) for nic in host.vnet_json("nic-list")] == [
            ("lab", "web", MAC)
        ]
        qemu.kill()
