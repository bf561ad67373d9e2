"""A guest that forges addresses or names gains nothing by it, and what the host itself does is left as it is."""

import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.library import on
from tests.lab.machine import PYTHON
from vnethook.lifecycle import attach, bringup, catalog
from vnethook.live import nics

pytestmark = pytest.mark.netns
FIREWALLS = ("nft", "iptables-legacy")
RESOLVER, UPLINK = "192.0.2.1", "192.0.2.2"
NETWORK = """
<network><name>lab</name>{forward}<bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>
</network>"""
MODES = {"isolated": "", "nat": "<forward mode='nat'/>"}
GATEWAY = "10.77.0.1"

# A resolver's client on the host: asks the real one, waits for a line on stdin, asks again; prints all that it heard.
ASKING = """
import socket, sys
def question(number):
    return bytes((number, number)) + bytes.fromhex("010000010000000000000377777707") + b"example\\x04test\\0\\0\\1\\0\\1"
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("192.0.2.2", 5555))
client.connect(("192.0.2.1", 53))
client.settimeout(10)
client.send(question(1))
print(client.recv(512)[:2].hex(), flush=True)
sys.stdin.readline()
client.send(question(2))
heard = b""
while heard[:2] != bytes((2, 2)):
    heard = client.recv(512)
    print(heard[:2].hex(), flush=True)
"""

# The world outside listens to ICMP: "TYPE SOURCE", a line each.
SNIFFER = """
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
print("ready", flush=True)
while True:
    packet, (source, _) = raw.recvfrom(2048)
    print(packet[(packet[0] & 15) * 4], source, flush=True)
"""


