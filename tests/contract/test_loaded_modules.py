"""What a hook loads, which is what it costs: importing takes longer than all that a warm hook does."""

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.host import VNET
from tests.lab.libvirt_call import MAC, NIC, domain
from tests.lab.machine import PYTHON
from tests.lab.xen import CONNECTED, Dom0

pytestmark = pytest.mark.netns
QEMU = CHECKOUT / "hooks/qemu"

# Also listed so that an addition has a name in the failure: each costs from 1 to 40 ms.
NEVER = {
    *("argparse", "ast", "click", "collections", "contextlib", "ctypes", "dataclasses", "datetime", "encodings.idna"),
    *(
        "enum",
        "functools",
        "heapq",
        "importlib",
        "inspect",
        "ipaddress",
        "iptc",
        "json",
        "keyword",
        "locale",
        "logging",
    ),
    *("lxml", "operator", "pathlib", "platform", "psutil", "pyroute2", "random", "re", "reprlib", "shutil", "signal"),
    *("site", "socket", "string", "struct", "subprocess", "tempfile", "textwrap", "threading", "token", "tomllib"),
    *("os", "traceback", "types", "typing", "uuid", "warnings", "weakref"),
}
WARM_STANDARD = {"_json", "_socket", "_struct", "errno", "fcntl", "gc"}
WARM_OURS = {
    "vnethook",
    *("vnethook.errors", "vnethook.mac", "vnethook.names", "vnethook.value"),
    *(
        "vnethook.hook",
        "vnethook.hook.loader",
        "vnethook.hook.qemu_command",
        "vnethook.hook.request",
        "vnethook.hook.resolve",
    ),
    *("vnethook.hook.serve", "vnethook.live", "vnethook.live.files", "vnethook.live.lock", "vnethook.live.netlink"),
    *("vnethook.live.naming", "vnethook.live.nftables", "vnethook.live.nics", "vnethook.live.paths"),
    *("vnethook.live.port", "vnethook.live.process", "vnethook.live.record", "vnethook.live.rtnl"),
    "vnethook.live.sysctl",
}
GUARD = {"vnethook.live.guard", "vnethook.live.guard_rules", "vnethook.live.netdev"}
COLD_STANDARD = WARM_STANDARD | {"_bisect", "bisect", "select", "syslog", "zlib"}
SETTINGS = {"vnethook.address", "vnethook.definition", "vnethook.definition.settings"}
PREPARED = {
    *("vnethook.address", "vnethook.definition", "vnethook.definition.settings", "vnethook.definition.sources"),
    *("vnethook.host", "vnethook.lifecycle", "vnethook.plan"),
    *(f"vnethook.host.{name}" for name in ("cgroup", "daemons", "facts", "filters", "firewall", "firewalld", "guards")),
    *(f"vnethook.host.{name}" for name in ("host", "log", "nft", "programs", "routes", "shared", "sysctls", "trees")),
    *(f"vnethook.lifecycle.{name}" for name in ("attach", "bringup", "enforce", "prepared", "target")),
    *(f"vnethook.live.{name}" for name in ("announced", "failure", "waiting")),
    *(f"vnethook.plan.{name}" for name in ("apply", "daemon", "files", "firewall", "guard", "journal")),
    *(f"vnethook.plan.{name}" for name in ("links", "step", "sysctl")),
}
"""What a start loads for which all is prepared: nothing of definitions and what is made of them."""
SLOW_HALF = ("capability", "definition", "hook", "host", "lifecycle", "live", "plan")
# Reads and writes XML, lists, or runs in the background: nothing that a guest's start waits for.
NOT_FOR_HOOKS = {
    *("vnethook.cli", "vnethook.definition.dump", "vnethook.definition.store", "vnethook.definition.xml"),
    *("vnethook.hook.idle", "vnethook.lifecycle.catalog"),
}


