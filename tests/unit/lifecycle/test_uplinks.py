"""What is told of a host that lacks what a network needs."""

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.definition.model import Network
from vnethook.definition.peers import Connection, Listen
from vnethook.host import underlay
from vnethook.lifecycle import uplinks


@pytest.mark.parametrize(
    ("far", "mtu", "room"), [("192.0.2.2", 1450, 0), ("192.0.2.2", 1451, 1450), ("2001:db8::2", 1450, 1430)]
)
def test_a_written_mtu_that_does_not_fit_through_a_vxlan_is_told_of(tmp_path, monkeypatch, far, mtu, room):
    near = far[:-1] + "1"
    monkeypatch.setattr(underlay, "tunnel_end", lambda *_: (near, 1500))
    ends = {"listens": (Listen("vxlan", near),), "connections": (Connection("vxlan", far),)}
    told = f"mtu {mtu}: the way to the other hosts has room for {room}: larger packets are lost"
    assert uplinks.warnings(FakeHost(tmp_path), Network("lab", mtu=mtu, **ends)) == ((told,) if room else ())
    assert uplinks.warnings(FakeHost(tmp_path), Network("lab", **ends)) == ()
