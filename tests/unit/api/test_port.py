"""Ports of networks by libvirt's methods: NICs that are attached, and those that are waited for."""

import uuid

import pytest

from vnethook import api

PORT_UUID = "33333333-3333-4333-8333-333333333333"
XML = f"""<networkport>
  <uuid>{PORT_UUID}</uuid>
  <owner><name>web</name><uuid>44444444-4444-4444-8444-444444444444</uuid></owner>
  <mac address='52:54:00:00:53:01'/>
</networkport>"""


@pytest.fixture
def port(lab):
    """A port that waits for its NIC."""
    return lab.portCreateXML(XML, api.VIR_NETWORK_PORT_CREATE_VALIDATE)


def test_a_port_is_made_and_brings_its_network_up(conn, lab, port):
    assert lab.isActive() == 1
    assert (port.UUIDString(), port.UUID()) == (PORT_UUID, uuid.UUID(PORT_UUID).bytes)
    assert (port.network(), port.connect()) == (lab, conn)
    assert [found.UUIDString() for found in lab.listAllPorts()] == [PORT_UUID]
    assert port.c_pointer() != lab.portLookupByUUID(port.UUID()).c_pointer()
    assert lab.portLookupByUUIDString(PORT_UUID.upper()).UUIDString() == PORT_UUID
    assert lab.XMLDesc().startswith("<network connections='1'>\n")


def test_a_port_says_what_it_is(port):
    xml = port.XMLDesc()
    assert xml.startswith(f"<networkport>\n  <uuid>{PORT_UUID}</uuid>\n  <owner>\n    <name>web</name>\n")
    assert "<mac address='52:54:00:00:53:01'/>\n  <plug type='network' bridge='vnbr7'/>\n" in xml


def test_the_limits_of_a_port_are_changed_by_libvirts_names(port, refused):
    assert port.parameters() == {}
    given = {api.VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE: 1000, api.VIR_NETWORK_PORT_BANDWIDTH_IN_PEAK: 2000}
    assert port.setParameters(given) == 0
    assert port.parameters() == {"inbound.average": 1000, "inbound.peak": 2000, "inbound.burst": 0, "inbound.floor": 0}
    assert refused(port.setParameters, {"inbound.colour": 1})[0] == api.VIR_ERR_INVALID_ARG
    with pytest.raises(TypeError):
        port.setParameters({"inbound.average": "x"})


def test_a_port_that_was_deleted_is_gone(lab, port, refused):
    assert port.delete() == 0
    for call in (port.delete, port.XMLDesc, port.parameters):
        assert refused(call)[0] == api.VIR_ERR_NO_NETWORK_PORT
    assert lab.listAllPorts() == []


def test_a_port_that_was_deleted_is_reclaimed_by_its_own_xml(lab, port, refused):
    xml = port.XMLDesc()
    port.delete()
    refusal = "invalid argument: (networkport):1: networkport: "
    assert refused(lab.portCreateXML, xml) == (8, f"{refusal}plug: a port is given one, unless it is reclaimed")
    assert refused(lab.portCreateXML, XML, 1) == (8, f"{refusal}reclaim: lacks its <plug>")
    again = lab.portCreateXML(xml, api.VIR_NETWORK_PORT_CREATE_RECLAIM | api.VIR_NETWORK_PORT_CREATE_VALIDATE)
    assert (again.UUIDString(), again.XMLDesc()) == (PORT_UUID, xml)


def test_ports_are_refused_with_libvirts_codes(lab, port, refused):
    assert refused(lab.portCreateXML, XML) == (
        api.VIR_ERR_NETWORK_PORT_EXIST,
        f"network 'lab': port {PORT_UUID}: exists already",
    )
    assert refused(lab.portCreateXML, "<networkport/>")[0] == api.VIR_ERR_XML_ERROR
    assert refused(lab.portCreateXML, "<networkport")[0] == api.VIR_ERR_XML_DETAIL
    assert refused(lab.portCreateXML, None)[0] == api.VIR_ERR_INVALID_ARG
    assert refused(lab.portCreateXML, XML, 4)[0] == api.VIR_ERR_INVALID_ARG
    assert refused(lab.portLookupByUUIDString, "x")[0] == api.VIR_ERR_INVALID_ARG
    assert refused(lab.portLookupByUUID, bytes(16))[0] == api.VIR_ERR_NO_NETWORK_PORT
    for call in (port.XMLDesc, port.delete, port.parameters):
        assert refused(call, 1)[0] == api.VIR_ERR_INVALID_ARG
    port.delete()
    lab.destroy()
    assert refused(lab.listAllPorts) == (55, "Requested operation is not valid: network 'lab' is not active")
