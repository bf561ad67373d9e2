"""What a network is and does by libvirt's methods, with libvirt's answers."""

import uuid

import pytest

from tests.unit.api.conftest import LAB, LAB_UUID
from vnethook import api
from vnethook.live import files

LIVE, CONFIG = api.VIR_NETWORK_UPDATE_AFFECT_LIVE, api.VIR_NETWORK_UPDATE_AFFECT_CONFIG
TITLE, DESCRIPTION = api.VIR_NETWORK_METADATA_TITLE, api.VIR_NETWORK_METADATA_DESCRIPTION
ELEMENT = api.VIR_NETWORK_METADATA_ELEMENT
ADD, HOSTS = api.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, api.VIR_NETWORK_SECTION_IP_DHCP_HOST
WEB = "<host mac='52:54:00:00:53:01' name='web' ip='10.77.0.5'/>"


def test_a_network_says_what_it_is(conn, lab):
    assert (lab.name(), lab.UUIDString(), lab.UUID()) == ("lab", LAB_UUID, uuid.UUID(LAB_UUID).bytes)
    assert (lab.bridgeName(), lab.isActive(), lab.isPersistent(), lab.autostart()) == ("vnbr7", 0, 1, 0)
    assert lab.connect() is conn
    assert lab.c_pointer() != conn.networkLookupByName("lab").c_pointer()


def test_a_network_goes_up_and_down_once(lab, refused):
    assert (lab.create(), lab.isActive()) == (0, 1)
    assert refused(lab.create) == (55, "Requested operation is not valid: network is already active")
    assert (lab.destroy(), lab.isActive()) == (0, 0)
    assert refused(lab.destroy) == (55, "Requested operation is not valid: network 'lab': stop: network is not active")


def test_an_active_network_cannot_be_created_again(conn, lab, refused):
    lab.create()
    assert refused(conn.networkCreateXML, LAB)[0] == api.VIR_ERR_OPERATION_INVALID


def test_an_active_network_that_is_undefined_is_transient_until_it_stops(conn, lab, refused):
    lab.setAutostart(1)
    lab.create()
    assert lab.undefine() == 0
    assert (lab.isActive(), lab.isPersistent(), lab.autostart()) == (1, 0, 0)
    assert lab.XMLDesc(api.VIR_NETWORK_XML_INACTIVE) == lab.XMLDesc()
    assert refused(lab.undefine)[0] == refused(lab.setAutostart, 1)[0] == api.VIR_ERR_OPERATION_INVALID
    lab.destroy()
    gone = (43, f"Network not found: no network with matching uuid '{LAB_UUID}' (lab)")
    for call, *arguments in (
        *((lab.isActive,), (lab.isPersistent,), (lab.create,), (lab.destroy,), (lab.undefine,), (lab.autostart,)),
        *((lab.setAutostart, 1), (lab.XMLDesc,), (lab.bridgeName,), (lab.DHCPLeases,), (lab.ID,), (lab.listAllPorts,)),
        *((lab.update, ADD, HOSTS, -1, WEB), (lab.metadata, TITLE, None), (lab.setMetadata, TITLE, "x", None, None)),
    ):
        assert refused(call, *arguments) == gone
    assert lab.name() == "lab"


def test_another_network_of_the_same_name_is_not_the_one_that_was_found(conn, lab, refused):
    lab.undefine()
    conn.networkDefineXML(LAB.replace("11111111", "22222222"))
    assert refused(lab.create) == (43, f"Network not found: no network with matching uuid '{LAB_UUID}' (lab)")


def test_autostart_is_a_number_or_a_boolean(lab):
    assert (lab.setAutostart(True), lab.autostart()) == (0, 1)
    assert (lab.setAutostart(0), lab.autostart()) == (0, 0)
    assert (lab.setAutostart(7), lab.autostart()) == (0, 1)


def test_the_xml_is_that_of_what_is_up_or_of_what_is_stored(conn, lab):
    lab.create()
    conn.networkDefineXML(LAB.replace("10.77.0.99", "10.77.0.50"))
    assert "end='10.77.0.99'" in lab.XMLDesc()
    assert "end='10.77.0.50'" in lab.XMLDesc(api.VIR_NETWORK_XML_INACTIVE)
    assert lab.XMLDesc().startswith("<network>\n  <name>lab</name>\n")


