"""What a connection lists, finds and makes, and what it refuses in libvirt's words."""

import uuid

import pytest

from tests.unit.api.conftest import LAB, LAB_UUID
from vnethook import api
from vnethook.live import files

OTHER = LAB.replace("lab", "other").replace("11111111", "22222222").replace("vnbr7", "vnbr8").replace("10.77", "10.78")


def _names(networks):
    return [network.name() for network in networks]


# The connection itself


def test_any_uri_of_this_host_opens_the_same_networks(host):
    for uri in ("qemu:///system", "qemu:///session", "xen://localhost/", "test:///default", "whatever", ""):
        with api.open(uri) as conn:
            assert conn.getURI() == (uri or conn.getURI())
            assert _names(conn.listAllNetworks()) == ["default"]


def test_the_uri_that_nobody_gave_is_ours(host, monkeypatch):
    for user, uri in ((0, "vnethook:///system"), (1000, "vnethook:///session")):
        monkeypatch.setattr("os.geteuid", lambda user=user: user)
        assert api.open().getURI() == uri


def test_a_uri_of_another_host_is_refused(host, refused):
    code, message = refused(api.open, "qemu+ssh://root@far.example.com/system")
    assert code == api.VIR_ERR_NO_CONNECT
    assert message == (
        "no connection driver available for qemu+ssh://root@far.example.com/system: "
        "connection 'qemu+ssh://root@far.example.com/system': names another host: "
        "vnet manages the networks of the host that it runs on"
    )


def test_what_a_connection_says_of_itself(conn):
    assert (conn.getType(), conn.getLibVersion(), conn.getVersion()) == ("vnethook", 9_008_000, 1_000)
    assert (conn.isAlive(), conn.isSecure(), conn.isEncrypted()) == (1, 1, 0)
    assert conn.getHostname()
    assert conn.c_pointer() != api.open().c_pointer()
    assert (api.getVersion(), api.getVersion("QEMU")) == (9_008_000, (9_008_000, 9_008_000))
    assert api.virInitialize() == 0


def test_a_closed_connection_does_nothing_more_but_its_networks_do(host, refused):
    conn = api.open()
    lab = conn.networkDefineXML(LAB)
    assert conn.close() == 0
    for call, name in (
        (conn.close, "virConnectClose"),
        (conn.isAlive, "virConnectIsAlive"),
        (conn.listAllNetworks, "virConnectListAllNetworks"),
        (conn.listNetworksID, "virConnectListNetworksID"),
    ):
        assert refused(call) == (api.VIR_ERR_INVALID_CONN, f"invalid connection pointer in {name}")
    assert refused(conn.networkLookupByName, "lab")[0] == api.VIR_ERR_INVALID_CONN
    assert refused(conn.networkDefineXML, LAB)[0] == api.VIR_ERR_INVALID_CONN
    assert lab.isActive() == 0
    assert lab.connect() is conn


@pytest.mark.parametrize(
    "opened",
    [lambda: api.openReadOnly("qemu:///system"), lambda: api.openAuth(None, [[], None, None], api.VIR_CONNECT_RO)],
)
def test_a_read_only_connection_changes_nothing(conn, lab, opened, refused):
    read_only = opened()
    found = read_only.networkLookupByName("lab")
    assert found.XMLDesc() == lab.XMLDesc()
    for call, words, name in (
        (read_only.networkDefineXML, (LAB,), "virNetworkDefineXML"),
        (read_only.networkCreateXML, (LAB,), "virNetworkCreateXML"),
        (found.create, (), "virNetworkCreate"),
        (found.destroy, (), "virNetworkDestroy"),
        (found.undefine, (), "virNetworkUndefine"),
        (found.setAutostart, (1,), "virNetworkSetAutostart"),
        (found.update, (3, 4, -1, "<host/>"), "virNetworkUpdate"),
        (found.setMetadata, (api.VIR_NETWORK_METADATA_TITLE, "x", None, None), "virNetworkSetMetadata"),
        (found.portCreateXML, ("<networkport/>",), "virNetworkPortCreateXML"),
    ):
        assert refused(call, *words) == (
            api.VIR_ERR_OPERATION_DENIED,
            f"operation forbidden: read only access prevents {name}",
        )


def test_a_connection_is_opened_with_whatever_credentials(host, refused):
    assert api.openAuth("qemu:///system", [[api.VIR_CRED_AUTHNAME], None, None], 0).isAlive() == 1
    message = "unsupported flags (0x8) in function virConnectOpenAuth"
    assert refused(api.openAuth, None, None, 8) == (api.VIR_ERR_INVALID_ARG, message)
    with pytest.raises(TypeError):
        api.open(3)


# Lists


