"""`virNetwork`: one network, by name and uuid; every call looks at what it is now."""

from typing import TYPE_CHECKING
from uuid import UUID

from vnethook.api import arguments, codes, constants, notes
from vnethook.api.error import failure
from vnethook.api.port import virNetworkPort
from vnethook.api.session import uuid_of
from vnethook.definition.store import Store
from vnethook.definition.update import COMMANDS, SECTIONS
from vnethook.errors import DefinitionError
from vnethook.lifecycle import bringup, catalog, leases, lookup, ports, updates
from vnethook.live import record
from vnethook.mac import canonical_mac

if TYPE_CHECKING:
    from vnethook.api.connection import virConnect
    from vnethook.api.session import Session
    from vnethook.host.host import Host
    from vnethook.lifecycle.leases import Lease

    DHCPLease = dict[str, str | int | None]

_LIVE, _CONFIG = constants.VIR_NETWORK_UPDATE_AFFECT_LIVE, constants.VIR_NETWORK_UPDATE_AFFECT_CONFIG
_SOURCE = "(network_update_xml)"
"""What messages call an element that came in no file."""


class virNetwork:
    """A network of a connection. Methods that act give 0; all but those on its identity raise libvirtError."""

    def __init__(self, conn: "virConnect", session: "Session", name: str, uuid: str) -> None:
        self._conn = conn
        self._session = session
        self._name = name
        self._uuid = uuid

    def connect(self) -> "virConnect":
        """The connection that it is of."""
        return self._conn

    def c_pointer(self) -> int:
        """A number that no other object has."""
        return id(self)

    def name(self) -> str:
        """Its name."""
        return self._name

    def UUID(self) -> bytes:
        """Its uuid, 16 bytes."""
        return UUID(self._uuid).bytes

    def UUIDString(self) -> str:
        """Its uuid in the form 8-4-4-4-12."""
        return self._uuid

    def ID(self) -> int:
        """The 2007 proposal's number of a running network: the index of its bridge; -1 while it is down.

        It stays the same as long as the bridge is there.
        """
        with self._session.host("virNetworkGetID") as host:
            self._require(host)
            live = record.read(host.paths, self._name)
            return live.index if live else -1

    def bridgeName(self) -> str:
        """The name of its bridge, also while it is down."""
        with self._session.host("virNetworkGetBridgeName") as host:
            self._require(host)
            name = lookup.in_force(host, self._name).bridge.name
        if not name:
            raise failure(codes.VIR_ERR_INTERNAL_ERROR, f"network '{self._name}' does not have a bridge name.")
        return name

    def isActive(self) -> int:
        """1 if it is up, else 0."""
        with self._session.host("virNetworkIsActive") as host:
            self._require(host)
            return int(_is_active(host, self._name))

    def isPersistent(self) -> int:
        """1 if it is defined, 0 if it is forgotten when it stops."""
        with self._session.host("virNetworkIsPersistent") as host:
            self._require(host)
            return int(Store(host.paths).is_persistent(self._name))

    def autostart(self) -> int:
        """1 if it is started at boot, else 0."""
        with self._session.host("virNetworkGetAutostart") as host:
            self._require(host)
            return int(Store(host.paths).is_autostart(self._name))

    def setAutostart(self, autostart: int) -> int:
        """Start it at boot, or not."""
        wanted = bool(arguments.number(autostart))
        with self._session.host("virNetworkSetAutostart", writes=True) as host:
            self._require(host)
            catalog.set_autostart(host, self._name, enabled=wanted)
        return 0

    def create(self) -> int:
        """Bring it up."""
        with self._session.host("virNetworkCreate", writes=True) as host:
            self._require(host)
            if _is_active(host, self._name):
                raise failure(codes.VIR_ERR_OPERATION_INVALID, "network is already active")
            bringup.start(host, self._name)
        return 0

    def destroy(self) -> int:
        """Take it down, also with guests attached: the next start attaches them again."""
        with self._session.host("virNetworkDestroy", writes=True) as host:
            self._require(host)
            catalog.stop(host, self._name, force=True)
        return 0

    def undefine(self) -> int:
        """Forget its definition; one that is up works until it stops."""
        with self._session.host("virNetworkUndefine", writes=True) as host:
            self._require(host)
            catalog.undefine(host, self._name)
        return 0

    def XMLDesc(self, flags: int = 0) -> str:
        """Its definition in force, or with VIR_NETWORK_XML_INACTIVE the stored one, if it has one."""
        given = arguments.flags(flags, constants.VIR_NETWORK_XML_INACTIVE, "virNetworkGetXMLDesc")
        with self._session.host("virNetworkGetXMLDesc") as host:
            self._require(host)
            is_stored = Store(host.paths).is_persistent(self._name)
            return catalog.dump(host, self._name, inactive=bool(given) and is_stored)

    def update(self, command: int, section: int, parentIndex: int, xml: str, flags: int = 0) -> int:
        """Change one part of it: what is up, at once and unnoticed by its guests, what is stored, or both."""
        function = "virNetworkUpdate"
        on = _affected(flags, function)
        text = arguments.text(xml, "xml", function)
        words = COMMANDS.get(arguments.number(command)), SECTIONS.get(arguments.number(section))
        with self._session.host(function, writes=True) as host:
            self._require(host)
            if words[0] is None or words[1] is None:
                what = f"can't update section {section} of network '{self._name}' by command {command}"
                raise failure(codes.VIR_ERR_OPERATION_UNSUPPORTED, what)
            change = updates.Change(words[0], words[1], arguments.number(parentIndex))
            updates.update(host, self._name, change, updates.element(change, text, source=_SOURCE), on=on)
        return 0

    def metadata(self, type: int, uri: str | None, flags: int = 0) -> str:
        """Its title, its description, or the element of a namespace, which is given without it."""
        function = "virNetworkGetMetadata"
        on = _affected(flags, function)
        meant = notes.note(type, uri, function)
        with self._session.host(function) as host:
            self._require(host)
            return meant.read(updates.definition(host, self._name, on=on))

    def setMetadata(
        self,
        type: int,
        metadata: str | None,
        key: str | None,
        uri: str | None,
        flags: int = 0,
    ) -> int:
        """Change its title, its description, or the element of a namespace; None or empty: take it away.

        `key` is the prefix of the namespace `uri` in the definition; `metadata` is written without it.
        """
        function = "virNetworkSetMetadata"
        on = _affected(flags, function)
        meant = notes.note(type, uri, function)
        text, prefix = notes.text_and_key(meant, metadata, key, function)
        with self._session.host(function, writes=True) as host:
            self._require(host)
            updates.note(host, self._name, lambda network: meant.written(network, text, prefix), on=on)
        return 0

    def DHCPLeases(self, mac: str | None = None, flags: int = 0) -> "list[DHCPLease]":
        """Its DHCP leases that have not expired, or those of a MAC address."""
        function = "virNetworkGetDHCPLeases"
        arguments.flags(flags, 0, function)
        text = arguments.optional_text(mac, "mac", function)
        with self._session.host(function) as host:
            self._require(host)
            try:
                wanted = None if text is None else canonical_mac(text)
            except DefinitionError:
                raise failure(codes.VIR_ERR_INVALID_MAC, str(text)) from None
            bridge = lookup.in_force(host, self._name).bridge.name
            found = leases.leases(host, self._name)
        return [_plain(lease, bridge) for lease in found if wanted in {None, lease.mac}]

    def listAllPorts(self, flags: int = 0) -> list[virNetworkPort]:
        """Its ports: of attached NICs, and of those that are waited for."""
        arguments.flags(flags, 0, "virNetworkListAllPorts")
        with self._session.host("virNetworkListAllPorts") as host:
            self._require(host)
            if not _is_active(host, self._name):
                raise failure(codes.VIR_ERR_OPERATION_INVALID, f"network '{self._name}' is not active")
            return [self._port(nic.uuid) for nic in ports.list_ports(host, self._name)]

    def portCreateXML(self, xmldesc: str, flags: int = 0) -> virNetworkPort:
        """Make a port for a NIC to come, bringing the network up if it is down.

        With VIR_NETWORK_PORT_CREATE_RECLAIM from what XMLDesc() of a port gave: with its uuid, and with its NIC if that
        is seen on the bridge.
        """
        function = "virNetworkPortCreateXML"
        reclaim = constants.VIR_NETWORK_PORT_CREATE_RECLAIM
        given = arguments.flags(flags, reclaim | constants.VIR_NETWORK_PORT_CREATE_VALIDATE, function)
        xml = arguments.text(xmldesc, "xmldesc", function)
        with self._session.host(function, writes=True) as host:
            self._require(host)
            made = ports.create_port(host, self._name, xml, source="(networkport)", reclaim=bool(given & reclaim))
            return self._port(made.uuid)

    def portLookupByUUID(self, uuid: bytes) -> virNetworkPort:
        """The port of a uuid, 16 bytes."""
        return self._found_port(arguments.uuid_bytes(uuid, "virNetworkPortLookupByUUID"))

    def portLookupByUUIDString(self, uuidstr: str) -> virNetworkPort:
        """The port of a uuid."""
        return self._found_port(arguments.uuid_text(uuidstr, "virNetworkPortLookupByUUIDString"))

    def _found_port(self, uuid: str) -> virNetworkPort:
        with self._session.host("virNetworkPortLookupByUUID") as host:
            self._require(host)
            return self._port(ports.port_by_uuid(host, self._name, uuid).uuid)

    def _port(self, uuid: str) -> virNetworkPort:
        return virNetworkPort(self, self._session, uuid)

    def _require(self, host: "Host") -> None:
        """Raise libvirtError if there is no such network any more, or another one of its name."""
        if uuid_of(host, self._name) != self._uuid:
            what = f"no network with matching uuid '{self._uuid}' ({self._name})"
            raise failure(codes.VIR_ERR_NO_NETWORK, what)


def _is_active(host: "Host", name: str) -> bool:
    return record.read(host.paths, name) is not None


def _affected(flags: object, function: str) -> updates.Affected:
    """What is to be changed or read; neither of the two: what is up, else what is stored."""
    given = arguments.flags(flags, _LIVE | _CONFIG, function)
    return updates.Affected(bool(given & _LIVE), bool(given & _CONFIG))


def _plain(lease: "Lease", bridge: str | None) -> "DHCPLease":
    """A lease as libvirt-python gives it."""
    is_ipv6 = lease.protocol == "ipv6"
    return {
        "iface": bridge,
        "expirytime": lease.expiry,
        "type": constants.VIR_IP_ADDR_TYPE_IPV6 if is_ipv6 else constants.VIR_IP_ADDR_TYPE_IPV4,
        "mac": lease.mac or None,
        "ipaddr": lease.ip,
        "prefix": lease.prefix,
        "hostname": lease.hostname or None,
        "clientid": lease.clientid or None,
        "iaid": lease.iaid or None,
    }