# Updates


def test_a_part_is_changed_in_what_is_up_what_is_stored_or_both(lab, refused):
    assert lab.update(ADD, HOSTS, -1, WEB) == 0
    assert WEB in lab.XMLDesc()
    lab.create()
    other = WEB.replace("53:01", "53:02").replace("web", "db").replace("0.5", "0.6")
    assert lab.update(ADD, HOSTS, -1, other, LIVE) == 0
    assert [other in lab.XMLDesc(flags) for flags in (0, 1)] == [True, False]
    assert lab.update(ADD, HOSTS, -1, other, CONFIG) == 0
    assert lab.update(api.VIR_NETWORK_UPDATE_COMMAND_DELETE, HOSTS, -1, other, LIVE | CONFIG) == 0
    assert [other in lab.XMLDesc(flags) for flags in (0, 1)] == [False, False]


def test_an_update_is_refused_with_libvirts_code(lab, refused):
    for command, section, xml, flags, code in (
        (ADD, HOSTS, WEB, LIVE, api.VIR_ERR_OPERATION_INVALID),
        (ADD, HOSTS, "<host", 0, api.VIR_ERR_XML_DETAIL),
        (ADD, HOSTS, "<host/>", 0, api.VIR_ERR_XML_ERROR),
        (ADD, HOSTS, "<host mac='x' ip='10.77.0.5'/>", 0, api.VIR_ERR_XML_ERROR),
        (api.VIR_NETWORK_UPDATE_COMMAND_DELETE, HOSTS, WEB, 0, api.VIR_ERR_OPERATION_INVALID),
        (ADD, api.VIR_NETWORK_SECTION_BRIDGE, "<bridge/>", 0, api.VIR_ERR_OPERATION_UNSUPPORTED),
        (ADD, api.VIR_NETWORK_SECTION_NONE, WEB, 0, api.VIR_ERR_OPERATION_UNSUPPORTED),
        (ADD, 99, WEB, 0, api.VIR_ERR_OPERATION_UNSUPPORTED),
        (api.VIR_NETWORK_UPDATE_COMMAND_NONE, HOSTS, WEB, 0, api.VIR_ERR_OPERATION_UNSUPPORTED),
        (api.VIR_NETWORK_UPDATE_COMMAND_MODIFY, api.VIR_NETWORK_SECTION_DNS_HOST, "<host ip='10.77.0.5'/>", 0, 84),
    ):
        assert refused(lab.update, command, section, -1, xml, flags)[0] == code
    assert refused(lab.update, ADD, HOSTS, 9, WEB)[0] == api.VIR_ERR_OPERATION_INVALID
    with pytest.raises(TypeError):
        lab.update("add", HOSTS, -1, WEB)


# Metadata


def test_title_and_description_are_set_given_and_taken_away(lab, refused):
    nothing = (111, "metadata not found: Requested metadata element is not present")
    for kind, text in ((TITLE, "The lab"), (DESCRIPTION, "of many\nlines")):
        assert refused(lab.metadata, kind, None) == nothing
        assert lab.setMetadata(kind, text, None, None) == 0
        assert lab.metadata(kind, None) == text
    assert "<title>The lab</title>" in lab.XMLDesc()
    for kind, text in ((TITLE, None), (DESCRIPTION, "")):
        assert lab.setMetadata(kind, text, None, None) == 0
        assert refused(lab.metadata, kind, None) == nothing


def test_a_programs_element_is_given_as_it_was_said(lab, refused):
    assert lab.setMetadata(ELEMENT, "<a x='1'><b>t</b></a>", "mine", "urn:mine") == 0
    assert lab.metadata(ELEMENT, "urn:mine") == '<a x="1">\n  <b>t</b>\n</a>'
    assert '<mine:a xmlns:mine="urn:mine" x="1"><mine:b>t</mine:b></mine:a>' in lab.XMLDesc()
    assert lab.setMetadata(ELEMENT, None, "mine", "urn:mine") == 0
    assert lab.setMetadata(ELEMENT, None, None, "urn:mine") == 0
    assert refused(lab.metadata, ELEMENT, "urn:mine")[0] == api.VIR_ERR_NO_NETWORK_METADATA


