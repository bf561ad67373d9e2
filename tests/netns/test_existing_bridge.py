"""Mode bridge: guests on a bridge of the administrator's, of which nothing is changed but its ports."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, Machine, wait_for
from tests.lab.library import on
from vnethook.errors import CollisionError, HostError, NoNetworkError, StateError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.lifecycle import attach, bringup, catalog, changes, health
from vnethook.live import nics, record

pytestmark = pytest.mark.netns
LAN = "<network><name>{name}</name><forward mode='bridge'/><bridge name='{bridge}'/></network>"
NAT = "<network><name>{name}</name><forward mode='nat'/><bridge name='{bridge}'/><ip address='10.71.0.1' prefix='24'/></network>"


class Site:
    """A host whose bridge br0 has a LAN's cable as its port, and a guest that is attached to nothing yet."""

    def __init__(self, host: Host, lan: Machine, guest: Client) -> None:
        self.host = host
        self.lan = lan
        self.guest = guest

    def define(self, name: str, *, bridge: str = "br0", xml: str = LAN) -> list[str]:
        text = xml.format(name=name, bridge=bridge)
        return on(self.host, lambda here: list(catalog.define(here, text, source="x.xml").warnings))

    def attach(self, network: str, link: str = "vguest") -> list[str]:
        """As a hook does: warm if that can be."""
        return on(self.host, lambda here: serve.attach(here.paths, NicRequest(link, explicit=network)))

    def master(self, link: str = "vguest") -> str:
        [found] = self.host.json(["ip", "-json", "link", "show", link])
        return found.get("master", "")  # type: ignore[no-any-return]

    def mtu(self, link: str = "vguest") -> int:
        [found] = self.host.json(["ip", "-json", "link", "show", link])
        return found["mtu"]  # type: ignore[no-any-return]

    def live(self, network: str) -> record.LiveNetwork:
        found = on(self.host, lambda here: record.read(here.paths, network))
        assert found is not None
        return found

    def make_bridge(self, name: str) -> None:
        self.host.run(["ip", "link", "add", name, "type", "bridge"])
        self.host.run(["ip", "link", "set", name, "up"])


@pytest.fixture
def site() -> Iterator[Site]:
    with Host() as host, Machine("lan") as lan, Client(host, "guest", port="vguest") as guest:
        place = Site(host, lan, guest)
        place.make_bridge("br0")
        lan.lay_cable("eth0", host, "cable")
        lan.run(["ip", "address", "add", "198.51.100.1/24", "dev", "eth0"])
        host.run(["ip", "link", "set", "cable", "master", "br0"])
        guest.run(["ip", "address", "add", "198.51.100.9/24", "dev", "eth0"])
        yield place


def _without_files(changes: list[str]) -> list[str]:
    return [line for line in changes if not line[2:].startswith("file ")]


def test_a_guest_is_on_the_lan_and_the_host_has_nothing_else_of_ours(site: Site) -> None:
    assert site.define("lan") == []
    before = site.host.snapshot()
    on(site.host, lambda here: bringup.start(here, "lan") and None)
    assert _without_files(before.changes_to(site.host.snapshot())) == []
    assert site.attach("lan") == []
    assert wait_for(lambda: site.guest.pings("198.51.100.1"), "the answer of the LAN")
    assert site.host.run(["nft", "list", "ruleset"]).stdout == ""
    assert ["Bridge:", "br0"] in [line.split() for line in site.host.vnet("net-info", "lan").stdout.splitlines()]
    assert [nic.interface for nic in on(site.host, lambda here: catalog.nics(here, "lan"))] == ["vguest"]
    with pytest.raises(StateError, match=r"^network 'lan': stop: a NIC is attached: vguest$"):
        on(site.host, lambda here: bringup.stop(here, "lan"))
    on(site.host, lambda here: attach.detach(here, "vguest") and None)
    assert site.master() == ""
    on(site.host, lambda here: bringup.stop(here, "lan"))
    site.host.run(["ip", "link", "set", "vguest", "down"])
    assert _without_files(before.changes_to(site.host.snapshot())) == []


def test_a_bridge_that_is_missing_or_none_is_refused_at_the_start(site: Site) -> None:
    warning = "bridge 'br7': no such bridge: the network cannot be started until it is there"
    assert site.define("lan", bridge="br7") == [f"network 'lan': {warning}"]
    before = site.host.snapshot()
    with pytest.raises(HostError, match=r"^bridge 'br7': no such bridge$"):
        on(site.host, lambda here: bringup.start(here, "lan") and None)
    site.host.run(["ip", "link", "add", "br7", "type", "veth", "peer", "name", "br8"])
    with pytest.raises(HostError, match=r"^bridge 'br7': the interface of that name is no bridge$"):
        site.attach("lan")
    site.host.run(["ip", "link", "delete", "br7"])
    assert _without_files(before.changes_to(site.host.snapshot())) == []
    site.make_bridge("br7")
    assert site.attach("lan") == []
    assert site.master() == "br7"


def test_a_device_in_place_of_a_bridge_is_kept_and_no_bridge_is_looked_for(site: Site) -> None:
    text = "<network><name>vlan</name><forward mode='bridge' dev='uplink0'/></network>"
    [warning] = on(site.host, lambda here: list(catalog.define(here, text, source="x").warnings))
    assert warning.startswith("network 'vlan': forward mode 'bridge' with a dev in place of a bridge is not done: ")


