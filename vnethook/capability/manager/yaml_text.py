"""Mappings, lists, strings, numbers and booleans as YAML, so that writing it needs no library.

Every string is quoted unless it is a plain word, so that no reader takes one for a number, a time or a boolean.
Source: YAML 1.2, 5.7 and 7.3.1.
"""

from vnethook.live.files import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
"""What YAML 1.1, which netplan reads, takes for something else than text, whatever its case."""


def text(value: "dict[str, Any]") -> str:
    """A document of one mapping, in blocks."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: "dict[str, Any]", indent: str) -> "Iterator[str]":
    for key, item in value.items():
        yield from _item(f"{indent}{_scalar(str(key))}:", item, f"{indent}  ")


def _item(start: str, item: object, indent: str) -> "Iterator[str]":
    if isinstance(item, dict) and item:
        yield start
        yield from _mapping(item, indent)
    elif isinstance(item, list | tuple) and item:
        yield start
        for entry in item:
            yield from _entry(entry, indent)
    else:
        yield f"{start} {_scalar(item)}"


def _entry(entry: object, indent: str) -> "Iterator[str]":
    """An entry of a list: a mapping's first key stands behind the dash; a list in a list is one line."""
    if isinstance(entry, dict) and entry:
        first, *others = _mapping(entry, f"{indent}  ")
        yield f"{indent}- {first.lstrip(' ')}"
        yield from others
    else:
        yield f"{indent}- {_flow(entry)}"


def _flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(str(key))}: {_flow(item)}' for key, item in value.items())}}}"
    return _scalar(value)


def _scalar(value: object) -> str:
    """A word as it is, other text in double quotes; the rest, and empty lists and mappings, as JSON has it."""
    if not isinstance(value, str):
        return dumps(value)
    is_word = bool(value) and _WORD.issuperset(value) and value[0] in _LETTERS and value.lower() not in _NOT_TEXT
    return value if is_word else f'"{"".join(_escaped(char) for char in value)}"'


def _escaped(char: str) -> str:
    """A character between double quotes. JSON has two escapes for one beyond 16 bits, which YAML takes for two."""
    return char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08x}"
