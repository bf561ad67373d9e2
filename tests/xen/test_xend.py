"""vif-vnet as xend's udev rules call it: by Xen's own vif-setup, with words after the script's name, and of xend's nodes."""

from pathlib import Path

import pytest

from tests.lab.xen import CONNECTED, UUID, VIF_VNET, mac_of

pytestmark = [pytest.mark.netns, pytest.mark.xen]
VIF_SETUP = Path("/etc/xen/scripts/vif-setup")
UDEV = {"UDEV_CALL": "1"}


def by_udev(vif, action, *, script=None):
    """As an event of xen-backend: vif-setup is called with the event's variables."""
    event = {
        "ACTION": action,
        "DEVPATH": f"/devices/vif-{vif.domid}-{vif.devid}",
        "SUBSYSTEM": "xen-backend",
        "DRIVER": "vif",
        "MODALIAS": "xen-backend:vif",
        "SEQNUM": "1234",
        "script": script or str(VIF_VNET),
    }
    env = vif.environment() | UDEV | event
    env.pop("netdev")
    env.pop("INTERFACE", None)
    return vif.host.run([VIF_SETUP, action, "type_if=vif"], env=env, check=False)


def tap_by_udev(vif, action):
    """As an event of net: it knows nothing of xenstore."""
    env = {"ACTION": action, "SUBSYSTEM": "net", "INTERFACE": vif.tap, "IFINDEX": "7"} | UDEV
    return vif.host.run([VIF_VNET, action, "type_if=tap"], env=env, check=False)


def is_quiet(done):
    return (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_words_after_the_scripts_name_say_the_network(dom0, domid):
    vif = dom0.vif(domid, guest="old", by="xend")
    done = by_udev(vif, "online", script=f"{VIF_VNET} network=lab ip=10.53.0.220")
    assert is_quiet(done), done
    assert vif.status == CONNECTED
    nic = vif.port
    assert (nic.network, nic.guest, nic.guest_uuid, nic.mac) == ("lab", "old", UUID.format(domid), mac_of(domid))
    assert nic.addresses == ("10.53.0.220",)


def test_a_guest_of_xend_has_the_name_that_xend_says_and_not_its_own(dom0, domid):
    """xend lets a guest write its own nodes, its name among them."""
    vif = dom0.vif(domid, guest="honest", by="xend", bridge="lab")
    dom0.store("write", f"/local/domain/{domid}/name", "evil")
    assert is_quiet(by_udev(vif, "online"))
    assert vif.port.guest == "honest"


def test_offline_while_the_device_is_still_there(dom0, domid):
    vif = dom0.vif(domid, by="xend", bridge="lab", vifname=f"old{domid}")
    assert is_quiet(by_udev(vif, "online"))
    assert dom0.link(f"old{domid}")["master"] == "vnlab"
    before = dom0.tree()
    assert is_quiet(by_udev(vif, "offline"))
    assert dom0.tree() == before
    assert "master" not in dom0.link(vif.name), "its own name is its again"
    assert dom0.port(f"old{domid}") is None
    assert is_quiet(by_udev(vif, "online"))
    assert dom0.link(f"old{domid}")["master"] == "vnlab"


def test_a_failure_is_what_xend_prints(dom0, domid):
    vif = dom0.vif(domid, by="xend")
    done = by_udev(vif, "online", script=f"{VIF_VNET} network=nowhere")
    assert done.returncode == 3
    assert vif.status == "error"
    assert vif.error == "network 'nowhere': no such network (known networks: default, lab)"


def test_the_store_goes_before_words_as_in_classic_scripts(dom0, domid):
    vif = dom0.vif(domid, by="xend", bridge="lab")
    assert is_quiet(by_udev(vif, "online", script=f"{VIF_VNET} bridge=nowhere"))
    assert vif.port.network == "lab"


@pytest.mark.parametrize("action", ["online", "offline"])
def test_nothing_is_done_where_the_toolstack_calls_itself(dom0, domid, action):
    vif = dom0.vif(domid, by="xend", bridge="lab")
    dom0.store("write", "/local/domain/0/libxl/disable_udev", "1")
    before = dom0.tree()
    try:
        assert is_quiet(by_udev(vif, action))
        assert dom0.tree() == before
        assert vif.port is None
        assert is_quiet(vif.online()), "but the toolstack's own call"
        assert vif.port.network == "lab"
    finally:
        dom0.store("rm", "/local/domain/0/libxl")


def test_the_second_of_a_pair_goes_where_its_vifs_script_says(dom0, domid):
    vif = dom0.vif(domid, guest=f"hvm{domid}", by="xend", is_pair=True)
    dom0.store("write", f"{vif.nodes}/script", f"{VIF_VNET} network=lab")
    before = dom0.tree()
    assert is_quiet(tap_by_udev(vif, "add")), "it may come first"
    assert dom0.tree() == before
    assert is_quiet(by_udev(vif, "online", script=f"{VIF_VNET} network=lab"))
    assert (dom0.port(vif.tap).network, vif.port.network) == ("lab", "lab")
    assert (dom0.port(vif.tap).hostname, vif.port.hostname) == ("", f"hvm{domid}")
    dom0.run(["ip", "link", "delete", vif.tap])
    assert is_quiet(tap_by_udev(vif, "remove"))
    assert dom0.port(vif.tap) is None
    assert vif.port


def test_the_second_of_a_pair_goes_with_its_vif_where_nobody_says_that_it_has_gone(dom0, domid):
    vif = dom0.vif(domid, by="xend", bridge="lab", is_pair=True)
    assert is_quiet(by_udev(vif, "online"))
    assert is_quiet(tap_by_udev(vif, "add"))
    dom0.run(["ip", "link", "delete", vif.tap])
    assert is_quiet(by_udev(vif, "offline"))
    assert (dom0.port(vif.tap), vif.port) == (None, None)


@pytest.mark.parametrize("script", ["/etc/xen/scripts/vif-bridge", "vif-route", "", "/etc/xen/scripts/vif-vnetwork x"])
def test_the_second_of_a_pair_with_another_script_is_left_alone(dom0, domid, script):
    vif = dom0.vif(domid, by="xend", bridge="lab", is_pair=True)
    dom0.store("write", f"{vif.nodes}/script", script)
    assert is_quiet(tap_by_udev(vif, "add"))
    assert "master" not in dom0.link(vif.tap)
    assert dom0.port(vif.tap) is None


def test_an_older_rule_says_the_action_alone(dom0, domid):
    vif = dom0.vif(domid, by="xend", bridge="lab")
    assert is_quiet(vif.run("online"))
    assert vif.status == CONNECTED
    assert is_quiet(vif.run("offline"))
    assert vif.port is None


def test_offline_does_without_the_store(dom0, domid):
    vif = dom0.vif(domid, by="xend", bridge="lab")
    assert is_quiet(by_udev(vif, "online"))
    gone = {"XENSTORED_PATH": f"{dom0.directory}/nowhere"}
    assert is_quiet(vif.run("offline", "type_if=vif", env=UDEV | gone))
    assert vif.port is None
