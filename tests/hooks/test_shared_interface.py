"""Guests on a shared NIC of the host's, by every hook and either name, and what a name that is none is told."""

import pytest

from tests.lab import CHECKOUT, Host, Machine
from tests.lab.lan import GATEWAY, PLAIN, answers, call, connect
from tests.lab.library import on
from tests.lab.libvirt_call import MAC, domain
from tests.lab.libvirt_call import call as call_libvirt
from vnethook.definition import compiled
from vnethook.lifecycle import attach, bringup, catalog
from vnethook.live import record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
NIC = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='ebreth0'/><target dev='tap0'/></interface>"
LAN = (
    "<network><name>lan</name><forward mode='bridge'/><bridge name='ebreth0'/><guard mode='off' vlan='yes'/></network>"
)
VIRTUAL = "<network><name>eth0</name><bridge name='vneth'/><ip address='10.71.0.1' prefix='24'/></network>"


@pytest.fixture(scope="module")
def lan():
    """A host that shares eth0, whose guests' taps are there."""
    with Machine("router") as router, Host() as host:
        connect(host, router, PLAIN)
        assert call(host, "start") == (0, "")
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        yield host


@pytest.fixture
def host(lan):
    yield lan
    on(lan, _clear)


def _clear(here):
    for tap in ("tap0", "tap1"):
        attach.detach(here, tap)
    for name in record.names(here.paths):
        bringup.stop(here, name, force=True)
    for name in compiled.network_names(here.paths):
        if name != "default":
            catalog.undefine(here, name)


def _ifup(host, *, tap="tap0", network="", env=None):
    link = host.directory / f"qemu-ifup-{network}" if network else IFUP
    if network and not link.is_symlink():
        link.symlink_to(IFUP)
    done = host.run([link, tap], env=env, check=False)
    return done.returncode, done.stderr


def _nics(host):
    return sorted((nic["interface"], nic["network"]) for nic in host.vnet_json("nic-list"))


def _link(host, name):
    return host.json(["ip", "-json", "link", "show", name])[0]


def _master(host, link="tap0"):
    return _link(host, link).get("master", "")


@pytest.mark.parametrize("name", ["eth0", "ebreth0"])
def test_a_link_of_qemu_ifup_names_it(host, name):
    assert _ifup(host, network=name) == (0, "")
    assert _ifup(host, network=name, tap="tap1") == (0, "")  # warm
    assert _nics(host) == [("tap0", "ebreth0"), ("tap1", "ebreth0")]
    assert (_master(host), _master(host, "tap1")) == ("ebreth0", "ebreth0")


@pytest.mark.parametrize("name", ["eth0", "ebreth0"])
def test_a_variable_the_map_and_vnet_attach_name_it(host, name):
    assert _ifup(host, env={"VNET_NETWORK": name}) == (0, "")
    config = host.root / "etc/vnethook/vnethook.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'[map.interfaces]\n"tap1" = "{name}"\n')
    try:
        assert _ifup(host, tap="tap1") == (0, "")
    finally:
        config.unlink()
    assert _nics(host) == [("tap0", "ebreth0"), ("tap1", "ebreth0")]
    host.vnet("net-destroy", "ebreth0", "--force")
    assert _master(host) == ""
    host.vnet("attach", "tap0", "--network", name)
    assert (_nics(host)[0], _master(host)) == (("tap0", "ebreth0"), "ebreth0")
    assert host.vnet_json("net-info", "eth0")["bridge"] == "ebreth0"


def test_libvirt_names_its_bridge_or_by_metadata_its_nic(host):
    host.run(["ip", "link", "set", "tap0", "master", "ebreth0"])  # as libvirt makes it
    for stage in ("prepare", "start"):
        assert call_libvirt(host, stage, domain(NIC)) == (0, "")
    assert _nics(host) == [("tap0", "ebreth0")]
    assert call_libvirt(host, "release", domain(NIC)) == (0, "")
    ethernet = f"<interface type='ethernet'><mac address='{MAC}'/><target dev='tap0'/></interface>"
    document = domain(ethernet, f"<v:interface mac='{MAC}' network='eth0'/>")
    for stage in ("prepare", "start"):
        assert call_libvirt(host, stage, document) == (0, "")
    assert (_nics(host), _master(host)) == ([("tap0", "ebreth0")], "ebreth0")
    assert call_libvirt(host, "release", document) == (0, "")


