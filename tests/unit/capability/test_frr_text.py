"""What FRR is told of networks on many hosts."""

import pytest

from vnethook.capability.frr_text import configuration
from vnethook.definition.fabric import Fabric, Peer
from vnethook.definition.model import Network
from vnethook.errors import StateError

HOSTS = """! networks racks: written by vnet fabric-config
ip nht resolve-via-default
router bgp 65000
 bgp router-id 192.0.2.11
 neighbor vnethook peer-group
 neighbor vnethook remote-as 65000
 neighbor vnethook update-source 192.0.2.11
 neighbor vnethook timers 3 9
 neighbor vnethook timers connect 5
 neighbor 192.0.2.1 peer-group vnethook
 neighbor 192.0.2.2 peer-group vnethook
 !
 address-family ipv4 unicast
  no neighbor vnethook activate
 exit-address-family
 !
 address-family l2vpn evpn
  neighbor vnethook activate
  advertise-all-vni
 exit-address-family
exit
!
"""
REFLECTORS = """! networks racks, lab: written by vnet fabric-config
ip nht resolve-via-default
router bgp 4200000000
 bgp router-id 192.0.2.1
 neighbor vnethook peer-group
 neighbor vnethook remote-as 4200000000
 neighbor vnethook update-source 192.0.2.1
 neighbor vnethook timers 3 9
 neighbor vnethook timers connect 5
 neighbor vnethook-clients peer-group
 neighbor vnethook-clients remote-as 4200000000
 neighbor vnethook-clients update-source 192.0.2.1
 neighbor vnethook-clients timers 3 9
 neighbor vnethook-clients timers connect 5
 bgp listen limit 5000
 neighbor 192.0.2.2 peer-group vnethook
 bgp listen range 192.0.2.128/25 peer-group vnethook-clients
 !
 address-family ipv4 unicast
  no neighbor vnethook activate
  no neighbor vnethook-clients activate
 exit-address-family
 !
 address-family l2vpn evpn
  neighbor vnethook activate
  neighbor vnethook-clients activate
  neighbor vnethook-clients route-reflector-client
  advertise-all-vni
 exit-address-family
exit
!
"""


def network(name, vni, *peers, as_number=None):
    return Network(name, fabric=Fabric(vni, "192.0.2.11", as_number=as_number, peers=peers))


def test_a_host_calls_its_reflectors():
    racks = network("racks", 7, Peer("192.0.2.1"), Peer("192.0.2.2"))
    assert configuration([(racks, "192.0.2.11")]) == HOSTS


def test_a_reflector_of_two_networks_has_one_bgp_and_is_not_its_own_peer():
    clients = Peer("192.0.2.128/25", is_client=True)
    both = [
        network("racks", 7, Peer("192.0.2.1"), Peer("192.0.2.2"), clients, as_number=4200000000),
        network("lab", 8, Peer("192.0.2.2"), as_number=4200000000),
    ]
    assert configuration([(one, "192.0.2.1") for one in both]) == REFLECTORS


def test_without_peers_nothing_is_said_of_what_the_administrator_has_configured():
    assert configuration([(network("racks", 7), "192.0.2.1"), (Network("plain"), "192.0.2.1")]) == ""


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            network("lab", 8, Peer("192.0.2.1"), as_number=65001),
            "networks 'racks' and 'lab': as 65000 and 65001: a host has one BGP",
        ),
        (
            network("lab", 8, Peer("192.0.2.1", is_client=True)),
            "networks 'racks' and 'lab': peer 192.0.2.1: is a client of one only",
        ),
    ],
)
def test_networks_that_do_not_agree_are_refused(other, reason):
    with pytest.raises(StateError) as raised:
        configuration([(network("racks", 7, Peer("192.0.2.1")), "192.0.2.11"), (other, "192.0.2.11")])
    assert str(raised.value) == reason
