"""Network XML: what is read, what is written, what is refused and how it is said."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings

from vnethook.address import parse_subnet
from vnethook.definition import xml
from vnethook.definition.model import Bridge, Ip, Network
from vnethook.errors import DefinitionError

_spec = importlib.util.spec_from_file_location("networks", Path(__file__).with_name("networks.py"))
_made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made)
networks, foreign_networks = _made.networks, _made.foreign_networks

SAMPLE_OF_2007 = """\
<network id="0">
  <name>Foo</name>
  <uuid>596a5d2171f48fb2e068e2386a5c413e</uuid>
  <listen address="172.31.0.5" port="1234" />
  <connections>
    <connection address="172.31.0.6" port="4321" />
  </conections>
  <dhcp enabled="true">
    <ip address="10.0.0.1"
        netmask="255.255.255.0"
        start="10.0.0.128"
        end="10.0.0.254" />
  </dhcp>
  <forwarding enabled="true">
    <incoming default="deny">
      <allow port="123" domain="foobar" destport="321" />
    </incoming>
    <outgoing default="allow">
      <deny port="25" />
    </outgoing>
  </forwarding>
<network>
"""


def lines(*inside):
    return "\n".join(["<network><name>x</name>", *inside, "</network>"])


def refusal(text):
    with pytest.raises(DefinitionError) as caught:
        xml.parse(text, source="lab.xml")
    assert caught.value.message.isprintable()
    return caught.value.message


IP = "<ip address='192.0.2.1' netmask='255.255.255.0'>"
REFUSED = {
    "": "lab.xml:1: column 1: no element found",
    "<network><name>x&y</name></network>": "lab.xml:1: column 19: not well-formed (invalid token)",
    "<network>\n<name>x</nam>\n</network>": (
        "lab.xml:2: column 8: end tag '</nam>' where '</name>' is expected for the element of line 2"
    ),
    "<network>\n<ip><dhcp></ip>\n</network>": (
        "lab.xml:2: column 11: end tag '</ip>' where '</dhcp>' is expected for the element of line 2"
    ),
    "<network>\n<name>x</name>\n": (
        "lab.xml:3: the document ends where '</network>' is expected for the element of line 1"
    ),
    "\n<!DOCTYPE network [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><network><name>&a;</name></network>": (
        "lab.xml:2: a document type is not accepted"
    ),
    "<network><name>&a;</name></network>": "lab.xml:1: column 16: undefined entity",
    "<a>" * 33: "lab.xml:1: more than 32 elements inside each other",
    b"<network>\n<name>\xff</name></network>": "lab.xml:2: not UTF-8",
    "<network>\udcff</network>": "lab.xml:1: not UTF-8",
    "<!--" + "x" * (1 << 20) + "--><a/>": "lab.xml:1: larger than 1 MiB",
    "<domain/>": "lab.xml:1: the outermost element is 'domain': must be 'network'",
    "<network/>": "lab.xml:1: network: lacks its <name>",
    "<network id='x'><name>x</name></network>": "lab.xml:1: network id='x': must be a whole number",
    lines("<name>y</name>"): "lab.xml:2: element 'name' says something else than the one in line 1",
    lines("<portgroup/>"): "lab.xml:2: element 'portgroup' lacks name=",
    lines("<nonsense/>"): "lab.xml:2: network: unknown element 'nonsense'",
    lines("<bridge mtu='1'/>"): "lab.xml:2: network/bridge: unknown attribute 'mtu'",
    lines("<virtualport name='x'/>"): "lab.xml:2: network/virtualport: unknown attribute 'name'",
    lines("<options xmlns='http://libvirt.org/schemas/network/bhyve/1.0'/>"): (
        "lab.xml:2: network: unknown element '{http://libvirt.org/schemas/network/bhyve/1.0}options'"
    ),
    lines("<forward>", "text</forward>"): "lab.xml:2: network/forward: unexpected text 'text'",
    lines(
        "<forward mode='bridge'/>"
    ): "lab.xml:2: forward: mode 'bridge' needs a bridge: the name of one that is there",
    lines("<forward mode='x'/>"): "lab.xml:2: network/forward: unknown mode 'x': must be "
    "nat, route, open, none, user, bridge, private, vepa, passthrough or hostdev",
    lines("<forward mode='route'>", "<nat/></forward>"): (
        "lab.xml:3: network/forward/nat: only for mode 'nat', not 'route'"
    ),
    lines("<forward mode='hostdev'>", "<address type='pci' slot='0x20'/></forward>"): (
        "lab.xml:3: address slot='0x20': must be a number from 0 to 0x1f"
    ),
    lines("<forward mode='hostdev'>", "<address type='pci' bus='08'/></forward>"): (
        "lab.xml:3: address bus='08': must be a number from 0 to 0xff"
    ),
    lines("<forward mode='hostdev'>", "<address type='usb'/></forward>"): (
        "lab.xml:3: network/forward/address: unknown type 'usb': must be pci"
    ),
    lines("<forward/>", "<forwarding enabled='no'/>"): "lab.xml:3: forwarding: is off here, and line 2 says mode 'nat'",
    lines("<forward mode='none'/>", "<forwarding/>"): "lab.xml:3: forwarding: is on here, and line 2 says mode 'none'",
    lines("<dns enable='1'/>"): "lab.xml:2: dns enable='1': must be yes, no, true or false",
    lines("<bridge stp='yes'/>"): "lab.xml:2: bridge stp='yes': must be on or off",
    lines("<bridge delay='31'/>"): "lab.xml:2: bridge delay 31: must be 0 to 30 seconds",
    lines("<mac/>"): "lab.xml:2: element 'mac' lacks address=",
    lines("<mac address='01:00:5e:00:00:01'/>"): (
        "lab.xml:2: mac 01:00:5e:00:00:01: is a multicast address, which no interface can have"
    ),
    lines("<ip family='ipv6' address='2001:db8::1' netmask='255.255.255.0'/>"): (
        "lab.xml:2: ip 2001:db8::1: an IPv6 address has a prefix=, not a netmask="
    ),
    lines("<ip address='192.0.2.1' netmask='255.255.255.0' prefix='24'/>"): (
        "lab.xml:2: ip: netmask= and prefix= say the same; write one of them"
    ),
    lines("<ip address='192.0.2.1' prefix='33'/>"): "lab.xml:2: prefix 33 of '192.0.2.1': must be 0 to 32",
    lines("<ip address='192.0.2.1' prefix='0'/>"): (
        "lab.xml:2: ip 192.0.2.1/0: the prefix is too short, 8 is the least"
    ),
    lines("<ip address='192.0.2.1' family='ipv6'/>"): "lab.xml:2: ip: family=: 192.0.2.1 is no IPv6 address",
    lines(
        "<ip address='2001:db8::1' prefix='63'><dhcp>", "<range start='2001:db8::2' end='2001:db8::3'/></dhcp></ip>"
    ): (
        "lab.xml:3: ip 2001:db8::1/63: DHCP on IPv6 needs a prefix of at least 64"  # dnsmasq would not start
    ),
    lines(IP + "</ip>", "<route family='ipv6' address='198.51.100.0' gateway='192.0.2.2'/>"): (
        "lab.xml:3: route: family=: 198.51.100.0 is no IPv6 address"
    ),
    lines("<ip prefix='24'/>"): "lab.xml:2: ip: netmask= or prefix= without address=",
    lines(IP, "<dhcp>", "<range start='192.0.2.9' end='192.0.2.8'/></dhcp></ip>"): (
        "lab.xml:4: DHCP range 192.0.2.9 to 192.0.2.8: the end lies before the start"
    ),
    lines(IP, "<dhcp>", "<range start='192.0.2.9' end='198.51.100.8'/></dhcp></ip>"): (
        "lab.xml:4: DHCP range 192.0.2.9 to 198.51.100.8: more than 65535 addresses"
    ),
    lines(IP, "<dhcp>", "<range start='192.0.2.9' end='192.0.2.255'/></dhcp></ip>"): (
        "lab.xml:4: DHCP range 192.0.2.9 to 192.0.2.255: ends with the broadcast address of 192.0.2.0/24"
    ),
    lines(
        IP,
        "<dhcp>",
        "<host mac='52:54:00:00:00:01' ip='192.0.2.5'/>",
        "<host mac='52:54:0:0:0:1' ip='192.0.2.6'/>",
        "</dhcp></ip>",
    ): "lab.xml:5: DHCP host 52:54:00:00:00:01: mac '52:54:00:00:00:01' is given to two hosts",
    lines(IP, "<dhcp>", "<host mac='01:00:5E:00:00:01' ip='192.0.2.5'/></dhcp></ip>"): (
        "lab.xml:4: DHCP host: mac 01:00:5e:00:00:01: is a multicast address, which no interface can have"
    ),
    lines("<forward mode='bridge'/>", "<bridge name='br0'/>", "<dns>", "<txt name='a'/></dns>"): (
        "lab.xml:4: dns: mode 'bridge' uses a bridge or device of the host's, which is not the network's to configure"
    ),
    lines(IP + "</ip>", "<route address='10.0.0.0' netmask='255.0.0.0' prefix='8' gateway='192.0.2.2'/>"): (
        "lab.xml:3: route: netmask= and prefix= say the same; write one of them"
    ),
    lines("<dhcp>", "<ip address='192.0.2.1' netmask='255.255.255.0' prefix='24'/></dhcp>"): (
        "lab.xml:3: ip: netmask= and prefix= say the same; write one of them"
    ),
    lines(IP, "<dhcp>", "<host id='01:02' ip='192.0.2.5'/></dhcp></ip>"): (
        "lab.xml:4: DHCP host '01:02': an IPv4 host is recognised by mac or name, not by id alone"
    ),
    lines(IP, "<dhcp>", "<host name='-a' ip='192.0.2.5'/></dhcp></ip>"): (
        "lab.xml:4: DHCP host: name '-a': must be a DNS name that begins with a letter or digit"
    ),
    lines("<ip address='2001:db8::1'><dhcp>", "<host mac='52:54:00:00:00:01' name='a'/></dhcp></ip>"): (
        "lab.xml:3: DHCP host 52:54:00:00:00:01: an IPv6 host is recognised by id or name, not by mac"
    ),
    lines("<ip><dhcp>", "<range start='192.0.2.1' end='192.0.2.2'/></dhcp></ip>"): (
        "lab.xml:3: ip: a DHCP range or a host's address needs the address and netmask of the network"
    ),
    lines(IP + "</ip>", "<ip address='192.0.2.129' prefix='25'/>"): (
        "lab.xml:3: ip: 192.0.2.128/25 overlaps 192.0.2.0/24 of the same network"
    ),
    lines(IP + "</ip>", "<ip address='192.0.2.1' prefix='25'/>"): (
        "lab.xml:3: ip 192.0.2.1: has another netmask than in line 2"
    ),
    lines(IP + "<dhcp enabled='no'/></ip>", IP + "<dhcp/></ip>"): (
        "lab.xml:3: ip 192.0.2.1: DHCP is on here and off in line 2"
    ),
    lines(IP + "<dhcp/></ip>", "<dhcp>", "<ip address='192.0.2.1' start='192.0.2.9' end='192.0.2.9'/></dhcp>"): (
        "lab.xml:4: ip 192.0.2.1: DHCP hands out other addresses than in line 2"
    ),
    lines(IP + "</ip>", "<dhcp/>"): (
        "lab.xml:3: dhcp: lacks its <ip>: the network has addresses, and it does not say which of them it is for"
    ),
    lines("<ip address='192.0.2.1' prefix='24'><dhcp/></ip>", "<ip address='198.51.100.1' prefix='24'><dhcp/></ip>"): (
        "lab.xml:3: ip: DHCP on two IPv4 addresses of one network"
    ),
    lines("<mtu size='1279'/>", "<ip address='2001:db8::1'/>"): "lab.xml:2: mtu 1279: IPv6 needs at least 1280",
    lines("<forward/>", "<host allow='22/tcp, ssh'/>"): (
        "lab.xml:3: host allow='ssh': must be ports as in '22/tcp 53 8000-8010/udp', or all"
    ),
    lines("<forward/>", "<host allow='9-8'/>"): ("lab.xml:3: port 9-8: must be 1 to 65535, or a range as in 8000-8010"),
    lines("<forward/>", "<host allow=' , '/>"): (
        "lab.xml:3: host allow: must be ports as in '22/tcp 53 8000-8010/udp', or all"
    ),
    lines("<host allow='22'/>"): "lab.xml:2: host: a network without an address has no host for its guests to reach",
    lines("<forward/>", "<host allow='22'/>", "<host allow='23'/>"): (
        "lab.xml:4: element 'host' says something else than the one in line 3"
    ),
    lines("<bridge name='br0'/>", "<forward mode='bridge'/>", "<host allow='22'/>"): (
        "lab.xml:4: host: mode 'bridge' uses a bridge or device of the host's, which is not the network's to configure"
    ),
    lines("<dns>", "<forwarder addr='dns.example'/></dns>"): (
        "lab.xml:3: address 'dns.example': neither an IPv4 nor an IPv6 address"
    ),
}


@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_a_refusal_names_file_line_and_reason(text):
    assert refusal(text) == REFUSED[text]


def test_both_mistakes_of_the_sample_of_2007_are_named_at_once():
    assert refusal(SAMPLE_OF_2007) == (
        "lab.xml:7: column 3: end tag '</conections>' where '</connections>' is expected for the element of line 5; "
        "line 22, column 1: start tag '<network>' where '</network>' is expected"
    )


MENDED_SAMPLE = """\
<network>
  <name>Foo</name>
  <uuid>596a5d21-71f4-8fb2-e068-e2386a5c413e</uuid>
  <forward mode='nat'/>
  <bridge stp='off' delay='0'/>
  <ip address='10.0.0.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='10.0.0.128' end='10.0.0.254'/>
    </dhcp>
  </ip>
  <forwarding>
    <incoming default='deny'>
      <allow port='123' to='321' domain='foobar'/>
    </incoming>
    <outgoing default='allow'>
      <deny port='25'/>
    </outgoing>
  </forwarding>
  <listen address='172.31.0.5' port='1234'/>
  <connections>
    <connection address='172.31.0.6' port='4321'/>
  </connections>
