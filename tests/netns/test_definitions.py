"""Definitions that change while networks are up, go away or collide: which one is in force, and that none is lost."""

import os
import signal
import subprocess

import pytest

from tests.lab import CHECKOUT, Client, Host, wait_for
from tests.lab.library import on
from vnethook.definition.store import Store
from vnethook.errors import DefinitionError, HostError
from vnethook.hook import resolve
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog, health
from vnethook.live import nics, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifdown"
AUTOMATIC = "<network><name>lab</name><forward mode='nat'/><domain name='{domain}.test'/></network>"
WRITTEN = """
<network><name>lab</name><forward mode='nat'/><domain name='{domain}.test'/>
  <dns><host ip='10.{number}.0.250'><hostname>printer</hostname></host></dns>
  <ip address='10.{number}.0.1' netmask='255.255.255.0'>
    <dhcp><range start='10.{number}.0.2' end='10.{number}.0.99'/></dhcp></ip>
</network>"""
COUNT = 30


def _define(host: Host, xml: str) -> None:
    on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)


def _configure(host: Host, text: str) -> None:
    file = host.root / "etc/vnethook/vnethook.toml"
    file.parent.mkdir(exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def _in_force(host: Host) -> tuple[str, list[str]]:
    """Domain and subnets of the live network `lab`, and that dnsmasq was told the domain."""
    network = on(host, lambda here: bringup.live_definition(here, "lab"))
    assert network
    conf = (host.root / "run/vnethook/dnsmasq/lab/dnsmasq.conf").read_text().splitlines()
    assert [line for line in conf if line.startswith("domain=")] == [f"domain={network.domain}"]
    return network.domain or "", [str(subnet) for subnet in network.subnets]


def _files(host: Host) -> list[str]:
    return sorted(str(path.relative_to(host.root)) for path in host.root.rglob("*") if not path.is_dir())


def test_a_creation_that_was_killed_is_forgotten_by_stop() -> None:
    def create(here: machine.Host) -> None:
        write = Store.write_transient

        def write_and_die(self: Store, network: object) -> None:
            write(self, network)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGKILL)

        Store.write_transient = write_and_die  # type: ignore[method-assign,assignment]
        catalog.create(here, AUTOMATIC.format(domain="one"), source="lab.xml")

    with Host() as host:
        before = _files(host)
        with pytest.raises(AssertionError, match="ended with -9"):
            on(host, create)
        assert on(host, lambda here: catalog.state(here, "lab")).is_persistent is False
        on(host, lambda here: catalog.stop(here, "lab"))
        assert on(host, lambda here: [state.name for state in catalog.states(here)]) == ["default"]
        assert [path for path in _files(host) if path not in {*before, "run/vnethook/locks/.host"}] == []


def test_a_network_that_was_undefined_while_active_is_forgotten_after_its_last_guest() -> None:
    with Host() as host:
        _configure(host, "[networks]\nidle = 1\n")
        _define(host, AUTOMATIC.format(domain="one"))
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        host.vnet("net-undefine", "lab")
        assert on(host, lambda here: catalog.state(here, "lab")).is_active
        host.run([IFDOWN, "tap0"])
        wait_for(
            lambda: (
                on(host, lambda here: [state.name for state in catalog.states(here)]) == ["default"]
                and not host.processes()
            ),
            "the idle network to be forgotten",
        )
        kept = {"etc/resolv.conf", "etc/vnethook/vnethook.toml", "var/lib/vnethook/compiled/settings"}
        assert sorted({*_files(host)} - kept) == ["run/vnethook/locks/.host"]


def test_a_network_that_has_to_move_comes_up_as_it_is_defined_now() -> None:
    with Host() as host:
        _define(host, AUTOMATIC.format(domain="one"))
        on(host, lambda here: bringup.start(here, "lab") and None)
        domain, subnets = _in_force(host)
        assert domain == "one.test"
        _define(host, AUTOMATIC.format(domain="two"))
        assert _in_force(host) == (domain, subnets)
        host.run(["ip", "link", "add", "lan", "type", "bridge"])
        host.run(["ip", "link", "set", "lan", "up"])
        host.run(["ip", "address", "add", subnets[0].replace(".0/24", ".77/24"), "dev", "lan"])
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        now, moved = _in_force(host)
        assert now == "two.test"
        assert (len(moved), moved != subnets) == (1, True)
        assert on(host, lambda here: health.check(here, "lab")) == []
        assert on(host, lambda here: [nic.interface for nic in bringup.guests(here, "lab")]) == ["tap0"]


def test_a_network_that_has_to_move_is_still_its_administrators() -> None:
    with Host() as host:
        _define(host, AUTOMATIC.format(domain="one"))
        before = on(host, lambda here: bringup.start(here, "lab"))
        _, subnets = _in_force(host)
        host.run(["ip", "link", "add", "lan", "up", "type", "bridge"])
        host.run(["ip", "route", "add", subnets[0], "dev", "lan", "metric", "5"])
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        after = on(host, lambda here: record.read(here.paths, "lab"))
        assert after
        assert _in_force(host)[1] != subnets
        assert after.started_by == before.started_by == "admin"


