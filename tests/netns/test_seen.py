"""What is seen of a host with guests on a virtual network and on its own: lists, rates, drawings, libvirt's interfaces."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.lab import Client, Host, Machine
from tests.lab.host import VNET
from tests.lab.lan import call, connect

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
OFFICE = "<network><name>office</name><forward mode='bridge'/><bridge name='ebreth0'/></network>"
MAC, DESK_MAC, DESK = "52:54:00:00:00:0a", "52:54:00:00:00:0b", "192.0.2.30"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """`web` on the network lab, `desk` on the shared NIC eth0 by the network office, and a tap that is not ours."""
    with ExitStack() as stack:
        router = stack.enter_context(Machine("router"))
        host = stack.enter_context(Host())
        connect(host, router)
        assert call(host, "start") == (0, "")
        host.define(LAB)
        host.define(OFFICE)
        web = stack.enter_context(Client(host, "web", port="veth-web", mac=MAC))
        desk = stack.enter_context(Client(host, "desk", port="veth-desk", mac=DESK_MAC))
        host.vnet("attach", "veth-web", "--network", "lab", "--guest", "web", "--mac", MAC)
        host.vnet("attach", "veth-desk", "--network", "office", "--guest", "desk", "--mac", DESK_MAC)
        assert web.lease()
        desk.run(["ip", "address", "add", f"{DESK}/24", "dev", "eth0"])
        assert desk.pings("192.0.2.20")
        host.make_tap("tap9")
        host.run(["ip", "link", "set", "tap9", "master", "ebreth0"])
        yield host


def test_shared_nics_stand_among_all_networks_and_not_where_virshs_answer_is_expected(host: Host) -> None:
    assert host.vnet("net-list", "--all").stdout.splitlines() == [
        " Name      State      Autostart   Persistent   Type",
        "---------------------------------------------------------",
        " default   inactive   no          yes          virtual",
        " eth0      active     no          no           physical",
        " lab       active     no          yes          virtual",
        " office    active     no          yes          virtual",
        "",
    ]
    assert host.vnet("net-list", "--all", "--name").stdout == "default\nlab\noffice\n\n"
    assert host.vnet("net-list", "--name").stdout == "lab\noffice\n\n"
    assert host.vnet("net-list", "--physical", "--name").stdout == "eth0\n\n"
    assert "eth0" not in host.vnet("net-list", "--all", "--virtual").stdout
    virsh = host.directory / "virsh"
    virsh.symlink_to(VNET)
    assert "Type" not in host.run([virsh, "net-list", "--all"]).stdout


def test_details_tell_type_guests_and_traffic(host: Host) -> None:
    [eth0] = host.vnet_json("net-list", "--physical", "--details")
    assert [eth0.pop(name) > 0 for name in ("rx_bytes", "tx_bytes")] == [True, True]
    assert eth0 == {
        **dict.fromkeys(("uuid", "problem", "title"), ""),
        **dict.fromkeys(("autostart", "persistent"), False),
        "name": "eth0",
        "type": "physical",
        "state": "active",
        "bridge": "ebreth0",
        "forward": "bridge",
        "subnets": [],
        "addresses": eth0["addresses"],
        "networks": ["office"],
        "guests": 1,
    }
    assert {"192.0.2.20/24", "2001:db8::20/64"} <= set(eth0["addresses"])
    lines = host.vnet("net-list", "--details").stdout.splitlines()
    assert lines[0].split() == ["Name", "Type", "State", "Bridge", "Guests", "RX", "TX"]
    assert [line.split()[:5] for line in lines[2:4]] == [
        ["eth0", "physical", "active", "ebreth0", "1"],
        ["lab", "virtual", "active", "vnbr7", "1"],
    ]


def test_a_guest_on_a_shared_nic_is_listed_with_the_address_that_the_host_has_heard(host: Host) -> None:
    [desk] = host.vnet_json("nic-list", "eth0")
    seen = {name: desk[name] for name in ("interface", "network", "shared_interface", "guest", "mac", "ip")}
    assert seen == {
        "interface": "veth-desk",
        "network": "office",
        "shared_interface": "eth0",
        "guest": "desk",
        "mac": DESK_MAC,
        "ip": DESK,
    }
    assert host.vnet_json("nic-list", "ebreth0") == [desk]
    assert [nic["guest"] for nic in host.vnet_json("nic-list")] == ["web", "desk"]
