"""The port of a link with another host: on the bridge with a record of its own, and gone with it."""

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.host import taps
from vnethook.lifecycle import bringup, catalog
from vnethook.live import link_port
from vnethook.live.link_port import LinkPort

pytestmark = pytest.mark.netns
LINKED = "<network><name>blue</name><listen local='yes'/></network>"
PORT = LinkPort("vnl0", "blue", "hostb.example")


def _join(here: machine.Host) -> tuple[bool, list[LinkPort]]:
    catalog.define(here, LINKED, source="linked.xml")
    live = bringup.start(here, "blue")
    taps.create("vnl0")
    port = link_port.join(here.paths, here.links, live, PORT)
    return link_port.is_joined(here.links, live, port), link_port.ports(here.paths, "blue")


def test_a_link_is_a_port_of_the_bridge_until_it_leaves() -> None:
    with Host() as host:
        is_joined, ports = on(host, _join)
        assert is_joined
        assert [port.replace(index=0) for port in ports] == [PORT]
        on(host, lambda here: link_port.leave(here.paths, here.links, ports[0]))
        on(host, lambda here: link_port.leave(here.paths, here.links, ports[0]))
        assert on(host, lambda here: here.links.link("vnl0")) is None
        assert on(host, lambda here: link_port.ports(here.paths, "blue")) == []


def test_a_tap_takes_no_name_that_is_there() -> None:
    with Host() as host:
        host.make_tap("vnl0")
        with pytest.raises(HostError, match=r"tap 'vnl0': create: Device or resource busy"):
            on(host, lambda _: taps.create("vnl0"))
