"""vif-vnet as libxl calls it, against a real xenstored: what is attached, what is written, what is said."""

import os
from pathlib import Path

import pytest

from tests.lab import Client
from tests.lab.xen import CONNECTED, UUID, VIF_VNET, mac_of

pytestmark = [pytest.mark.netns, pytest.mark.xen]
HINT = "Xen calls this: script=vif-vnet in a guest's vif=[…]"

LISTED = """
<network><name>listed</name><bridge name='vnlisted' macTableManager='libvirt'/><ip address='10.56.0.1' prefix='24'/></network>"""


def is_quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def refused(vif, done, message, hint, *, status):
    """The same is said to who called, and to who waits at the store."""
    line = f"{message}\n  {hint}\n" if hint else f"{message}\n"
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"vif-vnet: {line}")
    told = f"{message} ({hint})" if hint else message
    assert (vif.status, vif.error) == (
        "error",
        told.encode("ascii", "backslashreplace").decode().replace("\\u2026", "…"),
    )


def test_online_attaches_and_tells_netback_and_the_guest(dom0, domid):
    vif = dom0.vif(domid, guest="web", bridge="lab")
    done = vif.online()
    assert is_quiet(done), done
    assert (vif.status, vif.error) == (CONNECTED, None)
    assert dom0.node(f"{vif.frontend}/mtu") == "1400"
    link = dom0.link(vif.name)
    assert (link["master"], "UP" in link["flags"], link["mtu"]) == ("vnlab", True, 1400)
    nic = vif.port
    assert (nic.network, nic.guest, nic.mac, nic.guest_uuid) == ("lab", "web", mac_of(domid), UUID.format(domid))
    assert nic.via == "vif-vnet"


