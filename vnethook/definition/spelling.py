"""What can be said in several ways that mean the same: a definition is dumped as it was written, as libvirt does."""

from vnethook.value import Value


class Spelt(Value):
    """A record whose last field, `said`, names what was written though it need not be, or not as we write it.

    It is for the dump alone: two that differ in nothing else mean the same, and are equal.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _meaning(other) == _meaning(self)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *_meaning(self)))


def _meaning(value: Value) -> tuple[object, ...]:
    return tuple(value.__dict__.values())[:-1]