def test_networks_are_listed_by_what_they_are(conn, lab):
    conn.networkCreateXML(OTHER)
    lab.setAutostart(1)
    for flags, names in (
        (0, ["default", "lab", "other"]),
        (api.VIR_CONNECT_LIST_NETWORKS_ACTIVE, ["other"]),
        (api.VIR_CONNECT_LIST_NETWORKS_INACTIVE, ["default", "lab"]),
        (api.VIR_CONNECT_LIST_NETWORKS_INACTIVE | api.VIR_CONNECT_LIST_NETWORKS_ACTIVE, ["default", "lab", "other"]),
        (api.VIR_CONNECT_LIST_NETWORKS_PERSISTENT, ["default", "lab"]),
        (api.VIR_CONNECT_LIST_NETWORKS_TRANSIENT, ["other"]),
        (api.VIR_CONNECT_LIST_NETWORKS_AUTOSTART, ["lab"]),
        (api.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART | api.VIR_CONNECT_LIST_NETWORKS_PERSISTENT, ["default"]),
    ):
        assert _names(conn.listAllNetworks(flags)) == names
    assert (conn.listNetworks(), conn.listDefinedNetworks()) == (["other"], ["default", "lab"])
    assert (conn.numOfNetworks(), conn.numOfDefinedNetworks()) == (1, 2)


def test_the_built_in_network_has_its_uuid_in_the_first_list_and_can_be_undefined(conn, refused):
    [default] = conn.listAllNetworks()
    assert default.isActive() == 0
    assert default.UUIDString() == conn.networkLookupByName("default").UUIDString()
    assert default.undefine() == 0
    assert conn.listAllNetworks() == []
    assert refused(conn.networkLookupByName, "default")[0] == api.VIR_ERR_NO_NETWORK


def test_a_definition_that_is_not_in_order_is_listed_and_can_be_undefined(host, conn, lab, refused):
    files.write_text(f"{host.paths.networks}/broken.xml", "<network")
    broken = conn.networkLookupByName("broken")
    assert _names(conn.listAllNetworks()) == ["broken", "default", "lab"]
    assert refused(broken.XMLDesc)[0] == api.VIR_ERR_XML_DETAIL
    assert broken.undefine() == 0
    assert _names(conn.listAllNetworks()) == ["default", "lab"]


# Look-ups


def test_a_network_is_found_by_name_uuid_and_the_number_it_has_while_it_runs(conn, lab, refused):
    assert conn.networkLookupByName("lab").UUIDString() == LAB_UUID
    assert conn.networkLookupByUUID(uuid.UUID(LAB_UUID).bytes).name() == "lab"
    assert conn.networkLookupByUUIDString(f" {LAB_UUID.upper().replace('-', '')} ").name() == "lab"
    assert (lab.ID(), conn.listNetworksID()) == (-1, [])
    lab.create()
    number = lab.ID()
    assert number > 0
    assert conn.listNetworksID() == [number]
    assert conn.networkLookupByID(number).UUIDString() == LAB_UUID
    lab.destroy()
    assert refused(conn.networkLookupByID, number)[0] == api.VIR_ERR_NO_NETWORK


def test_a_network_that_there_is_not_is_refused_in_libvirts_words(conn, refused):
    other = "22222222-2222-4222-8222-222222222222"
    for call, argument, what in (
        (conn.networkLookupByName, "lab", "no network with matching name 'lab'"),
        (conn.networkLookupByName, "", "no network with matching name ''"),
        (conn.networkLookupByName, "../../etc", "no network with matching name '../../etc'"),
        (conn.networkLookupByUUIDString, other, f"no network with matching uuid '{other}'"),
        (conn.networkLookupByUUID, uuid.UUID(other).bytes, f"no network with matching uuid '{other}'"),
        (conn.networkLookupByID, 7, "no network with matching id '7'"),
    ):
        assert refused(call, argument) == (api.VIR_ERR_NO_NETWORK, f"Network not found: {what}")


