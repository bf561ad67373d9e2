"""Immutable records for the modules that a guest's start waits for.

`dataclasses` costs more to import than a warm hook spends in all (it pulls in inspect, re and ast), so this does the
little of it that we need. To mypy a `Value` is a frozen dataclass (PEP 681).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, Self, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_: object) -> "Callable[[T], T]":
        """Stand in for typing.dataclass_transform, which only a type checker needs."""
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Value:
    """A frozen record: its annotated attributes are its fields, `_check` refuses what they must not hold.

    `_nested` names the fields that hold another `Value` or a tuple of them, for `from_plain`.
    """

    _fields: "tuple[str, ...]" = ()
    _required: "tuple[str, ...]" = ()
    _blank: "dict[str, Any]" = {}  # noqa: RUF012 (ClassVar would need typing at run time)
    """The fields in their order with their defaults, to begin a record with."""
    _nested: "dict[str, type[Value]]" = {}  # noqa: RUF012 (ClassVar would need typing at run time)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = cls.__dict__.get("__annotations__")  # noqa: RUF063 (inspect costs more than the hook)
        if own is None:  # Python 3.14 keeps them elsewhere; before it, this would be the base's
            own = cls.__annotations__ if hasattr(cls, "__annotate__") else {}
        cls._fields = (*cls._fields, *(name for name in own if not name.startswith("_")))
        cls._blank = {name: getattr(cls, name, None) for name in cls._fields}
        cls._required = tuple(name for name in cls._fields if not hasattr(cls, name))

    if not TYPE_CHECKING:

        def __init__(self, *args: object, **given: object) -> None:
            values = self.__dict__
            values.update(self._blank)
            if args:
                values.update(zip(self._fields, args, strict=False))
            values.update(given)
            if len(values) > len(self._fields) or len(args) > len(self._fields):
                self._refuse(args, given)
            for name in self._required[len(args) :]:
                if name not in given:
                    self._refuse(args, given)
            if args and given and not given.keys().isdisjoint(self._fields[: len(args)]):
                self._refuse(args, given)
            self._check()

        def _refuse(self, args: "tuple[object, ...]", given: "dict[str, object]") -> "NoReturn":
            names = ", ".join(self._fields)
            msg = f"{type(self).__name__} takes {names}; given {len(args)} and {', '.join(given)}"
            raise TypeError(msg)

        def __setattr__(self, name: str, value: object) -> None:
            msg = f"{type(self).__name__}.{name} is read-only"
            raise AttributeError(msg)

        def __delattr__(self, name: str) -> None:
            self.__setattr__(name, None)

    def _check(self) -> None:
        """Raise DefinitionError for values that the record must not hold."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"

    def replace(self, **changes: "Any") -> "Self":
        """The same record with some fields changed, checked again; itself if that changes nothing."""
        values = self.__dict__
        if all(name in values and _is_same(values[name], value) for name, value in changes.items()):
            return self
        return type(self)(**{**self.__dict__, **changes})

    def to_plain(self) -> "dict[str, Any]":
        """The record as JSON's types: tuples become lists, nested records objects."""
        return {name: _plain(value) for name, value in self.__dict__.items()}

    def to_sparse(self) -> "dict[str, Any]":
        """The same without what is as it is by default; `from_plain` reads it too."""
        blank = self._blank
        return {
            name: _sparse(value)
            for name, value in self.__dict__.items()
            if name in self._required or not _is_same(value, blank[name])
        }

    @classmethod
    def from_plain(cls, plain: "dict[str, Any]") -> "Self":
        """The inverse of `to_plain`; raises TypeError for a field that the class does not have."""
        return cls(**{name: _value(value, cls._nested.get(name)) for name, value in plain.items()})


def _is_same(one: object, other: object) -> bool:
    """Whether two are equal, also in what a class of its own leaves out of that."""
    return one is other or (one == other and _plain(one) == _plain(other))


def _plain(value: "Any") -> "Any":
    if isinstance(value, Value):
        return value.to_plain()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _sparse(value: "Any") -> "Any":
    if isinstance(value, Value):
        return value.to_sparse()
    if isinstance(value, tuple):
        return [_sparse(item) for item in value]
    return value


def _value(plain: "Any", nested: "type[Value] | None") -> "Any":
    if isinstance(plain, list):
        return tuple(_value(item, nested) for item in plain)
    if nested is not None and isinstance(plain, dict):
        return nested.from_plain(plain)
    return plain