def _loaded(host, *words, env=None, status=0, stdin=""):
    """The modules that a program loads beyond those of a bare interpreter."""
    done = host.run([PYTHON, "-IS", "-X", "importtime", *words], env=env, check=False, stdin=stdin)
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == status, "\n".join(said)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines[1:]}


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        yield host


@pytest.fixture(scope="module")
def bare(host):
    return _loaded(host, "-c", "pass")


@pytest.fixture(scope="module")
def cold(host, bare):
    return _loaded(host, QEMU / "qemu-ifup", "tap0") - bare


def test_a_cold_hook_loads_no_library_and_no_slow_part_of_the_standard_one(cold):
    ours = {name for name in cold if name.split(".")[0] == "vnethook"}
    assert cold - ours == COLD_STANDARD
    assert not cold & NEVER
    assert not ours & NOT_FOR_HOOKS
    assert {name.split(".")[1] for name in ours if name.count(".") > 1} == set(SLOW_HALF)


def test_a_cold_hook_of_a_network_that_was_up_before_loads_nothing_to_plan_it(host, bare, cold):
    host.run([VNET, "net-destroy", "default", "--force"])
    again = _loaded(host, QEMU / "qemu-ifup", "tap0") - bare
    ours = {name for name in again if name.split(".")[0] == "vnethook"}
    assert again - ours <= COLD_STANDARD
    assert ours == WARM_OURS | GUARD | PREPARED | {"vnethook.hook.qemu"}


def test_a_warm_qemu_ifup_loads_the_fast_path_and_nothing_else(host, bare, cold):
    assert _loaded(host, QEMU / "qemu-ifup", "tap1") - bare == WARM_STANDARD | WARM_OURS | GUARD | {
        "vnethook.hook.qemu"
    }


def test_a_warm_qemu_ifdown_loads_no_more_than_qemu_ifup(host, bare, cold):
    assert _loaded(host, QEMU / "qemu-ifdown", "tap1") - bare == WARM_STANDARD | WARM_OURS | GUARD | {
        "vnethook.hook.qemu"
    }


def test_a_warm_bridge_helper_loads_the_fast_path_and_nothing_else(host, bare, cold):
    """It passes its tap to a socket at descriptor 3, as QEMU has it."""
    program = """
import os, socket, sys
near, far = (end.detach() for end in socket.socketpair())
os.set_inheritable(near, True)
os.dup2(far, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""
    words = [PYTHON, "-IS", "-X", "importtime", QEMU / "qemu-bridge-helper", "--use-vnet", "--fd=9", "--br=default"]
    done = host.run([PYTHON, "-IS", "-c", program, *words])
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rsplit("|", 1)[1].strip() for line in lines[1:]}
    ours = {f"vnethook.hook.{name}" for name in ("bridge_call", "bridge_helper", "bridge_tap")}
    assert loaded - bare == WARM_STANDARD | WARM_OURS | GUARD | ours


def test_a_network_named_by_its_bridge_or_a_link_is_as_warm(host, bare, cold):
    by_variable = _loaded(host, QEMU / "qemu-ifup", "tap1", env={"VNET_NETWORK": "vnbr0"}) - bare
    link = host.directory / "qemu-ifup-default"
    link.symlink_to(QEMU / "qemu-ifup")
    assert (
        by_variable == _loaded(host, link, "tap1") - bare == WARM_STANDARD | WARM_OURS | GUARD | {"vnethook.hook.qemu"}
    )


def test_the_administrators_map_is_read_without_tomllib_after_the_first_time(host, bare, cold):
    config = host.root / "etc/vnethook/vnethook.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text('[map.interfaces]\n"tap*" = "default"\n')
    try:
        first = _loaded(host, QEMU / "qemu-ifup", "tap1") - bare
        assert "tomllib" in first
        second = _loaded(host, QEMU / "qemu-ifup", "tap1") - bare
    finally:
        config.unlink()
    assert second == WARM_STANDARD | WARM_OURS | GUARD | {"vnethook.hook.qemu", *SETTINGS}


def test_xens_network_script_loads_no_library_and_its_usage_next_to_nothing(host, bare):
    """No guest waits for it, but it runs at boot on the system's Python, which has no library."""
    for words in ("link add eth9 type veth peer name far9", "link set far9 up", "link set eth9 up"):
        host.run(["ip", *words.split()])
    usage = _loaded(host, CHECKOUT / "hooks/xen/network-vnet", status=1) - bare
    assert {name.split(".")[1] for name in usage if name.count(".") > 1} == {"hook", "host", "live"}  # host.log
    for action in ("start", "status", "stop"):
        loaded = _loaded(host, CHECKOUT / "hooks/xen/network-vnet", action, "netdev=eth9") - bare
        assert not loaded & NEVER
        assert not loaded & NOT_FOR_HOOKS
        assert {name for name in loaded if not name.startswith("vnethook")} <= COLD_STANDARD


