"""A network's title, description and metadata by libvirt's numbers, and what may be said of each."""

from typing import TYPE_CHECKING, NamedTuple

from vnethook.api import arguments, codes
from vnethook.api.constants import (
    VIR_NETWORK_METADATA_DESCRIPTION,
    VIR_NETWORK_METADATA_ELEMENT,
    VIR_NETWORK_METADATA_TITLE,
)
from vnethook.api.error import failure, misuse

if TYPE_CHECKING:
    from types import ModuleType

    from vnethook.definition.model import Network

_KINDS = {VIR_NETWORK_METADATA_DESCRIPTION, VIR_NETWORK_METADATA_TITLE, VIR_NETWORK_METADATA_ELEMENT}
_SOURCE = "(metadata_xml)"
"""What messages call an element that came in no file."""


class Note(NamedTuple):
    """What of a network is meant: `uri` is the namespace of an element, empty for its title and description."""

    kind: int
    uri: str

    def read(self, network: "Network") -> str:
        """What the network has of it; raise libvirtError or NoMetadataError if it has nothing."""
        if self.kind == VIR_NETWORK_METADATA_ELEMENT:
            element: str = _metadata().element(network, self.uri)
            return element
        found = network.title if self.kind == VIR_NETWORK_METADATA_TITLE else network.description
        if found is None:
            raise failure(codes.VIR_ERR_NO_NETWORK_METADATA, "Requested metadata element is not present")
        return found

    def written(self, network: "Network", text: str, key: str) -> "Network":
        """The network with another text of it, without it if that is empty; `key`: the prefix of the namespace."""
        metadata = _metadata()
        changed: Network
        if self.kind == VIR_NETWORK_METADATA_TITLE:
            changed = metadata.with_title(network, text)
        elif self.kind == VIR_NETWORK_METADATA_DESCRIPTION:
            changed = metadata.with_description(network, text)
        elif text:
            changed = metadata.with_element(network, self.uri, key=key, text=text, source=_SOURCE)
        else:
            changed = metadata.without_element(network, self.uri)
        return changed


def note(kind: object, uri: object, function: str) -> Note:
    """What a caller of `function` means; raise libvirtError for what goes together with nothing."""
    number = arguments.number(kind)
    if number not in _KINDS:
        raise failure(codes.VIR_ERR_INVALID_ARG, f"unknown metadata type '{number}'")
    if number == VIR_NETWORK_METADATA_ELEMENT:
        return Note(number, arguments.text(uri, "uri", function))
    arguments.nothing(uri, "uri", function)
    return Note(number, "")


def text_and_key(meant: Note, metadata: object, key: object, function: str) -> tuple[str, str]:
    """What is to be written, empty: nothing, and the prefix; raise libvirtError for what cannot be."""
    text = arguments.optional_text(metadata, "metadata", function) or ""
    if meant.kind == VIR_NETWORK_METADATA_ELEMENT:
        return text, arguments.text(key, "key", function) if text else ""
    arguments.nothing(key, "key", function)
    if meant.kind == VIR_NETWORK_METADATA_TITLE and "\n" in text:
        raise misuse(function, "metadata", "metadata title can't contain newlines")
    return text, ""


def _metadata() -> "ModuleType":
    from vnethook.definition import metadata  # noqa: PLC0415 (lxml takes its time)

    return metadata
