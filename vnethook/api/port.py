"""`virNetworkPort`: an attached NIC, or one that is waited for, by its uuid."""

from typing import TYPE_CHECKING
from uuid import UUID

from vnethook.api import arguments
from vnethook.lifecycle import ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.api.connection import virConnect
    from vnethook.api.network import virNetwork
    from vnethook.api.session import Session


class virNetworkPort:
    """A port of a network. Methods that act give 0; all but those on its identity raise libvirtError."""

    def __init__(self, net: "virNetwork", session: "Session", uuid: str) -> None:
        self._net = net
        self._session = session
        self._uuid = uuid

    def connect(self) -> "virConnect":
        """The connection that it is of."""
        return self._net.connect()

    def network(self) -> "virNetwork":
        """The network that it is of."""
        return self._net

    def c_pointer(self) -> int:
        """A number that no other object has."""
        return id(self)

    def UUID(self) -> bytes:
        """Its uuid, 16 bytes."""
        return UUID(self._uuid).bytes

    def UUIDString(self) -> str:
        """Its uuid in the form 8-4-4-4-12."""
        return self._uuid

    def XMLDesc(self, flags: int = 0) -> str:
        """What it is: its owner, its MAC, what limits it, the bridge that it is on."""
        arguments.flags(flags, 0, "virNetworkPortGetXMLDesc")
        with self._session.host("virNetworkPortGetXMLDesc") as host:
            return ports.port_xml(host, self._net.name(), self._uuid)

    def delete(self, flags: int = 0) -> int:
        """Detach its NIC, or wait for it no longer."""
        arguments.flags(flags, 0, "virNetworkPortDelete")
        with self._session.host("virNetworkPortDelete", writes=True) as host:
            ports.delete_port(host, self._net.name(), self._uuid)
        return 0

    def parameters(self, flags: int = 0) -> dict[str, int]:
        """Its limits, by VIR_NETWORK_PORT_BANDWIDTH_…; those of a direction that has none are left out."""
        arguments.flags(flags, 0, "virNetworkPortGetParameters")
        with self._session.host("virNetworkPortGetParameters") as host:
            return ports.parameters(host, self._net.name(), self._uuid)

    def setParameters(self, params: "Mapping[str, int]", flags: int = 0) -> int:
        """Change some of its limits, at once."""
        arguments.flags(flags, 0, "virNetworkPortSetParameters")
        given = {name: arguments.number(value) for name, value in dict(params).items()}
        with self._session.host("virNetworkPortSetParameters", writes=True) as host:
            ports.set_parameters(host, self._net.name(), self._uuid, given)
        return 0
