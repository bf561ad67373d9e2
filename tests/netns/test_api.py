"""The Python API on a host with real networks and guests; unmodified programs find it under libvirt's name."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.lab import CHECKOUT, Client, Host
from vnethook import api

pytestmark = pytest.mark.netns
PYTHON = CHECKOUT / ".venv/bin/python"
MAC = "52:54:00:00:00:0a"
UUID = "44444444-4444-4444-8444-444444444444"
DUID = "00:03:00:01:52:54:00:00:00:0a"
LAB = """
<network><name>lab</name><bridge name='vnbr7'/><domain name='lab.example'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
  <ip family='ipv6' address='2001:db8:77::1' prefix='64'><dhcp><range start='2001:db8:77::2' end='2001:db8:77::9'/></dhcp></ip>
</network>"""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


def _on(host: Host, function: Callable[[api.virConnect], Any]) -> Any:
    """What `function` answers, given a connection on the host, in a process of its own there."""

    def call() -> Any:
        os.environ.update(host.environment)
        with api.open("qemu:///system") as conn:
            return function(conn)

    return host.call(call)


def test_a_network_serves_guests_from_create_to_destroy(host: Host) -> None:
    def start(conn: api.virConnect) -> tuple[str, int, int]:
        network = conn.networkDefineXML(LAB)
        return network.UUIDString(), network.create(), network.ID()

    uuid, done, number = _on(host, start)
    assert done == 0
    [link] = host.json(["ip", "-json", "link", "show", "vnbr7"])
    assert number == link["ifindex"]
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab", "--guest", "web", "--mac", MAC)
        address = client.lease()["ip"]

        def look(conn: api.virConnect) -> tuple[list[Any], str, str, list[int]]:
            network = conn.networkLookupByID(number)
            assert network.UUIDString() == uuid
            return network.DHCPLeases(), network.XMLDesc(), network.XMLDesc(1), conn.listNetworksID()

        [lease], live, stored, numbers = _on(host, look)
        assert lease.pop("expirytime") > 0
        assert lease == {
            "iface": "vnbr7",
            "type": api.VIR_IP_ADDR_TYPE_IPV4,
            "mac": MAC,
            "ipaddr": address,
            "prefix": 24,
            "hostname": "web",
            "clientid": lease["clientid"],
            "iaid": None,
        }
        assert live.startswith("<network connections='1'>\n")
        assert stored.startswith("<network>\n")
        assert numbers == [number]
        # With guests on it, as libvirt does; ours are back with the next start.
        assert _on(host, lambda conn: conn.networkLookupByName("lab").destroy()) == 0
        assert host.run(["ip", "link", "show", "vnbr7"], check=False).returncode == 1
        _on(host, lambda conn: conn.networkLookupByName("lab").create())
        assert client.lease()["ip"] == address


def test_a_lease_of_ipv6_has_an_iaid_and_no_mac(host: Host) -> None:
    _on(host, lambda conn: conn.networkCreateXML(LAB).name())
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab")
        client.run(["ip", "address", "add", "fe80::53/64", "dev", "eth0", "nodad"])
        lease6 = client.lease6(DUID)
        assert lease6
        [lease] = _on(host, lambda conn: conn.networkLookupByName("lab").DHCPLeases())
        assert (lease["type"], lease["ipaddr"], lease["prefix"], lease["mac"]) == (1, lease6.ip, 64, None)
        assert (lease["iaid"], lease["clientid"]) == ("1", DUID)


def test_a_fixed_address_that_is_added_is_given_at_once(host: Host) -> None:
    def update(conn: api.virConnect) -> int:
        network = conn.networkCreateXML(LAB)
        xml = f"<host mac='{MAC}' name='fixed' ip='10.77.0.7'/>"
        return network.update(api.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, api.VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, xml)

    assert _on(host, update) == 0
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab")
        assert client.lease()["ip"] == "10.77.0.7"


def test_a_nic_takes_the_port_that_was_made_for_it_with_its_limits(host: Host) -> None:
    port = f"<networkport><owner><name>web</name><uuid>{UUID}</uuid></owner><mac address='{MAC}'/></networkport>"

    def make(conn: api.virConnect) -> tuple[str, int, dict[str, int]]:
        made = conn.networkDefineXML(LAB).portCreateXML(port)
        return made.UUIDString(), made.setParameters({"outbound.average": 500}), made.parameters()

    uuid, done, limits = _on(host, make)
    assert (done, limits) == (0, {"outbound.average": 500, "outbound.peak": 0, "outbound.burst": 0})
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab", "--mac", MAC)
        assert client.lease()["ip"].startswith("10.77.0.")
        [port_list] = host.vnet_json("nic-list", "lab")
        assert port_list["interface"] == "veth-web"

        def delete(conn: api.virConnect) -> tuple[list[str], dict[str, int], str, int]:
            network = conn.networkLookupByName("lab")
            names = [found.UUIDString() for found in network.listAllPorts()]
            found = network.portLookupByUUIDString(uuid)
            return names, found.parameters(), found.XMLDesc(), found.delete()

        names, limits, xml, done = _on(host, delete)
        assert (names, limits["outbound.average"], done) == ([uuid], 500, 0)
        assert f"<mac address='{MAC}'/>" in xml
        assert host.vnet_json("nic-list", "lab") == []
        assert "master" not in host.json(["ip", "-json", "link", "show", "veth-web"])[0]


def test_threads_of_a_program_do_not_get_into_each_others_way(host: Host) -> None:
    def work(conn: api.virConnect) -> list[str]:
        failed: list[str] = []

        def one(number: int) -> None:
            try:
                network = conn.networkDefineXML(f"<network><name>net{number}</name></network>")
                for _ in range(2):
                    network.create()
                    assert network.isActive() == 1
                    network.setMetadata(api.VIR_NETWORK_METADATA_TITLE, f"number {number}", None, None)
                    assert conn.networkLookupByUUID(network.UUID()).metadata(1, None) == f"number {number}"
                    network.destroy()
                network.undefine()
            except Exception as error:  # noqa: BLE001 (of a thread)
                failed.append(repr(error))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failed + conn.listNetworks() + conn.listDefinedNetworks()

    assert _on(host, work) == ["default"]


def test_a_user_without_rights_has_networks_of_his_own_and_is_told_what_he_may_not(host: Host) -> None:
    home = host.directory / "home"
    home.mkdir()
    home.chmod(0o777)
    program = """
