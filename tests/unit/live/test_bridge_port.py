"""What a NIC's port is told, byte by byte as pyroute2 writes the same, and which class of NICs it is in."""

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from vnethook.capability.nic_class import classes, vlan, vlans
from vnethook.definition.element import Element
from vnethook.definition.model import Bridge, Network
from vnethook.definition.traffic import Bandwidth, PortGroup, Rate, Vlan, VlanTag
from vnethook.errors import UnsupportedError, UsageError
from vnethook.live import bridge_port
from vnethook.live.nics import PVID, UNTAGGED, Nic, Traits
from vnethook.live.record import LiveNetwork

AF_BRIDGE = 7
HEADER = 16
"""Bytes of a netlink message before its body."""
FAST = PortGroup("fast", is_default=True, bandwidth=Bandwidth(Rate(1000)))
SLOW = PortGroup("slow", vlan=Vlan((VlanTag(42),)))
NIC = Nic("tap0", "lab")


def _written(message, attributes, **fields):
    message["attrs"] = attributes
    for name, value in fields.items():
        message[name] = value
    message.encode()
    return bytes(message.data)[HEADER:]


@pytest.mark.parametrize(("is_bridge", "target"), [(False, 1), (True, 2)])
def test_vlans_are_asked_for_as_by_pyroute2(is_bridge, target):
    items = [(42, PVID | UNTAGGED), (47, 0)]
    info = [("IFLA_BRIDGE_VLAN_INFO", {"vid": number, "flags": flags}) for number, flags in items]
    spec = [("IFLA_AF_SPEC", {"attrs": [("IFLA_BRIDGE_FLAGS", target), *info]})]
    expected = _written(ifinfmsg(), spec, family=AF_BRIDGE, index=12)
    assert bridge_port.vlan_message(12, items, is_bridge=is_bridge) == expected


def test_flags_of_a_port_are_asked_for_as_by_pyroute2():
    flags = {bridge_port.ISOLATED: True, bridge_port.LEARNING: False, bridge_port.UNICAST_FLOOD: True}
    names = [("IFLA_BRPORT_ISOLATED", 1), ("IFLA_BRPORT_LEARNING", 0), ("IFLA_BRPORT_UNICAST_FLOOD", 1)]
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": names})]
    expected = _written(ifinfmsg(), [("IFLA_LINKINFO", {"attrs": info})], family=0, index=12)
    assert bridge_port.flags_message(12, flags) == expected


def test_a_mac_is_listed_as_by_pyroute2():
    mac = "52:54:00:00:00:01"
    expected = _written(ndmsg(), [("NDA_LLADDR", mac)], family=AF_BRIDGE, ifindex=12, state=0x40, flags=0x44)
    assert bridge_port.neighbour_message(12, mac, bridge_port.MASTER | bridge_port.STICKY) == expected


def _live(**network):
    found = classes(Network("lab", bridge=network.pop("bridge", Bridge("vnbr0")), forward="nat", **network))
    return LiveNetwork("lab", "", "vnbr0", 7, 1500, 1, "guest", 1, classes=found)


def test_nothing_is_special_about_the_nics_of_an_ordinary_network():
    assert _live().classes == ()
    assert bridge_port.traits(_live(), NIC) is None


def test_a_nic_has_what_its_portgroup_and_its_network_say():
    live = _live(isolated=True, portgroups=(FAST, SLOW))
    assert bridge_port.traits(live, NIC) == Traits(isolated=True, limits=(1000, 0, 0, 0, 0, 0, 0))
    slow = NIC.replace(portgroup="slow")
    assert bridge_port.traits(live, slow) == Traits(isolated=True, vlans=((42, PVID | UNTAGGED),))


def test_what_a_nic_has_of_its_own_goes_before_its_portgroup():
    live = _live(isolated=True, portgroups=(FAST,), bridge=Bridge("vnbr0", mac_table="libvirt"))
    own = NIC.replace(isolated=False, limits=(0,) * 7, vlans=((7, 0),))
    assert bridge_port.traits(live, own) == Traits(is_listed=True, vlans=((7, 0),))
    assert bridge_port.traits(_live(isolated=True), NIC.replace(isolated=False)) is None


def test_a_nic_that_names_no_portgroup_is_in_none_where_none_is_the_default():
    assert bridge_port.traits(_live(portgroups=(SLOW,)), NIC) is None
    vlan = Vlan((VlanTag(9),))
    assert bridge_port.traits(_live(portgroups=(SLOW,), vlan=vlan), NIC) == Traits(vlans=((9, PVID | UNTAGGED),))


@pytest.mark.parametrize(
    ("portgroups", "hint"), [((), "the network has none"), ((FAST, SLOW), "its portgroups: fast, slow")]
)
def test_an_unknown_portgroup_is_refused_with_those_that_there_are(portgroups, hint):
    with pytest.raises(UsageError) as caught:
        bridge_port.traits(_live(portgroups=portgroups), NIC.replace(portgroup="fsat"))
    assert (str(caught.value), caught.value.hint) == ("network 'lab': portgroup 'fsat': no such portgroup", hint)


def test_a_portgroup_with_a_virtualport_is_refused():
    live = _live(portgroups=(PortGroup("ovs", virtualport=Element("virtualport")),))
    with pytest.raises(UnsupportedError) as caught:
        bridge_port.traits(live, NIC.replace(portgroup="ovs"))
    assert str(caught.value) == (
        "interface 'tap0': attach to network 'lab': portgroup 'ovs': its virtualport is not done"
    )


@pytest.mark.parametrize(
    ("written", "on_port"),
    [
        (None, ()),
        (Vlan((VlanTag(42),)), ((42, PVID | UNTAGGED),)),
        (Vlan((VlanTag(42),), trunk=True), ((42, 0),)),
        (Vlan((VlanTag(47), VlanTag(42, "untagged")), trunk=True), ((42, PVID | UNTAGGED), (47, 0))),
        (Vlan((VlanTag(42, "tagged"), VlanTag(47)), trunk=True), ((42, PVID), (47, 0))),
    ],
)
def test_vlans_are_written_for_a_port_and_read_back(written, on_port):
    assert vlans(written) == on_port
    assert vlans(vlan(on_port)) == on_port