def test_arguments_that_cannot_be_are_refused_as_libvirt_does(conn, lab, refused):
    for call, arguments, message in (
        (conn.networkLookupByName, (None,), "name in virNetworkLookupByName must not be NULL"),
        (conn.networkLookupByUUIDString, ("x",), "uuidstr in virNetworkLookupByUUIDString must be a valid UUID"),
        (conn.networkLookupByUUIDString, (None,), "uuidstr in virNetworkLookupByUUIDString must not be NULL"),
        (conn.networkLookupByUUID, (b"x",), "uuid in virNetworkLookupByUUID must be 16 bytes"),
        (conn.networkLookupByUUID, (None,), "uuid in virNetworkLookupByUUID must be 16 bytes"),
        (conn.networkDefineXML, (None,), "xml in virNetworkDefineXML must not be NULL"),
        (conn.networkCreateXML, (None,), "xmlDesc in virNetworkCreateXML must not be NULL"),
        (conn.networkDefineXMLFlags, (LAB, 2), "unsupported flags (0x2) in function virNetworkDefineXMLFlags"),
        (conn.networkCreateXMLFlags, (LAB, 3), "unsupported flags (0x2) in function virNetworkCreateXMLFlags"),
        (conn.listAllNetworks, (64,), "unsupported flags (0x40) in function virConnectListAllNetworks"),
        (lab.XMLDesc, (2,), "unsupported flags (0x2) in function virNetworkGetXMLDesc"),
        (lab.update, (3, 4, -1, None), "xml in virNetworkUpdate must not be NULL"),
        (lab.update, (3, 4, -1, "<host/>", 4), "unsupported flags (0x4) in function virNetworkUpdate"),
        (lab.DHCPLeases, (None, 1), "unsupported flags (0x1) in function virNetworkGetDHCPLeases"),
        (lab.listAllPorts, (1,), "unsupported flags (0x1) in function virNetworkListAllPorts"),
        (lab.portLookupByUUIDString, ("x",), "uuidstr in virNetworkPortLookupByUUIDString must be a valid UUID"),
    ):
        assert refused(call, *arguments) == (api.VIR_ERR_INVALID_ARG, message)
    for call, argument in (
        (conn.networkLookupByName, 3),
        (conn.networkDefineXML, LAB.encode()),
        (lab.setAutostart, "x"),
    ):
        with pytest.raises(TypeError):
            call(argument)


# Definitions


def test_a_network_is_defined_created_and_forgotten(conn):
    lab = conn.networkDefineXML(LAB)
    assert (lab.name(), lab.isPersistent(), lab.isActive()) == ("lab", 1, 0)
    other = conn.networkCreateXMLFlags(OTHER, api.VIR_NETWORK_CREATE_VALIDATE)
    assert (other.name(), other.isPersistent(), other.isActive()) == ("other", 0, 1)
    assert conn.networkDefineXMLFlags(OTHER, api.VIR_NETWORK_DEFINE_VALIDATE).isPersistent() == 1


REFUSED = {
    "no XML": ("<network", api.VIR_ERR_XML_DETAIL),
    "empty": ("", api.VIR_ERR_XML_DETAIL),
    "no network": ("<foo/>", api.VIR_ERR_XML_ERROR),
    "no name": ("<network/>", api.VIR_ERR_NO_NAME),
    "a value that cannot be": ("<network><name>a</name><mtu size='x'/></network>", api.VIR_ERR_XML_ERROR),
    "an element that there is not": ("<network><name>a</name><foo/></network>", api.VIR_ERR_XML_ERROR),
    "its name with another uuid": (LAB.replace("11111111", "33333333"), api.VIR_ERR_OPERATION_FAILED),
    "its uuid with another name": (LAB.replace("lab", "new"), api.VIR_ERR_OPERATION_FAILED),
    "its bridge": (OTHER.replace("vnbr8", "vnbr7"), api.VIR_ERR_INTERNAL_ERROR),
    "its subnet": (OTHER.replace("10.78", "10.77"), api.VIR_ERR_INTERNAL_ERROR),
    "the host's subnet": (OTHER.replace("10.78.0", "198.51.100"), api.VIR_ERR_INTERNAL_ERROR),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_definition_is_refused_with_libvirts_code(conn, lab, refused, what):
    xml, code = REFUSED[what]
    assert refused(conn.networkDefineXML, xml)[0] == code
    assert refused(conn.networkCreateXML, xml)[0] == code
    assert _names(conn.listAllNetworks()) == ["default", "lab"]


def test_what_the_schema_refuses_has_a_code_of_its_own_if_that_is_asked(conn, refused):
    xml = "<network><name>a</name><foo/></network>"
    message = "XML document failed to validate against schema: (network_definition):1: network: unknown element 'foo'"
    for call in (conn.networkDefineXMLFlags, conn.networkCreateXMLFlags):
        assert refused(call, xml, 1) == (api.VIR_ERR_XML_INVALID_SCHEMA, message)
        assert refused(call, xml, 0)[0] == api.VIR_ERR_XML_ERROR


def test_what_a_network_would_lack_is_a_line_in_the_log(conn, monkeypatch):
    said = []
    monkeypatch.setattr("vnethook.host.log.warning", said.append)
    conn.networkDefineXML(LAB.replace("<network>", "<network trustGuestRxFilters='yes'>"))
    assert [line.partition(":")[0] for line in said] == ["network 'lab'"]


def test_a_network_that_cannot_come_up_here_is_kept_and_not_started(conn, refused):
    xml = "<network><name>sriov</name><forward mode='passthrough'><interface dev='eth0'/></forward></network>"
    network = conn.networkDefineXML(xml)
    assert refused(network.create)[0] == api.VIR_ERR_CONFIG_UNSUPPORTED
    assert refused(network.bridgeName) == (1, "internal error: network 'sriov' does not have a bridge name.")
