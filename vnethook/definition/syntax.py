"""The first pass over network XML: what could cost memory or read files is refused, mistakes in the syntax are named.

Facts: notes on lxml's defaults, which depend on how libxml2 was built; so nothing but well-formed, shallow XML without
a document type ever reaches it. expat itself reads no external entity and knows none without a document type.
"""

from xml.parsers import expat

from vnethook.errors import MalformedError
from vnethook.names import shown

SIZE_MAX = 1 << 20
"""Bytes of a document."""
DEPTH_MAX = 32
"""Levels of nesting; the vocabulary needs 6."""
ATTRIBUTES_MAX = 64
"""Attributes and namespaces of one element: libxml2 takes the square of their number."""
MISTAKES_MAX = 5
"""End tags that one refusal names."""

_TAG_MISMATCH = expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH]
_ENDS_TOO_SOON = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]
_INVALID_TOKEN = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]


class _Open:
    """A start tag that was read: where it stands, and whether anything came after it inside the element."""

    def __init__(self, tag: str, line: int, column: int) -> None:
        self.tag = tag
        self.line = line
        self.column = column
        self.is_empty = True


class _Pass:
    """One pass of expat: the line of every start tag, and at a mistake what is open."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: list[int] = []
        self.stack: list[_Open] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(attributes) > ATTRIBUTES_MAX:
            msg = f"{self.source}:{line}: element {shown(tag)} has more than {ATTRIBUTES_MAX} attributes"
            raise MalformedError(msg)
        if len(self.stack) == DEPTH_MAX:
            msg = f"{self.source}:{line}: more than {DEPTH_MAX} elements inside each other"
            raise MalformedError(msg)
        if self.stack:
            self.stack[-1].is_empty = False
        self.stack.append(_Open(tag, line, self.parser.CurrentColumnNumber + 1))
        self.lines.append(line)

    def _end(self, _tag: str) -> None:
        self.stack.pop()

    def _refuse_doctype(self, *_: object) -> None:
        msg = f"{self.source}:{self.parser.CurrentLineNumber}: a document type is not accepted"
        raise MalformedError(msg, hint="remove the line that begins with <!DOCTYPE")

    def run(self, data: bytes) -> expat.ExpatError | None:
        """Read `data`; what expat objects to, if anything."""
        try:
            self.parser.Parse(data, True)  # noqa: FBT003 (expat takes no keyword)
        except expat.ExpatError as error:
            return error
        return None


def encoded(text: str | bytes, source: str) -> bytes:
    """The document as UTF-8; raise MalformedError for one that is too large or in another encoding."""
    if isinstance(text, str):
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise _not_utf8(source, text.count("\n", 0, error.start)) from None
    else:
        data = text
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(source, data.count(b"\n", 0, error.start)) from None
    if len(data) > SIZE_MAX:
        msg = f"{source}:1: larger than {SIZE_MAX >> 20} MiB"
        raise MalformedError(msg)
    return data


def element_lines(data: bytes, source: str) -> list[int]:
    """The line of each start tag in document order; raise MalformedError for what must not reach a parser in C."""
    reader = _Pass(source)
    error = reader.run(data)
    if error is None:
        return reader.lines
    mistakes = _tag_mistakes(data, source)
    if mistakes:
        line, first = mistakes[0]
        rest = "".join(f"; line {line}, {mistake}" for line, mistake in mistakes[1:])
        msg = f"{source}:{line}: {first}{rest}"
        raise MalformedError(msg, hint="each element ends with an end tag of its own name, the innermost first")
    msg = f"{source}:{error.lineno}: column {error.offset + 1}: {expat.ErrorString(error.code)}"
    hint = "attribute values stand in quotes; & and < in them are written &amp; and &lt;"
    raise MalformedError(msg, hint=hint if error.code == _INVALID_TOKEN else "")


def _not_utf8(source: str, lines_before: int) -> MalformedError:
    return MalformedError(f"{source}:{lines_before + 1}: not UTF-8", hint="save the file in UTF-8")


def _tag_mistakes(data: bytes, source: str) -> list[tuple[int, str]]:
    """The line of each wrong or missing end tag, and what it should be; each is mended here to find the next."""
    found: list[tuple[int, str]] = []
    while len(found) < MISTAKES_MAX:
        reader = _Pass(source)
        try:
            error = reader.run(data)
        except MalformedError:
            break
        if error is None or not reader.stack:
            break
        if error.code == _TAG_MISMATCH:
            mistake, data = _wrong_end_tag(reader, data)
            found.append((error.lineno, mistake))
        elif error.code == _ENDS_TOO_SOON:
            found.append(_missing_end_tag(reader, error.lineno))
            break
        else:
            break
    return found


def _wrong_end_tag(reader: _Pass, data: bytes) -> tuple[str, bytes]:
    """What to say of the end tag at which expat stopped, and the document with the right one there."""
    expected = reader.stack[-1]
    start = reader.parser.ErrorByteIndex
    if data.startswith(b"</", start):
        start += 2  # expat points at the tag's name or, in some versions, at the tag
    end = start
    while end < len(data) and data[end] not in b"> \t\r\n":
        end += 1
    wrong = data[start:end].decode()
    column = len(data[data.rfind(b"\n", 0, start) + 1 : start - 2].decode()) + 1
    mistake = (
        f"column {column}: end tag {shown(f'</{wrong}>')} where {shown(f'</{expected.tag}>')} is expected "
        f"for the element of line {expected.line}"
    )
    name = expected.tag.encode()
    if any(other.tag == wrong for other in reader.stack):
        return mistake, data[: start - 2] + b"</" + name + b">" + data[start - 2 :]
    return mistake, data[:start] + name + data[end:]


def _missing_end_tag(reader: _Pass, last_line: int) -> tuple[int, str]:
    """What to say of a document that ends while elements are open: a start tag for an end tag, or none at all."""
    last = reader.stack[-1]
    end_tag = shown(f"</{last.tag}>")
    if last.is_empty and any(other.tag == last.tag for other in reader.stack[:-1]):
        return last.line, f"column {last.column}: start tag {shown(f'<{last.tag}>')} where {end_tag} is expected"
    return last_line, f"the document ends where {end_tag} is expected for the element of line {last.line}"
