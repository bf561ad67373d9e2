"""What programs and people note about a network: title, description, one element of each program's namespace. Pure.

Source: virNetworkSetMetadata() in libvirt-network.h; virXMLInjectNamespace(), virXMLExtractNamespaceXML() in virxml.c:
a program says and gets its element without the namespace, which the document has.
"""

from lxml import etree

from vnethook.definition.document import CONTROLS
from vnethook.definition.model import Network
from vnethook.definition.syntax import encoded
from vnethook.definition.xml import tree
from vnethook.errors import DefinitionError, NoMetadataError, UsageError
from vnethook.names import shown

NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
URI_MAX = 1000


def with_title(network: Network, title: str) -> Network:
    """The network with another title, none if it is empty; raise DefinitionError for more than one line."""
    return network.replace(title=title or None)


def with_description(network: Network, description: str) -> Network:
    """The network with another description, none if it is empty."""
    return network.replace(description=description or None)


def element(network: Network, uri: str) -> str:
    """The element of a namespace, as XML without it; raise NoMetadataError if there is none."""
    found = next((item for item in network.metadata if namespace(item) == uri), None)
    if found is None:
        msg = f"network {network.name!r}: metadata: there is no element of {shown(uri)}"
        raise NoMetadataError(msg)
    root = etree.fromstring(found.encode(), etree.XMLParser(remove_blank_text=True, resolve_entities=False))
    for item in root.iter(f"{{{uri}}}*"):
        item.tag = etree.QName(item).localname
    etree.cleanup_namespaces(root)
    return etree.tostring(root, pretty_print=True, encoding="unicode").rstrip("\n").translate(CONTROLS)


def with_element(network: Network, uri: str, *, key: str, text: str, source: str) -> Network:
    """The network with an element of a namespace, in place of an earlier one; `key`: the prefix in the document.

    Raises DefinitionError for `text` that is not one element without a namespace, UsageError for a key or a uri that
    can be none.
    """
    if not key or not NAME_CHARS.issuperset(key) or key[0] in "0123456789.-" or key.lower().startswith("xml"):
        msg = f"key {shown(key)}: cannot be the prefix of a namespace"
        raise UsageError(msg)
    given, _ = tree(encoded(text, source), source)
    name = etree.QName(given)
    if name.namespace not in {None, check_uri(uri)}:
        msg = f"{source}:1: element {shown(name.localname)}: must be in no namespace, or in {shown(uri)}"
        raise DefinitionError(msg)
    new = etree.Element(f"{{{uri}}}{name.localname}", nsmap={key: uri})
    for attribute, value in given.attrib.items():
        new.set(attribute, value)
    new.text = given.text
    for child in given:
        new.append(child)
    for item in new.iter(etree.Element):
        if not str(item.tag).startswith("{"):
            item.tag = f"{{{uri}}}{item.tag}"
    written = etree.tostring(new, method="c14n2").decode()
    return network.replace(metadata=(*without_element(network, uri).metadata, written))


def without_element(network: Network, uri: str) -> Network:
    """The network without the element of a namespace, if there is one."""
    return network.replace(metadata=tuple(item for item in network.metadata if namespace(item) != uri))


def check_uri(uri: str) -> str:
    """Give the URI of a namespace back, or raise UsageError."""
    if not uri or len(uri) > URI_MAX or not uri.isascii() or not uri.isprintable() or " " in uri:
        msg = f"uri {shown(uri)}: cannot be that of a namespace"
        raise UsageError(msg)
    return uri


def namespace(item: str) -> str:
    """The namespace of an element, as `Network.metadata` holds it."""
    return etree.QName(etree.fromstring(item.encode(), etree.XMLParser(resolve_entities=False))).namespace or ""
