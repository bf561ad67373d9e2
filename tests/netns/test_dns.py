"""What guests are told by their network's DNS server, and what it asks of others: seen at a server that logs all."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.lab import Client, Host
from tests.lab.library import on
from tests.lab.upstream import Upstream
from vnethook.lifecycle import attach, catalog
from vnethook.live import nics

pytestmark = pytest.mark.netns
EVERYTHING = "192.0.2.222"
"""What the servers outside answer whatever they are asked."""
RECORDS = """
<network><name>lab</name><forward mode='nat'/><domain name='lab.test'{domain}/>
  <dns{dns}>{forwarders}
    <txt name='_policy.lab.test' value='v=1; allow: a, b # all'/><txt name='empty.test'/>
    <srv service='ldap' protocol='tcp' target='dc.lab.test' port='389' priority='10' weight='5'/>
    <srv service='sip' protocol='udp' domain='voice.test' target='pbx.test'/>
    <srv service='pop3' protocol='tcp'/>
    <srv service='imap' protocol='tcp' target='.' port='143'/>
    <host ip='10.85.0.9'><hostname>dc</hostname><hostname>directory.lab.test</hostname></host>
    <host ip='fd00:85::9'><hostname>dc</hostname></host>
  </dns>
  <ip address='10.85.0.1' prefix='24'{ptr}><dhcp><range start='10.85.0.2' end='10.85.0.99'/></dhcp></ip>
  <ip address='10.86.2.1' prefix='23'{ptr}/>
  <ip family='ipv6' address='fd00:85::1' prefix='63'{ptr}/>