def test_a_guest_on_a_shared_interface_is_as_warm_as_one_on_a_virtual_network(host, bare, cold):
    for words in ("link add eth8 type veth peer name far8", "link set far8 up", "link set eth8 up"):
        host.run(["ip", *words.split()])
    host.run([CHECKOUT / "hooks/xen/network-vnet", "start", "netdev=eth8"])
    host.make_tap("tap8")
    by_name = {name: {"VNET_NETWORK": name} for name in ("eth8", "ebreth8", "default")}
    first = _loaded(host, QEMU / "qemu-ifup", "tap8", env=by_name["eth8"]) - bare
    assert not first & (NEVER | NOT_FOR_HOOKS)
    warm = WARM_STANDARD | WARM_OURS | {"vnethook.hook.qemu"}
    assert _loaded(host, QEMU / "qemu-ifup", "tap8", env=by_name["ebreth8"]) - bare == warm
    by_nic = _loaded(host, QEMU / "qemu-ifup", "tap8", env=by_name["eth8"]) - bare
    assert by_nic == warm | {"vnethook.live.shared_interface"}
    assert _loaded(host, QEMU / "qemu-ifup", "tap1", env=by_name["default"]) - bare == warm | GUARD
    host.run(["ip", "link", "delete", "tap8"])
    host.run([CHECKOUT / "hooks/xen/network-vnet", "stop", "netdev=eth8"])


def test_a_refused_call_loads_little_more(host, bare, cold):
    loaded = _loaded(host, QEMU / "qemu-ifup", env={}, status=1) - bare
    assert loaded == WARM_STANDARD | WARM_OURS | {
        *("vnethook.hook.qemu", "vnethook.hook.reporting", "vnethook.host", "vnethook.host.log", "syslog")
    }


LIBVIRT = CHECKOUT / "hooks/libvirt/qemu"
OF_LIBVIRT = {
    *("gc", "pyexpat"),
    *(
        "vnethook",
        "vnethook.errors",
        "vnethook.hook",
        "vnethook.hook.libvirt",
        "vnethook.hook.loader",
        "vnethook.hook.libvirt_domain",
    ),
    *("vnethook.mac", "vnethook.names", "vnethook.value"),
}


def _called(host, action, document):
    return _loaded(host, LIBVIRT, "web", action, "begin", "-", stdin=document)


def test_a_guest_of_libvirt_without_anything_of_ours_loads_next_to_nothing(host, bare):
    assert _called(host, "started", domain()) - bare == OF_LIBVIRT
    for action in ("prepare", "start", "reconnect"):
        assert _called(host, action, domain("<interface type='user'/>")) - bare == OF_LIBVIRT
    seen = OF_LIBVIRT | {"errno", "_json", "vnethook.live", "vnethook.live.files", "vnethook.live.paths"}
    assert _called(host, "prepare", domain(NIC.replace("vnlab", "br0"))) - bare == seen
    assert _called(host, "release", domain()) - bare == seen