def test_a_definition_on_its_bridge_goes_before_also_when_guests_were_there_first(host):
    assert _ifup(host, network="eth0") == (0, "")
    host.define(LAN)
    for name in ("eth0", "ebreth0"):
        assert _ifup(host, network=name, tap="tap1")[0] == 0
        assert _nics(host) == [("tap0", "lan"), ("tap1", "lan")]
    assert all(nic["guard"] for nic in host.vnet_json("nic-list"))
    host.define(LAN.replace(">lan<", ">second<"))
    status, said = _ifup(host, network="eth0")
    host.vnet("net-undefine", "second")
    assert (status, said.splitlines()[1]) == (3, "  name one of them: lan, second")


def test_a_definition_that_cannot_have_the_guests_says_why_they_stay_and_no_other_comes(host):
    """This one needs a bridge that filters VLANs, which a shared NIC's does not unless it is told to."""
    assert _ifup(host, network="eth0") == (0, "")
    file = host.directory / "vlan.xml"
    file.write_text(LAN.replace("<guard mode='off' vlan='yes'/>", "<vlan><tag id='7'/></vlan>"))
    why = "bridge 'ebreth0': put NICs into VLANs: it does not filter VLANs"
    said = host.vnet("net-define", file).stderr
    assert f"interface 'tap0' stays on network 'ebreth0': {why}\n" in said
    assert (_nics(host), _master(host)) == ([("tap0", "ebreth0")], "ebreth0")
    status, said = _ifup(host, network="eth0", tap="tap1")
    assert (status, said.splitlines()[0]) == (5, f"qemu-ifup-eth0: {why}")


def test_a_network_that_is_called_so_goes_before_the_interface(host):
    host.define(VIRTUAL)
    assert _ifup(host, network="eth0") == (0, "")
    assert _nics(host) == [("tap0", "eth0")]
    assert _master(host) == "vneth"
    assert _ifup(host, network="ebreth0", tap="tap1") == (0, "")
    assert _nics(host) == [("tap0", "eth0"), ("tap1", "ebreth0")]


def test_a_name_that_is_none_is_told_the_known_ones_and_what_would_make_it_one(host):
    host.run(["ip", "link", "set", "eth0", "name", "lan0"])  # as udev might
    host.run(["ip", "link", "add", "eth7", "type", "veth", "peer", "name", "far7"])
    host.run(["ip", "link", "add", "br7", "type", "bridge"])
    host.run(["ip", "link", "add", "eth6", "master", "br7", "type", "veth", "peer", "name", "far6"])
    known = "known networks: default; shared interfaces: eth0 (bridge ebreth0)"
    more = {
        "nowhere": "",
        "eth7": "; `vnet share eth7` lets guests join that interface",
        "br7": "; a network with <forward mode='bridge'/><bridge name='br7'/> lets guests join bridge br7",
        "lan0": "; guests join that interface by ebreth0",
        "eth6": "; a network with <forward mode='bridge'/><bridge name='br7'/> lets guests join bridge br7",
        "lo": "; that interface cannot be shared",
    }
    for name, advice in more.items():
        said = f"qemu-ifup-{name}: network {name!r}: no such network\n  {known}{advice}\n"
        assert _ifup(host, network=name) == (3, said)
        done = host.vnet("attach", "tap0", "--network", name, check=False)
        assert (done.returncode, done.stderr) == (3, f"error: network {name!r}: no such network\n  {known}{advice}\n")
    for link in ("eth7", "eth6", "br7"):
        host.run(["ip", "link", "delete", link])
    assert _ifup(host, network="eth0") == (0, "")  # whatever the NIC is called now
    host.run(["ip", "link", "set", "lan0", "name", "eth0"])


def test_the_nic_itself_is_no_guests(host):
    done = host.vnet("attach", "eth0", "--network", "ebreth0", check=False)
    said = "error: interface 'eth0': attach to network 'ebreth0': it is the host's own, which guests share\n"
    assert (done.returncode, done.stderr.splitlines(keepends=True)[0]) == (4, said)
    assert _master(host, "eth0") == "ebreth0"


def test_a_bridge_that_is_gone_is_told_with_what_makes_it_anew_and_its_guests_come_back(host):
    assert _ifup(host, network="eth0") == (0, "")
    host.run(["ip", "link", "delete", "ebreth0"])
    said = "network: bridge 'ebreth0': no such bridge\n  `vnet share eth0` makes it anew\n"
    for name in ("eth0", "ebreth0"):
        status, told = _ifup(host, network=name, tap="tap1")
        assert (status, told) == (5, said.replace("network", f"qemu-ifup-{name}"))
    assert call(host, "start", "netdev=eth0")[0] == 0
    assert _ifup(host, network="eth0", tap="tap1") == (0, "")
    assert (_master(host), _master(host, "tap1")) == ("ebreth0", "ebreth0")
    assert answers(host, GATEWAY)


