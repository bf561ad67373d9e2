"""network.rng, the table of the vocabulary and the reader say the same."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vnethook.definition import xml
from vnethook.definition.vocabulary import ELEMENTS, NAMESPACES, WITH_TEXT
from vnethook.errors import DefinitionError

RNG = "{http://relaxng.org/ns/structure/1.0}"
GOLDEN_FOLDER = Path(__file__).parent.parent / "golden"
GOLDEN = sorted(GOLDEN_FOLDER.joinpath("xml").glob("*.xml"))


def network(inside):
    return f"<network><name>x</name>{inside}</network>"


MISSHAPEN = [
    "<domain><name>x</name></domain>",
    "<network/>",
    "<network>text<name>x</name></network>",
    "<network><name>a b</name></network>",
    "<network><name/></network>",
    "<network id='a'><name>x</name></network>",
    "<network connections='-1'><name>x</name></network>",
    *map(
        network,
        [
            "<uuid>1</uuid>",
            "<name><b/></name>",
            "<nonsense/>",
            "<title><b/></title>",
            "<metadata><plain/></metadata>",
            "<portgroup/>",
            "<portgroup name='a'><ip/></portgroup>",
            "<options xmlns='http://libvirt.org/schemas/network/dnsmasq/1.0'><option/></options>",
            "<options><option value='a'/></options>",
            "<virtualport kind='x'/>",
            "<listen transport='udp' port='1'/>",
            "<forward/><host/>",
            "<forward/><host allow=''/>",
            "<forward/><host allow='ssh'/>",
            "<forward/><host allow='22/icmp'/>",
            "<forward/><host allow='22/'/>",
            "<forward/><host allow='22;23'/>",
            "<forward/><host allow='1-2-3'/>",
            "<forward/><host allow='22\u00a023'/>",
            "<forward/><host allow='ALL'/>",
            "<connections><connection port='a'/></connections>",
            "<connections vni='1'/>",
            "<connections fabric='evpn'/>",
            "<connections fabric='bgp' vni='1' dev='lo'/>",
            "<connections fabric='evpn' vni='a' dev='lo'/>",
            "<connections fabric='evpn' vni='1' dev='a b'/>",
            "<connections fabric='evpn' vni='1' dev='lo'><peer/></connections>",
            "<connections fabric='evpn' vni='1' dev='lo'><peer address='192.0.2.1' client='on'/></connections>",
            "<forward mode='bridges'/>",
            "<forward dev='a b'/>",
            "<forward mode='hostdev'><address/></forward>",
            "<forward mode='hostdev'><address type='usb'/></forward>",
            "<forward mode='hostdev'><address type='pci' bus=''/></forward>",
            "<forward mode='hostdev'><address type='pci' slot='f'/></forward>",
            "<forward mode='hostdev'><address type='pci' slot='0o7'/></forward>",
            "<forward><interface/></forward>",
            "<forward><nat><address start='192.0.2.1'/></nat></forward>",
            "<forwarding><incoming><deny port='1'/></incoming></forwarding>",
            "<forwarding><incoming><allow port='1'/></incoming></forwarding>",
            "<forwarding><outgoing><allow protocol='all'/></outgoing></forwarding>",
            "<forwarding><outgoing default='no'/></forwarding>",
            "<vlan/>",
            "<vlan><tag id='a'/></vlan>",
            "<vlan><tag id='1' nativeMode='both'/></vlan>",
            "<bandwidth><inbound average='1.5'/></bandwidth>",
            "<bandwidth><both average='1'/></bandwidth>",
            "<port isolated='on'/>",
            "<vde group=''/>",
            "<vde mode='0640'/>",
            "<route address='192.0.2.0' prefix='24'/>",
            "<route gateway='192.0.2.1'/>",
            "<dns><txt value='a'/></dns>",
            "<dns><srv service='a' protocol='icmp'/></dns>",
            "<dns><srv service='a'/></dns>",
            "<dns><forwarder domain='a.b' port='53'/></dns>",
            "<ip><tftp/></ip>",
            "<ip><dhcp><bootp/></dhcp></ip>",
            "<bridge macTableManager='me'/>",
            "<domain name='example.org' localOnly='1'/>",
            "<x:name xmlns:x='urn:x'>x</x:name>",
            "<forward mode='NAT'/>",
            "<forward><nat><port start='1024'/></nat></forward>",
            "<forwarding enabled='1'/>",
            "<bridge stp='yes'/>",
            "<bridge name='a%s'/>",
            "<bridge name='a%d b'/>",
            "<bridge name='aaaaaaaaaaaaaaaa'/>",
            "<bridge delay='-1'/>",
            "<bridge delay=' 1'/>",
            "<mtu/>",
            "<mtu size='1.5'/>",
            "<mac/>",
            "<mac address='52:54:00:00:00'/>",
            "<domain/>",
            "<domain name='a b'/>",
            "<dns enable='on'/>",
            "<dns><forwarder/></dns>",
            "<dns><forwarder addr=''/></dns>",
            "<dns><host ip='192.0.2.1'/></dns>",
            "<dns><host><hostname>a</hostname></host></dns>",
            "<dns><host ip='192.0.2.1'><hostname></hostname></host></dns>",
            "<ip family='inet'/>",
            "<ip netmask='255.255.255.0'/>",
            "<ip address='192.0.2.1' netmask='255.255.255.0' prefix='24'/>",
            "<ip address='192.0.2.1' prefix='a'/>",
            "<ip address='host'/>",
            "<ip address='192.0.2.1'><dhcp enabled='TRUE'/></ip>",
            "<ip address='192.0.2.1'><dhcp><range start='192.0.2.2'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host mac='x' ip='192.0.2.2'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host name='' ip='192.0.2.2'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host id='' ip='192.0.2.2'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><range start='192.0.2.2' end='192.0.2.3'><lease/></range></dhcp></ip>",
            "<dhcp><ip address='192.0.2.1' start='192.0.2.2'/></dhcp>",
            "<dhcp><ip family='ipv4'/></dhcp>",
            "<dhcp><range start='192.0.2.2' end='192.0.2.3'/></dhcp>",
        ],
    ),
]


def is_read(text):
    try:
        xml.parse(text, source="t")
    except DefinitionError:
        return False
    return True


@pytest.mark.parametrize("text", MISSHAPEN)
def test_what_has_the_wrong_shape_is_refused_by_reader_and_schema_alike(text):
    assert (is_read(text), xml.is_valid(text)) == (False, False)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_what_the_reader_takes_is_valid(path):
    text = path.read_text()
    assert (is_read(text), xml.is_valid(text)) == (True, True)


def schema_vocabulary():
    """Paths of the schema's elements, and their attributes, by walking its definitions."""
    grammar = etree.parse(xml.SCHEMA).getroot()
    defines = {define.get("name"): define for define in grammar.iter(f"{RNG}define")}
    found: dict[str, set[str]] = {}

    def walk(item, path):
        if item.get("name") == "foreign":  # what is inside of <metadata> is nobody's vocabulary
            return
        if item.tag == f"{RNG}ref":
            item = defines[item.get("name")]
        elif item.tag == f"{RNG}element":
            path = f"{path}/{item.get('name')}".lstrip("/")
            found.setdefault(path, set())
        elif item.tag == f"{RNG}attribute":
            found[path].add(item.get("name"))
            return
        for child in item:
            walk(child, path)

    walk(grammar.find(f"{RNG}start"), "")
    return found


