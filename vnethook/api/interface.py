"""`virInterface`: an interface of the host's, and how a connection finds one."""

from typing import TYPE_CHECKING

from vnethook.api import arguments, codes, constants
from vnethook.api.error import failure
from vnethook.errors import DefinitionError, NoInterfaceError, StateError
from vnethook.lifecycle import interfaces
from vnethook.mac import canonical_mac

if TYPE_CHECKING:
    from typing import Self

    from vnethook.api.session import Session
    from vnethook.lifecycle.interfaces import Interface

_ACTIVE, _INACTIVE = constants.VIR_CONNECT_LIST_INTERFACES_ACTIVE, constants.VIR_CONNECT_LIST_INTERFACES_INACTIVE


class virInterface:
    """An interface of the host's; a shared NIC is a port in the XML of its bridge."""

    def __init__(self, connection: "InterfacesOfHost", session: "Session", name: str, mac: str) -> None:
        self._connection = connection
        self._session = session
        self._name = name
        self._mac = mac

    def connect(self) -> "InterfacesOfHost":
        """The connection that it is of."""
        return self._connection

    def c_pointer(self) -> int:
        """A number that no other object has."""
        return id(self)

    def name(self) -> str:
        """Its name."""
        return self._name

    def MACString(self) -> str:
        """Its MAC address when it was looked up."""
        return self._mac

    def isActive(self) -> int:
        """1 if its link is up, else 0."""
        with self._session.host("virInterfaceIsActive") as host:
            try:
                return int(interfaces.named(host, self._name).is_active)
            except NoInterfaceError as error:
                raise _no_name(self._name) from error

    def XMLDesc(self, flags: int = 0) -> str:
        """What it is: MTU, state and MAC, or if it is a bridge its ports."""
        arguments.flags(flags, constants.VIR_INTERFACE_XML_INACTIVE, "virInterfaceGetXMLDesc")
        with self._session.host("virInterfaceGetXMLDesc") as host:
            try:
                return interfaces.xml(host, self._name)
            except NoInterfaceError as error:
                raise _no_name(self._name) from error


class InterfacesOfHost:
    """The methods of a connection that are about interfaces."""

    _session: "Session"

    def listAllInterfaces(self: "Self", flags: int = 0) -> list[virInterface]:
        """The interfaces, or those that are up or down as the flags say."""
        wanted = arguments.flags(flags, _ACTIVE | _INACTIVE, "virConnectListAllInterfaces")
        return [
            virInterface(self, self._session, one.name, one.mac)
            for one in self._interfaces("virConnectListAllInterfaces")
            if not wanted or wanted & (_ACTIVE if one.is_active else _INACTIVE)
        ]

    def listInterfaces(self) -> list[str]:
        """The names of the interfaces that are up."""
        return [one.name for one in self._interfaces("virConnectListInterfaces") if one.is_active]

    def numOfInterfaces(self) -> int:
        """How many interfaces are up."""
        return len(self.listInterfaces())

    def listDefinedInterfaces(self) -> list[str]:
        """The names of the interfaces that are down."""
        return [one.name for one in self._interfaces("virConnectListDefinedInterfaces") if not one.is_active]

    def numOfDefinedInterfaces(self) -> int:
        """How many interfaces are down."""
        return len(self.listDefinedInterfaces())

    def interfaceLookupByName(self: "Self", name: str) -> virInterface:
        """The interface of a name."""
        wanted = arguments.text(name, "name", "virInterfaceLookupByName")
        self._session.require_open("virInterfaceLookupByName")
        with self._session.host("virInterfaceLookupByName") as host:
            try:
                found = interfaces.named(host, wanted)
            except NoInterfaceError as error:
                raise _no_name(wanted) from error
            return virInterface(self, self._session, found.name, found.mac)

    def interfaceLookupByMACString(self: "Self", macstr: str) -> virInterface:
        """The only interface with a MAC address."""
        wanted = arguments.text(macstr, "mac", "virInterfaceLookupByMACString")
        self._session.require_open("virInterfaceLookupByMACString")
        with self._session.host("virInterfaceLookupByMACString") as host:
            try:
                found = interfaces.by_mac(host, canonical_mac(wanted))
            except (NoInterfaceError, DefinitionError) as error:
                raise _no_mac(wanted) from error
            except StateError as error:
                what = f"the MAC address '{wanted}' matches multiple interfaces"
                raise failure(codes.VIR_ERR_MULTIPLE_INTERFACES, what, domain=codes.VIR_FROM_INTERFACE) from error
            return virInterface(self, self._session, found.name, found.mac)

    def _interfaces(self, function: str) -> "list[Interface]":
        self._session.require_open(function)
        with self._session.host(function) as host:
            return interfaces.every(host)


def _no_name(name: str) -> Exception:
    what = f"couldn't find interface named '{name}'"
    return failure(codes.VIR_ERR_NO_INTERFACE, what, domain=codes.VIR_FROM_INTERFACE)


def _no_mac(mac: str) -> Exception:
    what = f"couldn't find interface with MAC address '{mac}'"
    return failure(codes.VIR_ERR_NO_INTERFACE, what, domain=codes.VIR_FROM_INTERFACE)