@pytest.fixture(params=MODES)
def forger(request: pytest.FixtureRequest) -> Iterator[tuple[Host, Outside, Client]]:
    with Host() as host, Outside() as outside, Client(host, "forger", port="vforger") as guest:
        outside.plug(host)
        xml = NETWORK.format(forward=MODES[request.param])
        on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)
        on(host, lambda here: attach.attach(here, "lab", nics.Nic(interface="vforger", network="lab")) and None)
        assert guest.lease()["server"] == GATEWAY
        guest.run(["ip", "route", "replace", "default", "via", GATEWAY])
        guest.run(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
        guest.run(["ip", "route", "replace", f"{UPLINK}/32", "via", GATEWAY])
        yield host, outside, guest


def test_a_forged_answer_of_the_resolver_is_not_heard(forger: tuple[Host, Outside, Client]) -> None:
    host, _, guest = forger

    def forge() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((RESOLVER, 53))
            sender.sendto(b"forged", (UPLINK, 5555))

    client = host.popen(
        [PYTHON, "-IS", "-c", ASKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert client.stdout
    assert client.stdout.readline() == "0101\n"
    guest.call(forge)
    assert guest.pings(GATEWAY)  # what was sent before has arrived
    assert client.communicate("\n") == ("0202\n", "")


def test_a_forged_echo_request_is_not_answered_outward(forger: tuple[Host, Outside, Client]) -> None:
    host, outside, guest = forger
    sniffer = outside.popen([PYTHON, "-IS", "-c", SNIFFER], stdout=subprocess.PIPE, text=True)
    assert sniffer.stdout
    assert sniffer.stdout.readline() == "ready\n"
    for target in (UPLINK, GATEWAY):
        words = ["ping", "-n", "-c", "1", "-W", "1", "-I", RESOLVER, target]
        assert guest.run(words, check=False).returncode == 1
    host.run(["ping", "-n", "-c", "1", "-W", "2", RESOLVER])  # what was sent before has arrived
    assert sniffer.stdout.readline() == f"8 {UPLINK}\n"


def test_a_guest_without_a_known_name_gets_none_by_asking_for_it() -> None:
    xml = NETWORK.format(forward="").replace(
        "</dhcp>", "<host mac='52:54:00:00:00:aa' name='fixed' ip='10.77.0.200'/></dhcp>"
    )
    alice_mac = "52:54:00:00:00:01"
    with (
        Host() as host,
        Client(host, "thief", port="vthief", mac="52:54:00:00:00:99") as thief,
        Client(host, "alice", port="valice", mac=alice_mac) as alice,
    ):
        on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)
        on(host, lambda here: attach.attach(here, "lab", nics.Nic(interface="vthief", network="lab")) and None)
        stolen = thief.lease(hostname="alice")["ip"]  # before she is there
        assert thief.resolve("alice", server=GATEWAY) == []
        nic = nics.Nic(interface="valice", network="lab", guest="alice", mac=alice_mac)
        assert on(host, lambda here: attach.attach(here, "lab", nic)) == []
        lease = alice.lease()
        for name in ("fixed", "alice", "new"):
            assert thief.lease(hostname=name)["ip"] == stolen
        found = {name: alice.resolve(name, server=GATEWAY) for name in ("fixed", "alice", "new")}
        assert found == {"fixed": [], "alice": [lease["ip"]], "new": []}
        leases = on(host, lambda here: {lease.ip: lease.hostname for lease in catalog.leases(here, "lab")})
        assert leases == {stolen: "", lease["ip"]: "alice"}


def test_a_guest_whose_mac_has_an_address_and_no_name_gets_none_by_asking_for_it() -> None:
    mac = "52:54:00:00:00:99"
    xml = NETWORK.format(forward="").replace("</dhcp>", f"<host mac='{mac}' ip='10.77.0.200'/></dhcp>")
    with Host() as host, Client(host, "thief", port="vthief", mac=mac) as thief:
        on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)
        on(host, lambda here: attach.attach(here, "lab", nics.Nic("vthief", "lab", mac=mac)) and None)
        for name in ("alice", "gateway", "wpad"):
            assert thief.lease(hostname=name)["ip"] == "10.77.0.200"
            assert thief.resolve(name, server=GATEWAY) == []


def _connect(source: str, target: str) -> bool:
    """Open a connection and wait until the listener has closed it, having written down who came."""
    with socket.create_connection((target, 8080), 2, source_address=(source, 0)) as client:
        return client.recv(1) == b""


def test_the_hosts_own_connections_are_not_masqueraded() -> None:
    with Host() as host, Outside() as outside:
        outside.plug(host)
        on(host, lambda here: catalog.define(here, NETWORK.format(forward=MODES["nat"]), source="x") and None)
        on(host, lambda here: bringup.start(here, "lab") and None)
        pairs = [(GATEWAY, GATEWAY), (GATEWAY, UPLINK), (UPLINK, GATEWAY), (GATEWAY, "127.0.0.1")]
        with host.listening(tcp=8080, udp=8081) as came:  # nothing is asserted inside: it waits for its listener's end
            seen = [host.call(lambda pair=pair: _connect(*pair)) and came()[-1:] for pair in pairs]
        assert seen == [[f"tcp {source}"] for source, _ in pairs]


IPV6 = """
<network><name>six</name><forward mode='route'/><bridge name='vnbr6'/>
  <dns><host ip='2001:db8:76::50'><hostname>printer</hostname></host></dns>
  <ip family='ipv6' address='2001:db8:76::1' prefix='64'/>
</network>"""


def _advertised_resolvers() -> list[str]:
    """Solicit a router on eth0; the addresses of its RDNSS option. RFC 4861, RFC 8106."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        index = socket.if_nametoindex("eth0")
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.settimeout(10)
        raw.sendto(struct.pack("!BBHI", 133, 0, 0, 0), ("ff02::2", 0, 0, index))
        data = b""
        while data[:1] != b"\x86":
            data = raw.recv(2048)
    options, found = data[16:], []
    while options:
        kind, length = options[0], options[1] * 8
        if kind == 25:
            found += [socket.inet_ntop(socket.AF_INET6, options[start : start + 16]) for start in range(8, length, 16)]
        options = options[length:]
    return found


def test_an_ipv6_only_guest_resolves_by_what_routers_advertise_and_by_the_link_local_address() -> None:
    with Host() as host, Client(host, "six", port="vsix") as guest:
        on(host, lambda here: catalog.define(here, IPV6, source="x.xml") and None)
        guest.run(["sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1", "net.ipv6.conf.eth0.accept_dad=0"])
        on(host, lambda here: attach.attach(here, "six", nics.Nic(interface="vsix", network="six")) and None)
        configured = ["ip", "-6", "-br", "address", "show", "dev", "eth0", "scope", "global", "-tentative"]
        wait_for(lambda: "2001:db8:76:" in guest.run(configured).stdout, "a stateless address")
        resolvers = guest.call(_advertised_resolvers)
        assert resolvers == ["2001:db8:76::1"]
        listed = host.run(["ip", "-6", "-br", "address", "show", "dev", "vnbr6", "scope", "link"]).stdout.split()
        local = next(word for word in listed if word.startswith("fe80:")).split("/")[0]
        for server in (*resolvers, f"{local}%eth0"):
            assert guest.resolve("printer", server=server, kind="AAAA") == ["2001:db8:76::50"]
