"""VLANs on a kernel whose bridges know none: a clear refusal, and nothing changed. Where they work: tests/guests."""

import pytest

from tests.lab import Host

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><bridge name='vnbr1'/>{vlan}
  <ip address='10.67.0.1' prefix='24'/>
  <portgroup name='tagged'><vlan><tag id='43'/></vlan></portgroup>
</network>"""
HINT = "  it needs CONFIG_BRIDGE_VLAN_FILTERING; without it take <vlan> out\n"


@pytest.fixture
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        host.make_tap("tap0")
        if not host.run(
            ["ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1"], check=False
        ).returncode:
            pytest.skip("this kernel's bridges know VLANs")
        yield host


def test_a_network_in_a_vlan_is_refused_and_nothing_is_changed(host: Host) -> None:
    host.define(LAB.format(vlan="<vlan><tag id='42'/></vlan>"))
    before = host.snapshot()
    refused = host.vnet("net-start", "lab", check=False)
    assert (refused.returncode, refused.stderr) == (
        5,
        f"error: bridge 'vnbr1': set VLANs: the kernel cannot filter VLANs on a bridge\n{HINT}",
    )
    assert before.changes_to(host.snapshot(), ignoring=["locks", "journal", "failed", "tcp_fastopen"]) == []


def test_a_nic_in_a_vlan_is_refused_and_others_are_attached(host: Host) -> None:
    host.define(LAB.format(vlan=""))
    host.vnet("net-start", "lab")
    refused = host.vnet("attach", "tap0", "--network", "lab:tagged", check=False)
    assert (refused.returncode, refused.stderr) == (
        5,
        f"error: interface 'tap0': set VLANs: the kernel cannot filter VLANs on a bridge\n{HINT}",
    )
    [link] = host.json(["ip", "-json", "link", "show", "dev", "tap0"])
    assert "master" not in link
    assert "UP" not in link["flags"]
    assert host.vnet_json("nic-list") == []
    host.vnet("attach", "tap0", "--network", "lab")
    assert [nic["interface"] for nic in host.vnet_json("nic-list")] == ["tap0"]
