"""What a guest sends in the name of another does not pass its port; what an honest one sends does, in every mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lab import Client, Host, wait_for
from tests.lab.frames import (
    EVERYONE,
    Sniffer,
    address,
    arp,
    dhcp,
    ether,
    extension,
    fragment6,
    ip4,
    ip6,
    neighbour,
    packed,
    send,
    tagged,
    udp,
)
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import attach, changes
from vnethook.live import guard, nics, record
from vnethook.mac import interface_id

pytestmark = pytest.mark.netns
EVE, BOB, OTHER = "52:54:00:00:61:02", "52:54:00:00:61:03", "52:54:00:00:61:99"
BRIDGE = "52:54:00:00:61:01"
GATEWAY, OWN, BOBS = "10.61.0.1", "10.61.0.2", "10.61.0.3"
GATEWAY6, BOBS6 = "2001:db8:61::1", "2001:db8:61::b0b"
LAB = f"""
<network><name>lab</name><forward mode='nat'><nat ipv6='yes'/></forward><bridge name='vnbr1'/><mac address='{BRIDGE}'/>
  <ip address='{GATEWAY}' prefix='24'>
    <dhcp><range start='10.61.0.100' end='10.61.0.109'/><host mac='{EVE}' ip='{OWN}'/></dhcp>
  </ip>
  <ip family='ipv6' address='{GATEWAY6}' prefix='64'/>
  <portgroup name='trunk'><vlan trunk='yes'><tag id='1' nativeMode='untagged'/><tag id='7'/></vlan></portgroup>
