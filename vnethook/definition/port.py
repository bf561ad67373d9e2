"""A network port as libvirt's XML has it: the place of one NIC on a network. Source: formatnetworkport.html."""

from vnethook.definition import dump_traffic
from vnethook.definition.document import Document, yes
from vnethook.definition.node import agreed
from vnethook.definition.text import canonical_uuid, check_line, check_mac, is_uuid
from vnethook.definition.traffic import Bandwidth, Vlan
from vnethook.definition.traffic_reader import bandwidth, vlan
from vnethook.errors import UnsupportedError
from vnethook.mac import canonical_mac
from vnethook.names import refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.document import Attributes
    from vnethook.definition.node import Node

PATH = "networkport"
UNKNOWN_MAC, UNKNOWN_UUID = "00:00:00:00:00:00", "00000000-0000-0000-0000-000000000000"
"""What is written for a NIC whose guest has not told: the format needs both."""


class Port(Value):
    """A port. `owner`, `owner_uuid`: its guest's name and uuid; `group`: its portgroup; empty: nothing is known."""

    mac: str
    uuid: str = ""
    owner: str = ""
    owner_uuid: str = ""
    group: str = ""
    isolated: bool | None = None
    bandwidth: Bandwidth | None = None
    vlan: Vlan | None = None
    _nested = {"bandwidth": Bandwidth, "vlan": Vlan}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        if self.mac:
            check_mac("port: mac", self.mac)
        for what, uuid in (("uuid", self.uuid), ("owner uuid", self.owner_uuid)):
            if uuid and not is_uuid(uuid):
                refuse(f"port: {what} {shown(uuid)}: must be 32 hexadecimal digits in the form 8-4-4-4-12, lower case")
        for what, text in (("owner name", self.owner), ("group", self.group)):
            if text:
                check_line(f"port: {what}", text)


def read(node: "Node") -> Port:
    """The port that `<networkport>` describes; raise DefinitionError with file and line."""
    if node.all("plug"):
        node.refuse("networkport: plug: a port is given one, and cannot ask for it")
    trusting = (child for child in node.all("rxfilters") if child.boolean("trustGuest", default=False))
    for child in (*node.all("virtualport"), *trusting):
        msg = child.located(f"networkport: {child.tag} is not done: it is for macvtap, SR-IOV and Open vSwitch")
        raise UnsupportedError(msg)
    mac = agreed(node.all("mac"), _mac)
    if mac is None:
        node.refuse("networkport: lacks its <mac>")
    uuid, group = agreed(node.all("uuid"), _uuid) or "", agreed(node.all("group"), _text) or ""
    owner, owner_uuid = agreed(node.all("owner"), _owner) or ("", "")
    isolated = agreed(node.all("port"), lambda child: child.optional_boolean("isolated"))
    limits, tags = agreed(node.all("bandwidth"), bandwidth), agreed(node.all("vlan"), vlan)
    return node.build(lambda: Port(mac, uuid, owner, owner_uuid, group, isolated, limits, tags))


def dump(port: Port, plug: "Attributes") -> str:
    """The port as XML in libvirt's order; `plug`: what it is plugged into."""
    document = Document()
    document.start(PATH, {})
    document.leaf("uuid", port.uuid)
    document.start("owner", {})
    document.leaf("name", port.owner)
    document.leaf("uuid", port.owner_uuid or UNKNOWN_UUID)
    document.end("owner")
    if port.group:
        document.leaf("group", port.group)
    document.empty("mac", {"address": port.mac or UNKNOWN_MAC})
    dump_traffic.bandwidth(document, port.bandwidth)
    dump_traffic.vlan(document, port.vlan)
    if port.isolated is not None:
        document.empty("port", {"isolated": yes(port.isolated)})
    document.empty("plug", plug)
    document.end(PATH)
    return document.text


def _owner(node: "Node") -> tuple[str, str]:
    return agreed(node.all("name"), _text) or "", agreed(node.all("uuid"), _uuid) or ""


def _text(node: "Node") -> str:
    return node.text


def _uuid(node: "Node") -> str:
    return canonical_uuid(node.text)


def _mac(node: "Node") -> str:
    text = node.need("address")
    return node.build(lambda: canonical_mac(text))