def test_a_created_network_that_is_then_defined_is_restarted_as_defined_and_stays() -> None:
    with Host() as host:
        on(host, lambda here: catalog.create(here, WRITTEN.format(domain="one", number=77), source="x") and None)
        host.define(WRITTEN.format(domain="two", number=77))
        assert _in_force(host) == ("one.test", ["10.77.0.0/24"])
        host.vnet("net-restart", "lab")
        assert _in_force(host) == ("two.test", ["10.77.0.0/24"])
        state = on(host, lambda here: catalog.state(here, "lab"))
        assert (state.is_active, state.is_persistent) == (True, True)
        host.vnet("net-destroy", "lab")
        state = on(host, lambda here: catalog.state(here, "lab"))
        assert (state.is_active, state.is_persistent) == (False, True)


OTHER = "<network><name>other</name><bridge name='lab'/></network>"
LAB = "<network><name>lab</name><bridge name='vnbr7'/></network>"
SHARED_NAME = "network {name!r}: its bridge and network {other!r}, or the reverse, share a name"


@pytest.mark.parametrize(("first", "second", "names"), [(LAB, OTHER, ("other", "lab")), (OTHER, LAB, ("lab", "other"))])
def test_a_bridge_with_the_name_of_another_network_is_refused(first: str, second: str, names: tuple[str, str]) -> None:
    with Host() as host:
        _define(host, first)
        with pytest.raises(DefinitionError) as caught:
            _define(host, second)
        assert str(caught.value) == SHARED_NAME.format(name=names[0], other=names[1])
        assert on(host, lambda here: [state.name for state in catalog.states(here)]) == sorted(["default", names[1]])


def test_a_network_that_is_down_is_meant_before_a_live_one_whose_bridge_has_its_name() -> None:
    with Host() as host:
        _define(host, OTHER)
        on(host, lambda here: bringup.start(here, "other") and None)
        assert on(host, lambda here: resolve.named(here.paths, "lab")) == "other"
        (host.root / "etc/vnethook/networks/lab.xml").write_text(LAB)  # by hand, where nobody refuses it
        assert on(host, lambda here: (resolve.named(here.paths, "lab"), catalog.find(here, "lab"))) == ("lab", "lab")
        host.make_tap("tap0")
        result = host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"}, check=False)
        expected = f"qemu-ifup: {SHARED_NAME.format(name='lab', other='other')}"
        assert (result.returncode, result.stderr.splitlines()[0]) == (2, expected)
        assert on(host, lambda here: bringup.guests(here, "other")) == []


@pytest.mark.parametrize("is_up", [True, False], ids=["the network is up", "the network is down"])
def test_thirty_hooks_right_after_an_edit_of_the_settings_all_succeed(is_up: bool) -> None:
    with Host() as host:
        _define(host, AUTOMATIC.format(domain="one"))
        taps = [host.make_tap(f"tap{number}") for number in range(COUNT)]
        if is_up:
            on(host, lambda here: bringup.start(here, "lab") and None)
        _configure(host, "[map.interfaces]\n'tap*' = 'lab'\n")
        running = [host.popen([IFUP, tap], stderr=subprocess.PIPE, text=True) for tap in taps]
        assert [(one.communicate()[1], one.returncode) for one in running] == [("", 0)] * COUNT
        attached = on(host, lambda here: [nic.interface for nic in nics.attached(here.paths, "lab")])
        assert attached == sorted(taps)


@pytest.mark.parametrize("name", ["ignore", "101", "10m", "infinite"])
def test_a_fixed_host_that_dnsmasq_would_misread_is_refused(name: str) -> None:
    hosts = f"<host mac='52:54:00:00:00:01' ip='10.77.0.9' name='{name}'/>"
    by_name = f"<host ip='10.77.0.9' name='{name}'/>"
    with Host() as host:
        for entry in (hosts, by_name):
            xml = WRITTEN.format(domain="one", number=77).replace("</dhcp>", f"{entry}</dhcp>")
            with pytest.raises(DefinitionError) as caught:
                _define(host, xml)
            expected = f"DHCP host: name '{name}': dnsmasq would take it for a lease time or a setting"
            assert str(caught.value).endswith(expected)


def test_a_restart_that_would_overlap_is_refused_while_the_network_goes_on() -> None:
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _define(host, WRITTEN.format(domain="one", number=77))
        host.run([IFUP, "vguest"], env={"VNET_NETWORK": "lab"})
        lease = guest.lease()
        _define(host, WRITTEN.format(domain="two", number=78))
        host.run(["ip", "link", "add", "lan", "type", "bridge"])
        host.run(["ip", "link", "set", "lan", "up"])
        host.run(["ip", "route", "add", "10.78.0.0/24", "dev", "lan"])
        before = host.snapshot()
        with pytest.raises(HostError) as caught:
            on(host, lambda here: bringup.restart(here, "lab") and None)
        assert str(caught.value) == "network 'lab': subnet 10.78.0.0/24 overlaps the route 10.78.0.0/24 dev lan"
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "locks/"]) == []
        assert guest.resolve("printer.one.test", server="10.77.0.1") == ["10.77.0.250"]
        assert guest.lease() == lease