def test_metadata_is_of_what_is_up_or_of_what_is_stored(lab, refused):
    assert refused(lab.setMetadata, TITLE, "up", None, None, LIVE)[0] == api.VIR_ERR_OPERATION_INVALID
    lab.create()
    assert lab.setMetadata(TITLE, "up", None, None) == 0
    assert lab.setMetadata(TITLE, "stored", None, None, CONFIG) == 0
    assert [lab.metadata(TITLE, None, flags) for flags in (0, LIVE, CONFIG)] == ["up", "up", "stored"]
    assert lab.setMetadata(TITLE, "both", None, None, LIVE | CONFIG) == 0
    assert [lab.metadata(TITLE, None, flags) for flags in (LIVE, CONFIG)] == ["both", "both"]


def test_metadata_that_cannot_be_is_refused_as_libvirt_does(lab, refused):
    of, to = "virNetworkGetMetadata", "virNetworkSetMetadata"
    for call, arguments, message in (
        (lab.metadata, (9, None), "invalid argument: unknown metadata type '9'"),
        (lab.metadata, (TITLE, "urn:x"), f"uri in {of} must be NULL"),
        (lab.metadata, (ELEMENT, None), f"uri in {of} must not be NULL"),
        (lab.metadata, (TITLE, None, 4), f"unsupported flags (0x4) in function {of}"),
        (lab.setMetadata, (9, "x", None, None), "invalid argument: unknown metadata type '9'"),
        (lab.setMetadata, (TITLE, "a\nb", None, None), "metadata title can't contain newlines"),
        (lab.setMetadata, (TITLE, "x", "key", None), f"key in {to} must be NULL"),
        (lab.setMetadata, (TITLE, "x", None, "urn:x"), f"uri in {to} must be NULL"),
        (lab.setMetadata, (ELEMENT, "<a/>", "key", None), f"uri in {to} must not be NULL"),
        (lab.setMetadata, (ELEMENT, "<a/>", None, "urn:x"), f"key in {to} must not be NULL"),
    ):
        assert refused(call, *arguments) == (api.VIR_ERR_INVALID_ARG, message)
    for text, code in (("<a", api.VIR_ERR_XML_DETAIL), ("text", api.VIR_ERR_XML_DETAIL)):
        assert refused(lab.setMetadata, ELEMENT, text, "key", "urn:x")[0] == code
    assert refused(lab.setMetadata, ELEMENT, "<a/>", "not a key", "urn:x")[0] == api.VIR_ERR_INVALID_ARG


# Leases

FAR = 4_000_000_000
LEASES = f"""{FAR} 52:54:00:00:53:01 10.77.0.5 web ff:00:01
0 52:54:00:00:53:02 10.77.0.6 * *
1 52:54:00:00:53:03 10.77.0.7 old *
duid 00:01:00:01
{FAR} 5533185 2001:db8::5 web 00:04:aa
"""


def test_leases_are_libvirts_dictionaries(host, lab, refused):
    assert lab.DHCPLeases() == []
    files.write_text(f"{host.paths.leases}/lab", LEASES)
    first = {
        "iface": "vnbr7",
        "expirytime": FAR,
        "type": api.VIR_IP_ADDR_TYPE_IPV4,
        "mac": "52:54:00:00:53:01",
        "ipaddr": "10.77.0.5",
        "prefix": 24,
        "hostname": "web",
        "clientid": "ff:00:01",
        "iaid": None,
    }
    bare = {"expirytime": 0, "mac": "52:54:00:00:53:02", "ipaddr": "10.77.0.6", "hostname": None, "clientid": None}
    ipv6 = {"type": api.VIR_IP_ADDR_TYPE_IPV6, "mac": None, "ipaddr": "2001:db8::5", "prefix": 128}
    assert lab.DHCPLeases() == [first, first | bare, first | ipv6 | {"clientid": "00:04:aa", "iaid": "5533185"}]
    assert lab.DHCPLeases("52:54:00:00:53:01") == lab.DHCPLeases(mac="52-54-00-00-53-01".replace("-", ":")) == [first]
    assert lab.DHCPLeases("52:54:00:00:53:09") == []
    assert refused(lab.DHCPLeases, "x") == (api.VIR_ERR_INVALID_MAC, "invalid MAC address: x")
