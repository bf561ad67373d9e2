"""The networks of this host by libvirt-python's names: `from vnethook import api; connection = api.open()`.

The methods, arguments, numbers and errors are those of libvirt-python 9, for networks, and of 9.7 and 9.8 for metadata;
docs/python-api.md says what differs. The names of this package are libvirt's, not ours.
"""

from vnethook.api.codes import *
from vnethook.api.connection import virConnect
from vnethook.api.constants import *
from vnethook.api.error import (
    libvirtError,
    registerErrorHandler,
    virGetLastError,
    virGetLastErrorCode,
    virGetLastErrorDomain,
    virGetLastErrorMessage,
    virResetLastError,
)
from vnethook.api.event import (
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
)
from vnethook.api.interface import virInterface
from vnethook.api.library import getVersion, open, openAuth, openReadOnly, virInitialize
from vnethook.api.network import virNetwork
from vnethook.api.port import virNetworkPort

__all__ = [
    "getVersion",
    "libvirtError",
    "open",
    "openAuth",
    "openReadOnly",
    "registerErrorHandler",
    "virConnect",
    "virEventAddHandle",
    "virEventAddTimeout",
    "virEventInvokeFreeCallback",
    "virEventRegisterDefaultImpl",
    "virEventRegisterImpl",
    "virEventRemoveHandle",
    "virEventRemoveTimeout",
    "virEventRunDefaultImpl",
    "virEventUpdateHandle",
    "virEventUpdateTimeout",
    "virGetLastError",
    "virGetLastErrorCode",
    "virGetLastErrorDomain",
    "virGetLastErrorMessage",
    "virInitialize",
    "virInterface",
    "virNetwork",
    "virNetworkPort",
    "virResetLastError",
]
