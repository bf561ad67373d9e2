"""A routing rule that names links, with all that the kernel says of it, so that it can be given for another link.

Source of the format: linux/fib_rules.h.
"""

from vnethook.live.netlink import attributes, pack, text
from vnethook.live.rtnl import ROUTE_HEAD
from vnethook.value import Value

_IN, _PADDING, _OUT = 3, 18, 17
_INVERTED = 0x2
"""The one flag that is asked for; the others tell of the moment."""


class LinkRule(Value):
    """A rule: the fields of its head; names of the links by which packets come and leave; (kind, hexadecimal)."""

    head: tuple[int, ...]
    incoming: str
    outgoing: str
    attributes: tuple[tuple[int, str], ...]

    def renamed(self, link: str, other: str) -> "LinkRule":
        """The same about another link."""
        return self.replace(
            incoming=other if self.incoming == link else self.incoming,
            outgoing=other if self.outgoing == link else self.outgoing,
        )

    @property
    def body(self) -> bytes:
        """The message that adds or removes it."""
        data = b"".join(pack(kind, bytes.fromhex(value)) for kind, value in self.attributes)
        names = b"".join(text(kind, name) for kind, name in ((_IN, self.incoming), (_OUT, self.outgoing)) if name)
        return ROUTE_HEAD.pack(*self.head) + names + data

    def __str__(self) -> str:
        names = (("iif", self.incoming), ("oif", self.outgoing))
        return " ".join(f"{word} {name}" for word, name in names if name)


def parse(answer: bytes) -> LinkRule:
    """The rule in an answer of the kernel."""
    *head, flags = ROUTE_HEAD.unpack_from(answer)
    found = dict(attributes(answer, ROUTE_HEAD.size))
    incoming, outgoing = (found.pop(kind, b"").rstrip(b"\0").decode(errors="replace") for kind in (_IN, _OUT))
    found.pop(_PADDING, None)
    plain = tuple((kind, value.hex()) for kind, value in found.items())
    return LinkRule((*head, flags & _INVERTED), incoming, outgoing, plain)
