"""A call that is killed at any point, and a network that goes and comes under its vifs: the next call finds its way."""

import pytest

from tests.lab.machine import CHECKOUT, PYTHON
from tests.lab.xen import CONNECTED

pytestmark = [pytest.mark.netns, pytest.mark.xen]
# Ends itself, as SIGKILL does, before or after it calls the function that is named by the first two words.
KILLED = """
import posix, sys
sys.path.append(sys.argv.pop(1))
when, where = sys.argv.pop(1), sys.argv.pop(1)
from vnethook.hook import serve, xen, xen_attach, xen_nodes
from vnethook.hook.xenstore import Store
from vnethook.live import files, guard, naming, nics, port, renaming
module, name = where.split(".")
holder = globals()[module]
function = getattr(holder, name)

def call(*words, **more):
    if when == "before":
        posix.kill(posix.getpid(), 9)
    function(*words, **more)
    posix.kill(posix.getpid(), 9)

setattr(holder, name, call)
sys.argv[0] = "/etc/xen/scripts/vif-vnet"
posix._exit(xen.main())
"""
ONLINE = (
    *("files.make_link", "renaming.rename", "serve.attach", "guard.put", "nics.write", "port.join", "naming.take"),
    *("xen_nodes.tell_connected", "Store.write"),
)
OFFLINE = ("serve.detach", "port.take_off", "guard.remove", "naming.forget", "renaming.undo", "files.remove")
POINTS = [(when, where) for when in ("before", "after") for where in ONLINE]
ENDS = [(when, where) for when in ("before", "after") for where in OFFLINE]


def is_quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def killed(vif, when, where, *words):
    command = [PYTHON, "-IS", "-c", KILLED, CHECKOUT, when, where, *words]
    return vif.host.run(command, env=vif.environment(), check=False).returncode == -9


@pytest.fixture
def vif(dom0, domid):
    return dom0.vif(domid, guest=f"web{domid}", bridge="lab", vifname=f"lan{domid}", ip=f"10.53.0.{10 + domid % 180}")


def is_whole(vif):
    link = vif.host.link(f"lan{vif.domid}")
    nic = vif.host.port(f"lan{vif.domid}")
    vif.host.vnet("net-check", "lab")
    return (link["master"], nic.hostname, vif.status, vif.error) == ("vnlab", f"web{vif.domid}", CONNECTED, None)


def is_gone(vif):
    """Nothing is left but that its address is kept for it; a name that leads to no record is anybody's."""
    host = vif.host
    host.vnet("net-check", "lab")
    lan = f"lan{vif.domid}"
    places = ("interfaces", "renamed", "ports/lab")
    left = {path.name for place in places for path in (host.root / "run/vnethook" / place).glob("*")}
    assert not left & {vif.name, lan, f"{vif.name}.json", f"{lan}.json"}
    assert "master" not in host.link(vif.name)
    assert not host.link(lan)
    assert lan not in host.run(["nft", "list", "table", "netdev", "vnethook"], check=False).stdout
    return True


@pytest.mark.parametrize(("when", "where"), POINTS, ids=str)
def test_online_goes_on_where_a_killed_one_ended(vif, when, where):
    vif.host.vnet("net-start", "lab", check=False)
    assert killed(vif, when, where, "online", "type_if=vif")
    assert is_quiet(vif.online())
    assert is_whole(vif)
    assert is_quiet(vif.offline())
    assert is_gone(vif)


@pytest.mark.parametrize(("when", "where"), POINTS, ids=str)
def test_offline_after_a_killed_online_leaves_nothing(vif, when, where):
    """libxl kills the one and calls the other."""
    assert killed(vif, when, where, "online", "type_if=vif")
    assert is_quiet(vif.offline())
    assert is_gone(vif)


@pytest.mark.parametrize(("when", "where"), ENDS, ids=str)
def test_offline_goes_on_where_a_killed_one_ended(vif, when, where):
    assert is_quiet(vif.online())
    assert killed(vif, when, where, "offline", "type_if=vif")
    assert is_quiet(vif.offline())
    assert is_gone(vif)


def test_vifs_are_put_back_when_their_network_comes_up_again(dom0, domid, numbers):
    pair = dom0.vif(domid, guest=f"hvm{domid}", bridge="lab", is_pair=True, ip="10.53.0.231")
    renamed = dom0.vif(next(numbers), guest=f"pv{domid}", bridge="lab", vifname=f"lan{domid}", mtu="1300")
    for done in (pair.online(), pair.add(), renamed.online()):
        assert is_quiet(done)
    before = [dom0.port(name) for name in (pair.name, pair.tap, f"lan{domid}")]
    assert dom0.vnet("net-restart", "lab").stderr == ""
    assert [dom0.port(name) for name in (pair.name, pair.tap, f"lan{domid}")] == before
    assert {dom0.link(name)["master"] for name in (pair.name, pair.tap, f"lan{domid}")} == {"vnlab"}
    assert dom0.link(f"lan{domid}")["mtu"] == 1300
    dom0.vnet("net-check", "lab")
    for done in (pair.offline(), pair.remove(), renamed.offline()):
        assert is_quiet(done)
