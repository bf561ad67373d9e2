"""Guests on a NIC that network-vnet shares: by its own name or its bridge's, guarded as it says."""

import pytest

from tests.lab import Client, Machine
from tests.lab.lan import GATEWAY, answers, call, connect, layer3
from tests.lab.library import on
from tests.lab.xen import CONNECTED, Dom0, mac_of
from tests.xen.test_examples import vifs_of
from vnethook.lifecycle import health
from vnethook.live.nics import GUARDS


@pytest.fixture
def there():
    with Machine("router") as router, Dom0() as dom0:
        connect(dom0, router)
        yield dom0


def _online(vif):
    done = vif.online()
    assert (done.returncode, done.stderr, vif.status) == (0, "", CONNECTED), done
    return vif.port.network, vif.host.link(vif.name)["master"], vif.port.held


def test_guests_join_it_by_either_name_and_it_is_given_back_when_they_are_gone(there, domid):
    before = layer3(there)
    assert call(there, "start") == (0, "")
    one, other = there.vif(domid, bridge="eth0"), there.vif(domid, devid=1, bridge="ebreth0")
    assert _online(one) == _online(other) == ("ebreth0", "ebreth0", ())
    assert answers(there, GATEWAY)
    status, said = call(there, "stop")
    assert status != 0
    assert f"guests are on it: {one.name}, {other.name}" in said
    for vif in (one, other):
        vif.offline()
    assert call(there, "stop") == (0, "")
    assert [one["name"] for one in there.vnet_json("net-list", "--all")] == ["default"]
    assert layer3(there) == before


def test_antispoof_guards_who_is_on_it_and_who_comes(there, domid):
    assert call(there, "start", "antispoof=yes") == (0, "")
    one = there.vif(domid, bridge="eth0")
    assert _online(one)[2] == GUARDS["standard"]
    assert call(there, "start", "antispoof=no") == (0, "")
    assert one.port.held == ()
    other = there.vif(domid, devid=1, bridge="eth0")
    assert _online(other)[2] == ()
    assert call(there, "start", "antispoof=yes") == (0, "")
    assert one.port.held == other.port.held == GUARDS["standard"]
    assert on(there, lambda here: health.check(here, "ebreth0")) == []


def test_a_definition_of_the_administrators_goes_before(there, domid):
    assert call(there, "start", "antispoof=yes") == (0, "")
    network = "<network><name>lan</name><forward mode='bridge'/><bridge name='ebreth0'/></network>"
    there.define(network)
    assert _online(there.vif(domid, bridge="eth0")) == ("lan", "ebreth0", ())


def test_a_nic_that_is_shared_anew_has_its_guests_again(there, domid):
    assert call(there, "start") == (0, "")
    vif = there.vif(domid, bridge="eth0")
    _online(vif)
    there.run(["ip", "link", "delete", "ebreth0"])
    assert call(there, "start", "netdev=eth0")[0] == 0
    assert answers(there, GATEWAY)
    assert _online(vif) == ("ebreth0", "ebreth0", ())
    assert on(there, lambda here: health.check(here, "ebreth0")) == []


def test_a_guest_has_the_address_that_is_asked_for_where_a_nic_is_shared_without_a_bridge(there, domid):
    there.vnet("share", "eth0", "--mode", "proxyarp", "--range", "192.0.2.61-192.0.2.69")
    with Client(there, "guest", port=f"vif{domid}.0", mac=mac_of(domid)) as guest:
        vif = there.vif(domid, bridge="eth0", link="", ip="192.0.2.80")
        assert _online(vif) == ("eth0", "vnbr0", GUARDS["strict"])
        assert guest.lease()["ip"] == "192.0.2.80"
        assert guest.pings(GATEWAY)
        vif.offline()
        assert there.run(["ip", "neighbour", "show", "proxy"]).stdout.split()[0] == "192.0.2.61"


def test_the_example_is_on_it_by_either_name_and_on_a_network(there, domid):
    assert call(there, "start") == (0, "")
    there.define("<network><name>lab</name><ip address='10.71.0.1' prefix='24'/></network>")
    vifs = [there.vif(domid, devid, **keys) for devid, keys in enumerate(vifs_of("shared.cfg")) if keys.pop("script")]
    assert [_online(vif)[0] for vif in vifs] == ["ebreth0", "ebreth0", "lab"]
    assert [there.link(vif.name)["mtu"] for vif in vifs] == [1500, 1400, 1500]
    assert [vif.port.addresses for vif in vifs] == [("192.0.2.80",), (), ()]
