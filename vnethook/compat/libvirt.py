"""What `import libvirt` gives to a program: the part of libvirt-python that is about networks, with our networks."""

import os
import sys
from collections.abc import Callable

if __name__ == "libvirt":  # found in a PYTHONPATH: then our package, and what it stands on, need not be in it
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from vnethook import api
from vnethook.api import codes as _codes
from vnethook.api import (
    getVersion,
    libvirtError,
    registerErrorHandler,
    virEventAddHandle,
    virEventAddTimeout,
    virEventInvokeFreeCallback,
    virEventRegisterDefaultImpl,
    virEventRegisterImpl,
    virEventRemoveHandle,
    virEventRemoveTimeout,
    virEventRunDefaultImpl,
    virEventUpdateHandle,
    virEventUpdateTimeout,
    virGetLastError,
    virGetLastErrorCode,
    virGetLastErrorDomain,
    virGetLastErrorMessage,
    virInitialize,
    virInterface,
    virNetwork,
    virNetworkPort,
    virResetLastError,
)
from vnethook.api.codes import *
from vnethook.api.constants import *
from vnethook.api.error import failure as _failure
from vnethook.api.event import _eventInvokeHandleCallback, _eventInvokeTimeoutCallback
from vnethook.api.library import is_read_only as _is_read_only

_EventCB = _TimerCB = Callable[..., object]
"""Names of types that libvirtaio.py uses."""
_NOT_HERE = {
    _codes.VIR_FROM_DOMAIN: {
        "createXML": "virDomainCreateXML",
        "defineXML": "virDomainDefineXML",
        "getInfo": "virNodeGetInfo",
        "listAllDomains": "virConnectListAllDomains",
        "listDefinedDomains": "virConnectNumOfDefinedDomains",
        "listDomainsID": "virConnectNumOfDomains",
        "lookupByID": "virDomainLookupByID",
        "lookupByName": "virDomainLookupByName",
        "lookupByUUID": "virDomainLookupByUUID",
        "lookupByUUIDString": "virDomainLookupByUUID",
        "numOfDefinedDomains": "virConnectNumOfDefinedDomains",
        "numOfDomains": "virConnectNumOfDomains",
    },
    _codes.VIR_FROM_INTERFACE: {
        "changeBegin": "virInterfaceChangeBegin",
        "interfaceDefineXML": "virInterfaceDefineXML",
    },
    _codes.VIR_FROM_NODEDEV: {
        "listAllDevices": "virConnectListAllNodeDevices",
        "listDevices": "virNodeNumOfDevices",
    },
    _codes.VIR_FROM_NWFILTER: {
        "listAllNWFilters": "virConnectListAllNWFilters",
        "listNWFilters": "virConnectNumOfNWFilters",
    },
    _codes.VIR_FROM_SECRET: {
        "listAllSecrets": "virConnectListAllSecrets",
        "listSecrets": "virConnectNumOfSecrets",
    },
    _codes.VIR_FROM_STORAGE: {
        "listAllStoragePools": "virConnectListAllStoragePools",
        "listDefinedStoragePools": "virConnectNumOfDefinedStoragePools",
        "listStoragePools": "virConnectNumOfStoragePools",
        "storagePoolLookupByName": "virStoragePoolLookupByName",
    },
}
"""By part of libvirt: methods that a connection has and a driver of networks alone does not; which function says so."""


class virConnect(api.virConnect):
    """A connection, with what programs ask of it that is not about networks.

    Guests, storage and the like are not supported, as with libvirt's network:///system: an empty list of them would be
    taken for the truth.
    """

    def getCapabilities(self) -> str:
        """What kind of host this is, as XML; of guests it says nothing."""
        architecture = os.uname().machine
        return f"<capabilities>\n  <host>\n    <cpu><arch>{architecture}</arch></cpu>\n  </host>\n</capabilities>\n"

    def setKeepAlive(self, interval: int, count: int) -> int:  # noqa: ARG002 (libvirt's arguments)
        """Nothing: there is nobody at the other end; gives 1, which means that."""
        return 1

    def registerCloseCallback(self, cb: Callable[..., object], opaque: object) -> int:  # noqa: ARG002
        """Nothing: such a connection ends only by close(); gives 0."""
        return 0

    def unregisterCloseCallback(self) -> None:
        """Nothing, as registerCloseCallback()."""


def _unsupported(function: str, part: int) -> Callable[..., object]:
    """A method that says that its function is not supported, whatever it is given."""

    def refuse(self: virConnect, *_arguments: object, **_named: object) -> object:
        self._session.require_open(function)
        raise _failure(_codes.VIR_ERR_NO_SUPPORT, function, domain=part)

    return refuse


for _part, _methods in _NOT_HERE.items():
    for _name, _function in _methods.items():
        setattr(virConnect, _name, _unsupported(_function, _part))


def open(name: str | None = None) -> virConnect:
    """A connection to the networks of this host, or of this user."""
    return virConnect(name)


def openReadOnly(name: str | None = None) -> virConnect:
    """A connection on which nothing can be changed."""
    return virConnect(name, is_read_only=True)


def openAuth(uri: str | None, auth: object, flags: int = 0) -> virConnect:  # noqa: ARG001 (nobody asks for credentials)
    """A connection as `open` makes it, read-only with VIR_CONNECT_RO; nobody is asked for credentials."""
    return virConnect(uri, is_read_only=_is_read_only(flags))
