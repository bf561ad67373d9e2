"""Real QEMU guests of an ordinary user: on root's network with a switch, beside guests with taps; on the user's own."""

from contextlib import ExitStack

import pytest

from tests.lab import Guest, Host, Outside, wait_for
from tests.lab.console import wait_for_guests
from tests.lab.guest import bridge, tap
from tests.lab.host import VNET
from tests.lab.plugged import PLUG
from tests.lab.vde_client import as_user

pytestmark = [pytest.mark.netns, pytest.mark.guests]
MACS = {
    name: f"52:54:00:00:53:1{number}" for number, name in enumerate(("anna", "bert", "carl", "dora", "emil", "fina"))
}
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


USER = 61001
MINE = "<network><name>mine</name><forward mode='user'><backend type='vde'/></forward></network>"


class UsersGuest(Guest):
    """A guest whose QEMU is an ordinary user's, of the group that the network's switch is for."""

    def command(self) -> list[str]:
        own = self.host.directory / f"of-{self.name}"
        if not own.exists():
            own.mkdir()
            own.chmod(0o777)
            self.qmp = own / "qmp"
        return [*as_user(USER, "kvm"), *super().command()]


@pytest.fixture(scope="module")
def site():
    """Two on root's switch, two with taps, two on the user's own network; and the user's `vnet`."""
    with ExitStack() as stack:
        host, outside = stack.enter_context(Host()), stack.enter_context(Outside())
        outside.plug(host)
        host.define(LAB)
        home = host.directory / "home"
        home.mkdir()
        host.run(["chown", str(USER), home])
        own = {"VNETHOOK_ROOT": "", "HOME": str(home), "XDG_RUNTIME_DIR": f"{home}/run"}
        host.run([*as_user(USER, "kvm"), "mkdir", "-m", "700", f"{home}/run"])

        def vnet(*words, stdin=""):
            return host.run([*as_user(USER, "kvm"), VNET, *words], env=own, stdin=stdin).stdout

        vnet("net-define", "-", stdin=MINE)
        switch = host.vnet("vde-socket", "lab").stdout.strip()
        plug = f"vde,sock=cmd://{PLUG} mine"
        found = [
            *(UsersGuest(host, name, f"vde,sock={switch}", mac=MACS[name]) for name in ("anna", "bert")),
            Guest(host, "carl", tap("lab", directory=host.directory), mac=MACS["carl"]),
            Guest(host, "dora", bridge("lab"), mac=MACS["dora"]),
            *(UsersGuest(host, name, plug, mac=MACS[name], env=own) for name in ("emil", "fina")),
        ]
        for guest in found:
            stack.enter_context(guest)
        wait_for_guests(found)
        yield host, found, vnet


@pytest.fixture
def guests(site):
    """Two on the switch, then two with taps."""
    return site[1][:4]


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


def test_two_guests_on_a_user_s_own_network_reach_each_other_and_the_outside_and_leave_nothing(site):
    host, found, vnet = site
    emil, fina = found[4:]
    for guest, other in ((emil, fina), (fina, emil)):
        assert wait_for(lambda: guest.pings(other.ip), f"{guest.name} to reach {other.name}")  # noqa: B023 (called here)
        status, said = guest.run(f"ping -c1 -W3 -s {FULL} {other.ip}")
        assert status == 0, said
        assert guest.fetch("203.0.113.80") == "outside sees 192.0.2.2"
    emil.kill()
    fina.kill()
    wait_for(lambda: "mine" not in vnet("net-list", "--name"), "the network to go after its last guest")
    left = host.run(["ps", "-U", str(USER), "-o", "args="], check=False).stdout
    assert [line for line in left.splitlines() if "mine" in line] == []