def test_offline_after_the_device_and_the_frontend_have_gone(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    vif.destroy()
    before = dom0.tree()
    assert is_quiet(vif.offline())
    assert vif.port is None
    assert dom0.tree() == before
    assert is_quiet(vif.offline()), "again"


def test_offline_while_the_device_is_there_takes_it_off_the_bridge(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    assert is_quiet(vif.offline())
    assert "master" not in dom0.link(vif.name)
    assert vif.port is None


def test_offline_after_the_bridge_was_deleted(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    dom0.run(["ip", "link", "delete", "vnlab"])
    vif.destroy()
    before = dom0.tree()
    assert is_quiet(vif.offline())
    assert dom0.tree() == before
    dom0.vnet("net-repair", "lab")


def test_online_again_changes_nothing(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    before = vif.port
    assert is_quiet(vif.online())
    assert vif.port == before
    assert vif.status == CONNECTED


def test_both_of_a_pair_are_attached_and_the_second_writes_nothing(dom0, domid):
    """Each run gets both names; which it is for is in type_if= alone."""
    vif = dom0.vif(domid, guest="hvm", bridge="lab", is_pair=True)
    assert is_quiet(vif.online())
    assert (dom0.link(vif.name)["master"], dom0.link(vif.tap).get("master")) == ("vnlab", None)
    before = dom0.tree()
    done = vif.add()
    assert is_quiet(done), done
    assert dom0.tree() == before
    assert dom0.link(vif.tap)["master"] == "vnlab"
    second = dom0.port(vif.tap)
    assert (second.mac, second.guest, second.beside) == (mac_of(domid), "hvm", vif.name)
    assert (vif.port.hostname, second.hostname) == ("hvm", "")
    dom0.vnet("net-check", "lab")
    vif.destroy()
    dom0.run(["ip", "link", "delete", vif.tap])
    assert is_quiet(vif.offline())
    assert is_quiet(vif.remove())
    assert (vif.port, dom0.port(vif.tap)) == (None, None)


def test_a_pairs_tap_that_the_guests_driver_unplugs_leaves_the_vif_alone(dom0, domid):
    vif = dom0.vif(domid, guest=f"unplug{domid}", bridge="lab", is_pair=True)
    assert is_quiet(vif.online())
    assert is_quiet(vif.add())
    dom0.run(["ip", "link", "delete", vif.tap])
    assert is_quiet(vif.remove())
    assert (vif.port.hostname, dom0.port(vif.tap)) == (f"unplug{domid}", None)


def test_a_bridge_learns_where_a_pair_is_also_where_it_learns_no_other_mac(dom0, domid, numbers):
    """Its MAC is first behind the tap, and later behind the vif."""
    dom0.define(LISTED)
    pair = dom0.vif(domid, guest="pair", bridge="listed", is_pair=True)
    single = dom0.vif(next(numbers), guest="single", bridge="listed")
    for done in (pair.online(), pair.add(), single.online()):
        assert is_quiet(done), done
    ports = {port["ifname"]: port["learning"] for port in dom0.json(["bridge", "-details", "-json", "link", "show"])}
    assert [ports[name] for name in (pair.name, pair.tap, single.name)] == [True, True, False]
    dom0.vnet("net-check", "listed")
    dom0.vnet("net-destroy", "listed", "--force")
    dom0.vnet("net-undefine", "listed")


def test_a_guest_that_comes_by_migration_has_its_own_name(dom0, domid):
    vif = dom0.vif(domid, guest=f"moved{domid}--incoming", bridge="lab")
    assert is_quiet(vif.online())
    assert (vif.port.guest, vif.port.hostname) == (f"moved{domid}", f"moved{domid}")


def test_what_is_asked_of_the_other_kind_is_done_by_nobody(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", is_pair=True)
    before = dom0.tree()
    for words in (("online", "type_if=tap"), ("add", "type_if=vif"), ("remove",), ("offline", "type_if=tap")):
        assert is_quiet(vif.run(*words))
    assert dom0.tree() == before
    assert vif.port is None


def test_a_guest_gets_its_lease_and_its_name(dom0, domid):
    with Client(dom0, "guest", port=f"vif{domid}.0", mac=mac_of(domid)) as guest:
        vif = dom0.vif(domid, guest="Mail Server", bridge="lab", link="", ip="10.53.0.77")
        assert is_quiet(vif.online())
        assert guest.lease()["ip"] == "10.53.0.77"
        assert guest.resolve("mail-server.lab.test", server="10.53.0.1") == ["10.53.0.77"]
        assert guest.pings("10.53.0.1")
        guest.run(["ip", "address", "flush", "dev", "eth0"])
        guest.run(["ip", "address", "add", "10.53.0.78/24", "dev", "eth0"])
        assert not guest.pings("10.53.0.1")


def test_addresses_may_have_prefixes_and_be_of_both_versions(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", ip=" 10.53.0.210/24  10.53.0.211 ")
    assert is_quiet(vif.online())
    assert vif.port.addresses == ("10.53.0.210", "10.53.0.211")


def test_a_failed_online_is_told_and_its_offline_and_the_next_online_are_fine(dom0, domid):
    vif = dom0.vif(domid, bridge="nowhere")
    refused(vif, vif.online(), "network 'nowhere': no such network", "known networks: default, lab", status=3)
    assert "master" not in dom0.link(vif.name)
    before = dom0.tree()
    assert is_quiet(vif.offline())
    assert dom0.tree() == before
    dom0.store("write", f"{vif.nodes}/bridge", "lab")
    assert is_quiet(vif.online())
    assert (vif.status, vif.error) == (CONNECTED, None)


ODD = {
    "a long name: with/odd chars": "'a long name'",
    "ünïcode": r"'\xfcn\xefcode'",
    "a\nb\x1b[31m": r"'a\nb\x1b[31m'",
    "$(reboot)`x`": "'$(reboot)`x`'",
    "../../etc": "'../../etc'",
    "lab\n": r"'lab\n'",
}


@pytest.mark.parametrize("name", ODD)
def test_a_name_with_odd_bytes_is_quoted_in_one_line(dom0, domid, name):
    vif = dom0.vif(domid, bridge=name)
    refused(vif, vif.online(), f"network {ODD[name]}: no such network", "known networks: default, lab", status=3)


def test_a_device_that_never_appears_is_named_with_who_should_have_made_it(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", link="", is_pair=True)
    hint = "xen-netback has not made it within 2 s: see dmesg and /var/log/xen"
    refused(vif, vif.online(), f"interface '{vif.name}': no such network interface", hint, status=5)
    hint = "the guest's device model has not made it within 2 s: see dmesg and /var/log/xen"
    refused(vif, vif.add(), f"interface '{vif.tap}': no such network interface", hint, status=5)


ACTION = "must be online, offline, add or remove"
WORDS = "under xm: script='vif-vnet network=NAME'; what else a NIC has is said by vif=[…]"
BAD_WORDS = {
    (): ("action: none given: " + ACTION, HINT),
    ("type_if=vif",): ("action: none given: " + ACTION, HINT),
    ("start", "type_if=vif"): ("action: 'start': " + ACTION, HINT),
    ("online", "offline"): ("action: 'online offline': " + ACTION, HINT),
    ("online", "type_if=bond"): ("argument type_if: 'bond': must be vif or tap", HINT),
    ("online", "type_if=vif", "x=$(touch sprung)"): ("argument 'x': not understood", WORDS),
}


@pytest.mark.parametrize("words", BAD_WORDS, ids=" ".join)
def test_words_that_no_toolstack_sends_are_told(dom0, domid, words):
    vif = dom0.vif(domid, bridge="lab")
    message, hint = BAD_WORDS[words]
    refused(vif, vif.run(*words), message, hint, status=1)
    assert "master" not in dom0.link(vif.name)


@pytest.mark.parametrize(
    "path",
    [
        "backend/vif/{0}/0/mac",
        "/local/domain/0/backend/vif/{0}/0",
        "backend/vif/{0}/0/",
        "backend/vif/{0}",
        "backend/vif/0{0}/0",
        "backend/vif/{0}/-1",
        "backend/vif/{0}/../9",
        "backend/vbd/{0}/0",
        "backend/vif/{0}/0\n",
        "backend/vif/123456/0",
        "device/vif/0",
    ],
)
def test_a_path_that_is_not_a_vifs_makes_no_node_and_is_told_where_one_waits(dom0, domid, path):
    vif = dom0.vif(domid, bridge="lab")
    before = dom0.tree()
    done = vif.online(XENBUS_PATH=path.format(domid), vif="")
    assert done.returncode == 1
    message = done.stderr.removeprefix("vif-vnet: ").partition("\n")[0]
    assert message.startswith("XENBUS_PATH '")
    assert done.stderr == f"vif-vnet: {message}\n  {HINT}\n"
    assert message.endswith("': not backend/vif/DOMID/DEVID")
    assert dom0.tree() == before
    assert "master" not in dom0.link(vif.name)
    refused(vif, vif.online(XENBUS_PATH=path.format(domid)), message, HINT, status=1)


def test_a_call_without_a_path_is_refused(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    refused(
        vif, vif.run("online", "type_if=vif", without=("XENBUS_PATH",)), "variable XENBUS_PATH: not set", HINT, status=1
    )


def test_names_that_are_another_vifs_are_refused(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", is_pair=True)
    other = "vif9999.0"
    done = vif.online(vif=other)
    what = f"for {vif.path}, not"
    assert done.stderr == f"vif-vnet: variable vif: is '{other}' {what} '{vif.name}'\n  {HINT}\n"
    done = vif.add(INTERFACE=other)
    assert done.stderr == f"vif-vnet: variable INTERFACE: is '{other}' {what} '{vif.tap}'\n  {HINT}\n"


def test_a_vif_that_is_not_in_the_store_is_not_made_there(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    dom0.store("rm", vif.nodes)
    before = dom0.tree()
    done = vif.online()
    hint = "is the guest gone, or was xenstored started again?"
    assert (done.returncode, done.stderr) == (5, f"vif-vnet: {vif.path}: not in xenstore\n  {hint}\n")
    assert dom0.tree() == before
    assert "master" not in dom0.link(vif.name)


VALUES = {
    ("mac", ""): ("{path}/mac: not in xenstore", "the toolstack writes it; see `xenstore-ls`", 5),
    ("mac", "00:16:3e"): ("MAC address '00:16:3e': must be six pairs of hexadecimal digits, as in 52:54:00:12:34:56", "", 2),
    ("mac", "01:00:5e:00:00:01"): ("interface '{name}': MAC 01:00:5e:00:00:01: is that of a group", "mac= of a guest begins with 00:16:3e", 1),
    ("mtu", "big"): ("interface '{name}': MTU 'big': must be a number from 68 to 65535", "mtu= of the guest's vif=[…]", 1),
    ("mtu", "67"): ("interface '{name}': MTU '67': must be a number from 68 to 65535", "mtu= of the guest's vif=[…]", 1),
    ("mtu", "9000"): (
        "interface '{name}': MTU 9000: network 'lab' has 1400",
        "<mtu size='9000'/> in its definition, or at most 1400 in the guest's configuration", 4,
    ),
    ("ip", "10.53.0.300"): ("address '10.53.0.300': neither an IPv4 nor an IPv6 address", "", 2),
    ("ip", "10.53.0.30/x"): ("subnet '10.53.0.30/x': 'x' is not a prefix length", "", 2),
    ("ip", "192.0.2.1"): (
        "interface '{name}': address 192.0.2.1: network 'lab' has 10.53.0.0 to 10.53.0.255",
        "choose another in the guest's configuration, or none", 4,
    ),
    ("vifname", "a-name-that-is-too-long"): (
        "interface 'a-name-that-is-too-long': longer than 15 characters",
        "the name of the guest's tap, veth or vif in the host, for example tap0", 1,
    ),
    ("vifname", "vif9999.0"): (
        "interface '{name}': rename to 'vif9999.0': that is what Xen calls another guest's", "choose another vifname=", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), VALUES, ids=str)
def test_a_value_that_cannot_be_meant_is_told(dom0, domid, key, value):
    vif = dom0.vif(domid, bridge="lab", **{key: value})
    message, hint, status = VALUES[key, value]
    refused(vif, vif.online(), message.format(name=vif.name, path=vif.path), hint, status=status)
    assert "master" not in dom0.link(vif.name)
    assert vif.port is None


def test_missing_keys_are_what_they_are_without(dom0, domid):
    """What libxl always writes and does not matter here may be missing."""
    none = dict.fromkeys(("handle", "type", "hotplug_status", "state", "online", "frontend"))
    vif = dom0.vif(domid, bridge="lab", **none)
    dom0.store("rm", f"{vif.nodes}/script", f"/local/domain/{domid}", f"/vm/{UUID.format(domid)}")
    assert is_quiet(vif.online())
    assert vif.status == CONNECTED
    assert (vif.port.guest, vif.port.guest_uuid) == ("", "")
    assert dom0.node(f"{vif.frontend}/mtu") is None


def test_an_mtu_of_the_guest_is_the_links_and_told_to_the_guest(dom0, domid):
    vif = dom0.vif(domid, bridge="lab", mtu="1280")
    assert is_quiet(vif.online())
    assert dom0.link(vif.name)["mtu"] == 1280
    assert dom0.node(f"{vif.frontend}/mtu") == "1280"


def test_the_bridge_keeps_its_mac_whatever_comes_and_goes(dom0, domid):
    before = dom0.vnet_json("net-info", "lab")
    vif = dom0.vif(domid, bridge="lab")
    vif.online()
    mac = dom0.link("vnlab")["address"]
    assert mac != dom0.link(vif.name)["address"] == "fe:ff:ff:ff:ff:ff"
    vif.offline()
    assert dom0.link("vnlab")["address"] == mac
    assert before["name"] == "lab"


def test_where_and_how_the_toolstack_runs_does_not_matter(dom0, domid):
    vif = dom0.vif(domid, bridge="lab")
    gone = dom0.directory / f"gone{domid}"
    gone.mkdir()
    program = f"cd {gone} && rmdir {gone} && umask 0777 && exec {VIF_VNET} online type_if=vif <&- >&- 2>&-"
    done = dom0.run(["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in (dom0.environment | vif.environment()).items() if name != "PATH"), "/bin/sh", "-c", program], check=False)  # fmt: skip
    assert done.returncode == 0
    assert vif.status == CONNECTED
    assert os.stat(dom0.root / f"run/vnethook/ports/lab/{vif.name}.json").st_mode & 0o777 == 0o644


def test_the_guest_cannot_choose_what_is_read(dom0, domid):
    """Of the guest's own nodes it is only seen whether they are there."""
    vif = dom0.vif(domid, guest="honest", bridge="lab", vifname=f"lan{domid}", ip="10.53.0.205")
    for name in ("mac", "name", "bridge", "ip", "mtu", "vifname"):
        dom0.store("write", f"{vif.frontend}/{name}", "evil")
    begin = len(dom0.trace.read_text())
    assert is_quiet(vif.online())
    lines = dom0.trace.read_text()[begin:].splitlines()
    read = {line.split("READ (")[1].split()[0] for line in lines if "READ (" in line and line.startswith("IN ")}
    own = ("frontend-id", "mac", "bridge", "ip", "vifname", "mtu", "type", "domain", "uuid")
    home = f"/local/domain/{domid}"
    assert read == {
        *(f"{vif.path}/{name}" for name in own),
        f"{home}/name",
        f"{home}/vm",
        f"/vm/{UUID.format(domid)}/uuid",
        vif.frontend,
    }


@pytest.mark.parametrize("vifname", [None, "lan"])
def test_a_call_on_a_network_that_is_up_starts_no_process(dom0, domid, vifname):
    """vif-bridge starts 39. The machine counts its own processes."""
    dom0.vif(domid, 7, guest="neighbour", bridge="lab").online()
    vif = dom0.vif(domid, bridge="lab", vifname=vifname and f"{vifname}{domid}")

    def started(*words):
        def call():
            last = Path("/proc/sys/kernel/ns_last_pid")
            before = int(last.read_text())
            pid = os.posix_spawn(vif.script, [str(vif.script), *words], dom0.environment | vif.environment())
            assert os.waitpid(pid, 0)[1] == 0
            return int(last.read_text()) - before

        return dom0.call(call)

    assert started("online", "type_if=vif") == 1
    assert vif.status == CONNECTED
    assert started("offline", "type_if=vif") == 1