</network>"""
ARP, RARP, IPV4, IPV6 = 0x0806, 0x8035, 0x0800, 0x86DD
TCP, UDP, ICMP, ICMPV6, FRAGMENT, OPTIONS, HOPS = 6, 17, 1, 58, 44, 60, 0
ALL_NODES = "ff02::1"
NEVER, KNOWN, STRICT = "", "where the MAC is known", "strict"


def _made(prefix: str, mac: str) -> str:
    """The IPv6 address that a guest makes of its MAC."""
    raw = address(prefix)[:8] + interface_id(mac)
    return ":".join(raw[at : at + 2].hex() for at in range(0, 16, 2))


LOCAL, OWN6 = _made("fe80::", EVE), _made("2001:db8:61::", EVE)
BRIDGES_LOCAL, BOBS_LOCAL = _made("fe80::", BRIDGE), _made("fe80::", BOB)


class Row(NamedTuple):
    """A frame; `passes`: NEVER, or only unless KNOWN or STRICT; None: always, it is honest."""

    what: str
    frame: bytes
    passes: str | None = NEVER


def _v4(source: str, protocol: int, payload: bytes, *, to: str = BOBS, fragment: int = 0, more: int = 0) -> bytes:
    return ether(EVE, BOB, IPV4, ip4(source, to, protocol, payload, fragment=fragment, more=more))


def _v6(source: str, protocol: int, payload: bytes, *, to: str = ALL_NODES) -> bytes:
    return ether(EVE, BOB, IPV6, ip6(source, to, protocol, payload))


def _labelled(label: int) -> bytes:
    frame = bytearray(_v6(OWN6, FRAGMENT, fragment6(UDP, 72) + bytes(60)))
    frame[16:18] = label.to_bytes(2, "big")
    return bytes(frame)


HELLO = udp(5000, 5000, b"hello")
ADVERTISEMENT = bytes.fromhex("86000000400007080000000000000000")
REDIRECT = bytes.fromhex("8900000000000000") + address(GATEWAY6) + address(BOBS6)
_ECHO6 = bytes.fromhex("8000000000010001")
_CHAIN = extension(OPTIONS, bytes(30))  # longer than a fragment of it
FORGED = [
    Row("another Ethernet source", ether(OTHER, BOB, IPV4, ip4(OWN, BOBS, UDP, udp(1, 1, b"mac"))), KNOWN),
    Row("a group as Ethernet source", ether("01:00:5e:00:00:01", BOB, IPV4, ip4(OWN, BOBS, UDP, HELLO))),
    Row("an IPv4 source outside", _v4("198.51.100.7", UDP, HELLO)),
    Row("the gateway's IPv4 source", _v4(GATEWAY, UDP, HELLO)),
    Row("a guest's IPv4 source", _v4(BOBS, UDP, HELLO), STRICT),
    Row("IPv4 from no address, and no DHCP", _v4("0.0.0.0", UDP, HELLO)),
    Row("IPv4 from loopback", _v4("127.0.0.1", UDP, HELLO)),
    Row("IPv4 to loopback", _v4(OWN, UDP, HELLO, to="127.0.0.1")),
    Row("IPv4 that is longer than its frame", _v4(OWN, UDP, HELLO, more=40)),
    Row("ARP by another MAC", ether(EVE, BOB, ARP, arp(1, OTHER, OWN, target=BOBS)), KNOWN),
    Row("ARP by another MAC, of IEEE 802", ether(EVE, BOB, ARP, arp(1, OTHER, OWN, target=BOBS, hardware=6))),
    Row("ARP in the gateway's name", ether(EVE, BOB, ARP, arp(2, EVE, GATEWAY, target=BOBS))),
    Row("ARP in a guest's name", ether(EVE, BOB, ARP, arp(2, EVE, BOBS, target=BOBS)), STRICT),
    Row("a DHCP offer", _v4(OWN, UDP, udp(67, 68, dhcp(BOB, operation=2)))),
    Row("a DHCP offer from another port", _v4(OWN, UDP, udp(6767, 68, dhcp(BOB, operation=2)))),
    Row("a DHCPv6 answer", _v6(LOCAL, UDP, udp(547, 546, b"\x02abc"))),
    Row("a DHCPv6 answer from another port", _v6(LOCAL, UDP, udp(5470, 546, b"\x02abc"))),
    Row(
        "a DHCPv6 answer in a fragment, behind options",
        _v6(LOCAL, FRAGMENT, fragment6(OPTIONS, more=True) + _CHAIN[:24]),
    ),
    Row(
        "a DHCPv6 answer behind options",
        _v6(LOCAL, OPTIONS, extension(UDP) + udp(5470, 546, b"\x02abc")),
    ),
    Row(
        "a DHCPv6 answer in a fragment",
        _v6(LOCAL, FRAGMENT, fragment6(UDP, more=True) + udp(5470, 546, bytes(64))),
    ),
    Row("DHCP by another MAC", _v4("0.0.0.0", UDP, udp(68, 67, dhcp(OTHER)), to="255.255.255.255"), KNOWN),
    Row("DHCP by a longer MAC", _v4("0.0.0.0", UDP, udp(68, 67, dhcp(EVE, length=9, tail=b"abc")))),
    Row("DHCP by a MAC of another kind", _v4("0.0.0.0", UDP, udp(68, 67, dhcp(EVE, kind=7)))),
    Row("DHCP in a fragment", _v4("0.0.0.0", UDP, udp(68, 67, dhcp(OTHER))[:8], fragment=0x2000)),
    Row("a router advertisement", _v6(LOCAL, ICMPV6, ADVERTISEMENT)),
    Row("a router advertisement behind options", _v6(LOCAL, OPTIONS, extension(ICMPV6) + ADVERTISEMENT)),
    Row("a router advertisement behind hops", _v6(LOCAL, HOPS, extension(ICMPV6) + ADVERTISEMENT)),
    Row("a router advertisement in one fragment", _v6(LOCAL, FRAGMENT, fragment6(ICMPV6) + ADVERTISEMENT)),
    Row("... in two", _v6(LOCAL, FRAGMENT, fragment6(ICMPV6, more=True) + ADVERTISEMENT[:8])),
    Row("... behind options in the fragment", _v6(LOCAL, FRAGMENT, fragment6(OPTIONS, more=True) + _CHAIN[:8])),
    Row(
        "... behind options before the fragment",
        _v6(LOCAL, OPTIONS, extension(FRAGMENT) + fragment6(ICMPV6, more=True) + ADVERTISEMENT[:8]),
    ),
    Row("a redirect", _v6(LOCAL, ICMPV6, REDIRECT)),
    Row("a query for multicast members", _v6(LOCAL, HOPS, extension(ICMPV6) + bytes.fromhex("82000000") + bytes(20))),
    Row("a query for IPv4 multicast members", _v4(OWN, 2, bytes.fromhex("1164000000000000"), to="224.0.0.1")),
    Row("a neighbour advertisement for the gateway", _v6(OWN6, ICMPV6, neighbour(136, GATEWAY6))),
    Row("... for the bridge's own", _v6(LOCAL, ICMPV6, neighbour(136, BRIDGES_LOCAL))),
    Row("... behind hops", _v6(OWN6, HOPS, extension(ICMPV6) + neighbour(136, GATEWAY6))),
    Row("... for another guest", _v6(LOCAL, ICMPV6, neighbour(136, BOBS6)), STRICT),
    Row("a neighbour solicitation by the gateway", _v6(GATEWAY6, ICMPV6, neighbour(135, BOBS6))),
    Row("a neighbour solicitation by the bridge", _v6(BRIDGES_LOCAL, ICMPV6, neighbour(135, BOBS6))),
    Row("an IPv6 source outside", _v6("2001:db8:ffff::7", UDP, HELLO)),
    Row("a guest's IPv6 source", _v6(BOBS6, UDP, HELLO), STRICT),
    Row("a guest's link-local source", _v6(BOBS_LOCAL, UDP, HELLO), STRICT),
    Row("IPv6 from no address", _v6("::", UDP, HELLO)),
    Row("IPv6 from a group", _v6("ff02::7", UDP, HELLO)),
    Row("IPv6 to loopback", _v6(LOCAL, UDP, HELLO, to="::1")),
    Row("LLDP", ether(EVE, BOB, 0x88CC, b"lldp" * 12)),
    Row("another ethertype", ether(EVE, BOB, 0x88B5, b"test" * 12)),
    Row("PPPoE", ether(EVE, BOB, 0x8863, b"pppo" * 12)),
    Row("a BPDU", packed("01:80:c2:00:00:00") + packed(EVE) + b"\0\x26\x42\x42\x03" + bytes(35)),
    Row("a VLAN tag", tagged(_v4(OWN, UDP, udp(1, 1, b"tagged")), 7)),
    Row("a VLAN tag of a provider", tagged(_v4(OWN, UDP, udp(1, 1, b"provider")), 7, 0x88A8)),
    Row("two VLAN tags", tagged(tagged(_v4(OWN, UDP, udp(1, 1, b"two tags")), 8), 7)),
]
HONEST = [
    Row("UDP", _v4(OWN, UDP, udp(5000, 5001, b"honest")), None),
    Row("a fragment", _v4(OWN, UDP, udp(5000, 5001, bytes(64)), fragment=0x2000), None),
    Row("the next one", _v4(OWN, UDP, bytes(32), fragment=9), None),
    Row("ESP", _v4(OWN, 50, b"esp" * 8), None),
    Row("a ping", _v4(OWN, ICMP, bytes.fromhex("0800000000010001")), None),
    Row("an ARP request", ether(EVE, EVERYONE, ARP, arp(1, EVE, OWN, target=BOBS)), None),
    Row("an ARP probe", ether(EVE, EVERYONE, ARP, arp(1, EVE, "0.0.0.0", target=OWN)), None),
    Row("RARP, as QEMU sends it", ether(EVE, EVERYONE, RARP, arp(3, EVE, "0.0.0.0", target="0.0.0.0")), None),
    Row("DHCP", ether(EVE, EVERYONE, IPV4, ip4("0.0.0.0", "255.255.255.255", UDP, udp(68, 67, dhcp(EVE)))), None),
    Row("DHCP to keep its lease", _v4(OWN, UDP, udp(68, 67, dhcp(EVE))), None),
    Row("DHCPv6", _v6(LOCAL, UDP, udp(546, 547, b"\x01abc")), None),
    Row("IPv6", _v6(OWN6, UDP, udp(5000, 5001, b"honest")), None),
    Row("a solicitation of routers", _v6(LOCAL, ICMPV6, bytes.fromhex("8500000000000000")), None),
    Row("... without an address", _v6("::", ICMPV6, bytes.fromhex("8500000000000000")), None),
    Row("a look for duplicates", _v6("::", ICMPV6, neighbour(135, OWN6)), None),
    Row("a solicitation", _v6(OWN6, ICMPV6, neighbour(135, BOBS6)), None),
    Row("an advertisement", _v6(OWN6, ICMPV6, neighbour(136, OWN6)), None),
    Row("an advertisement of its link-local address", _v6(LOCAL, ICMPV6, neighbour(136, LOCAL)), None),
    Row("MLD", _v6(LOCAL, HOPS, extension(ICMPV6) + bytes.fromhex("8f00000000000000")), None),
    Row("a large ping", _v6(OWN6, FRAGMENT, fragment6(ICMPV6, more=True) + _ECHO6 + bytes(64)), None),
    Row("the rest of it", _v6(OWN6, FRAGMENT, fragment6(ICMPV6, 72) + bytes(8)), None),
    Row("the rest of a flow whose label is like a port of DHCP", _labelled(546), None),
    Row("... of another one", _labelled(67), None),
    Row("a fragment of UDP", _v6(OWN6, FRAGMENT, fragment6(UDP, more=True) + udp(5000, 5001, bytes(64))), None),
]
LAST = _v4(OWN, UDP, udp(5000, 5002, b"the last of them"))


def _attached(host: Host, port: str, **nic: object) -> list[str]:
    return on(host, lambda here: attach.attach(here, "lab", nics.Nic(port, "lab", **nic)))  # type: ignore[arg-type]


@contextmanager
def _lab(xml: str = LAB) -> Iterator[tuple[Host, Client, Client]]:
    with Host() as host, Client(host, "eve", port="ve", mac=EVE) as eve, Client(host, "bob", port="vb", mac=BOB) as bob:
        if xml:
            host.define(xml)
        if host.run(["test", "-d", "/proc/sys/net/bridge"], check=False).returncode == 0:  # br_netfilter judges, too
            host.run(["sysctl", "-qw", *(f"net.bridge.bridge-nf-call-{kind}tables=0" for kind in ("ip", "ip6", "arp"))])
        assert not xml or _attached(host, "vb", mac=BOB) == []
        yield host, eve, bob


def _untagged(frame: bytes) -> bytes:
    return frame[:12] + frame[16:] if frame[12:14] in {b"\x81\0", b"\x88\xa8"} else frame


def _forwards(host: Host) -> bool:
    ports = host.json(["bridge", "-json", "link", "show"])
    return len(ports) == 2 and all(port["state"] == "forwarding" for port in ports)


def _came(eve: Client, bob: Client, rows: list[Row]) -> list[str]:
    """Which of the frames have come from one to the other."""
    wait_for(lambda: _forwards(eve.host), "both ports to forward")
    sniffer = Sniffer(bob)
    send(eve, [*(row.frame for row in rows), LAST])
    sniffer.wait_for(LAST)
    seen = sniffer.frames()
    return [row.what for row in rows if _untagged(row.frame) in seen]


MODES = {
    "off": {"guard": "off", "mac": EVE},
    "standard": {"mac": EVE},
    "standard without its MAC": {"guard": "standard"},
    "strict": {"guard": "strict", "mac": EVE},
}
LETS_THROUGH = {
    "off": {NEVER, KNOWN, STRICT},
    "standard": {STRICT},
    "standard without its MAC": {KNOWN, STRICT},
    "strict": set(),
}


@pytest.mark.parametrize("mode", MODES)
def test_forged_frames_are_dropped_and_honest_ones_pass(mode: str) -> None:
    with _lab() as (host, eve, bob):
        warnings = _attached(host, "ve", **MODES[mode])
        assert warnings == (["interface 've': its MAC is not known: it is not held to it"] if "without" in mode else [])
        rows = FORGED + HONEST
        expected = [row.what for row in rows if row.passes is None or row.passes in LETS_THROUGH[mode]]
        if mode == "off":
            expected.remove("a group as Ethernet source")  # no bridge takes that
        assert _came(eve, bob, rows) == expected


def test_nobody_is_the_gateway_where_the_host_makes_up_other_addresses_for_its_links() -> None:
    with _lab("") as (host, eve, bob):
        for name, value in (("addr_gen_mode", "3"), ("use_tempaddr", "2")):  # ip-sysctl.rst: random
            host.run(["sysctl", "-qw", f"net.ipv6.conf.default.{name}={value}"])
        host.define(LAB)
        for port, mac in (("vb", BOB), ("ve", EVE)):
            assert _attached(host, port, mac=mac) == []
        words = ["ip", "-6", "address", "show", "dev", "vnbr1", "scope", "link", "-tentative"]
        wait_for(lambda: "inet6" in host.run(words).stdout, "the bridge's link-local address")
        local = host.run(words).stdout.partition("inet6 ")[2].partition("/")[0]
        forged = [Row("a neighbour advertisement for it", _v6(LOCAL, ICMPV6, neighbour(136, local)))]
        assert _came(eve, bob, forged) == []


def test_a_trunk_may_send_tags_and_is_held_to_all_else_inside_of_them() -> None:
    """Not every kernel has VLANs on bridges, so the guard alone is put there."""

    def put(here: machine.Host) -> None:
        link, live = here.links.link("ve"), record.read(here.paths, "lab")
        assert link
        assert live
        traits = nics.Traits(vlans=((1, nics.PVID | nics.UNTAGGED), (7, 0)))
        nic = nics.Nic("ve", "lab", mac=EVE, index=link.index, held=nics.GUARDS["standard"], traits=traits)
        assert guard.put(live, link, nic, None) == []

    with _lab() as (host, eve, bob):
        assert _attached(host, "ve", mac=EVE) == []
        on(host, put)
        honest = [Row("tagged", tagged(_v4(OWN, UDP, udp(1, 1, b"tagged")), 7), None)]
        rows = [row for row in FORGED if row.what not in {"a BPDU", "a VLAN tag", "a VLAN tag of a provider"}]
        forged = [row._replace(frame=tagged(row.frame, 7)) for row in rows]
        assert _came(eve, bob, honest + forged) == ["tagged", *(row.what for row in forged if row.passes == STRICT)]


ALLOWANCES = {
    "forward": "<forwarding><incoming><allow port='8080' address='10.61.0.2'/></incoming></forwarding>",
    "host": "<host allow='all'/>",
    "route": "<route address='203.0.113.0' prefix='24' gateway='10.61.0.9'/>",
    "portgroup": "<portgroup name='open'><guard mode='off'/></portgroup>",
    "more subnets": "<ip address='10.62.0.1' prefix='24'/>",
    "flows": "<guard mode='standard' flows='no'/>",
}


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_whatever_else_is_allowed_no_forged_frame_passes(mode: str) -> None:
    with _lab() as (host, eve, bob):
        _attached(host, "ve", **MODES[mode])
        expected = [row.what for row in FORGED if row.passes in LETS_THROUGH[mode]]

        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sets(st.sampled_from(sorted(ALLOWANCES)), min_size=1))
        def try_with(names: set[str]) -> None:
            host.define(LAB.replace("</network>", "".join(ALLOWANCES[name] for name in sorted(names)) + "</network>"))
            on(host, lambda here: changes.apply(here, "lab") and None)
            assert on(host, lambda here: _attached_again(here, "vb")) == []
            assert _came(eve, bob, FORGED) == expected

        try_with()


def _attached_again(here: machine.Host, port: str) -> list[str]:
    """The other guest is let out of all guards, where the network has a class for that."""
    live = record.read(here.paths, "lab")
    is_open = live is not None and any(group.name == "open" for group in live.classes)
    return attach.attach(here, "lab", nics.Nic(port, "lab", mac=BOB, portgroup="open" if is_open else ""))
