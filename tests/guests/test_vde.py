"""Real QEMU guests of an ordinary user on a VDE switch, beside guests with taps on the same network."""

from contextlib import ExitStack

import pytest

from tests.lab import Guest, Host
from tests.lab.console import wait_for_guests
from tests.lab.guest import bridge, tap
from tests.lab.vde_client import as_user

pytestmark = [pytest.mark.netns, pytest.mark.guests]
MACS = {name: f"52:54:00:00:53:1{number}" for number, name in enumerate(("anna", "bert", "carl", "dora"))}
LAB = f"""<network>
  <name>lab</name><vde group='kvm'/><domain name='lab.example'/>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.10' end='192.168.77.99'/>
      <host mac='{MACS["anna"]}' name='anna'/><host mac='{MACS["bert"]}' name='bert'/></dhcp>
  </ip>
</network>"""
GATEWAY = "192.168.77.1"
FULL = 1472
"""Bytes of a ping whose frame is as long as Ethernet's are: 1500 less the headers of IPv4 and ICMP."""


class UsersGuest(Guest):
    """A guest whose QEMU is an ordinary user's, of the group that the network's switch is for."""

    def command(self) -> list[str]:
        own = self.host.directory / f"of-{self.name}"
        if not own.exists():
            own.mkdir()
            own.chmod(0o777)
            self.qmp = own / "qmp"
        return [*as_user(61001, "kvm"), *super().command()]


@pytest.fixture(scope="module")
def guests():
    """Two on the switch, then two with taps."""
    with ExitStack() as stack:
        host = stack.enter_context(Host())
        host.define(LAB)
        switch = host.vnet("vde-socket", "lab").stdout.strip()
        found = [
            *(
                stack.enter_context(UsersGuest(host, name, f"vde,sock={switch}", mac=MACS[name]))
                for name in MACS
                if name < "c"
            ),
            stack.enter_context(Guest(host, "carl", tap("lab", directory=host.directory), mac=MACS["carl"])),
            stack.enter_context(Guest(host, "dora", bridge("lab"), mac=MACS["dora"])),
        ]
        wait_for_guests(found)
        yield found


def test_guests_on_the_switch_and_with_taps_resolve_and_reach_each_other_with_full_frames(guests):
    assert len({guest.ip for guest in guests}) == len(guests)
    for guest in guests:
        for other in guests:
            assert guest.resolve(other.name) == other.ip
            status, said = guest.run(f"ping -c1 -W3 -s {FULL} {other.ip}")
            assert status == 0, (guest.name, other.name, said)
        assert guest.pings(GATEWAY)


def test_all_of_them_are_listed_with_their_addresses(guests):
    host = guests[0].host
    found = {(nic["network"], nic["mac"], nic["ip"]) for nic in host.vnet_json("nic-list")}
    assert found == {("lab", guest.mac, guest.ip) for guest in guests}
