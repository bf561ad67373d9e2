"""Network ports: each NIC is one, and one that was made before its NIC waits for it and is taken by it."""

import json

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from tests.lab.library import on
from vnethook.errors import (
    DefinitionError,
    NoPortError,
    PlugError,
    PortExistsError,
    StateError,
    UnsupportedError,
    UsageError,
)
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, ports
from vnethook.live import nics, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
UUID, OTHER = "7ae63b5f-fe96-4af0-a7c3-da04ba1b3f54", "7ae63b5f-fe96-4af0-a7c3-da04ba1b3f55"
MAC = "52:54:00:7b:35:93"
LAB = """
<network><name>lab</name><bridge name='vnbr1'/><portgroup name='apart'/><ip address='10.66.0.1' prefix='24'/></network>"""
PORT = f"""<networkport>
  <uuid>{UUID}</uuid>
  <owner>
    <name>alice</name>
    <uuid>06578fc1-c686-46fa-bc2c-220893b466a6</uuid>
  </owner>
  <group>apart</group>
  <mac address='{MAC}'/>
  <bandwidth>
    <inbound average='1000' peak='2000' burst='64'/>
    <outbound average='500'/>
  </bandwidth>
  <port isolated='yes'/>
</networkport>
"""
DUMPED = PORT.replace("</networkport>", "  <plug type='network' bridge='vnbr1'/>\n</networkport>")
LIMITS = {
    "inbound.average": 1000,
    "inbound.peak": 2000,
    "inbound.burst": 64,
    "inbound.floor": 0,
    "outbound.average": 500,
    "outbound.peak": 0,
    "outbound.burst": 0,
}


@pytest.fixture
def host():  # type: ignore[no-untyped-def]
    with Host() as host:
        host.define(LAB)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        yield host


def _make(here: machine.Host) -> None:
    ports.create_port(here, "lab", PORT)


def test_a_port_that_waits_brings_its_network_up_and_keeps_it_up(host: Host) -> None:
    def look(here: machine.Host) -> list[str]:
        _make(here)
        seen = [port.uuid for port in ports.list_ports(here, "lab")]
        with pytest.raises(StateError, match=f"network 'lab': stop: port {UUID} waits on it for a NIC"):
            bringup.stop(here, "lab")
        bringup.restart(here, "lab")
        live = record.read(here.paths, "lab")
        seen += [port.uuid for port in ports.list_ports(here, "lab")] + list(live.waiting if live else ())
        ports.delete_port(here, "lab", UUID)
        bringup.stop(here, "lab")
        return seen

    assert on(host, look) == [UUID, UUID, MAC]


def test_the_nic_with_its_mac_takes_a_port_with_all_that_was_said_of_it(host: Host) -> None:
    on(host, _make)
    assert on(host, lambda here: ports.port_xml(here, "lab", UUID)) == DUMPED
    host.vnet("attach", "tap1", "--network", "lab", "--mac", "52:54:00:00:00:09")
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)

    def look(here: machine.Host) -> tuple[object, ...]:
        nic = ports.port_by_uuid(here, "lab", UUID)
        live = record.read(here.paths, "lab")
        return nic.interface, nic.guest, nic.portgroup, len(ports.list_ports(here, "lab")), live and live.waiting

    assert on(host, look) == ("tap0", "alice", "apart", 2, ())
    assert on(host, lambda here: ports.port_xml(here, "lab", UUID)) == DUMPED
    assert on(host, lambda here: ports.parameters(here, "lab", UUID)) == LIMITS
    [link] = host.json(["bridge", "-json", "-details", "link", "show", "dev", "tap0"])
    assert link["isolated"]
    assert "rate 8Mbit ceil 16Mbit" in host.run(["tc", "class", "show", "dev", "tap0"]).stdout


def test_the_port_of_an_attached_nic_keeps_its_uuid_and_goes_with_it(host: Host) -> None:
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    [first] = host.vnet("net-port-list", "lab", "--uuid").stdout.split()
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    host.vnet("net-restart", "lab")
    assert host.vnet("net-port-list", "lab", "--uuid").stdout.split() == [first]
    host.vnet("net-port-delete", "lab", first)
    assert on(host, lambda here: nics.read(here.paths, "tap0")) is None
    assert host.vnet("net-port-list", "lab").stdout == " UUID\n-------\n\n"


def test_limits_of_a_port_change_at_once_or_not_at_all(host: Host) -> None:
    def change(here: machine.Host) -> list[dict[str, int]]:
        _make(here)
        ports.set_parameters(here, "lab", UUID, {"inbound.average": 1500})
        attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=MAC))
        seen = [ports.parameters(here, "lab", UUID)]
        with pytest.raises(StateError, match="guarantee 9 kB/s: network 'lab' has no inbound average of its own"):
            ports.set_parameters(here, "lab", UUID, {"inbound.floor": 9})
        with pytest.raises(DefinitionError, match="peak 2000 is less than the average 3000"):
            ports.set_parameters(here, "lab", UUID, {"inbound.average": 3000})
        with pytest.raises(UsageError, match="parameter 'speed': must be one of"):
            ports.set_parameters(here, "lab", UUID, {"speed": 1})
        seen.append(ports.parameters(here, "lab", UUID))
        ports.set_parameters(here, "lab", UUID, {"outbound.average": 0, "inbound.peak": 0})
        seen.append(ports.parameters(here, "lab", UUID))
        ports.set_parameters(here, "lab", UUID, dict.fromkeys(LIMITS, 0))
        return [*seen, ports.parameters(here, "lab", UUID)]

    more = LIMITS | {"inbound.average": 1500}
    less = {"inbound.average": 1500, "inbound.peak": 0, "inbound.burst": 64, "inbound.floor": 0}
    assert on(host, change) == [more, more, less, {}]
    assert host.run(["tc", "class", "show", "dev", "tap0"]).stdout == ""


