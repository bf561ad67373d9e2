"""A guest that floods or hoards takes nothing from others; an honest one has all that it needs under every guard."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.frames import ether, ip4, send, udp
from tests.lab.library import on
from tests.lab.outside import WWW, WWW_4, WWW_6
from vnethook.lifecycle import attach
from vnethook.live import nics, pinned
from vnethook.mac import interface_id

pytestmark = pytest.mark.netns
EVE, BOB = "52:54:00:00:65:02", "52:54:00:00:65:03"
GATEWAY, OWN = "10.65.0.1", "10.65.0.2"
LAB = f"""
<network><name>lab</name><forward mode='nat'><nat ipv6='yes'/></forward><bridge name='vnbr1'/>{{more}}
  <ip address='{GATEWAY}' prefix='24'>
    <dhcp><range start='10.65.0.100' end='10.65.0.102'/><host mac='{EVE}' ip='{OWN}'/></dhcp>
  </ip>
  {{v6}}
</network>"""
SLAAC = "<ip family='ipv6' address='2001:db8:65::1' prefix='64'/>"
LEASED = """<ip family='ipv6' address='2001:db8:65::1' prefix='64'>
  <dhcp><range start='2001:db8:65::100' end='2001:db8:65::109'/></dhcp></ip>"""


def _attach(host: Host, port: str, **nic: object) -> list[str]:
    return on(host, lambda here: attach.attach(here, "lab", nics.Nic(port, "lab", **nic)))  # type: ignore[arg-type]


@contextmanager
def _lab(more: str = "", v6: str = SLAAC) -> Iterator[tuple[Host, Client, Client]]:
    with Host() as host, Client(host, "eve", port="ve", mac=EVE) as eve, Client(host, "bob", port="vb", mac=BOB) as bob:
        host.define(LAB.format(more=more, v6=v6))
        assert _attach(host, "vb", mac=BOB, guest="bob") == []
        yield host, eve, bob


MODES = {
    "off": {"guard": "off", "mac": EVE},
    "standard": {"mac": EVE},
    "standard without its MAC": {"guard": "standard"},
    "strict": {"guard": "strict", "mac": EVE, "guest": "eve"},
    "strict without a name": {"guard": "strict", "mac": EVE},
}


@pytest.mark.parametrize("mode", MODES)
def test_an_honest_guest_has_all_that_it_needs(mode: str) -> None:
    with _lab() as (host, eve, _), Outside() as outside:
        outside.plug(host, subnet6="2001:db8:2::/64")
        warnings = _attach(host, "ve", **MODES[mode])
        assert warnings == (["interface 've': its MAC is not known: it is not held to it"] if "its MAC" in mode else [])
        assert eve.lease()["ip"] == OWN
        assert eve.resolve(WWW, server=GATEWAY) == [WWW_4]
        assert eve.fetch(WWW_4) == "outside sees 192.0.2.2\n"
        made = f"2001:db8:65:0:{interface_id(EVE)[:2].hex()}:"
        addresses = lambda: eve.run(["ip", "-6", "address", "show", "dev", "eth0", "scope", "global"]).stdout  # noqa: E731
        wait_for(lambda: made in addresses() and "tentative" not in addresses(), "an address of its own")
        assert eve.pings("2001:db8:65::1")
        assert eve.fetch(WWW_6) == "outside sees 2001:db8:2::2\n"
        assert wait_for(lambda: eve.pings(GATEWAY), "the gateway")


@pytest.mark.parametrize("mode", MODES)
def test_an_honest_guest_leases_an_ipv6_address(mode: str) -> None:
    with _lab(v6=LEASED) as (host, eve, _):
        warnings = _attach(host, "ve", **MODES[mode])
        unknown = "interface 've': its IPv6 address is not known: it is held to those of its network"
        assert (unknown in warnings) is (mode == "strict without a name")
        wait_for(lambda: "tentative" not in eve.run(["ip", "address", "show", "dev", "eth0"]).stdout, "its address")
        lease = eve.lease6("00:01:02:03")
        assert lease
        assert lease.ip.startswith("2001:db8:65::10")
        eve.run(["ip", "address", "add", f"{lease.ip}/128", "dev", "eth0", "nodad"])
        eve.run(["ip", "route", "add", "2001:db8:65::1", "dev", "eth0", "src", lease.ip])
        assert eve.pings("2001:db8:65::1")


def test_a_guest_with_a_name_is_held_to_the_address_that_is_kept_for_it() -> None:
    with _lab("<guard mode='strict'/>") as (host, eve, bob):
        assert _attach(host, "ve", mac=EVE, guest="eve") == []
        for number in range(2):
            assert bob.lease()["ip"] == "10.65.0.102", number
            assert eve.lease()["ip"] == OWN
            assert bob.pings(GATEWAY)
            host.vnet("net-restart", "lab")
            wait_for(lambda: bob.pings(GATEWAY), "the port to forward")
        bob.run(["ip", "address", "add", "10.65.0.101/24", "dev", "eth0"])
        bob.run(["ip", "address", "delete", "10.65.0.102/24", "dev", "eth0"])
        assert not bob.pings(GATEWAY)
        unnamed = _attach(host, "vb", mac="52:54:00:00:65:04")
        assert unnamed == ["interface 'vb': its IPv4 address is not known: it is held to those of its network"]


def test_a_guest_that_asks_as_many_gets_one_lease_and_leaves_the_others() -> None:
    carol_mac = "52:54:00:00:65:04"
    with _lab() as (host, _, bob), Client(host, "carol", port="vc", mac=carol_mac) as carol:
        assert _attach(host, "vc", mac=carol_mac) == []
        found = {bob.lease(client_id=f"ff{number:08x}")["ip"] for number in range(5)}
        assert len(found) == 1
        for number in range(4):
            assert bob.lease(mac=f"52:54:00:99:00:0{number}", tries=1) == {}
        assert carol.lease()["ip"] in {f"10.65.0.10{number}" for number in range(3)} - found


def test_a_flood_of_macs_leaves_the_bridges_table_small() -> None:
    with _lab() as (host, eve, _):
        assert _attach(host, "ve", mac=EVE) == []
        wait_for(lambda: eve.pings(GATEWAY) or eve.lease(), "the port to forward")
        some = random.Random(1)
        packet = ip4(OWN, "10.65.0.255", 17, udp(9, 9, bytes(8)))
        for _ in range(10):
            macs = [f"52:{some.randbytes(5).hex(':')}" for _ in range(10_000)]
            send(eve, [ether(mac, "52:54:00:00:65:99", 0x0800, packet) for mac in macs])
        assert len(host.run(["bridge", "fdb", "show", "br", "vnbr1"]).stdout.splitlines()) < 50


def _flows(host: Host, source: str) -> int:
    return host.run(["cat", "/proc/net/nf_conntrack"]).stdout.count(f" src={source} dst=10.65.0.1 ")


def test_a_guest_opens_so_many_connections_and_no_more() -> None:
    with _lab("<guard connections='20' newConnections='1000'/>") as (host, eve, bob):
        assert _attach(host, "ve", mac=EVE) == []
        assert eve.lease()["ip"] == OWN
        own = bob.lease()["ip"]

        def flood() -> None:
            import socket

            sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200)]
            for each in sockets:
                each.sendto(b"not a question", (GATEWAY, 53))

        eve.call(flood)
        assert 10 < _flows(host, OWN) <= 21
        assert bob.pings(GATEWAY)
        assert 0 < _flows(host, own) < 10


def test_a_guest_opens_connections_so_fast_and_no_faster() -> None:
    with _lab("<guard connections='1000' newConnections='10'/>") as (host, eve, bob):
        assert _attach(host, "ve", mac=EVE) == []
        assert eve.lease()["ip"] == OWN
        bob.lease()

        def flood() -> None:
            import socket

            for _ in range(500):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
                    each.sendto(b"not a question", (GATEWAY, 53))

        eve.call(flood)
        assert 10 < _flows(host, OWN) < 250
        assert bob.pings(GATEWAY)


def test_a_stream_that_nobody_answers_is_one_connection() -> None:
    with _lab("<guard connections='5' newConnections='10'/>") as (host, eve, _), Outside() as outside:
        outside.plug(host)
        assert _attach(host, "ve", mac=EVE) == []
        assert eve.lease()["ip"] == OWN
        outside.run(["nft", "add table ip seen; add chain ip seen input { type filter hook input priority 0; }"])
        outside.run(["nft", "add rule ip seen input udp dport 9 counter drop"])

        def stream() -> None:
            import socket

            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
                for _ in range(300):
                    each.sendto(b"no answer is wanted", (WWW_4, 9))

        eve.call(stream)
        wait_for(lambda: "packets 300 " in outside.run(["nft", "list", "table", "ip", "seen"]).stdout, "all of it")


def test_guests_that_are_gone_leave_their_addresses_to_others_when_there_are_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pinned, "_ON_ITS_WAY_S", -1)  # not one is on its way
    with _lab("<guard mode='strict'/>") as (host, eve, _):
        for number in range(5):
            mac = f"52:54:00:00:66:0{number}"
            eve.run(["ip", "link", "set", "eth0", "address", mac])
            assert _attach(host, "ve", mac=mac, guest=f"job{number}") == []
            assert eve.lease().get("ip", "") in {"10.65.0.100", "10.65.0.101"}, number
            host.vnet("detach", "ve")


def test_what_a_guest_opens_by_the_mac_of_one_of_another_network_is_not_counted_as_that_ones() -> None:
    limits = "<guard mac='no' connections='20' newConnections='10'/>"
    with _lab(limits) as (host, eve, bob):
        host.define(f"""<network><name>other</name><bridge name='vnbr2'/>{limits}
            <ip address='10.66.0.1' prefix='24'/></network>""")
        on(host, lambda here: attach.attach(here, "other", nics.Nic("ve", "other", mac=EVE)))
        bob.lease()
        eve.run(["ip", "address", "add", "10.66.0.2/24", "dev", "eth0"])
        eve.run(["ip", "link", "set", "eth0", "address", BOB])

        def flood() -> None:
            import socket

            for _ in range(200):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
                    each.sendto(b"not a question", ("10.66.0.1", 53))

        eve.call(flood)
        assert not eve.pings("10.66.0.1")
        assert bob.pings(GATEWAY)
