"""What is seen of a host with guests on a virtual network and on its own: lists, rates, drawings, libvirt's interfaces."""

import fcntl
import json
import os
import signal
import subprocess
import termios
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
FOREIGN_MAC, FOREIGN = "52:54:00:00:00:0c", "192.0.2.31"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """`web` on the network lab, `desk` on the shared NIC eth0 by the network office, and a port and a tap that are not ours."""
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
        foreign = stack.enter_context(Client(host, "foreign", port="vif9.0", mac=FOREIGN_MAC))
        host.run(["ip", "link", "set", "vif9.0", "up", "master", "ebreth0"])
        foreign.run(["ip", "address", "add", f"{FOREIGN}/24", "dev", "eth0"])
        assert foreign.pings("192.0.2.20")
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
        " office    active     no          yes          physical",
        "",
    ]
    assert host.vnet("net-list", "--all", "--name").stdout == "default\nlab\noffice\n\n"
    assert host.vnet("net-list", "--name").stdout == "lab\noffice\n\n"
    assert host.vnet("net-list", "--physical", "--name").stdout == "eth0\noffice\n\n"
    assert host.vnet("net-list", "--all", "--virtual", "--name").stdout == "default\nlab\n\n"
    virsh = host.directory / "virsh"
    virsh.symlink_to(VNET)
    assert "Type" not in host.run([virsh, "net-list", "--all"]).stdout


def test_details_tell_type_guests_and_traffic(host: Host) -> None:
    eth0, office = host.vnet_json("net-list", "--physical", "--details")
    assert (office["type"], office["guests"], office["rx_bytes"]) == ("physical", 1, eth0["rx_bytes"])
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
        "proxied": "",
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


def test_a_drawing_of_the_host_shows_guests_of_both_kinds_and_ports_of_others(host: Host) -> None:
    found = {segment["name"]: segment for segment in host.vnet_json("graph")["networks"]}
    assert {name: segment["state"] for name, segment in found.items()} == {
        "default": "inactive",
        "eth0": "active",
        "lab": "active",
    }
    shared, lab = found["eth0"], found["lab"]
    assert (shared["type"], shared["bridge"], shared["networks"]) == ("physical", "ebreth0", ["office"])
    assert [(guest["guest"], guest["network"], guest["ip"]) for guest in shared["guests"]] == [("desk", "office", DESK)]
    assert shared["others"] == [
        {"link": "tap9", "kind": "tun", "mac": "", "ip": ""},
        {"link": "vif9.0", "kind": "veth", "mac": FOREIGN_MAC, "ip": FOREIGN},
    ]
    assert [uplink["link"] for uplink in shared["uplinks"]] == ["eth0"]
    assert (lab["type"], lab["services"]) == ("virtual", ["NAT", "DHCP", "DNS", "firewall", "guard"])
    assert [(uplink["link"], uplink["nic"], uplink["is_up"]) for uplink in lab["uplinks"]] == [
        ("ebreth0", "eth0", True)
    ]
    text = host.vnet("graph").stdout
    assert (
        "    ├─ veth-desk ─ desk  192.0.2.30  52:54:00:00:00:0b\n"
        "    ├─ tap9      ─ not ours (tun)\n"
        "    └─ vif9.0    ─ not ours (veth)  192.0.2.31  52:54:00:00:00:0c\n"
    ) in text
    assert host.vnet("graph", "office").stdout == host.vnet("graph", "eth0").stdout
    assert "lab" not in host.vnet("graph", "eth0").stdout


def test_rates_are_measured_of_networks_nics_and_the_hosts_own(host: Host) -> None:
    with host.popen(["ping", "-q", "-i0.02", "-s1000", DESK], stdout=subprocess.DEVNULL) as ping:
        try:
            found = host.vnet_json("top", "--once", "--interval", "0.5")
        finally:
            ping.kill()
    networks = {one["name"]: one for one in found["networks"]}
    assert {name: (one["type"], one["guests"]) for name, one in networks.items()} == {
        "eth0": ("physical", 1),
        "lab": ("virtual", 1),
    }
    assert networks["eth0"]["rx_bits_per_s"] > 8000 < networks["eth0"]["tx_bits_per_s"]
    assert networks["lab"]["rss_bytes"] > 100_000  # its dnsmasq
    nics = {one["interface"]: one for one in found["nics"]}
    assert sorted(nics) == ["eth0", "veth-desk", "veth-web"]
    assert nics["veth-desk"]["tx_packets_per_s"] > 2
    assert (nics["eth0"]["is_uplink"], nics["veth-web"]["rx_packets_per_s"] < 5) == (True, True)


