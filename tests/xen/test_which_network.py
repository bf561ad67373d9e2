"""Which network a vif is on: by the script's name, by bridge=, by nothing at all."""

import pytest

from tests.lab.xen import CONNECTED, VIF_VNET, Dom0

pytestmark = [pytest.mark.netns, pytest.mark.xen]
OUTER = """
<network><name>outer</name><forward mode='bridge'/><bridge name='br-own'/></network>"""
UNUSED = """
<network><name>unused</name><bridge name='vnunused'/>
  <ip address='10.54.0.1' prefix='24'><dhcp><range start='10.54.0.10' end='10.54.0.99'/></dhcp></ip>
</network>"""


@pytest.fixture(scope="module")
def there(dom0):
    """The same dom0 with a bridge of the administrator's that network `outer` uses, and a network that is down."""
    dom0.run(["ip", "link", "add", "br-own", "up", "type", "bridge"])
    dom0.define(OUTER)
    dom0.define(UNUSED)
    return dom0


def network_of(vif, done):
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    assert vif.status == CONNECTED
    return vif.port.network, vif.host.link(vif.name)["master"]


@pytest.mark.parametrize(
    ("bridge", "expected"),
    [
        ("lab", ("lab", "vnlab")),
        ("vnlab", ("lab", "vnlab")),
        ("br-own", ("outer", "br-own")),
        ("outer", ("outer", "br-own")),
        ("vnunused", ("unused", "vnunused")),
    ],
)
def test_bridge_is_a_networks_name_or_its_bridge_or_one_of_the_hosts(there, domid, bridge, expected):
    vif = there.vif(domid, bridge=bridge)
    assert network_of(vif, vif.online()) == expected


def test_the_guest_is_told_the_mtu_of_a_bridge_of_the_hosts(there, domid):
    there.run(["ip", "link", "set", "br-own", "mtu", "1450"])
    vif = there.vif(domid, bridge="br-own")
    assert network_of(vif, vif.online()) == ("outer", "br-own")
    assert there.node(f"{vif.frontend}/mtu") == "1450"
    vif.offline()
    there.run(["ip", "link", "set", "br-own", "mtu", "1500"])


def test_a_guest_that_asks_for_less_is_told_so_and_does_not_pull_the_hosts_bridge_down(there, domid):
    """A bridge whose MTU nobody has set takes its smallest port's, and so do its other ports' guests."""
    there.run(["ip", "link", "add", "br-free", "up", "type", "bridge"])
    there.run(
        ["ip", "link", "add", "cable0", "mtu", "9000", "master", "br-free", "type", "veth", "peer", "name", "cable1"]
    )
    vif = there.vif(domid, bridge="br-free", mtu="1400")
    assert network_of(vif, vif.online()) == ("br-free", "br-free")
    assert there.node(f"{vif.frontend}/mtu") == "1400"
    assert (there.link("br-free")["mtu"], there.link(vif.name)["mtu"]) == (9000, 9000)
    vif.offline()
    there.vnet("net-destroy", "br-free")
    for name in ("br-free", "cable0"):
        there.run(["ip", "link", "delete", name])


def test_a_portgroup_may_follow(there, domid):
    vif = there.vif(domid, bridge="lab:apart")
    assert network_of(vif, vif.online())[0] == "lab"
    assert vif.port.portgroup == "apart"


def test_a_portgroup_that_there_is_not_is_told(there, domid):
    vif = there.vif(domid, bridge="lab:nowhere")
    assert vif.online().returncode == 1
    assert vif.error.startswith("network 'lab': ")
    assert "'nowhere'" in vif.error
    assert "apart" in vif.error


def test_the_link_by_which_the_script_is_called_says_it(there, domid):
    link = there.directory / "vif-vnet@unused"
    link.symlink_to(VIF_VNET)
    vif = there.vif(domid, script=link, bridge="lab")
    assert network_of(vif, vif.online())[0] == "unused"
    vif.is_pair = True
    there.run(["ip", "tuntap", "add", "dev", vif.tap, "mode", "tap"])
    assert vif.add().returncode == 0
    assert there.port(vif.tap).network == "unused"


