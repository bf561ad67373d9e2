"""Network XML: text to model and back. The one module that imports lxml.

Text is looked at by expat first (syntax.py), becomes a tree by lxml with every dangerous feature off, is read by our
own reader, whose messages name what is wrong, and at last has to be valid by network.rng: a net below the reader.
"""

import os
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from vnethook.definition import reader
from vnethook.definition.dump import dump
from vnethook.definition.model import Network
from vnethook.definition.node import BLANKS, Node
from vnethook.definition.syntax import SIZE_MAX, element_lines, encoded
from vnethook.definition.vocabulary import NAMESPACES, OPAQUE, check_shape
from vnethook.errors import DefinitionError, MalformedError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Parsed", "dump", "option", "parse", "parse_part", "stored", "tree"]

SCHEMA = os.path.join(os.path.dirname(__file__), "network.rng")


class Parsed(NamedTuple):
    """A network, and what its author should know, one line each."""

    network: Network
    warnings: tuple[str, ...]


def parse(text: str | bytes, *, source: str) -> Parsed:
    """The network that `text` defines in either dialect; `source`, a file name, and the line begin each message.

    Raise DefinitionError for anything that is not understood in full.
    """
    source = source if source.isprintable() else shown(source)
    root, lines = tree(encoded(text, source), source)
    network, warnings = reader.read(_node(root, iter(lines), source))
    _validate(root, lines, source)
    return Parsed(network, warnings)


def parse_part(text: str | bytes, path: str, *, source: str) -> Node:
    """The element that `text` holds, which has its place at `path` ("network/ip/dhcp/host"); raise as `parse` does."""
    root, lines = tree(encoded(text, source), source)
    around = path.rpartition("/")[0]
    outer = Node(around, {}, at=(source, lines[0])) if around else None
    node = _node(root, iter(lines), source, outer)
    check_shape(node, path)
    return node


def option(text: str | bytes, value: str, *, source: str) -> Node:
    """The element of a definition that was read in which this line for dnsmasq stands."""
    source = source if source.isprintable() else shown(source)
    root, lines = tree(encoded(text, source), source)
    options = _node(root, iter(lines), source).all("dnsmasq:options")
    return next(child for node in options for child in node.children if child.attributes.get("value") == value)


def stored(network: Network) -> str:
    """The text of a definition's file, in which what was chosen is not; raise DefinitionError for one too long to read.

    White space and end tags make it longer than what was written.
    """
    text = dump(network, with_automatic=False)
    if len(text.encode()) > SIZE_MAX:
        msg = f"network {network.name!r}: store: larger than {SIZE_MAX >> 20} MiB as it is written to its file"
        raise DefinitionError(msg)
    return text


def is_valid(text: str | bytes) -> bool:
    """Whether a well-formed document has the shape of network.rng, whatever its values mean."""
    root, _ = tree(encoded(text, "-"), "-")
    return bool(_schema().validate(root))


def tree(data: bytes, source: str) -> "tuple[etree._Element, list[int]]":
    """The document's root, and the line of each start tag in document order; raise DefinitionError."""
    lines = element_lines(data, source)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(data, parser), lines
    except etree.XMLSyntaxError as error:
        reason = " ".join(shown(error.msg or "not well-formed").strip("'\"").split())
        msg = f"{source}:{error.lineno or 1}: {reason[:1].lower()}{reason[1:]}"
        raise MalformedError(msg) from None


def _node(element: "etree._Element", lines: "Iterator[int]", source: str, parent: Node | None = None) -> Node:
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    node = Node(_tag(str(element.tag)), attributes, at=(source, next(lines)), parent=parent)
    text = [element.text or ""]
    if node.path == OPAQUE:
        node.inside = tuple(_kept(child, node) for child in element)
        text += [child.tail or "" for child in element]
        for _ in element.iterdescendants():
            next(lines)
        element = etree.Element("nothing")
    for child in element:
        _node(child, lines, source, node)
        text.append(child.tail or "")
    node.text = "".join(text).strip(BLANKS)
    return node


def _tag(tag: str) -> str:
    """A tag with the prefix that we know for its namespace; in another one as lxml has it."""
    if tag.startswith("{"):
        space, _, name = tag[1:].partition("}")
        if space in NAMESPACES:
            return f"{NAMESPACES[space]}:{name}"
    return tag


def _kept(child: "etree._Element", node: Node) -> str:
    """An element of another program, in a form that reads back as the same: canonical XML with its own namespaces."""
    if not str(child.tag).startswith("{"):
        node.refuse(f"{node.path}: element {shown(child.tag)} has no namespace: it must have one of its program's")
    child = deepcopy(child)
    child.tail = None
    return etree.tostring(child, method="c14n2").decode()


def _validate(root: "etree._Element", lines: list[int], source: str) -> None:
    """Raise DefinitionError for what the reader let through and the schema does not."""
    for item in root.iterfind("metadata"):
        del item[:]  # it has no shape of ours, and validating mixed content takes libxml2 the square of its length
    schema = _schema()
    if not schema.validate(root):
        found = schema.error_log.last_error
        message = " ".join(shown(found.message if found else "").strip("'\"").split())
        msg = f"{source}:{found.line if found else lines[0]}: not valid by network.rng: {message}"
        raise DefinitionError(msg, hint="the reader accepts it, so this is a fault of vnethook: please report it")


@cache
def _schema() -> "etree.RelaxNG":
    return etree.RelaxNG(etree.parse(SCHEMA, etree.XMLParser(resolve_entities=False, no_network=True)))