from vnethook import api
conn = api.open()
print(conn.getURI(), [network.name() for network in conn.listAllNetworks()])
network = conn.networkDefineXML("<network><name>mine</name></network>")
print([network.name() for network in conn.listAllNetworks()])
try:
    network.create()
except api.libvirtError as error:
    print(error.get_error_code(), bool(error.get_str2()))
"""
    _on(host, lambda conn: conn.networkDefineXML(LAB).name())
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    words = ["env", "-u", "VNETHOOK_ROOT", *nobody, str(PYTHON), "-c", program]
    done = host.run(words, env=env)
    assert done.stdout.splitlines() == ["vnethook:///session ['default']", "['default', 'mine']", "1 True"]


# Programs for libvirt, as they are


def _program(host: Host, text: str, *words: str) -> "subprocess.Popen[str]":
    """Start a program that imports libvirt, on another interpreter's path."""
    env = {"PYTHONPATH": str(CHECKOUT / "vnethook/compat")}
    return host.popen([str(PYTHON), "-c", text, *words], env=env, stdout=subprocess.PIPE, text=True)


MANAGER = """
import sys, threading, libvirt

class EventLoop(threading.Thread):
    def run(self):
        while True:
            libvirt.virEventRunDefaultImpl()

def told(conn, net, event, detail, opaque):
    print(net.name(), event, detail, net.isActive() if event == 2 else "", opaque, flush=True)

libvirt.registerErrorHandler(lambda *_: None, None)
libvirt.virEventRegisterDefaultImpl()
loop = EventLoop(daemon=True)
loop.start()
conn = libvirt.openAuth("qemu:///system", [[libvirt.VIR_CRED_AUTHNAME], lambda *_: 0, None], 0)
conn.setKeepAlive(20, 1)
number = conn.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, told, "mine")
print("listening", flush=True)
sys.stdin.readline()
known = {network.UUIDString(): network for network in conn.listAllNetworks()}
print(sorted((network.name(), bool(network.isActive())) for network in known.values()), flush=True)
conn.networkEventDeregisterAny(number)
conn.close()
"""


def test_a_program_that_polls_and_listens_in_a_thread_sees_what_others_do(host: Host) -> None:
    env = {"PYTHONPATH": str(CHECKOUT / "vnethook/compat")}
    words = [str(PYTHON), "-c", MANAGER]
    program = host.popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with program:
        assert program.stdin
        assert program.stdout
        assert program.stdout.readline() == "listening\n"
        host.define(LAB)
        host.vnet("net-start", "lab")
        host.vnet("net-destroy", "lab")
        told = [program.stdout.readline() for _ in range(3)]
        assert told[::2] == ["lab 0 0  mine\n", "lab 3 0  mine\n"]
        assert told[1].startswith("lab 2 0 ")
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.readline() == "[('default', False), ('lab', False)]\n"
        assert program.wait() == 0


# What community.libvirt's virt_net, an Ansible module, calls for each of its states and commands, in its order.
VIRT_NET = """
import json, sys, libvirt
from lxml import etree
xml, host = sys.argv[1:]
conn = libvirt.open("qemu:///system")
said = []
try:
    conn.networkLookupByName("lab")
except libvirt.libvirtError as error:
    assert error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK
    conn.networkDefineXML(xml)
names = conn.listNetworks() + conn.listDefinedNetworks()
networks = [conn.networkLookupByName(name) for name in names]
said.append(sorted((network.name(), network.isActive()) for network in networks))
lab = conn.networkLookupByName("lab")
said.append([lab.create(), lab.isActive(), lab.setAutostart(True), lab.autostart(), lab.isPersistent()])
both = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE | libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
dhcp_host = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST
said.append(lab.update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, dhcp_host, -1, host, both))
changed = host.replace(".0.7", ".0.8")
said.append(lab.update(libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY, dhcp_host, -1, changed, both))
found = etree.fromstring(lab.XMLDesc(0))
said.append([found.xpath(path) for path in (
    "string(/network/ip/dhcp/host/@ip)", "string(/network/domain/@name)", "count(/network/mac)", "count(/network/forward)")])
said.append([lab.bridgeName(), lab.DHCPLeases(), len(lab.UUIDString())])
said.append([lab.destroy(), lab.undefine(), conn.listDefinedNetworks()])
print(json.dumps(said))
"""


def test_an_ansible_modules_calls_do_what_it_expects(host: Host) -> None:
    with _program(host, VIRT_NET, LAB, f"<host mac='{MAC}' name='web' ip='10.77.0.7'/>") as program:
        out, _ = program.communicate()
    assert program.returncode == 0
    assert json.loads(out) == [
        [["default", 0], ["lab", 0]],
        [0, 1, 0, 1, 1],
        0,
        0,
        ["10.77.0.8", "lab.example", 1.0, 0.0],
        ["vnbr7", [], 36],
        [0, 0, ["default"]],
    ]