</network>"""
ATTRIBUTES = {"domain": "", "dns": "", "forwarders": "", "ptr": ""}
LOCAL = {"domain": " localOnly='yes'", "dns": " forwardPlainNames='no'", "ptr": " localPtr='yes'"}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        host.run(["ip", "-6", "address", "add", "fd00:53::1/128", "dev", "lo"])
        yield host


@pytest.fixture(scope="module")
def upstream(host: Host) -> Upstream:
    host.set_resolvers("127.0.0.153")
    return Upstream(host, "127.0.0.153", 53, EVERYTHING)


@pytest.fixture
def lab(host: Host, upstream: Upstream):  # type: ignore[no-untyped-def]
    """Bring the network up with these attributes, and give a guest on it."""
    with Client(host, "guest", port="vguest") as guest:

        def start(**changes: str) -> Client:
            xml = RECORDS.format(**(ATTRIBUTES | changes))
            on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)
            on(host, lambda here: attach.attach(here, "lab", nics.Nic(interface="vguest", network="lab")) and None)
            guest.run(["ip", "address", "replace", "10.85.0.50/24", "dev", "eth0"])
            guest.run(["ip", "address", "replace", "fd00:85::50/63", "dev", "eth0", "nodad"])
            return guest

        yield start
        on(host, lambda here: catalog.stop(here, "lab", force=True))


def _ask(guest: Client, name: str, kind: str = "A", server: str = "10.85.0.1") -> str:
    words = ["dig", "+short", "+time=3", "+tries=1", f"@{server}", name, kind]
    return guest.run(words, check=False).stdout.strip()


def test_records_of_the_definition_are_answered_over_both_families(lab) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    for server in ("10.85.0.1", "fd00:85::1"):
        found = {
            (name, kind): _ask(guest, name, kind, server)
            for name, kind in (
                ("_policy.lab.test", "TXT"),
                ("empty.test", "TXT"),
                ("_ldap._tcp.lab.test", "SRV"),
                ("_sip._udp.voice.test", "SRV"),
                ("_pop3._tcp.lab.test", "SRV"),
                ("_imap._tcp.lab.test", "SRV"),
                ("dc", "A"),
                ("dc.lab.test", "AAAA"),
                ("directory.lab.test", "A"),
            )
        }
        assert found == {
            ("_policy.lab.test", "TXT"): '"v=1; allow: a, b # all"',
            ("empty.test", "TXT"): '""',
            ("_ldap._tcp.lab.test", "SRV"): "10 5 389 dc.lab.test.",
            ("_sip._udp.voice.test", "SRV"): "0 0 1 pbx.test.",
            ("_pop3._tcp.lab.test", "SRV"): "0 0 1 .",
            ("_imap._tcp.lab.test", "SRV"): "0 0 1 .",
            ("dc", "A"): "10.85.0.9",
            ("dc.lab.test", "AAAA"): "fd00:85::9",
            ("directory.lab.test", "A"): "10.85.0.9",
        }
    assert _ask(guest, "9.0.85.10.in-addr.arpa", "PTR") == "dc.lab.test."


OURS = [
    ("domain", "nobody.lab.test", "A"),
    ("domain", "nobody.lab.test", "MX"),
    ("dns", "nobody", "A"),
    ("dns", "nobody", "MX"),
    ("ptr", ip_address("10.85.0.77").reverse_pointer, "PTR"),
    ("ptr", ip_address("10.86.3.77").reverse_pointer, "PTR"),
    ("ptr", ip_address("fd00:85:0:1::77").reverse_pointer, "PTR"),
]


def test_what_is_ours_is_asked_of_nobody_else_if_the_definition_says_so(lab, upstream: Upstream) -> None:  # type: ignore[no-untyped-def]
    guest = lab(**LOCAL)
    for _, name, kind in OURS:
        assert _ask(guest, f"local-{name}" if kind != "PTR" else name, kind) == ""
        assert not upstream.was_asked(f"local-{name}" if kind != "PTR" else name)
    assert _ask(guest, "www.test") == EVERYTHING
    assert _ask(guest, "7.100.51.198.in-addr.arpa", "PTR") == ""
    assert upstream.was_asked("7.100.51.198.in-addr.arpa") or upstream.was_asked("198.51.100.7")


def test_what_nobody_here_knows_is_asked_outside_as_by_libvirt(lab, upstream: Upstream) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    for _, name, kind in OURS:
        _ask(guest, name, kind)
        assert upstream.was_asked(name) or (kind == "PTR" and upstream.was_asked(str(_address_of(name)))), name


def _address_of(pointer: str) -> object:
    labels = pointer.split(".")[:-2][::-1]
    text = (
        ".".join(labels) if "in-addr" in pointer else ":".join("".join(labels[at : at + 4]) for at in range(0, 32, 4))
    )
    return ip_address(text)


def test_each_domain_is_asked_where_its_forwarder_says(lab, host: Host, upstream: Upstream) -> None:  # type: ignore[no-untyped-def]
    Upstream(host, "127.0.0.153", 5301, "192.0.2.1")
    Upstream(host, "127.0.0.153", 5302, "192.0.2.2")
    Upstream(host, "fd00:53::1", 5303, "192.0.2.3")
    some = (
        "<forwarder domain='corp.test' addr='127.0.0.153' port='5301'/><forwarder domain='www.corp.test'/>"
        "<forwarder domain='six.test' addr='fd00:53::1' port='5303'/>"
    )
    guest = lab(forwarders=some)
    names = ("host.corp.test", "www.corp.test", "six.test", "any.test")
    assert [_ask(guest, name) for name in names] == ["192.0.2.1", EVERYTHING, "192.0.2.3", EVERYTHING]


def test_all_is_asked_where_a_forwarder_for_all_says_and_the_hosts_servers_nothing(
    lab, host: Host, upstream: Upstream
) -> None:  # type: ignore[no-untyped-def]
    Upstream(host, "127.0.0.153", 5304, "192.0.2.4")
    guest = lab(forwarders="<forwarder addr='127.0.0.153' port='5304'/>")
    assert _ask(guest, "for-all.test") == "192.0.2.4"
    assert not upstream.was_asked("for-all.test")


def test_the_hosts_name_servers_are_asked_in_its_order(lab, host: Host, upstream: Upstream) -> None:  # type: ignore[no-untyped-def]
    """The first may be a VPN's, which alone knows some names: resolv.conf(5)."""
    second = Upstream(host, "127.0.0.154", 53, "192.0.2.5")
    host.set_resolvers("127.0.0.153", "127.0.0.154")
    guest = lab()
    assert [_ask(guest, f"order-{number}.test") for number in range(5)] == [EVERYTHING] * 5
    assert not any(second.was_asked(f"order-{number}.test") for number in range(5))


def test_capitals_and_two_hyphens_in_names_are_answered_as_they_are() -> None:
    """dnsmasq takes a name with capitals for one of IDNA, and refuses two hyphens there that it takes elsewhere."""
    xml = """<network><name>lab</name><domain name='aB--c.test' localOnly='yes'/>
      <dns><forwarder domain='dE--f.test' addr='192.0.2.53'/><txt name='gH--i.test' value='Kept As It Is'/>
        <srv service='jK--l' protocol='tcp' target='mN--o.test'/><host ip='10.88.0.9'><hostname>pQ--r</hostname></host>
      </dns><ip address='10.88.0.1' prefix='24'/></network>"""
    with Host() as host:
        host.define(xml)
        host.vnet("net-start", "lab")

        def answer(name: str, kind: str) -> str:
            return host.run(["dig", "+short", "+time=3", "@10.88.0.1", name, kind]).stdout.strip()

        assert [
            answer("gH--i.test", "TXT"),
            answer("_jK--l._tcp.aB--c.test", "SRV"),
            answer("pq--R.ab--C.test", "A"),
        ] == ['"Kept As It Is"', "0 0 1 mn--o.test.", "10.88.0.9"]