def test_nothing_of_before_counts_after_a_reboot(host):
    """All links and what was in /run are gone."""
    assert _ifup(host, network="eth0") == (0, "")
    host.run(["ip", "link", "set", "tap0", "nomaster"])
    host.run(["ip", "link", "delete", "ebreth0"])
    host.run(["rm", "-rf", host.root / "run/vnethook"])
    for line in PLAIN.splitlines():
        host.run(["ip", *line.split()], check=False)
    for name in ("eth0", "ebreth0"):
        status, said = _ifup(host, network=name)
        assert (status, said.splitlines()[0]) == (3, f"qemu-ifup-{name}: network {name!r}: no such network")
    assert [network["name"] for network in host.vnet_json("net-list", "--all")] == ["default"]
    assert call(host, "start") == (0, "")
    assert _ifup(host, network="eth0") == (0, "")
    assert _nics(host) == [("tap0", "ebreth0")]
    host.vnet("nic-set", "tap0", "--guard", "standard", "--mac", MAC)
    assert host.vnet_json("nic-list")[0]["guard"] != []


def test_in_the_layout_of_the_proposal_the_nics_name_is_the_bridges(host):
    assert call(host, "stop") == (0, "")
    mac = _link(host, "eth0")["address"]
    host.vnet("share", "eth0", "--layout", "proposal", "--yes")
    try:
        host.run(["ip", "link", "set", "tap0", "address", "02:00:00:00:00:01"])
        assert _ifup(host, network="eth0") == (0, "")
        assert _ifup(host, network="eth0", tap="tap1") == (0, "")
        assert _nics(host) == [("tap0", "eth0"), ("tap1", "eth0")]
        assert (_master(host), _master(host, "tap1"), _master(host, "peth0")) == ("eth0", "eth0", "eth0")
        assert _link(host, "eth0")["address"] == mac > "02:00:00:00:00:01"
        done = host.vnet("attach", "peth0", "--network", "eth0", check=False)
        said = "error: interface 'peth0': attach to network 'eth0': it is the host's own, which guests share"
        assert (done.returncode, done.stderr.splitlines()[0]) == (4, said)
        document = domain(NIC.replace("ebreth0", "eth0"))
        host.vnet("detach", "tap0")
        host.run(["ip", "link", "set", "tap0", "master", "eth0"])
        assert [call_libvirt(host, stage, document) for stage in ("prepare", "start")] == [(0, ""), (0, "")]
        assert _nics(host) == [("tap0", "eth0"), ("tap1", "eth0")]
        assert call_libvirt(host, "release", document) == (0, "")
        host.vnet("detach", "tap1")
    finally:
        host.vnet("unshare", "eth0")
        assert call(host, "start") == (0, "")
    assert host.vnet_json("nic-list") == []


@pytest.mark.parametrize("definition", ["", LAN], ids=["adopted", "defined"])
def test_guests_of_an_interface_that_was_given_back_are_on_it_again_with_the_next_guest(host, definition):
    if definition:
        host.define(definition)
    assert _ifup(host, network="eth0")[0] == 0
    network = "lan" if definition else "ebreth0"
    done = host.vnet("unshare", "eth0", check=False)
    assert (done.returncode, "guests are on it: tap0" in done.stderr) == (4, True)
    host.vnet("unshare", "eth0", "--force")
    assert _master(host) == ""
    status, said = _ifup(host, network="eth0", tap="tap1")
    assert (status, "; `vnet share eth0` lets guests join that interface\n" in said) == (3, True)
    status, said = _ifup(host, network="ebreth0", tap="tap1")
    why = "bridge 'ebreth0': no such bridge" if definition else "network 'ebreth0': no such network"
    assert (status, said.splitlines()[0]) == (5 if definition else 3, f"qemu-ifup-ebreth0: {why}")
    host.vnet("share", "eth0", "--yes")
    assert _ifup(host, network="eth0", tap="tap1")[0] == 0
    assert _nics(host) == [("tap0", network), ("tap1", network)]
    assert (_master(host), _master(host, "tap1")) == ("ebreth0", "ebreth0")
