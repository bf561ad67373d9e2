"""`virConnect`: the networks of this host, for root, or those of one user. Any URI that does not name another host."""

import os
from typing import TYPE_CHECKING, Self

from vnethook import __version__
from vnethook.api import arguments, codes, constants
from vnethook.api.error import failure, virResetLastError
from vnethook.api.interface import InterfacesOfHost
from vnethook.api.network import virNetwork
from vnethook.api.session import NO_UUID, Session, uuid_of
from vnethook.api.subscription import LIFECYCLE, METADATA, Subscriptions
from vnethook.definition.store import Store, xml_module
from vnethook.errors import DefinitionError, UsageError
from vnethook.host import log
from vnethook.host.connection import SYSTEM, require_this_host
from vnethook.lifecycle import catalog, lookup
from vnethook.live import paths, record

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from vnethook.lifecycle.catalog import Defined
    from vnethook.lifecycle.events import Event
    from vnethook.lifecycle.lookup import NetworkState

LIBVIRT_VERSION = 9_008_000
"""1,000,000 x major + 1,000 x minor + release, of the libvirt whose network API this is."""
SESSION = "vnethook:///session"
_ACTIVE, _INACTIVE = constants.VIR_CONNECT_LIST_NETWORKS_ACTIVE, constants.VIR_CONNECT_LIST_NETWORKS_INACTIVE
_PERSISTENT, _TRANSIENT = constants.VIR_CONNECT_LIST_NETWORKS_PERSISTENT, constants.VIR_CONNECT_LIST_NETWORKS_TRANSIENT
_AUTOSTART, _NO_AUTOSTART = (
    constants.VIR_CONNECT_LIST_NETWORKS_AUTOSTART,
    constants.VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART,
)
_LISTED = _ACTIVE | _INACTIVE | _PERSISTENT | _TRANSIENT | _AUTOSTART | _NO_AUTOSTART
_SOURCE = "(network_definition)"
"""What messages call XML that came in no file."""


