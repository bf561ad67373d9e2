"""Parts of XML of ours, chosen by an XPath expression: what virsh's --xpath and --wrap print.

Source: virshDumpXML() of libvirt's tools/virsh-util.c. The forms are libxml2's: double quotes, where our own XML has
single ones.
"""

from copy import deepcopy

from lxml import etree

from vnethook.errors import UsageError
from vnethook.names import shown

WRAPPER = "nodes"


def select(text: str, expression: str, *, wrap: bool = False) -> list[str]:
    """The nodes of a document that an expression selects, each as XML; with `wrap` all inside of one element.

    The prefixes of the document's root may be used. Raises UsageError for an expression that is none, or that selects
    no nodes but a number, a string or a truth value.
    """
    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(text.encode(), parser)
    prefixes = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    try:
        found = root.xpath(expression, namespaces=prefixes)
    except (etree.XPathError, ValueError) as error:
        msg = f"xpath {shown(expression)}: evaluate: {shown(str(error))[1:-1]}"
        raise UsageError(msg) from None
    if not isinstance(found, list):
        msg = f"xpath {shown(expression)}: selects no nodes but a value"
        raise UsageError(msg, hint="an expression such as //ip/@address; functions like count() only inside of […]")
    nodes = [_node(item) for item in found if not isinstance(item, tuple)]  # a tuple is a namespace
    return [_written(_wrapped(nodes))] if wrap else [_written(node) for node in nodes]


def _node(item: object) -> "etree._Element | tuple[str, str]":
    """An element, or the name (empty for text) and the value of what is none."""
    if isinstance(item, etree._Element):  # noqa: SLF001 (lxml has no public name for it)
        return item
    return getattr(item, "attrname", None) or "", str(item)


def _wrapped(nodes: "list[etree._Element | tuple[str, str]]") -> "etree._Element":
    wrapper = etree.Element(WRAPPER)
    for node in nodes:
        if not isinstance(node, tuple):
            wrapper.append(_alone(node))
        elif node[0]:
            wrapper.set(*node)
        elif len(wrapper):
            wrapper[-1].tail = (wrapper[-1].tail or "") + node[1]
        else:
            wrapper.text = (wrapper.text or "") + node[1]
    return wrapper


def _written(node: "etree._Element | tuple[str, str]") -> str:
    if not isinstance(node, tuple):
        return etree.tostring(_alone(node), pretty_print=True, encoding="unicode").rstrip("\n")
    name, value = node
    holder = etree.Element("_")
    if not name:
        holder.text = value
        return etree.tostring(holder, encoding="unicode").removeprefix("<_>").removesuffix("</_>")
    holder.set(etree.QName(name).localname, value)
    return etree.tostring(holder, encoding="unicode").removeprefix("<_").removesuffix("/>")


def _alone(node: "etree._Element") -> "etree._Element":
    """A copy without the text that follows it."""
    node = deepcopy(node)
    node.tail = None
    return node