def test_a_warm_call_of_libvirt_loads_the_fast_path_and_nothing_else(host, bare, cold):
    ours = {"vnethook.hook.libvirt_guest", "vnethook.live.announced"}
    without = {"vnethook.hook.qemu_command"}
    tap = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='vnbr0'/><target dev='tap1'/></interface>"
    for action in ("prepare", "start", "reconnect", "release"):
        loaded = _called(host, action, domain(tap)) - bare
        assert loaded <= WARM_STANDARD | WARM_OURS | GUARD | OF_LIBVIRT | ours
        assert loaded >= (WARM_OURS - without) | ours


def test_a_guest_among_the_hosts_of_a_nic_loads_how_it_is_reached_there(host, bare, cold):
    for words in (
        "link add wlan9 type veth peer name ap9",
        "link set wlan9 up",
        "address add 198.51.100.9/24 dev wlan9",
    ):
        host.run(["ip", *words.split()])
    host.vnet("share", "wlan9", "--mode", "proxyarp", "--range", "198.51.100.61-198.51.100.69", "--bridge", "vnbr9")
    tap = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='vnbr9'/><target dev='tap1'/></interface>"
    loaded = set().union(*(_called(host, action, domain(tap)) - bare for action in ("prepare", "start")))
    of_addresses = {"vnethook.address", *(f"vnethook.live.{name}" for name in ("asked", "pinned", "proxied"))}
    known = WARM_STANDARD | WARM_OURS | GUARD | OF_LIBVIRT | {"vnethook.hook.libvirt_guest", "vnethook.live.announced"}
    assert loaded - known == of_addresses
    host.vnet("unshare", "wlan9", "--force")


ELSEWHERE = {"vnethook.hook.qemu_command", "vnethook.hook.request", "vnethook.mac"}
OF_XEN = {
    *("vnethook.hook.xen_attach", "vnethook.hook.xen_nodes", "vnethook.hook.xenstore"),
    *("vnethook.hook.request", "vnethook.mac"),
}


@pytest.mark.xen
def test_a_warm_vif_vnet_loads_the_fast_path_and_nothing_else(bare):
    with Dom0() as dom0:
        dom0.vif(1).online()
        of_both = {"vnethook.hook.deadline", "vnethook.hook.xen", "vnethook.hook.xen_call"}
        without = WARM_STANDARD | (WARM_OURS - ELSEWHERE) | of_both
        warm = without | OF_XEN
        vif = dom0.vif(2)
        called = _loaded(dom0, vif.script, "online", "type_if=vif", env=vif.environment()) - bare
        assert called == warm | GUARD
        assert vif.status == CONNECTED
        called = _loaded(dom0, vif.script, "offline", "type_if=vif", env=vif.environment()) - bare
        assert called - {"vnethook.mac"} == without | GUARD
        renamed = dom0.vif(3, vifname="lan0")
        called = _loaded(dom0, vif.script, "online", "type_if=vif", env=renamed.environment()) - bare
        assert called == warm | GUARD | {"vnethook.live.renaming"}
        asks = dom0.vif(4, mtu="1400")
        called = _loaded(dom0, vif.script, "online", "type_if=vif", env=asks.environment()) - bare
        assert called == warm | GUARD | {"vnethook.address", "vnethook.live.asked", "vnethook.live.pinned"}


def test_a_warm_plug_loads_the_fast_path_and_what_carries_frames(host, bare, cold):
    """Its stdin is at its end, as where QEMU has ended."""
    loaded = _loaded(host, QEMU / "qemu-vde", "default") - bare
    own = {f"vnethook.hook.{name}" for name in ("qemu_vde", "vde_stream", "bridge_tap", "bridge_helper", "bridge_call")}
    assert loaded == WARM_STANDARD | WARM_OURS | GUARD | own | {"select"}
