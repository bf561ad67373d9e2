"""What a network on many hosts may say."""

import pytest

from vnethook.definition import choices, index, xml
from vnethook.definition.collisions import first
from vnethook.definition.entries import entry_of
from vnethook.definition.fabric import Fabric, Peer
from vnethook.definition.model import Network
from vnethook.errors import DefinitionError
from vnethook.live.paths import Paths

PEER = "<peer address='192.0.2.1'/>"
CLIENT = "<peer address='192.0.2.1' client='yes'/>"
FABRIC = "<connections fabric='evpn' vni='7' dev='eth1'/>"


def read(inside):
    return xml.parse(f"<network><name>x</name>{inside}</network>", source="t").network


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<connections fabric='evpn' vni='0' dev='lo'/>", "connections: fabric: vni 0: must be 1 to 16777215"),
        ("<connections fabric='evpn' vni='16777216' dev='lo'/>", "connections: fabric: vni 16777216: must be"),
        ("<connections fabric='evpn' vni='7'/>", "needs an address, a dev or a peer"),
        ("<connections fabric='evpn' vni='7'><peer address='192.0.2.0/24'/></connections>", "needs an address"),
        ("<connections fabric='evpn' vni='7' address='2001:db8::1'/>", "2001:db8::1: must be an IPv4 address"),
        ("<connections fabric='evpn' vni='7' address='192.0.2.1' dev='lo'/>", "address and dev exclude each other"),
        ("<connections fabric='evpn' vni='7' dev='lo' as='0'/>", "as 0: must be 1 to 4294967295"),
        ("<connections fabric='evpn' vni='7' dev='lo' port='0'/>", "port 0: must be 1 to 65535"),
        (
            f"<connections fabric='evpn' vni='7' address='192.0.2.1'>{PEER}</connections>",
            "peer 192.0.2.1: is the host itself",
        ),
        (
            f"<connections fabric='evpn' vni='7'>{PEER}{CLIENT}</connections>",
            "a peer is given twice",
        ),
        (f"<connections>{PEER}</connections>", "without fabric= it has no attributes and no peers"),
        (f"{FABRIC}<connections><connection network='y'/></connections>", "says something else"),
        (f"{FABRIC}<listen transport='ssh'/>", "takes no listen and no connection"),
        (f"{FABRIC}<ip/>", "write it in <ip>"),
        (f"{FABRIC}<forward/>", "write it in <ip>"),
        (f"{FABRIC}<bridge stp='on'/>", "takes no bridge stp"),
        (f"{FABRIC}<bridge macTableManager='libvirt'/>", "takes no macTableManager 'libvirt'"),
        (f"{FABRIC}<vlan><tag id='5'/></vlan>", "takes no vlan"),
        (f"{FABRIC}<forward mode='bridge'/><bridge name='br0'/>", "mode 'bridge' has no bridge of ours to extend"),
    ],
)
def test_what_does_not_go_with_a_fabric_is_refused(inside, reason):
    with pytest.raises(DefinitionError) as raised:
        read(inside)
    assert reason in str(raised.value)


def test_a_fabric_survives_the_compiled_form():
    network = read(FABRIC).replace(fabric=Fabric(7, "192.0.2.1", peers=(Peer("192.0.2.0/24", is_client=True),)))
    assert Network.from_plain(network.to_sparse()) == network


def test_all_hosts_choose_the_same_mac_for_a_gateway(tmp_path):
    paths = Paths(str(tmp_path), str(tmp_path), str(tmp_path))
    chosen = [choices.complete(read(FABRIC), None, index.Index(paths), is_taken=lambda _: False) for _ in "ab"]
    assert [network.mac for network in chosen] == ["02:e0:fb:00:00:07"] * 2


def test_the_mac_of_a_network_that_joins_a_fabric_becomes_that_of_all_hosts(tmp_path):
    paths = Paths(str(tmp_path), str(tmp_path), str(tmp_path))
    known = index.Index(paths)
    alone = choices.complete(read(""), None, known, is_taken=lambda _: False)
    assert choices.complete(read(FABRIC), alone, known, is_taken=lambda _: False).mac == "02:e0:fb:00:00:07"


def test_a_vni_is_one_networks(tmp_path):
    known = index.Index(Paths(str(tmp_path), str(tmp_path), str(tmp_path)))
    known.put(entry_of(("y", False), (None, None), read(FABRIC).replace(name="y")))
    assert str(first(known, read(FABRIC))) == "network 'x': vni 7 is that of network 'y'"
