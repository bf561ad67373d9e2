"""What the arguments of libvirt's functions may be: libvirt's own refusals, and Python's for a wrong type."""

import operator

from vnethook.api.error import misuse


def text(value: object, name: str, function: str) -> str:
    """A string; raise TypeError for another type, libvirtError for None."""
    if value is None:
        raise misuse(function, name, f"{name} in {function} must not be NULL")
    return _string(value, name, function)


def optional_text(value: object, name: str, function: str) -> str | None:
    """A string or None; raise TypeError for another type."""
    return None if value is None else _string(value, name, function)


def nothing(value: object, name: str, function: str) -> None:
    """Raise libvirtError for anything but None."""
    if value is not None:
        raise misuse(function, name, f"{name} in {function} must be NULL")


def flags(value: object, allowed: int, function: str) -> int:
    """Flags; raise TypeError for what is no number, libvirtError for a flag that the function does not know."""
    given = number(value)
    unknown = given & ~allowed
    if unknown:
        raise misuse(function, "flags", f"unsupported flags ({unknown:#x}) in function {function}")
    return given


def number(value: object) -> int:
    """A whole number, or a boolean; raise TypeError for anything else."""
    return operator.index(value)  # type: ignore[arg-type]  # it refuses what has no __index__


def uuid_bytes(value: object, function: str) -> str:
    """A uuid of 16 bytes in the form 8-4-4-4-12; raise libvirtError for anything else."""
    data = value.encode() if isinstance(value, str) else value
    if not isinstance(data, bytes | bytearray) or len(data) != 16:
        raise misuse(function, "uuid", f"uuid in {function} must be 16 bytes")
    return dashed(data.hex())


def uuid_text(value: object, function: str) -> str:
    """A uuid as text, with or without dashes, in the form 8-4-4-4-12, lower case; raise libvirtError for another."""
    digits = text(value, "uuidstr", function).strip().replace("-", "").lower()
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        raise misuse(function, "uuidstr", f"uuidstr in {function} must be a valid UUID")
    return dashed(digits)


def dashed(digits: str) -> str:
    """32 digits in the form 8-4-4-4-12."""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _string(value: object, name: str, function: str) -> str:
    if not isinstance(value, str):
        msg = f"{function}() argument {name!r} must be str or None, not {type(value).__name__}"
        raise TypeError(msg)
    return value
