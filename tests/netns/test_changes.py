"""A running network is brought to another definition with its guests attached, which lose nothing."""

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.library import on
from vnethook.lifecycle import changes, health
from vnethook.live import record

pytestmark = pytest.mark.netns
GATEWAY = "10.84.0.1"
MAC = "52:54:00:00:00:01"
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr6'/>
  <dns><host ip='10.84.0.9'><hostname>old</hostname></host></dns>
  <ip address='10.84.0.1' netmask='255.255.255.0'><dhcp><range start='10.84.0.2' end='10.84.0.99'/></dhcp></ip>
</network>"""


def _dnsmasq(host: Host) -> int:
    return on(host, lambda here: record.read(here.paths, "lab").daemons[0][1])  # type: ignore[union-attr]


def _index(host: Host, link: str) -> int:
    return int(host.json(["ip", "-json", "link", "show", "dev", link])[0]["ifindex"])


def test_another_name_in_dns_is_served_by_the_same_dnsmasq_on_the_same_bridge() -> None:
    with Host() as host, Client(host, "alice", port="va", mac=MAC) as alice:
        host.define(LAB)
        host.vnet("attach", "va", "--network", "lab", "--guest", "alice", "--mac", MAC)
        address = alice.lease()["ip"]
        before = (_dnsmasq(host), _index(host, "vnbr6"))
        host.define(LAB.replace(">old<", ">new<"))
        assert [change.verb for change in on(host, lambda here: changes.apply(here, "lab"))] == ["change", "change"]
        wait_for(lambda: alice.resolve("new", server=GATEWAY) == ["10.84.0.9"], "the new name")
        assert alice.resolve("old", server=GATEWAY) == []
        assert alice.resolve("alice", server=GATEWAY) == [address]
        assert (_dnsmasq(host), _index(host, "vnbr6")) == before
        assert on(host, lambda here: health.check(here, "lab")) == []


def test_another_spelling_of_the_same_changes_nothing_and_is_shown() -> None:
    with Host() as host:
        host.define(LAB)
        host.vnet("net-start", "lab")
        host.define(LAB.replace("netmask='255.255.255.0'", "prefix='24'"))
        assert on(host, lambda here: changes.apply(here, "lab")) == []
        written = "<ip address='10.84.0.1' prefix='24'>"
        assert written in host.vnet("net-dumpxml", "lab").stdout
        fixed = "<host mac='52:54:00:00:00:09' ip='10.84.0.9'/>"
        host.vnet("net-update", "lab", "add", "ip-dhcp-host", fixed, "--live", "--config")
        for option in ((), ("--inactive",)):
            dumped = host.vnet("net-dumpxml", "lab", *option).stdout
            assert (written in dumped, fixed in dumped) == (True, True)
        host.vnet("net-destroy", "lab")
