"""An XML document as it is written, line by line. Values are escaped, whatever the model lets through."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Attributes = Mapping[str, str | int | None]

CONTROLS = {code: f"&#{code};" for code in range(0x7F, 0xA0)}
"""What a terminal may obey, though XML 1.0 carries it: DEL and the controls of ISO/IEC 6429 in eight bits."""
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("'"): "&apos;"}


class Document:
    """The document as it grows, and how deep inside it we are."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self._lines)

    def empty(self, tag: str, attributes: "Attributes") -> None:
        """Write an element without children; an attribute that is None is left out."""
        self._line(f"<{_start(tag, attributes)}/>")

    def leaf(self, tag: str, text: str) -> None:
        """Write an element that holds text."""
        self._line(f"<{tag}>{text.translate(_ESCAPES)}</{tag}>")

    def start(self, tag: str, attributes: "Attributes") -> None:
        """Write a start tag; what follows is inside."""
        self._line(f"<{_start(tag, attributes)}>")
        self._depth += 1

    def end(self, tag: str) -> None:
        """Write the end tag that belongs to `start`."""
        self._depth -= 1
        self._line(f"</{tag}>")

    def raw(self, xml: str) -> None:
        """Write an element that is XML already."""
        self._line(xml.translate(CONTROLS))

    def _line(self, text: str) -> None:
        self._lines.append(f"{'  ' * self._depth}{text}\n")


def _start(tag: str, attributes: "Attributes") -> str:
    written = [f" {name}='{str(value).translate(_ESCAPES)}'" for name, value in attributes.items() if value is not None]
    return f"{tag}{''.join(written)}"


def yes(value: bool | None) -> str | None:  # noqa: FBT001 (the value is what is written)
    """True -> "yes", False -> "no", None: not written."""
    return None if value is None else "yes" if value else "no"


def yes_only(value: bool, *, is_said: bool = False) -> str | None:  # noqa: FBT001 (the value is what is written)
    """True -> "yes"; False, the default, is not written, or -> "no" if it `is_said`."""
    return "yes" if value else "no" if is_said else None


def no_only(value: bool, *, is_said: bool) -> str | None:  # noqa: FBT001 (the value is what is written)
    """False -> "no"; True, the default, is not written, or -> "yes" if it `is_said`."""
    return "no" if not value else "yes" if is_said else None
