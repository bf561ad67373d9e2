"""What a step is: plain data, one change of the host, that knows if it is done, how to do it and how to undo it."""

from vnethook.errors import HostError
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.host.host import Host

_KINDS: "dict[str, type[Step]]" = {}


class Step(Value):
    """One change. `do` and `undo` may be called again at any time; `undo` never fails on what is gone."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _KINDS[cls.__name__] = cls

    def is_done(self, host: "Host") -> bool:
        """Whether the host is as the step wants it. Reads, changes nothing."""
        raise NotImplementedError

    def require(self, host: "Host") -> None:
        """Raise HostError if the step cannot be done here at all: asked of every step before the first one acts."""

    def do(self, host: "Host") -> None:
        """Make the change; raise HostError if the host refuses it."""
        raise NotImplementedError

    def undo(self, host: "Host") -> None:
        """Take the change back; raise HostError if the host refuses that."""
        raise NotImplementedError

    def to_record(self) -> "dict[str, Any]":
        """The step as a line of a journal."""
        return {"step": type(self).__name__, **self.to_plain()}

    def __str__(self) -> str:
        """What the step does, in a few words; shown by `vnet net-plan`."""
        return repr(self)


def from_record(record: "dict[str, Any]") -> Step:
    """The step in a line of a journal; raise HostError for a kind that this version does not know."""
    kind = _KINDS.get(record.get("step", ""))
    if kind is None:
        msg = f"journal: unknown step {record.get('step')!r}"
        raise HostError(msg, hint="another version of vnethook wrote it")
    try:
        return kind.from_plain({name: value for name, value in record.items() if name != "step"})
    except TypeError as error:
        msg = f"journal: step {kind.__name__}: {error}"
        raise HostError(msg, hint="another version of vnethook wrote it") from error
