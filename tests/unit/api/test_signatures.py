"""Names, arguments and defaults are those of libvirt-python, as programs call it: 9.0, of metadata 9.7."""

import inspect

import pytest

from vnethook import api
from vnethook.compat import libvirt

OF_LIBVIRT = """
open(name=None)
openReadOnly(name=None)
openAuth(uri, auth, flags=0)
getVersion(name=None)
registerErrorHandler(f, ctx)
virInitialize()
virGetLastError()
virGetLastErrorCode()
virGetLastErrorDomain()
virGetLastErrorMessage()
virResetLastError()
virEventAddHandle(fd, events, cb, opaque)
virEventAddTimeout(timeout, cb, opaque)
virEventInvokeFreeCallback(opaque)
virEventRegisterDefaultImpl()
virEventRegisterImpl(addHandle, updateHandle, removeHandle, addTimeout, updateTimeout, removeTimeout)
virEventRemoveHandle(watch)
virEventRemoveTimeout(timer)
virEventRunDefaultImpl()
virEventUpdateHandle(watch, events)
virEventUpdateTimeout(timer, timeout)
virConnect.c_pointer(self)
virConnect.close(self)
virConnect.getURI(self)
virConnect.getType(self)
virConnect.getVersion(self)
virConnect.getLibVersion(self)
virConnect.getHostname(self)
virConnect.getCapabilities(self)
virConnect.isAlive(self)
virConnect.isSecure(self)
virConnect.isEncrypted(self)
virConnect.setKeepAlive(self, interval, count)
virConnect.registerCloseCallback(self, cb, opaque)
virConnect.unregisterCloseCallback(self)
virConnect.interfaceLookupByMACString(self, macstr)
virConnect.interfaceLookupByName(self, name)
virConnect.listAllInterfaces(self, flags=0)
virConnect.listDefinedInterfaces(self)
virConnect.listInterfaces(self)
virConnect.numOfDefinedInterfaces(self)
virConnect.numOfInterfaces(self)
virConnect.listAllNetworks(self, flags=0)
virConnect.listDefinedNetworks(self)
virConnect.listNetworks(self)
virConnect.networkCreateXML(self, xmlDesc)
virConnect.networkCreateXMLFlags(self, xmlDesc, flags=0)
virConnect.networkDefineXML(self, xml)
virConnect.networkDefineXMLFlags(self, xml, flags=0)
virConnect.networkEventDeregisterAny(self, callbackID)
virConnect.networkEventRegisterAny(self, net, eventID, cb, opaque)
virConnect.networkLookupByName(self, name)
virConnect.networkLookupByUUID(self, uuid)
virConnect.networkLookupByUUIDString(self, uuidstr)
virConnect.numOfDefinedNetworks(self)
virConnect.numOfNetworks(self)
virInterface.MACString(self)
virInterface.XMLDesc(self, flags=0)
virInterface.c_pointer(self)
virInterface.connect(self)
virInterface.isActive(self)
virInterface.name(self)
virNetwork.DHCPLeases(self, mac=None, flags=0)
virNetwork.UUID(self)
virNetwork.UUIDString(self)
virNetwork.XMLDesc(self, flags=0)
virNetwork.autostart(self)
virNetwork.bridgeName(self)
virNetwork.c_pointer(self)
virNetwork.connect(self)
virNetwork.create(self)
virNetwork.destroy(self)
virNetwork.isActive(self)
virNetwork.isPersistent(self)
virNetwork.listAllPorts(self, flags=0)
virNetwork.name(self)
virNetwork.portCreateXML(self, xmldesc, flags=0)
virNetwork.portLookupByUUID(self, uuid)
virNetwork.portLookupByUUIDString(self, uuidstr)
virNetwork.setAutostart(self, autostart)
virNetwork.undefine(self)
virNetwork.update(self, command, section, parentIndex, xml, flags=0)
virNetworkPort.UUID(self)
virNetworkPort.UUIDString(self)
virNetworkPort.XMLDesc(self, flags=0)
virNetworkPort.c_pointer(self)
virNetworkPort.connect(self)
virNetworkPort.delete(self, flags=0)
virNetworkPort.network(self)
virNetworkPort.parameters(self, flags=0)
virNetworkPort.setParameters(self, params, flags=0)
libvirtError.get_error_code(self)
libvirtError.get_error_domain(self)
libvirtError.get_error_message(self)
libvirtError.get_error_level(self)
libvirtError.get_str1(self)
libvirtError.get_str2(self)
libvirtError.get_str3(self)
libvirtError.get_int1(self)
libvirtError.get_int2(self)
virNetwork.metadata(self, type, uri, flags=0)
virNetwork.setMetadata(self, type, metadata, key, uri, flags=0)
"""
OURS = """
virConnect.listNetworksID(self)
virConnect.networkLookupByID(self, id)
virNetwork.ID(self)
"""
"""The 2007 proposal's numbers of running networks."""
ONLY_IN_COMPAT = ("getCapabilities", "setKeepAlive", "CloseCallback")


def _signature(module, name):
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    signature = inspect.signature(found)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return f"{name}{signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"


@pytest.mark.parametrize("line", (OF_LIBVIRT + OURS).split("\n")[1:-1])
def test_a_function_is_called_as_libvirts(line):
    if line:
        assert _signature(libvirt, line.partition("(")[0]) == line


def test_the_api_has_the_same_but_that_a_uri_is_called_so():
    for line in (OF_LIBVIRT + OURS).split():
        name = line.partition("(")[0]
        if not line.startswith(("vir", "libvirtError", "open", "get", "register")) or line.endswith(","):
            continue
        if not any(word in name for word in ONLY_IN_COMPAT):
            same = _signature(libvirt, name)
            assert _signature(api, name) == (same.replace("name=None", "uri=None") if name.startswith("open") else same)


def test_there_is_nothing_else():
    known = {line.partition("(")[0] for line in (OF_LIBVIRT + OURS).split("\n") if line}
    for class_ in (libvirt.virConnect, libvirt.virInterface, libvirt.virNetwork, libvirt.virNetworkPort):
        found = {f"{class_.__name__}.{name}" for name in dir(class_) if not name.startswith("_")}
        found -= {f"virConnect.{name}" for methods in libvirt._NOT_HERE.values() for name in methods}
        assert found == {name for name in known if name.startswith(f"{class_.__name__}.")}
