"""A guest's domain XML, as far as it says which networks its NICs are on. Read with expat, and nothing else of it.

The document is libvirt's own, but its names are its author's: a document type, a depth or a size that libvirt never
writes is refused, and so is what our own element in `<metadata>` does not have. Source: libvirt's "Domain XML format".
"""

import posix
from pyexpat import ExpatError, ParserCreate

from vnethook.errors import DefinitionError
from vnethook.mac import canonical_mac
from vnethook.names import is_link_name, is_network_name, shown
from vnethook.value import Value

NAMESPACE = "urn:vnethook:networks"
"""Of `<networks><interface mac=… network=…/></networks>` in a guest's `<metadata>`."""
SIZE_MAX = 16 << 20
"""Bytes; libvirt's own limit for a definition that is sent to it is 4 MiB."""
DEPTH_MAX = 256
"""Nested elements; the limit of libxml2, by which libvirt reads."""
IFUP = "qemu-ifup"
"""The hook that a `<script>` names; a link `qemu-ifup-lab` to it names network `lab`."""
_CHUNK = 1 << 16
_DEVICE = ["domain", "devices", "interface"]
_OWN = ["domain", "metadata", f"{NAMESPACE} networks"]
_UUID = frozenset("0123456789abcdef-")


class UnreadableError(Exception):
    """A document that libvirt would not write."""


class Interface(Value):
    """A NIC of the guest: the type, its MAC, the bridge it joins, its link in the host, the script that is run for it.

    Each is empty where the XML does not say: a link that libvirt names itself has no name before `start`.
    """

    kind: str
    mac: str = ""
    bridge: str = ""
    target: str = ""
    script: str = ""

    @property
    def has_script(self) -> bool:
        """Whether libvirt runs qemu-ifup for it, or a link `qemu-ifup-NAME` to that."""
        name = self.script.rpartition("/")[2]
        return self.kind == "ethernet" and (name == IFUP or name.startswith(f"{IFUP}-"))


class Assignment(Value):
    """What our element in the metadata says: the interface with this MAC or link is on `network`.

    Without either the guest needs the network, whatever is on it: so a NIC can be plugged in later.
    """

    network: str
    mac: str = ""
    target: str = ""

    def is_for(self, interface: Interface) -> bool:
        """Whether it means this interface."""
        return bool(self.mac and self.mac == interface.mac) or bool(self.target and self.target == interface.target)


class Domain(Value):
    """What matters of a guest; `problem`: what is not in order with our own element, empty if nothing is."""

    uuid: str
    interfaces: tuple[Interface, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    problem: str = ""


def read(descriptor: int) -> Domain:
    """Read a domain XML to its end; raise UnreadableError for what is none, OSError if it cannot be read."""
    reader = _Reader()
    parser = ParserCreate("utf-8", " ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.buffer_text = True
    try:
        parser.Parse(_document(descriptor), True)  # noqa: FBT003 (the parser's own signature)
    except ExpatError as error:
        msg = f"no XML: {error}"
        raise UnreadableError(msg) from None
    return reader.domain()


def _document(descriptor: int) -> bytes:
    """All of it: in pieces, expat would look at a long token again with each of them."""
    pieces, size = [], 0
    while piece := posix.read(descriptor, _CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > SIZE_MAX:
            msg = f"longer than {SIZE_MAX >> 20} MiB"
            raise UnreadableError(msg)
    return b"".join(pieces)


def _refuse_document_type(*_: object) -> None:
    msg = "has a document type"
    raise UnreadableError(msg)


class _Reader:
    """The handlers of the parser, and what they found."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._uuid = ""
        self._interfaces: list[Interface] = []
        self._interface: dict[str, str] = {}
        self._assignments: list[Assignment] = []
        self._problem = ""

    def domain(self) -> Domain:
        """The guest; raise UnreadableError for one without a uuid, by which its NICs are remembered."""
        if len(self._uuid) != 36 or not _UUID.issuperset(self._uuid):
            msg = "has no <uuid>"
            raise UnreadableError(msg)
        return Domain(self._uuid, tuple(self._interfaces), tuple(self._assignments), self._problem)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._path
        path.append(name)
        depth = len(path)
        if depth > DEPTH_MAX:
            msg = f"nested deeper than {DEPTH_MAX} elements"
            raise UnreadableError(msg)
        if depth == 3 and path == _DEVICE:
            self._interface = {"kind": attributes.get("type", "")}
        elif depth == 4 and path[:3] == _DEVICE:
            self._read_interface(name, attributes)
        elif depth == 3 and name.startswith(f"{NAMESPACE} ") and path[:2] == _OWN[:2] and path != _OWN:
            self._refuse(f"unknown element <{_local(name)}>: must be <networks>")
        elif depth > 3 and path[:3] == _OWN:
            self._assign(name, attributes)

    def end(self, _: str) -> None:
        if len(self._path) == 3 and self._path == _DEVICE:
            self._interfaces.append(Interface(**self._interface))
        self._path.pop()

    def text(self, text: str) -> None:
        if len(self._path) == 2 and self._path == ["domain", "uuid"] and len(self._uuid) + len(text) <= 36:
            self._uuid += text

    def _read_interface(self, name: str, attributes: dict[str, str]) -> None:
        found = self._interface
        if name == "mac":
            found["mac"] = _mac(attributes.get("address", ""))
        elif name == "source":
            bridge = attributes.get("bridge", "")
            found["bridge"] = bridge if is_link_name(bridge) else ""  # no network of ours has such a bridge
        elif name == "target":
            found["target"] = attributes.get("dev", "")
        elif name == "script":
            found["script"] = attributes.get("path", "")

    def _assign(self, name: str, attributes: dict[str, str]) -> None:
        """Read what stands in our own element: `<interface network=… [mac=… | target=…]/>`, and nothing else."""
        if _local(name) != "interface" or len(self._path) != 4:
            self._refuse(f"unknown element <{_local(name)}>: must be <interface>")
            return
        for attribute in attributes:
            if attribute not in {"network", "mac", "target"}:
                self._refuse(f"<interface>: unknown attribute {shown(attribute)}: must be network, mac or target")
        network, mac, target = (attributes.get(key, "") for key in ("network", "mac", "target"))
        if not is_network_name(network):
            self._refuse(f"<interface network={shown(network)}>: cannot be the name of a network")
        if mac and not _mac(mac):
            self._refuse(f"<interface mac={shown(mac)}>: no MAC address")
        if target and not is_link_name(target):
            self._refuse(f"<interface target={shown(target)}>: cannot be the name of a network interface")
        if mac and target:
            self._refuse("<interface>: has both mac and target: one says which interface is meant")
        self._assignments.append(Assignment(network, _mac(mac), target))

    def _refuse(self, problem: str) -> None:
        self._problem = self._problem or problem


def _local(name: str) -> str:
    """The name of an element without its namespace, fit to be shown."""
    local = name.rpartition(" ")[2]
    return local if local.isascii() and local.isprintable() and len(local) < 40 else shown(local)


def _mac(text: str) -> str:
    """A MAC in canonical form; empty for what is none."""
    try:
        return canonical_mac(text)
    except DefinitionError:
        return ""
