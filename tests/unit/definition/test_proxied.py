"""What goes together with a network whose guests are among the hosts of its uplink's."""

import pytest

from vnethook.definition.ip import Ip
from vnethook.definition.model import Bridge, Network, Route
from vnethook.errors import DefinitionError

FIELDS = {
    "bridge": Bridge("vnbr0"),
    "forward": "route",
    "uplinks": ("wlan0",),
    "proxied": True,
    "ips": (Ip("192.0.2.61", 24), Ip("2001:db8::61", 64)),
}


def test_a_bridge_among_the_hosts_of_a_network_has_no_broadcasts_of_its_own():
    assert Network("wlan0", **FIELDS).addresses == ("192.0.2.61/32", "2001:db8::61/64")
    assert Network("wlan0", **FIELDS | {"proxied": False}).addresses == ("192.0.2.61/24", "2001:db8::61/64")


def test_a_guest_among_the_hosts_of_a_network_is_held_to_its_own_address():
    assert Network("wlan0", **FIELDS).effective_guard.mode == "strict"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"forward": "nat"}, "forward: proxyarp is for mode 'route' with a dev"),
        ({"uplinks": ()}, "forward: proxyarp is for mode 'route' with a dev"),
        ({"bridge": Bridge("wlan0")}, "forward: proxyarp: the dev is the network's own bridge"),
        (
            {"ips": (Ip(whole_range=True),)},
            "ip: with proxyarp it is written: an address of the dev's network that no other host has",
        ),
        (
            {"routes": (Route("203.0.113.0", 24, "192.0.2.62"),)},
            "route: with proxyarp no other subnets are behind guests",
        ),
    ],
)
def test_what_guests_among_the_hosts_of_a_network_cannot_have_is_refused(fields, why):
    with pytest.raises(DefinitionError) as caught:
        Network("wlan0", **FIELDS | fields)
    assert str(caught.value) == why