</network>
"""


def test_the_mended_sample_of_2007_is_read_in_full():
    mended = SAMPLE_OF_2007.replace("</conections>", "</connections>").removesuffix("<network>\n") + "</network>"
    parsed = xml.parse(mended, source="lab.xml")
    assert xml.dump(parsed.network) == MENDED_SAMPLE
    assert parsed.warnings == ("lab.xml:1: network id= is not kept: networks have a name and a uuid",)


def test_metadata_of_other_programs_is_kept_whatever_it_holds():
    text = """<network xmlns:app='urn:app'><name>x</name><metadata>
      <app:a b='1'>text &amp; <!-- gone --><c xmlns='urn:other'/></app:a>
      <x:y xmlns:x='urn:x' x:z="it's"><x:z/>tail</x:y>
    </metadata></network>"""
    network = xml.parse(text, source="t").network
    assert network.metadata == (
        '<app:a xmlns:app="urn:app" b="1">text &amp; <c xmlns="urn:other"></c></app:a>',
        '<x:y xmlns:x="urn:x" x:z="it\'s"><x:z></x:z>tail</x:y>',
    )
    assert xml.parse(xml.dump(network), source="t").network == network


def test_lines_after_metadata_are_counted_right():
    text = lines("<metadata>", "<a:b xmlns:a='u'>", "<c/>", "</a:b>", "</metadata>", "<bridge name='a b'/>")
    assert refusal(text).startswith("lab.xml:7: bridge name")


def test_text_with_a_declared_encoding_is_read():
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><network><!-- \u00e9 --><name>x</name></network>"
    assert xml.parse(text, source="t").network == Network("x")
    assert xml.parse(text.encode(), source="t").network == Network("x")


def test_a_source_with_a_newline_stays_one_line():
    with pytest.raises(DefinitionError) as caught:
        xml.parse("", source="a\nb")
    assert caught.value.message == "'a\\nb':1: column 1: no element found"


def test_thousands_of_hosts_are_read_and_the_wrong_one_is_found():
    hosts = [
        f"<host mac='52:54:00:00:{n >> 8:02x}:{n & 255:02x}' ip='10.1.{n >> 8}.{n & 255}'/>" for n in range(2, 9000)
    ]
    wrong = "<host mac='52:54:00:01:00:00' ip='10.2.0.1'/>"
    text = lines("<ip address='10.1.0.1' prefix='16'><dhcp>", *hosts[:8000], wrong, *hosts[8000:], "</dhcp></ip>")
    assert refusal(text) == "lab.xml:8003: DHCP host 52:54:00:01:00:00: 10.2.0.1 is not in 10.1.0.0/16"


@settings(deadline=None)
@given(networks() | foreign_networks())
def test_what_is_dumped_reads_back_as_itself_byte_for_byte(network):
    text = xml.dump(network)
    parsed = xml.parse(text, source="t")
    assert parsed == (network, ())
    assert xml.dump(parsed.network) == text


@settings(deadline=None)
@given(networks() | foreign_networks())
def test_a_chosen_subnet_is_shown_and_can_be_left_out_again(network):
    if not network.wants_subnet:
        return
    chosen = network.with_subnet(parse_subnet("192.168.200.0/26"))
    assert not chosen.wants_subnet
    assert xml.parse(xml.dump(chosen), source="t").network.subnets == chosen.subnets
    asked = xml.parse(xml.dump(chosen, with_automatic=False), source="t").network
    assert asked.with_subnet(parse_subnet("192.168.200.0/26")) == chosen
    assert asked.replace(ips=chosen.ips) == network.replace(ips=chosen.ips)


def test_a_chosen_subnet_that_a_host_address_depends_on_is_kept():
    ip = Network("x", forward="nat").with_subnet(parse_subnet("192.168.200.0/24")).ips[0]
    ip = ip.replace(hosts=(_made.DhcpHost(name="web", ip="192.168.200.9"),))
    text = xml.dump(Network("x", forward="nat", ips=(ip,)), with_automatic=False)
    assert "<ip address='192.168.200.1' netmask='255.255.255.0'>" in text


def test_an_automatic_address_that_says_nothing_else_needs_no_element():
    network = Network("x", forward="nat").with_subnet(parse_subnet("192.168.200.0/24"))
    assert "<ip" not in xml.dump(network, with_automatic=False)
    isolated = Network("x", ips=(Ip(whole_range=True),)).with_subnet(parse_subnet("192.168.200.0/24"))
    assert "  <ip>\n    <dhcp/>\n  </ip>\n" in xml.dump(isolated, with_automatic=False)


@pytest.mark.parametrize("name", ["", "virbr%d", "%d", "a%db"])
def test_a_bridge_whose_name_is_left_open_has_none(name):
    text = lines(f"<bridge name='{name}' stp='on'/>")
    assert xml.parse(text, source="t").network == Network("x", bridge=Bridge(stp=True))


def test_a_bridge_that_has_to_be_there_cannot_be_left_open():
    assert refusal(lines("<forward mode='bridge'/>", "<bridge name='br%d'/>")) == (
        "lab.xml:2: forward: mode 'bridge' needs a bridge: the name of one that is there"
    )
