"""Guests of a real libvirtd on networks that its hook brings up, seen from inside them and from outside."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from tests.lab.console import wait_for_guests
from tests.lab.libvirtd import Libvirtd, LibvirtGuest

pytestmark = [pytest.mark.netns, pytest.mark.guests, pytest.mark.libvirt]

NETWORK = """<network>
  <name>{name}</name>
  <bridge name='{bridge}'/>
  <ip address='192.168.{third}.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.{third}.10' end='192.168.{third}.99'/></dhcp>
  </ip>
</network>"""
BRIDGE = "<interface type='bridge'><mac address='52:54:00:00:53:{mac}'/><source bridge='{bridge}'/><model type='virtio'/></interface>"
ETHERNET = "<interface type='ethernet'><mac address='52:54:00:00:53:{mac}'/>{more}<model type='virtio'/></interface>"
SCRIPT = "<script path='{up}'/><downscript path='{down}'/>"
METADATA = "<metadata><vnet:networks xmlns:vnet='urn:vnethook:networks'>{items}</vnet:networks></metadata>"


class Site(NamedTuple):
    """A host with libvirt, networks `lab` (bridge vnlab) and `dmz` (bridge vndmz), both down."""

    host: Host
    libvirt: Libvirtd


@pytest.fixture(scope="module")
def site():
    with Host() as host, Libvirtd(host) as libvirt:
        (host.root / "etc/vnethook").mkdir(exist_ok=True)
        (host.root / "etc/vnethook/vnethook.toml").write_text("[networks]\nidle = 1\n")
        host.define(NETWORK.format(name="lab", bridge="vnlab", third=77))
        host.define(NETWORK.format(name="dmz", bridge="vndmz", third=78))
        yield Site(host, libvirt)


@pytest.fixture(scope="module")
def guests(site):
    """`web` by type='bridge', `mail` by type='ethernet' with a script; started at once on a network that is down."""
    assert site.host.vnet_json("net-list") == []
    script = SCRIPT.format(up=site.libvirt.script("lab"), down=site.libvirt.downscript())
    with ExitStack() as stack:
        web = LibvirtGuest(site.libvirt, "web", BRIDGE.format(mac="0a", bridge="vnlab"))
        mail = LibvirtGuest(site.libvirt, "mail", ETHERNET.format(mac="0b", more=script))
        both = [stack.enter_context(guest) for guest in (web, mail)]
        with ThreadPoolExecutor() as threads:
            list(threads.map(LibvirtGuest.start, both))
        wait_for_guests(both)
        yield both


def _nics(site):
    return [
        (nic["network"], nic["interface"], nic["guest"], nic["hostname"], nic["mac"][-2:])
        for nic in site.host.vnet_json("nic-list")
    ]


def _ports(site, bridge):
    links = site.host.json(["ip", "-json", "link", "show"])
    return sorted(link["ifname"] for link in links if link.get("master") == bridge)


def _is_down(site, name):
    return name not in {network["name"] for network in site.host.vnet_json("net-list")}


def _left_over(site):
    """What the hook keeps of guests that are starting or running."""
    run = site.host.root / "run/vnethook"
    return sorted(path.parent.name for path in run.glob("[al]*/*.json") if path.parent.name in {"announced", "libvirt"})


def test_guests_get_leases_and_names_on_a_network_that_was_down(site, guests):
    web, mail = guests
    assert sorted((*nic[:1], *nic[2:]) for nic in _nics(site)) == [
        ("lab", "mail", "mail", "0b"),
        ("lab", "web", "web", "0a"),
    ]
    assert (web.lease["router"], web.lease["dns"]) == ("", "192.168.77.1")
    assert web.resolve("mail") == mail.ip
    assert mail.resolve("web") == web.ip
    assert web.pings("mail")
    assert _ports(site, "vnlab") == sorted(nic[1] for nic in _nics(site))


def test_guests_and_network_outlive_a_kill_of_libvirtd(site, guests):
    web, _ = guests
    before, nics = site.host.snapshot(), _nics(site)
    site.libvirt.kill()
    assert web.pings("mail")
    site.libvirt.start()
    assert [guest.is_running() for guest in guests] == [True, True]
    assert web.pings("mail")
    wait_for(lambda: not [line for line in site.host.processes() if "50-vnethook" in line], "the hook's end")
    changes = before.changes_to(site.host.snapshot(), ignoring=["^. process ", "run/vnethook/locks/"])
    assert (changes, _nics(site)) == ([], nics)


def test_a_restart_of_libvirtd_mends_what_broke_meanwhile(site, guests):
    web, _ = guests
    site.libvirt.kill()
    site.host.run(["ip", "link", "delete", "vnlab"])
    site.libvirt.start()
    wait_for(lambda: len(_ports(site, "vnlab")) == 2, "the NICs on the new bridge")
    assert web.pings("mail")
    assert [guest.is_running() for guest in guests] == [True, True]


def test_a_plugged_in_bridge_nic_works_and_is_known_after_a_restart_of_libvirtd(site, guests):
    """libvirt calls no hook for it."""
    web, _ = guests
    device = site.libvirt.write("plugged.xml", BRIDGE.format(mac="0c", bridge="vnlab"))
    before = _nics(site)
    site.libvirt.virsh("attach-device", "web", device, "--live")
    status, console = web.run("until [ -e /sys/class/net/eth1 ]; do usleep 20000; done; dhcp eth1")
    assert status == 0, console
    assert len(_ports(site, "vnlab")) == 3
    assert _nics(site) == before
    site.libvirt.kill()
    site.libvirt.start()
    wait_for(lambda: len(_nics(site)) == 3, "the record of the new NIC")
    assert [nic[2:] for nic in _nics(site) if nic not in before] == [("web", "", "0c")]
    site.libvirt.virsh("detach-device", "web", device, "--live")
    wait_for(lambda: len(_ports(site, "vnlab")) == 2, "the NIC's end")
    assert _nics(site) == before


def test_a_plugged_in_nic_with_a_script_is_attached_without_a_name(site, guests):
    web, _ = guests
    script = SCRIPT.format(up=site.libvirt.script("dmz"), down=site.libvirt.downscript())
    device = site.libvirt.write("scripted.xml", ETHERNET.format(mac="0d", more=script))
    assert _is_down(site, "dmz")
    site.libvirt.virsh("attach-device", "web", device, "--live")
    assert [(*nic[:1], *nic[2:4]) for nic in _nics(site) if nic[0] == "dmz"] == [("dmz", "", "")]
    status, console = web.run("until [ -e /sys/class/net/eth1 ]; do usleep 20000; done; dhcp eth1")
    assert status == 0, console
    site.libvirt.virsh("detach-device", "web", device, "--live")
    wait_for(lambda: not [nic for nic in _nics(site) if nic[0] == "dmz"], "the NIC's end")
    wait_for(lambda: _is_down(site, "dmz"), "the idle network's end")


def test_metadata_puts_interfaces_on_networks_and_brings_up_what_may_be_plugged_in(site):
    site.host.define(NETWORK.format(name="spare", bridge="vnspare", third=79))
    items = "<vnet:interface mac='52:54:00:00:53:1a' network='dmz'/><vnet:interface network='spare'/>"
    metadata, nic = METADATA.format(items=items), ETHERNET.format(mac="1a", more="")
    with LibvirtGuest(site.libvirt, "meta", nic, metadata=metadata) as guest:
        settings = site.host.root / "etc/vnethook/vnethook.toml"
        settings.rename(f"{settings}.kept")  # so that nothing goes down again meanwhile
        guest.start("--paused")
        assert [(*nic[:1], *nic[2:]) for nic in _nics(site) if nic[2] == "meta"] == [("dmz", "meta", "meta", "1a")]
        assert _ports(site, "vndmz") == [nic[1] for nic in _nics(site) if nic[2] == "meta"]
        assert not _is_down(site, "spare")
        guest.destroy()
        assert [nic for nic in _nics(site) if nic[2] == "meta"] == []
        Path(f"{settings}.kept").rename(settings)
        for network in ("dmz", "spare"):
            site.host.vnet("net-destroy", network)
        site.host.vnet("net-undefine", "spare")


def test_metadata_that_virsh_sets_is_read(site):
    with LibvirtGuest(site.libvirt, "meta", ETHERNET.format(mac="1a", more="")) as guest:
        item = "<networks><interface mac='52:54:00:00:53:1a' network='dmz'/></networks>"
        site.libvirt.virsh("metadata", "meta", "urn:vnethook:networks", "--key", "vnet", "--set", item, "--config")
        guest.start("--paused")
        assert [nic[0] for nic in _nics(site) if nic[2] == "meta"] == ["dmz"]


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (
            "<vnet:interface network='nowhere'/>",
            "network 'nowhere': no such network\n  known networks: default, dmz, lab",
        ),
        ("<vnet:nic/>", "guest 'meta': metadata: unknown element <nic>: must be <interface>\n"),
        (
            "<vnet:interface mac='52:54:00:00:53:1a' network='dmz'/>",
            "guest 'meta': interface 52:54:00:00:53:1a: is on bridge 'vnlab', but in the metadata on network 'dmz'",
        ),
    ],
    ids=["unknown network", "unknown element", "another network's bridge"],
)
def test_virsh_shows_what_is_wrong_with_metadata_and_the_guest_does_not_start(site, item, sentence):
    nic = BRIDGE.format(mac="1a", bridge="vnlab")
    with LibvirtGuest(site.libvirt, "meta", nic, metadata=METADATA.format(items=item)) as guest:
        before = _left_over(site)
        done = guest.start(check=False)
        assert done.returncode == 1
        assert f": 50-vnethook: {sentence}" in done.stderr
        assert site.libvirt.virsh("domstate", "meta").stdout.strip() == "shut off"
        assert _left_over(site) == before


def test_a_start_that_fails_elsewhere_leaves_nothing(site):
    nics = BRIDGE.format(mac="1a", bridge="vndmz") + BRIDGE.format(mac="1b", bridge="nowhere0")
    with LibvirtGuest(site.libvirt, "broken", nics) as guest:
        before = _left_over(site), _nics(site)
        assert "nowhere0" in guest.start(check=False).stderr
        assert (_left_over(site), _nics(site)) == before
        wait_for(lambda: _is_down(site, "dmz"), "the idle network's end")


def test_a_bridge_network_of_libvirts_own_works_with_a_name_in_the_metadata(site):
    """Before the taps are made, libvirt does not tell which bridge its network has."""
    xml = "<network><name>ours</name><forward mode='bridge'/><bridge name='vndmz'/></network>"
    site.libvirt.virsh("net-create", site.libvirt.write("net.xml", xml))
    nic = "<interface type='network'><mac address='52:54:00:00:53:1a'/><source network='ours'/><model type='virtio'/></interface>"
    metadata = METADATA.format(items="<vnet:interface network='dmz'/>")
    with LibvirtGuest(site.libvirt, "meta", nic, metadata=metadata) as guest:
        guest.start("--paused")
        assert [(*nic[:1], *nic[2:]) for nic in _nics(site) if nic[2] == "meta"] == [("dmz", "meta", "meta", "1a")]


def test_a_ready_tap_is_joined_and_left_as_it_was(site):
    site.host.run(["ip", "tuntap", "add", "dev", "tap5", "mode", "tap", "vnet_hdr"])
    nic = ETHERNET.format(mac="1a", more="<target dev='tap5' managed='no'/>")
    metadata = METADATA.format(items="<vnet:interface target='tap5' network='dmz'/>")
    with LibvirtGuest(site.libvirt, "meta", nic, metadata=metadata) as guest:
        guest.start("--paused")
        assert [nic for nic in _nics(site) if nic[2] == "meta"] == [("dmz", "tap5", "meta", "meta", "1a")]
        assert _ports(site, "vndmz") == ["tap5"]
        guest.destroy()
        assert _ports(site, "vndmz") == []
        assert site.host.json(["ip", "-json", "link", "show", "tap5"])


def test_the_documented_guest_is_valid_to_libvirt(site):
    text = (CHECKOUT / "docs/examples/libvirt/guest.xml").read_text().replace("type='kvm'", "type='qemu'")
    site.libvirt.virsh("define", "--validate", site.libvirt.write("example.xml", text.replace(">web<", ">example<")))
    assert '<vnet:interface network="backup"/>' in site.libvirt.virsh("dumpxml", "example").stdout
    site.libvirt.virsh("undefine", "example")


def test_the_last_guest_takes_its_record_name_and_network_with_it(site, guests):
    web, mail = guests
    mail.destroy()
    assert [nic[2] for nic in _nics(site)] == ["web"]
    wait_for(lambda: web.resolve("mail") == "", "the end of the name")
    web.destroy()
    assert (_nics(site), _left_over(site)) == ([], [])
    wait_for(lambda: _is_down(site, "lab"), "the idle network's end")