def test_the_schema_and_the_table_of_the_vocabulary_name_the_same():
    assert schema_vocabulary() == {path: set(shape.attributes) for path, shape in ELEMENTS.items()}


REFUSED = {
    "network/forwarding/incoming/deny": {"port", "protocol"},
    "network/bandwidth/inbound": {"floor"},
}
"""Known to say why they are refused."""
NOT_STARTED = {
    "network/forward": {"managed"},
    "network/forward/driver": {"name", "model"},
    "network/forward/pf": {"dev"},
    "network/forward/address": {"type", "domain", "bus", "slot", "function"},
    "network/virtualport": {"type"},
    "network/virtualport/parameters": {
        *("managerid", "typeid", "typeidversion", "instanceid", "profileid", "interfaceid"),
    },
}
"""For SR-IOV, macvtap and Open vSwitch: a network that says so is kept, and has no plan."""


@pytest.mark.parametrize(("folder", "without"), [("xml", REFUSED), ("plans", REFUSED | NOT_STARTED)])
def test_each_element_and_attribute_of_the_schema_is_in_some_golden_file(folder, without):
    seen: dict[str, set[str]] = {}
    for path in GOLDEN_FOLDER.joinpath(folder).glob("*.xml"):
        root = etree.parse(path).getroot()
        for element in root.iter(etree.Element):
            tags = [tag_of(element), *(tag_of(parent) for parent in element.iterancestors())]
            seen.setdefault("/".join(reversed(tags)), set()).update(element.attrib)
    vocabulary = schema_vocabulary()
    missing = {path: names - seen.get(path, set()) for path, names in vocabulary.items()}
    assert {path: names for path, names in missing.items() if names} == without
    assert {path for path in vocabulary if path not in seen} <= without.keys()


def tag_of(element):
    name = etree.QName(element)
    return f"{NAMESPACES[name.namespace]}:{name.localname}" if name.namespace in NAMESPACES else element.tag


VALUES = st.sampled_from(
    [
        *[
            "yes",
            "no",
            "on",
            "off",
            "nat",
            "route",
            "none",
            "1",
            "24",
            "64",
            "1024",
            "65535",
            "192.0.2.1",
            "192.0.2.9",
            "255.255.255.0",
            "2001:db8::1",
        ],
        *(
            "52:54:00:00:00:01",
            "a",
            "",
            "ipv4",
            "ipv6",
            "a b",
            "\u0661",
            "1-2",
            "tcp",
            "tls",
            "bridge",
            "deny",
            "minutes",
        ),
    ]
)


@st.composite
def elements(draw, path="network", depth=0):
    shape = ELEMENTS[path]
    attributes = draw(st.dictionaries(st.sampled_from([*shape.attributes, "odd"]), VALUES, max_size=4))
    tag = path.rsplit("/", 1)[-1]
    prefix, _, local = tag.rpartition(":")
    space = next((space for space, known in NAMESPACES.items() if known == prefix), None)
    element = etree.Element(etree.QName(space, local), attributes)
    if path in WITH_TEXT:
        element.text = draw(st.sampled_from(["a", " a ", "", "a b"]))
    if depth == 0:
        etree.SubElement(element, "name").text = "x"
    if shape.children:
        for tag in draw(st.lists(st.sampled_from(sorted(shape.children)), max_size=4)):
            element.append(draw(elements(f"{path}/{tag}", depth + 1)))
    return element


@settings(max_examples=300, deadline=None)
@given(elements())
def test_no_document_is_read_that_the_schema_does_not_allow(element):
    text = etree.tostring(element, encoding="unicode")
    assert xml.is_valid(text) or "network.rng" not in refusal(text)  # our own reader sees it first


def refusal(text):
    with pytest.raises(DefinitionError) as caught:
        xml.parse(text, source="t")
    return caught.value.message
