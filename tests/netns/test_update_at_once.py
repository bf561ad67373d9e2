"""Eight processes change one network, live and stored: each change is in both, in the network's server, and whole."""

import pytest

from tests.lab import Client, Host
from tests.lab.at_once import PROCESSES, at_once
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import health, updates

pytestmark = pytest.mark.netns
GATEWAY = "10.90.0.1"
LAB = f"""
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr1'/>
  <ip address='{GATEWAY}' netmask='255.255.255.0'><dhcp><range start='10.90.0.2' end='10.90.0.9'/></dhcp></ip>
</network>"""
EACH = 3
BOTH = updates.Affected(live=True, config=True)


def _host(number: int) -> str:
    return f"<host mac='52:54:00:90:00:{number:02x}' name='box{number}' ip='10.90.0.{100 + number}'/>"


def _name(number: int) -> str:
    return f"<host ip='10.90.0.{200 + number}'><hostname>name{number}</hostname></host>"


def _update(here: machine.Host, command: str, section: str, xml: str) -> None:
    change = updates.Change(command, section)
    assert updates.update(here, "lab", change, updates.element(change, xml), on=BOTH) == BOTH


def _add_and_delete(here: machine.Host, number: int) -> None:
    """Add so many hosts and names, and take the first ones away again."""
    own = range(number * EACH, number * EACH + EACH)
    for each in own:
        _update(here, "add-last", "ip-dhcp-host", _host(each))
        _update(here, "add-first", "dns-host", _name(each))
    _update(here, "delete", "ip-dhcp-host", _host(own[0]))
    _update(here, "delete", "dns-host", _name(own[0]))


def _look(here: machine.Host, _: int) -> None:
    """Two who only look find the network up, and a definition that can be read."""
    assert updates.definition(here, "lab", on=updates.Affected(live=True, config=False)).name == "lab"
    assert updates.definition(here, "lab", on=updates.Affected(live=False, config=True)).name == "lab"


def test_no_change_is_lost_that_eight_processes_make_live_and_stored_at_once() -> None:
    everything = range(PROCESSES * EACH)
    kept = [number for number in everything if number % EACH]
    with Host() as host, Client(host, "guest", port="vguest", mac="52:54:00:90:00:fe") as guest:
        host.define(LAB)
        host.vnet("attach", "vguest", "--network", "lab", "--guest", "guest", "--guard", "off")
        address = guest.lease()["ip"]
        assert on(host, lambda here: at_once(here, [_add_and_delete] * PROCESSES, _look)) == []
        assert host.vnet("net-check", "lab").stdout == "Network lab is as defined\n\n"
        for stored in ([], ["--inactive"]):
            xml = host.vnet("net-dumpxml", "lab", *stored).stdout
            assert [number for number in everything if _host(number) in xml] == kept
            assert [number for number in everything if f"<host ip='10.90.0.{200 + number}'>" in xml] == kept
        answers = [guest.resolve(f"name{number}", server=GATEWAY) for number in everything]
        assert answers == [[f"10.90.0.{200 + number}"] if number in kept else [] for number in everything]
        found = {guest.lease(mac=f"52:54:00:90:00:{number:02x}")["ip"] for number in kept[::4]}
        assert found == {f"10.90.0.{100 + number}" for number in kept[::4]}
        assert guest.lease(mac="52:54:00:90:00:fe")["ip"] == address
        host.vnet("net-restart", "lab")
        assert on(host, lambda here: health.check(here, "lab")) == []
        assert guest.resolve(f"name{kept[-1]}", server=GATEWAY) == [f"10.90.0.{200 + kept[-1]}"]