def test_a_variable_of_the_toolstack_goes_before_all(there, domid):
    vif = there.vif(domid, bridge="lab")
    assert network_of(vif, vif.online(VNET_NETWORK="outer"))[0] == "outer"


def test_xenbr0_is_what_xl_says_where_nothing_was_said(there, domid):
    vif = there.vif(domid)
    assert vif.node("bridge") == "xenbr0"
    assert network_of(vif, vif.online())[0] == "default"


def test_a_guest_of_xend_without_bridge_is_on_default(there, domid):
    vif = there.vif(domid, by="xend")
    assert network_of(vif, vif.online())[0] == "default"


def test_the_administrators_map_says_it_by_guest_where_nothing_was_said(there, domid):
    config = there.root / "etc/vnethook/vnethook.toml"
    config.write_text('[map.guests]\n"web*" = "lab"\n')
    try:
        vif = there.vif(domid, guest="web7")
        assert network_of(vif, vif.online())[0] == "lab"
    finally:
        config.unlink()


def test_an_empty_bridge_is_nothing_said(there, domid):
    vif = there.vif(domid, bridge="")
    assert network_of(vif, vif.online())[0] == "default"


def test_xenbr0_that_is_the_hosts_own_bridge_is_meant():
    """Then a guest must not land on another network by surprise."""
    with Dom0() as dom0:
        dom0.run(["ip", "link", "add", "xenbr0", "up", "type", "bridge"])
        vif = dom0.vif(1)
        assert network_of(vif, vif.online()) == ("xenbr0", "xenbr0")
        assert vif.port.held == ()  # as with vif-bridge a guest may be anything there
        assert network_of(vif, vif.online()) == ("xenbr0", "xenbr0")
        assert [(one["name"], one["persistent"]) for one in dom0.vnet_json("net-list")] == [("xenbr0", False)]
        vif.offline()
        dom0.vnet("net-destroy", "xenbr0")
        dom0.define("<network><name>outer</name><forward mode='bridge'/><bridge name='xenbr0'/></network>")
        assert network_of(vif, vif.online()) == ("outer", "xenbr0")


def test_an_interface_that_is_no_bridge_is_no_network(there, domid):
    there.run(["ip", "link", "add", "dummy7", "type", "veth", "peer", "name", "peer7"])
    vif = there.vif(domid, bridge="dummy7")
    assert vif.online().returncode == 3
    assert vif.error.startswith("network 'dummy7': no such network (known networks: ")


def test_on_a_new_host_the_first_guest_brings_default_up():
    with Dom0() as dom0:
        vif = dom0.vif(1)
        assert network_of(vif, vif.online())[0] == "default"


LIMITED = """
<network><name>limited</name><bridge name='vnlimited'/>
  <portgroup name='slow'><bandwidth><inbound average='100'/><outbound average='100'/></bandwidth></portgroup>
</network>"""


@pytest.mark.parametrize("vifname", [None, "slow"])
def test_rates_of_a_portgroup_are_the_vifs_and_go_with_it(there, domid, vifname):
    there.define(LIMITED)
    name = f"{vifname}{domid}" if vifname else f"vif{domid}.0"
    vif = there.vif(domid, bridge="limited:slow", vifname=vifname and name)
    assert vif.online().returncode == 0
    assert vif.status == CONNECTED
    assert "htb" in there.run(["tc", "qdisc", "show", "dev", name]).stdout
    there.vnet("net-check", "limited")
    assert vif.offline().returncode == 0
    assert "htb" not in there.run(["tc", "qdisc", "show", "dev", vif.name]).stdout
    assert vif.online().returncode == 0
    there.run(["ip", "link", "delete", name])
    assert vif.offline().returncode == 0
    assert there.port(name) is None