class virConnect(InterfacesOfHost):
    """A connection, made by `open`; for `with`, too. Its methods may be called from any thread."""

    def __init__(self, uri: str | None = None, *, is_read_only: bool = False) -> None:
        virResetLastError()
        wanted = arguments.optional_text(uri, "name", "virConnectOpen")
        try:
            require_this_host(wanted or "")
        except UsageError as error:
            what = f"{wanted}: {error.message}"
            raise failure(codes.VIR_ERR_NO_CONNECT, what, hint=error.hint, domain=codes.VIR_FROM_NONE) from error
        places = paths.current()
        default = SESSION if places.user or os.geteuid() else SYSTEM
        self._session = Session(places, wanted or default, is_read_only=is_read_only)
        self._subscriptions = Subscriptions()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type_: "type[BaseException] | None",
        exc_value_: BaseException | None,
        traceback_: "TracebackType | None",
    ) -> None:
        self.close()

    def c_pointer(self) -> int:
        """A number that no other object has."""
        return id(self)

    def close(self) -> int:
        """End the connection and its subscriptions; gives 0. Networks that it gave go on working."""
        self._session.require_open("virConnectClose")
        self._session.is_open = False
        self._subscriptions.close()
        return 0

    def getURI(self) -> str:
        """The URI that it was opened with, else ours."""
        self._session.require_open("virConnectGetURI")
        return self._session.uri

    def getType(self) -> str:
        """The kind of connection: "vnethook"."""
        self._session.require_open("virConnectGetType")
        return "vnethook"

    def getVersion(self) -> int:
        """The version of vnethook, as a number of libvirt's form."""
        self._session.require_open("virConnectGetVersion")
        major, minor, release = (int(part) for part in __version__.split(".")[:3])
        return 1_000_000 * major + 1_000 * minor + release

    def getLibVersion(self) -> int:
        """The version of libvirt whose network API this is."""
        self._session.require_open("virConnectGetLibVersion")
        return LIBVIRT_VERSION

    def getHostname(self) -> str:
        """The name of this host."""
        self._session.require_open("virConnectGetHostname")
        return os.uname().nodename

    def isAlive(self) -> int:
        """1: there is nobody at the other end who could go away."""
        self._session.require_open("virConnectIsAlive")
        return 1

    def isSecure(self) -> int:
        """1: nothing leaves the process."""
        self._session.require_open("virConnectIsSecure")
        return 1

    def isEncrypted(self) -> int:
        """0: nothing leaves the process."""
        self._session.require_open("virConnectIsEncrypted")
        return 0

    # Lists

    def listAllNetworks(self, flags: int = 0) -> list[virNetwork]:
        """The networks, or those that are of each pair of flags what is said."""
        wanted = arguments.flags(flags, _LISTED, "virConnectListAllNetworks")
        self._session.require_open("virConnectListAllNetworks")
        with self._session.host("virConnectListAllNetworks") as host:
            states = [state for state in lookup.states(host) if _is_wanted(state, wanted)]
            return [self._network(state.name, state.uuid or uuid_of(host, state.name) or NO_UUID) for state in states]

    def listNetworks(self) -> list[str]:
        """The names of the networks that are up."""
        return [state.name for state in self._states("virConnectListNetworks") if state.is_active]

    def listNetworksID(self) -> list[int]:
        """The 2007 proposal's numbers of the networks that are up."""
        self._session.require_open("virConnectListNetworksID")
        with self._session.host("virConnectListNetworksID") as host:
            live = (record.read(host.paths, name) for name in record.names(host.paths))
            return [found.index for found in live if found is not None]

    def numOfNetworks(self) -> int:
        """How many networks are up."""
        return len(self.listNetworks())

    def listDefinedNetworks(self) -> list[str]:
        """The names of the networks that are down."""
        return [state.name for state in self._states("virConnectListDefinedNetworks") if not state.is_active]

    def numOfDefinedNetworks(self) -> int:
        """How many networks are down."""
        return len(self.listDefinedNetworks())

    # Look-ups

    def networkLookupByName(self, name: str) -> virNetwork:
        """The network of a name."""
        wanted = arguments.text(name, "name", "virNetworkLookupByName")
        self._session.require_open("virNetworkLookupByName")
        with self._session.host("virNetworkLookupByName") as host:
            uuid = uuid_of(host, wanted)
            if uuid is None:
                raise failure(codes.VIR_ERR_NO_NETWORK, f"no network with matching name '{wanted}'")
            return self._network(wanted, uuid)

    def networkLookupByUUID(self, uuid: bytes) -> virNetwork:
        """The network of a uuid, 16 bytes."""
        return self._by_uuid(arguments.uuid_bytes(uuid, "virNetworkLookupByUUID"))

    def networkLookupByUUIDString(self, uuidstr: str) -> virNetwork:
        """The network of a uuid."""
        return self._by_uuid(arguments.uuid_text(uuidstr, "virNetworkLookupByUUIDString"))

    def networkLookupByID(self, id: int) -> virNetwork:
        """The network that is up and has this number of the 2007 proposal; see virNetwork.ID()."""
        wanted = arguments.number(id)
        self._session.require_open("virNetworkLookupByID")
        with self._session.host("virNetworkLookupByID") as host:
            for name in record.names(host.paths):
                live = record.read(host.paths, name)
                if live is not None and live.index == wanted:
                    return self._network(name, live.uuid)
        raise failure(codes.VIR_ERR_NO_NETWORK, f"no network with matching id '{wanted}'")

    # Definitions

    def networkDefineXML(self, xml: str) -> virNetwork:
        """Store a definition, replacing the one of its name."""
        return self.networkDefineXMLFlags(xml)

    def networkDefineXMLFlags(self, xml: str, flags: int = 0) -> virNetwork:
        """Store a definition; it is validated, whether or not the flag says so."""
        given = arguments.flags(flags, constants.VIR_NETWORK_DEFINE_VALIDATE, "virNetworkDefineXMLFlags")
        text = arguments.text(xml, "xml", "virNetworkDefineXML")
        return self._made("virNetworkDefineXML", text, catalog.define, is_schema_asked=bool(given))

    def networkCreateXML(self, xmlDesc: str) -> virNetwork:
        """Bring up a network that is forgotten when it stops."""
        return self.networkCreateXMLFlags(xmlDesc)

    def networkCreateXMLFlags(self, xmlDesc: str, flags: int = 0) -> virNetwork:
        """Bring up a network that is forgotten when it stops; its definition is validated in any case."""
        given = arguments.flags(flags, constants.VIR_NETWORK_CREATE_VALIDATE, "virNetworkCreateXMLFlags")
        text = arguments.text(xmlDesc, "xmlDesc", "virNetworkCreateXML")
        return self._made("virNetworkCreateXML", text, catalog.create, is_schema_asked=bool(given))

    # Events

    def networkEventRegisterAny(
        self, net: virNetwork | None, eventID: int, cb: "Callable[..., object]", opaque: object
    ) -> int:
        """Have `cb` called from the event loop for what happens to a network, or to any; the subscription's number.

        VIR_NETWORK_EVENT_ID_LIFECYCLE: cb(conn, net, event, detail, opaque), detail 0;
        VIR_NETWORK_EVENT_ID_METADATA_CHANGE: cb(conn, net, type, nsuri, opaque). An event loop has to be registered.
        """
        self._session.require_open("virConnectNetworkEventRegisterAny")
        only = None if net is None else (net.name(), net.UUIDString())

        def tell(event: "Event") -> None:
            network = self._network(event.network, event.uuid or NO_UUID)
            if event.kind in LIFECYCLE:
                cb(self, network, LIFECYCLE[event.kind], 0, opaque)
            else:
                cb(self, network, METADATA[event.kind], event.uri or None, opaque)

        with self._session.host("virConnectNetworkEventRegisterAny"):
            return self._subscriptions.add(self._session.paths, arguments.number(eventID), only, tell)

    def networkEventDeregisterAny(self, callbackID: int) -> None:
        """End a subscription."""
        self._session.require_open("virConnectNetworkEventDeregisterAny")
        self._subscriptions.remove(arguments.number(callbackID))

    def _network(self, name: str, uuid: str) -> virNetwork:
        return virNetwork(self, self._session, name, uuid)

    def _states(self, function: str) -> "list[NetworkState]":
        self._session.require_open(function)
        with self._session.host(function) as host:
            return lookup.states(host)

    def _by_uuid(self, uuid: str) -> virNetwork:
        self._session.require_open("virNetworkLookupByUUID")
        with self._session.host("virNetworkLookupByUUID") as host:
            name = Store(host.paths).by_uuid(uuid)
            if name is None:
                raise failure(codes.VIR_ERR_NO_NETWORK, f"no network with matching uuid '{uuid}'")
            return self._network(name, uuid)

    def _made(self, function: str, xml: str, make: "Callable[..., Defined]", *, is_schema_asked: bool) -> virNetwork:
        """The network that `make` makes; a refusal is the schema's, if that is asked and the schema refuses, too."""
        self._session.require_open(function)
        with self._session.host(function, writes=True, starts=make is not catalog.define) as host:
            try:
                made = make(host, xml, source=_SOURCE)
            except DefinitionError as error:
                is_of_the_document = error.libvirt_code == codes.VIR_ERR_XML_ERROR
                if is_schema_asked and is_of_the_document and not xml_module().is_valid(xml):
                    raise failure(codes.VIR_ERR_XML_INVALID_SCHEMA, error.message, hint=error.hint) from error
                raise
            for warning in made.warnings:
                log.warning(warning)
            return self._network(made.network.name, made.network.uuid or NO_UUID)


def _is_wanted(state: "NetworkState", wanted: int) -> bool:
    """Whether a network is what the flags say: of each pair none, both, or the one that it is."""
    pairs = (
        (_ACTIVE, _INACTIVE, state.is_active),
        (_PERSISTENT, _TRANSIENT, state.is_persistent),
        (_AUTOSTART, _NO_AUTOSTART, state.is_autostart),
    )
    return all(not wanted & (yes | no) or wanted & (yes if found else no) for yes, no, found in pairs)