@pytest.mark.parametrize(
    ("xml", "error", "words"),
    [
        (PORT, PortExistsError, f"network 'lab': port {UUID}: exists already"),
        (PORT.replace(UUID, OTHER), StateError, f"network 'lab': port {OTHER}: MAC {MAC} is that of port {UUID}"),
        (DUMPED, PlugError, "<port>:1: networkport: plug: a port is given one, unless it is reclaimed"),
        ("<networkport/>", DefinitionError, "<port>:1: networkport: lacks its <mac>"),
        ("<port/>", DefinitionError, "<port>:1: the outermost element is 'port': must be 'networkport'"),
        (
            f"<networkport>\n<mac address='{MAC[:-1]}0'/><group>none</group></networkport>",
            UsageError,
            "network 'lab': portgroup 'none': no such portgroup",
        ),
        (
            f"<networkport><mac address='{MAC}'/>\n<virtualport type='openvswitch'/></networkport>",
            UnsupportedError,
            "<port>:2: networkport: virtualport is not done: it is for macvtap, SR-IOV and Open vSwitch",
        ),
    ],
)
def test_a_port_that_cannot_be_is_refused(host: Host, xml: str, error: type[Exception], words: str) -> None:
    def make(here: machine.Host) -> str:
        _make(here)
        with pytest.raises(error) as caught:
            ports.create_port(here, "lab", xml)
        assert [port.uuid for port in ports.list_ports(here, "lab")] == [UUID]
        return str(caught.value)

    assert on(host, make) == words


def _reclaim(xml: str = DUMPED):  # type: ignore[no-untyped-def]
    """Make a port from its own XML; the interface that it has got."""
    return lambda here: ports.create_port(here, "lab", xml, reclaim=True).interface


def test_a_port_is_reclaimed_from_its_own_xml_and_waits_if_its_nic_is_not_there(host: Host) -> None:
    assert on(host, _reclaim()) == ""
    assert on(host, lambda here: ports.port_xml(here, "lab", UUID)) == DUMPED
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    xml = on(host, lambda here: ports.port_xml(here, "lab", UUID))
    assert xml == DUMPED
    with pytest.raises(PortExistsError):
        on(host, _reclaim(xml))
    host.vnet("net-port-delete", "lab", UUID)
    assert on(host, _reclaim(xml)) == ""  # its link is off the bridge
    assert on(host, lambda here: ports.port_xml(here, "lab", UUID)) == DUMPED


@pytest.mark.parametrize("mac", ["fe" + MAC[2:], ""])
def test_a_port_is_reclaimed_with_its_nic_that_is_on_the_bridge(host: Host, mac: str) -> None:
    host.vnet("attach", "tap1", "--network", "lab")
    if mac:
        host.run(["ip", "link", "set", "tap0", "address", mac])
    host.run(["ip", "link", "set", "tap0", "master", "vnbr1"])
    if not mac:
        host.run(["bridge", "fdb", "add", MAC, "dev", "tap0", "master", "static"])
    assert on(host, _reclaim()) == "tap0"
    assert on(host, lambda here: ports.port_xml(here, "lab", UUID)) == DUMPED
    [nic] = [nic for nic in json.loads(host.vnet("nic-list", "--json").stdout) if nic["uuid"] == UUID]
    assert (nic["interface"], nic["guest"], nic["mac"], nic["isolated"]) == ("tap0", "alice", MAC, True)
    host.vnet("detach", "tap0")
    assert len(on(host, lambda here: ports.list_ports(here, "lab"))) == 1


@pytest.mark.parametrize(
    ("xml", "error", "words"),
    [
        (PORT, PlugError, "<port>:1: networkport: reclaim: lacks its <plug>"),
        (
            DUMPED.replace("vnbr1", "vnbr2"),
            StateError,
            f"network 'lab': port {UUID}: plug: bridge is 'vnbr2': must be 'vnbr1'",
        ),
        (
            PORT.replace("</networkport>", "<plug type='direct' dev='uplink0' mode='bridge'/></networkport>"),
            UnsupportedError,
            "<port>:14: networkport: plug: 'direct' is not done: it is no bridge",
        ),
    ],
)
def test_what_cannot_be_reclaimed_is_refused(host: Host, xml: str, error: type[Exception], words: str) -> None:
    def make(here: machine.Host) -> str:
        with pytest.raises(error) as caught:
            ports.create_port(here, "lab", xml, reclaim=True)
        return str(caught.value)

    assert on(host, make) == words
    assert host.vnet("net-port-list", "lab", "--uuid", check=False).stdout.split() == []


def test_a_port_that_is_not_there_is_said_so(host: Host) -> None:
    def look(here: machine.Host) -> tuple[str, int]:
        with pytest.raises(NoPortError) as caught:
            ports.port_xml(here, "lab", OTHER)
        return str(caught.value), caught.value.libvirt_code

    assert on(host, look) == (f"network 'lab': port '{OTHER}': no such port", 107)


def test_a_port_that_waits_keeps_an_idle_network_up() -> None:
    with Host() as host:
        (host.root / "etc/vnethook").mkdir()
        (host.root / "etc/vnethook/vnethook.toml").write_text("[networks]\nidle = 1\n")
        host.define(LAB)
        host.make_tap("tap0")
        on(host, _make)
        host.vnet("attach", "tap0", "--network", "lab")
        host.vnet("detach", "tap0")
        assert on(host, lambda here: record.read(here.paths, "lab") is not None)
        host.vnet("net-port-delete", "lab", UUID)
        wait_for(lambda: on(host, lambda here: record.read(here.paths, "lab") is None), "the idle network to go down")
