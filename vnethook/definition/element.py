"""What libvirt knows and a bridge of the host's has no use for: kept as it was written, and dumped again."""

from vnethook.definition.text import check_line
from vnethook.names import refuse, shown
from vnethook.value import Value

_TAG = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Element(Value):
    """An XML element without text: its attributes as (name, value) in their order, and its children."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: "tuple[Element, ...]" = ()

    def _check(self) -> None:
        for name in (self.tag, *(name for name, _ in self.attributes)):
            if not name or not _TAG.issuperset(name):
                refuse(f"element or attribute {shown(name)}: must be letters and digits")
        for name, value in self.attributes:
            check_line(f"{self.tag} {name}=", value)

    def get(self, name: str) -> str | None:
        """The value of an attribute, None if it is not written."""
        return next((value for own, value in self.attributes if own == name), None)


Element._nested = {"children": Element}  # noqa: SLF001 (a class cannot name itself in its own body)