def test_a_networks_own_bridge_is_not_another_ones(site: Site) -> None:
    site.define("own", bridge="vnbr1", xml=NAT)
    with pytest.raises(CollisionError, match=r"^network 'lan': bridge 'vnbr1' is that of network 'own'$"):
        site.define("lan", bridge="vnbr1")
    on(site.host, lambda here: bringup.start(here, "own") and None)
    site.define("own", bridge="vnbr2", xml=NAT)  # what is up keeps what it has
    with pytest.raises(HostError, match=r"^network 'lan': bridge 'vnbr1': is that of network 'own'$"):
        site.define("lan", bridge="vnbr1")


def test_several_networks_use_one_bridge_and_its_name_means_the_only_one(site: Site) -> None:
    site.define("lan")
    assert site.attach("br0") == []  # cold
    assert site.attach("br0") == []  # warm
    assert on(site.host, lambda here: catalog.find(here, "br0")) == "lan"
    site.define("dmz")
    site.define("br1", bridge="br0")
    for call in (lambda: site.attach("br0"), lambda: on(site.host, lambda here: catalog.find(here, "br0"))):
        with pytest.raises(NoNetworkError, match=r"^bridge 'br0': 3 networks use it$") as caught:
            call()
        assert caught.value.hint == "name one of them: br1, dmz, lan"
    assert site.attach("dmz") == []
    assert site.master() == "br0"
    assert on(site.host, lambda here: [nic.network for nic in catalog.nics(here)]) == ["dmz"]
    for name in ("lan", "br1"):
        on(site.host, lambda here, name=name: catalog.undefine(here, name))
    on(site.host, lambda here: catalog.stop(here, "lan"))
    assert on(site.host, lambda here: catalog.find(here, "br0")) == "dmz"
    assert site.attach("br0") == []
    site.define("br0")  # a network's own name goes first
    assert on(site.host, lambda here: catalog.find(here, "br0")) == "br0"
    assert site.attach("br0") == []
    assert on(site.host, lambda here: [nic.network for nic in catalog.nics(here)]) == ["br0"]


def test_a_bridge_that_was_made_anew_has_its_guests_back_at_the_next_attach(site: Site) -> None:
    site.define("lan")
    site.attach("lan")
    old = site.live("lan").index
    site.host.run(["ip", "link", "delete", "br0"])
    with pytest.raises(HostError, match=r"^bridge 'br0': no such bridge$"):
        site.attach("lan")
    site.make_bridge("br0")
    assert on(site.host, lambda here: health.check(here, "lan")) == ["NIC vguest: not an active port of br0"]
    site.host.make_tap("tap0")
    assert site.attach("lan", "tap0") == []
    assert (site.master(), site.master("tap0")) == ("br0", "br0")
    assert site.live("lan").index != old
    assert on(site.host, lambda here: health.check(here, "lan")) == []


def test_ports_have_the_mtu_of_the_bridge_also_after_it_was_changed(site: Site) -> None:
    site.define("lan")
    site.attach("lan")
    assert site.mtu() == 1500
    site.host.run(["ip", "link", "set", "br0", "mtu", "1400"])
    assert on(site.host, lambda here: health.repair(here, "lan")) == ["bridge 'br0' has another MTU"]
    assert (site.mtu(), site.mtu("br0"), site.mtu("cable")) == (1400, 1400, 1500)
    site.host.make_tap("tap0")
    assert site.attach("lan", "tap0") == []
    assert (site.mtu("tap0"), site.mtu("br0")) == (1400, 1400)


def test_a_definition_that_changes_moves_the_guests_along(site: Site) -> None:
    site.make_bridge("br1")
    site.define("lan")
    site.attach("lan")
    for bridge, xml in (("br1", LAN), ("vnbr5", NAT), ("br0", LAN)):
        site.define("lan", bridge=bridge, xml=xml)
        on(site.host, lambda here: changes.apply(here, "lan") and None)
        assert site.master() == bridge
        assert on(site.host, lambda here: health.check(here, "lan")) == []
    assert {link["ifname"] for link in site.host.json(["ip", "-json", "link", "show", "type", "bridge"])} == {
        "br0",
        "br1",
    }
    assert site.host.run(["nft", "list", "ruleset"]).stdout == ""


def test_a_nic_moves_between_networks_and_one_of_another_program_stays(site: Site) -> None:
    site.define("lan")
    site.define("own", bridge="vnbr1", xml=NAT)
    for network, bridge in (("lan", "br0"), ("own", "vnbr1"), ("lan", "br0")):
        assert site.attach(network) == []
        assert site.master() == bridge
    site.host.make_tap("tap0")
    site.host.run(["ip", "link", "set", "tap0", "master", "br0"])
    with pytest.raises(StateError, match=r"^interface 'tap0': attach to network 'own': already a port of 'br0'$"):
        site.attach("own", "tap0")
    assert site.attach("lan", "tap0") == []  # where it is


def test_a_network_that_is_stopped_has_no_guest_and_a_restarted_one_has_them_again(site: Site) -> None:
    site.define("lan")
    site.attach("lan")
    on(site.host, lambda here: bringup.restart(here, "lan") and None)
    assert site.master() == "br0"
    on(site.host, lambda here: bringup.stop(here, "lan", force=True))
    assert (site.master(), site.master("cable")) == ("", "br0")
    on(site.host, lambda here: bringup.start(here, "lan") and None)
    assert site.master() == "br0"


def test_a_name_of_its_own_guests_do_not_have_there(site: Site) -> None:
    """Who serves DNS on the LAN is not us."""
    site.define("lan")
    nic = nics.Nic(interface="vguest", network="lan", guest="alice", mac="52:54:00:00:00:01")
    assert on(site.host, lambda here: attach.attach(here, "lan", nic)) == []
    assert on(site.host, lambda here: [found.hostname for found in catalog.nics(here, "lan")]) == [""]
