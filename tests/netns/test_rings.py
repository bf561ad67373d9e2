"""Three hosts that each connect to the next one: one path, and another where a host is gone."""

import pytest

from tests.lab import Host
from tests.lab.linked import quick
from tests.lab.machine import wait_for
from tests.lab.ring import address, linked

pytestmark = pytest.mark.netns
SERVER = (
    "<ip address='10.74.1.1' netmask='255.255.255.0'><dhcp><range start='10.74.1.50' end='10.74.1.99'/></dhcp></ip>"
)


def test_three_hosts_in_a_ring_of_connections_have_one_path_with_or_without_the_third() -> None:
    with linked(3) as ring:
        for number, host in enumerate(ring.hosts):
            quick(host)
            host.define(
                f"""<network><name>blue</name>{SERVER if number == 0 else ""}
                <listen transport='tcp' address='{address(number)}' port='7000'/>
                <connections><connection transport='tcp' address='{address((number + 1) % 3)}' port='7000'/></connections>
                </network>"""
            )
            host.vnet("net-start", "blue")
        near, far = ring.plug(0, "blue", "near"), ring.plug(1, "blue", "far")
        assert near.lease(tries=2)["server"] == "10.74.1.1"
        ip = far.lease(tries=20)["ip"]
        wait_for(lambda: sum(map(_blocked, ring.hosts)) == 1, "one link to be out of use, and no other")
        assert near.pings(ip)
        ring.hosts[2].vnet("net-destroy", "blue")
        wait_for(lambda: near.pings(ip), "the way without the third host")


def _blocked(host: Host) -> int:
    """How many links carry nothing but the tree's messages."""
    return sum(port["state"] == "blocking" for port in host.json(["bridge", "-json", "-details", "link"]))
