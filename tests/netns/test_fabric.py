"""One network on five hosts by VXLAN and the real FRR: guests find each other, and again when they move."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Machine
from tests.lab.dhcp4 import ACK, NAK, ask_to_keep
from tests.lab.frames import Sniffer
from tests.lab.frr import Frr
from tests.lab.library import on
from tests.lab.machine import wait_for
from vnethook.host import host as machine
from vnethook.host import learned
from vnethook.lifecycle import bringup, catalog, fabrics, health, ports
from vnethook.lifecycle.fabrics import Fabric
from vnethook.live import record, release

pytestmark = [pytest.mark.netns, pytest.mark.fabrics]
RACKS = """
<network><name>racks</name><forward mode='nat'/>
  <ip address='10.42.0.1' netmask='255.255.0.0'><dhcp><range start='10.42.{n}.10' end='10.42.{n}.99'/></dhcp></ip>
  <ip family='ipv6' address='2001:db8:42::1' prefix='64'/>
  <connections fabric='evpn' vni='10042' address='192.0.2.{n}'>{peers}</connections>
</network>"""
COUNT = 5
GATEWAY = "02:e0:fb:00:27:3a"
FULL = {4: "1422", 6: "1402"}
"""Bytes of a ping in a packet of 1450."""
NAME = "racks"


class World(NamedTuple):
    """Five hosts, of which the first is the route reflector, and guests a, b and c on the first three."""

    hosts: list[Host]
    frrs: list[Frr]
    guests: list[Client]


def mac(n: int) -> str:
    return f"52:54:00:00:42:0{n}"


def attach(host: Host, name: str, n: int) -> None:
    host.vnet("attach", f"v{name}", "--network", NAME, "--mac", mac(n))


def address(guest: Client) -> str:
    [link] = guest.json(["ip", "-json", "-4", "address", "show", "dev", "eth0"])
    return str(link["addr_info"][0]["local"])


def pings(guest: Client, where: str) -> bool:
    size = FULL[6 if ":" in where else 4]
    words = ["ping", "-c", "1", "-W", "2", "-M", "do", "-s", size, where]
    return guest.run(words, check=False).returncode == 0


def forget_leases(host: Host, of: str) -> None:
    on(host, lambda here: release.end_leases(here.paths, record.read(here.paths, NAME), of))


def of_fabric(host: Host) -> Fabric:
    [found] = on(host, lambda here: fabrics.fabrics(here, NAME))
    return found


def bring_up(host: Host, text: str) -> None:
    """Define and start the network and tell FRR, as `vnet net-define`, `net-start` and `fabric-config --load`."""

    def act(here: machine.Host) -> None:
        catalog.define(here, text, source="racks.xml")
        bringup.start(here, NAME, by=bringup.ADMIN)
        fabrics.load(here, is_kept=False)

    on(host, act)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        underlay = stack.enter_context(Machine("underlay"))
        underlay.run(["ip", "link", "add", "br0", "up", "type", "bridge"])
        hosts, frrs = [], []
        for n in range(1, COUNT + 1):
            host = stack.enter_context(Host(f"host{n}"))
            host.lay_cable("u0", underlay, f"p{n}")
            underlay.run(["ip", "link", "set", f"p{n}", "master", "br0"])
            host.run(["ip", "address", "add", f"192.0.2.{n}/24", "dev", "u0"])
            peer = "<peer address='192.0.2.0/24' client='yes'/>" if n == 1 else "<peer address='192.0.2.1'/>"
            frr = stack.enter_context(Frr(host))
            frr.start()
            bring_up(host, RACKS.format(n=n, peers=peer))
            hosts.append(host)
            frrs.append(frr)
        frrs[-1].vtysh("configure terminal\nrouter bgp 65000\nneighbor vnethook timers 1 3\n")  # it dies sooner
        frrs[-1].vtysh("clear bgp *")
        for host in hosts:
            wait_for(lambda host=host: len(of_fabric(host).hosts) == COUNT - 1, "all tunnels")
        guests = []
        for n, name in enumerate("abc", 1):
            guest = stack.enter_context(Client(hosts[n - 1], name, port=f"v{name}", mac=mac(n)))
            attach(hosts[n - 1], name, n)
            assert guest.lease()
            guests.append(guest)
        yield World(hosts, frrs, guests)


def test_each_host_knows_all_others_and_is_as_defined(world):
    for n, host in enumerate(world.hosts, 1):
        found = of_fabric(host)
        assert (found.state, found.vni, found.address) == ("up", 10042, f"192.0.2.{n}")
        assert sorted(found.hosts) == [f"192.0.2.{other}" for other in range(1, COUNT + 1) if other != n]
    [listed] = world.hosts[0].vnet_json("fabric-list", NAME)
    assert (listed["state"], [peer["state"] for peer in listed["peers"]]) == ("up", ["Established"] * (COUNT - 1))
    assert world.hosts[0].vnet_json("net-check", NAME) == []
    assert "Fabric:         VNI 10042, see vnet fabric-list" in world.hosts[0].vnet("net-info", NAME).stdout


def test_a_guest_has_its_address_of_its_own_host_and_reaches_all_others_with_full_packets(world):
    for n, guest in enumerate(world.guests, 1):
        lease = guest.lease()
        assert (lease["ip"].rpartition(".")[0], lease["router"], lease["mtu"]) == (f"10.42.{n}", "10.42.0.1", "1450")
    for guest in world.guests:
        assert all(pings(guest, address(other)) for other in world.guests)
        wait_for(lambda guest=guest: pings(guest, "fe80::5054:ff:fe00:4203%eth0"), "a guest by IPv6")


def test_the_gateway_of_all_guests_is_the_same(world):
    for guest in world.guests:
        assert pings(guest, "10.42.0.1")
        [entry] = guest.json(["ip", "-json", "neigh", "show", "10.42.0.1"])
        assert entry["lladdr"] == GATEWAY


def test_a_broadcast_comes_once_to_each_guest(world):
    first, *others = world.guests
    sniffers = [Sniffer(guest) for guest in others]

    def shout(word: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            out.sendto(word, ("10.42.255.255", 9))

    for word in (b"heard once", b"the end of it"):
        first.call(lambda word=word: shout(word))
    for sniffer in sniffers:
        wait_for(lambda sniffer=sniffer: sniffer.count(b"the end of it"), "the broadcast")
        assert sniffer.count(b"heard once") == 1


def test_who_is_known_is_not_asked_for_on_other_hosts(world):
    asking, other, known = world.guests
    assert pings(asking, address(known))  # all three are known to all hosts
    assert pings(other, address(known))
    sniffer = Sniffer(other)
    asking.run(["ip", "neigh", "flush", "dev", "eth0"])
    assert pings(asking, address(known))
    assert pings(asking, address(other))
    question = bytes.fromhex("0806000108000604" + "0001" + mac(1).replace(":", ""))
    assert sniffer.count(question) == 0


def test_what_is_missing_of_the_tunnel_is_told_and_mended(world):
    host, guest = world.hosts[2], world.guests[2]
    host.run(["ip", "link", "delete", "vnvx10042"])
    assert of_fabric(host).state == f"the tunnels are not there: `vnet net-repair {NAME}` makes them"
    assert any("create VXLAN vnvx10042" in line for line in on(host, lambda here: health.check(here, NAME)))
    on(host, lambda here: health.repair(here, NAME))
    wait_for(lambda: pings(guest, address(world.guests[0])), "the way to guests on other hosts")
    assert on(host, lambda here: health.check(here, NAME)) == []


def test_a_guest_that_moves_is_found_again_and_keeps_its_address(world):
    moving, away, to = world.guests[0], world.hosts[0], world.hosts[3]
    kept, log = address(moving), moving.directory / "client.log"
    with log.open("wb") as output:
        words = ["busybox", "udhcpc", "-f", "-i", "eth0", "-s", moving.directory / "on-lease"]
        client = moving.popen(words, stdout=output, stderr=subprocess.DEVNULL)
    wait_for(lambda: f"ip={kept}\n" in log.read_text(), "the client's lease")
    away.vnet("detach", "va")
    moving.run(["ip", "link", "delete", "eth0"])
    moving.lay_cable("eth0", to, "vmoved", mac=mac(1))
    moving.run(["ip", "address", "add", f"{kept}/16", "dev", "eth0"])
    moving.run(["ip", "route", "add", "default", "via", "10.42.0.1"])
    attach(to, "moved", 1)
    assert pings(moving, "10.42.0.1")
    for guest in world.guests[1:]:
        wait_for(lambda guest=guest: pings(guest, kept), "the guest that has moved", timeout_s=10)
        assert pings(moving, address(guest))
    client.send_signal(signal.SIGUSR1)  # renew: busybox's udhcpc
    wait_for(lambda: log.read_text().count(f"ip={kept}\n") == 2, "the renewed lease")
    client.kill()
    forget_leases(to, mac(1))
    assert moving.call(lambda: ask_to_keep("eth0", kept)) == ACK  # it boots, and asks for the one it had
    assert moving.call(lambda: ask_to_keep("eth0", "10.42.0.1")) == NAK
    assert moving.call(lambda: ask_to_keep("eth0", "10.43.0.9")) == NAK


def test_the_tunnel_is_no_guests_link_whoever_is_behind_it(world):
    host = world.hosts[1]

    def claimed(here: machine.Host) -> tuple[bool, str]:
        live = record.read(here.paths, NAME)
        return mac(3) in learned.macs(live.bridge, "vnvx10042"), ports._unclaimed(here, live, mac(3))

    assert on(host, claimed) == (True, "")


def test_what_a_guest_has_taken_along_is_given_to_nobody(world):
    away, kept = world.hosts[0], address(world.guests[0])
    forget_leases(away, mac(1))
    with Client(away, "new", port="vnew", mac=mac(8)) as new:
        attach(away, "new", 8)
        assert new.call(lambda: ask_to_keep("eth0", kept)) == NAK
        assert new.lease()["ip"] != kept
        away.vnet("detach", "vnew")


def test_a_host_that_dies_is_forgotten_and_harms_nobody(world):
    world.hosts[4].run(["ip", "link", "set", "u0", "down"])
    assert pings(world.guests[1], address(world.guests[2]))
    for host in world.hosts[1:4]:
        wait_for(lambda host=host: "192.0.2.5" not in of_fabric(host).hosts, "the dead host to be forgotten")
    assert pings(world.guests[1], address(world.guests[2]))
    dead = world.hosts[4]
    wait_for(lambda: of_fabric(dead).state.startswith("no peer is up: 192.0.2.1 "), "it to be known there, too")


def test_without_frr_guests_have_their_own_host_and_the_administrator_is_told(world):
    host, frr, guest = world.hosts[1], world.frrs[1], world.guests[1]
    frr.end()
    host.vnet("net-restart", NAME)
    assert guest.lease()["ip"].startswith("10.42.2.")
    assert on(host, lambda here: health.check(here, NAME)) == ["fabric: FRR: does not run"]
    frr.start()
    assert of_fabric(host).state.startswith("FRR does not tell others of VNI 10042")
    host.vnet("fabric-config", "--load")
    wait_for(lambda: of_fabric(host).state == "up", "the fabric")
    wait_for(lambda: pings(guest, address(world.guests[2])), "the way to guests on other hosts")
    host.vnet("net-destroy", NAME, "--force")
    assert "vnvx" not in host.run(["ip", "-brief", "link"]).stdout
    assert "vni10042" not in host.run(["nft", "list", "tables"]).stdout
    assert of_fabric(host).state == "network not active"


def test_a_host_that_has_no_frr_yet_says_so_and_serves_its_guests():
    with Host() as host, Client(host, "alone", port="valone", mac=mac(9)) as guest:
        file = host.directory / "racks.xml"
        file.write_text(RACKS.format(n=1, peers="<peer address='192.0.2.2'/>").replace("address='192.0.2.1'", ""))
        told = "fabric: FRR is not installed: guests do not reach those on other hosts"
        no_end = "fabric: this host has no address for its tunnels now: `vnet net-repair` makes them when it has"
        done = host.vnet("net-define", file)
        assert [line for line in done.stderr.splitlines() if "fabric" in line] == [
            f"warning: network 'racks': {line}" for line in (told, no_end)
        ]
        attach(host, "alone", 9)
        assert guest.lease()["ip"].startswith("10.42.1.")
        assert [line for line in host.vnet("net-check", NAME, check=False).stdout.splitlines() if "fabric" in line] == [
            f"  {told}",
            f"  {no_end}",
        ]
        host.run(["ip", "link", "add", "u0", "up", "type", "bridge"])
        host.run(["ip", "address", "add", "192.0.2.1/24", "dev", "u0"])
        host.vnet("net-repair", NAME)
        [link] = host.json(["ip", "-json", "-details", "link", "show", "vnvx10042"])
        assert link["linkinfo"]["info_data"]["local"] == "192.0.2.1"
        assert guest.lease()["mtu"] == "1450"


def test_a_bgp_of_another_number_is_the_administrators(world):
    host, frr = world.hosts[4], world.frrs[4]
    frr.vtysh("configure terminal\nno router bgp 65000\nrouter bgp 65001\n")
    done = host.vnet("fabric-config", "--load", check=False)
    assert done.returncode == 5
    assert done.stderr.splitlines()[0] == (
        "error: FRR: load configuration: its BGP is AS 65001, and the networks' is 65000"
    )