def test_where_there_is_no_terminal_measurements_follow_each_other_also_while_a_nic_goes(host: Host) -> None:
    watched = ["top", "lab", "--interval", "0.1", "--json"]
    with host.popen([VNET, *watched], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as top:
        assert top.stdout
        assert json.loads(top.stdout.readline())["networks"][0]["guests"] == 1
        host.make_tap("tap7")
        host.vnet("attach", "tap7", "--network", "lab", "--guest", "brief")
        while len(json.loads(top.stdout.readline())["nics"]) != 2:
            pass
        host.run(["ip", "link", "delete", "tap7"])
        while len(json.loads(top.stdout.readline())["nics"]) != 1:
            pass
        top.send_signal(signal.SIGINT)
        assert top.communicate()[1] == ""
        assert top.returncode == 0


@pytest.mark.parametrize("ending", ["q", "\x03", "SIGTERM"])
def test_a_terminal_is_drawn_again_and_left_as_it_was(host: Host, ending: str) -> None:
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    environment = host.environment | {"TERM": "xterm"}
    with host.popen(
        [VNET, "top", "--interval", "0.1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        preexec_fn=_lead,
    ) as top:
        drawn = b""
        while drawn.count(b"vnet top") < 3:
            drawn += os.read(ours, 65536)
        if ending == "SIGTERM":
            top.send_signal(signal.SIGTERM)
        else:
            os.write(ours, ending.encode())
        while not drawn.endswith(b"\x1b[?25h\x1b[?1049l"):
            drawn += os.read(ours, 65536)
        assert top.wait() == 0
    assert termios.tcgetattr(theirs) == before
    assert drawn.startswith(b"\x1b[?1049h\x1b[?25l\x1b[Hvnet top")
    os.close(ours)
    os.close(theirs)


def test_top_ends_with_its_terminal_and_tells_a_dumb_one_nothing_but_text(host: Host) -> None:
    ours, theirs = os.openpty()
    environment = host.environment | {"TERM": "dumb"}
    words = [VNET, "top", "--interval", "0.1"]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": subprocess.PIPE}
    with host.popen(words, **streams, env=environment, preexec_fn=_lead) as top:
        os.close(theirs)
        drawn = b""
        while drawn.count(b"vnet top") < 2:
            drawn += os.read(ours, 65536)
        assert b"\x1b" not in drawn
        os.close(ours)
        assert b"internal error" not in top.communicate()[1]
        assert top.returncode in {0, 5}  # it writes where there is nothing any more


def test_a_nic_whose_bridge_has_its_name_stands_under_it_and_a_healthy_one_gives_the_doctor_nothing_to_say() -> None:
    with Machine("router") as router, Host() as host:
        connect(host, router)
        host.vnet("net-undefine", "default")
        host.vnet("share", "eth0", "--layout", "proposal", "--timeout", "300")
        waiting = host.vnet("net-list", "--all")
        assert " eth0   active   no          no           physical\n" in waiting.stdout
        assert waiting.stderr == (
            "warning: interface 'eth0': is given back unless `vnet confirm eth0` says in time that it is to stay\n"
        )
        host.vnet("confirm")
        assert host.vnet("net-list", "--all").stderr == ""
        [segment] = host.vnet_json("graph")["networks"]
        assert (segment["name"], segment["bridge"], segment["others"]) == ("eth0", "eth0", [])
        assert [(uplink["link"], uplink["nic"]) for uplink in segment["uplinks"]] == [("peth0", "")]
        [nic] = host.vnet_json("top", "--once", "--interval", "0.1")["nics"]
        assert (nic["interface"], nic["network"], nic["is_uplink"]) == ("peth0", "eth0", True)
        assert nic["rx_bits_per_s"] is not None
        host.vnet("attach", host.make_tap("tap1"), "--network", "eth0", "--guest", "web")
        assert " tap1        eth0      web " in host.vnet("nic-list", "eth0").stdout
        assert "    └─ tap1 ─ web\n" in host.vnet("graph").stdout
        found = json.loads(host.vnet("doctor", "--json", check=False).stdout)
        assert [one for one in found if "eth0" in one["subject"] or "eth0" in one["what"]] == []


def test_networks_on_one_bridge_of_the_administrators_are_one_lan() -> None:
    with Host() as host:
        host.run(["ip", "link", "add", "br0", "up", "type", "bridge"])
        for number, name in enumerate(("floor", "office")):
            host.define(f"<network><name>{name}</name><forward mode='bridge'/><bridge name='br0'/></network>")
            host.vnet("attach", host.make_tap(f"tap{number}"), "--network", name, "--guest", name)
        found = [one for one in host.vnet_json("graph")["networks"] if one["state"] == "active"]
        assert [(one["name"], one["networks"], len(one["guests"])) for one in found] == [
            ("br0", ["floor", "office"], 2)
        ]
        assert "    ├─ tap0 ─ floor  (floor)\n    └─ tap1 ─ office  (office)\n" in host.vnet("graph", "office").stdout
        assert [one["type"] for one in host.vnet_json("top", "--once", "--interval", "0.1")["networks"]] == [
            "physical"
        ] * 2


def test_guests_for_which_the_host_answers_are_on_the_physical_network() -> None:
    with Host() as host:
        for line in ("link add eth0 type veth peer name far", "link set far up", "address add 192.0.2.20/24 dev eth0"):
            host.run(["ip", *line.split()])
        host.run(["ip", "link", "set", "eth0", "up"])
        host.vnet("share", "eth0", "--mode", "proxyarp", "--range", "192.0.2.61-192.0.2.62")
        assert " eth0      active     no          no           physical\n" in host.vnet("net-list", "--all").stdout
        [found] = host.vnet_json("net-list", "--physical")
        assert (found["name"], found["forward"], found["proxied"]) == ("eth0", "route", "eth0")
        [segment] = [one for one in host.vnet_json("graph")["networks"] if one["name"] == "eth0"]
        assert (segment["type"], segment["services"][0]) == ("physical", "proxy ARP")
        assert [uplink["link"] for uplink in segment["uplinks"]] == ["eth0"]
        [place] = host.vnet_json("top", "--once", "--interval", "0.1")["networks"]
        assert (place["name"], place["type"]) == ("eth0", "physical")


def _lead() -> None:
    """Have the terminal of standard input for one's own, so that ^C is a signal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
