"""An element of network XML as the readers see it: plain data that knows where in which file it stands."""

from vnethook.errors import DefinitionError
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, TypeVar

    T = TypeVar("T")

BLANKS = " \t\r\n"
"""White space in XML. Source: XML 1.0, production 3."""


class LocatedError(DefinitionError):
    """A refusal that names file and line already."""


class Node:
    """One element: tag, attributes, text without outer blanks, children, path ("network/ip/dhcp"), file and line.

    `inside`: the elements inside one that is kept as it is, each as XML.
    """

    __slots__ = ("attributes", "children", "inside", "line", "path", "source", "tag", "text")

    def __init__(
        self, tag: str, attributes: dict[str, str], *, at: tuple[str, int], parent: "Node | None" = None
    ) -> None:
        """Make an element that stands `at` a file and line, and append it to `parent`."""
        self.tag = tag
        self.attributes = attributes
        self.text = ""
        self.inside: tuple[str, ...] = ()
        self.children: list[Node] = []
        self.source, self.line = at
        self.path: str = f"{parent.path}/{tag}" if parent else tag
        if parent:
            parent.children.append(self)

    def all(self, tag: str) -> "list[Node]":
        """The children with this tag, in document order."""
        return [child for child in self.children if child.tag == tag]

    def located(self, message: str) -> str:
        """`message` after the file and line of this element."""
        return f"{self.source}:{self.line}: {message}"

    def refuse(self, message: str, *, hint: str = "") -> "NoReturn":
        """Raise DefinitionError about this element."""
        raise LocatedError(self.located(message), hint=hint)

    def need(self, attribute: str) -> str:
        """The value of an attribute that must be there."""
        value = self.attributes.get(attribute)
        if value is None:
            self.refuse(f"element {shown(self.tag)} lacks {attribute}=")
        return value

    def said(self, *attributes: str) -> tuple[str, ...]:
        """Which of these attributes are written."""
        return tuple(name for name in attributes if name in self.attributes)

    def number(self, attribute: str) -> int | None:
        """The value of an attribute as a whole number, None if it is not written."""
        value = self.attributes.get(attribute)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 10):
            self.refuse(f"{self.tag} {attribute}={shown(value)}: must be a whole number")
        return int(value)

    def boolean(self, attribute: str, *, default: bool) -> bool:
        """The value of an attribute that is yes or no; true and false are read as the same."""
        return self.choice(attribute, {"yes": True, "no": False, "true": True, "false": False}, default=default)

    def optional_boolean(self, attribute: str) -> bool | None:
        """The value of an attribute that is yes or no, None if it is not written."""
        return self.boolean(attribute, default=False) if attribute in self.attributes else None

    def ports(self, attribute: str) -> tuple[int, int] | None:
        """The value of an attribute that is a port or a range ("80", "8000-8010") as (first, last)."""
        value = self.attributes.get(attribute)
        if value is None:
            return None
        ends = value.split("-")
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() and len(end) <= 5 for end in ends):
            self.refuse(f"{self.tag} {attribute}={shown(value)}: must be a port, or a range as in 8000-8010")
        return int(ends[0]), int(ends[-1])

    def choice(self, attribute: str, words: "dict[str, T]", *, default: "T") -> "T":
        """What the value of an attribute stands for, out of a few words."""
        value = self.attributes.get(attribute)
        if value is None:
            return default
        if value not in words:
            self.refuse(f"{self.tag} {attribute}={shown(value)}: must be {_listed(list(words))}")
        return words[value]

    def build(self, make: "Callable[[], T]") -> "T":
        """What `make` makes of the element; a refusal by the model gets the file and line."""
        try:
            return make()
        except LocatedError:
            raise
        except DefinitionError as error:
            raise LocatedError(self.located(error.message), hint=error.hint) from None


def agreed(nodes: "Sequence[Node]", value_of: "Callable[[Node], T]") -> "T | None":
    """The one value that all of `nodes` say, None without any; raise DefinitionError naming the lines that differ."""
    found: list[tuple[Node, T]] = []
    for node in nodes:
        value = value_of(node)
        if found and found[0][1] != value:
            node.refuse(f"element {shown(node.tag)} says something else than the one in line {found[0][0].line}")
        found.append((node, value))
    return found[0][1] if found else None


def build_all(nodes: "Sequence[Node]", whole: Node | None, make: "Callable[[int], T]") -> "T":
    """What `make` makes of all `nodes`, given how many of them; a refusal is blamed on the first that brings it about.

    `make(0)` fails for what is wrong with the element `whole` around them; None: for nothing.
    """
    try:
        return make(len(nodes))
    except DefinitionError:
        pass
    if whole is not None:
        whole.build(lambda: make(0))
    good, bad = 0, len(nodes)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            make(middle)
        except DefinitionError:
            bad = middle
        else:
            good = middle
    return nodes[good].build(lambda: make(bad))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
