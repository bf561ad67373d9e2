"""What an ordinary user's network cannot be, and what only it can be."""

from types import SimpleNamespace

import pytest

from vnethook.definition.fabric import Fabric
from vnethook.definition.forwarding import Forwarding, Incoming, PortForward
from vnethook.definition.model import Bridge, Ip, Nat, Network
from vnethook.definition.peers import Listen
from vnethook.definition.vde import Vde
from vnethook.errors import UnsupportedError
from vnethook.lifecycle import users
from vnethook.live.paths import Paths

FORWARDS = Forwarding(incoming=Incoming(forwards=(PortForward((80, 80), "tcp", None, "web"),)))


def _host(user):
    return SimpleNamespace(paths=Paths("/e", "/r", "/s", user=user))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"forward": "bridge", "bridge": Bridge("br0")},
            "forward: mode 'bridge' uses what is the machine's: a user has none of it",
        ),
        (
            {"forward": "nat", "uplinks": ("eth0",)},
            "forward dev 'eth0': is the machine's: a user's network goes out as the user does",
        ),
        (
            {"forward": "nat", "nat": Nat(("192.0.2.1", "192.0.2.2"))},
            "forward nat address: a user's network goes out by the machine's own addresses",
        ),
        (
            {"forward": "nat", "bridge": Bridge("vnbr0", zone="trusted")},
            "bridge zone: firewalld is the machine's, and sees no bridge of a user's",
        ),
        (
            {"forward": "user", "domain": "lab.test", "domain_register": True},
            "domain register: the resolver is the machine's",
        ),
        ({"forward": "user", "vde": Vde("kvm")}, "vde: a user's switch is for that user alone"),
        (
            {"forward": "nat", "ips": (Ip("10.42.0.1", 24),), "fabric": Fabric(7, "192.0.2.1")},
            "connections fabric: other hosts are reached by the machine's FRR",
        ),
        (
            {"listens": (Listen("vxlan", "192.0.2.1"),)},
            "transport 'vxlan': its packets are the machine's kernel's, not a user's",
        ),
        (
            {"listens": (Listen("ssh"),)},
            "listen by ssh: whom the machine's sshd lets in is outside of the user's namespace",
        ),
        ({"listens": (Listen("tls", port=443),)}, "listen port 443: ports below 1024 are the machine's"),
        ({"forward": "user", "forwarding": FORWARDS}, "incoming port 80: ports below 1024 are the machine's"),
    ],
)
def test_what_is_the_machines_is_no_users(fields, why):
    with pytest.raises(UnsupportedError) as caught:
        users.require(_host(4321), Network("lab", **fields))
    assert str(caught.value) == f"network 'lab': {why}"


@pytest.mark.parametrize("mode", ["user", "nat", "route", "open", "none"])
def test_every_mode_with_a_bridge_of_its_own_is_a_users(mode):
    users.require(_host(4321), Network("lab", forward=mode))


def test_mode_user_is_not_roots():
    with pytest.raises(UnsupportedError) as caught:
        users.require(_host(0), Network("lab", forward="user"))
    assert str(caught.value) == "network 'lab': forward: mode 'user' is for an ordinary user's own network"
    assert caught.value.hint == "root's goes out by mode 'nat'"
