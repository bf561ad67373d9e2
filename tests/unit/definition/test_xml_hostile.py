"""Hostile strings in every field of network XML: newlines, quotes, NUL, shell and terminal characters, 300 letters.

The fields are those of the vocabulary, each in a golden document that has it: a new one is tried as soon as it is there.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unicodedata import category
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.golden.complete import complete, plan
from vnethook.capability import dhcp
from vnethook.definition import port, xml
from vnethook.definition.vocabulary import ELEMENTS, NAMESPACES, OPAQUE, PORT_ELEMENTS, PORT_TEXT, WITH_TEXT
from vnethook.errors import DefinitionError, UnsupportedError

GOLDEN = Path(__file__).parents[2] / "golden/xml"
FIRST = ("of-libvirt", "of-2007-full")
"""The documents with most in them, and with a plan."""
MARK = "M-A-R-K"
NEVER = {
    ("network/forwarding/incoming/deny", "port"),
    ("network/forwarding/incoming/deny", "protocol"),
    ("network/bandwidth/inbound", "floor"),
}
"""Known to say why they are refused."""
OF_OTHERS = {(f"{OPAQUE}/*", ""), (f"{OPAQUE}/*", "*")}
"""Text and attributes of other programs' elements."""
HARMLESS = re.compile(r"[A-Za-z0-9._:+@/-]*")
"""Values that are one word wherever they stand."""


class Field(NamedTuple):
    """An attribute, or with an empty name the text, of an element: what stands there, and the document around it."""

    path: str
    name: str
    value: str
    before: str
    after: str

    def filled(self, text: str) -> str:
        return f"{self.before}{escape(text, _ESCAPED)}{self.after}"


_ESCAPED = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def _path(element: etree._Element) -> str:
    tags = []
    for each in [element, *element.iterancestors()]:
        name = etree.QName(each)
        tags.append(f"{NAMESPACES[name.namespace]}:{name.localname}" if name.namespace in NAMESPACES else each.tag)
    found = "/".join(reversed(tags))
    return f"{OPAQUE}/*" if found.startswith(f"{OPAQUE}/") else found


def _fields(tree: etree._ElementTree) -> Iterator[Field]:
    for element in tree.getroot().iter(etree.Element):
        path = _path(element)
        for name, value in element.attrib.items():
            element.set(name, MARK)
            yield Field(path, "*" if path == f"{OPAQUE}/*" else name, value, *_around(tree))
            element.set(name, value)
        if path in WITH_TEXT | PORT_TEXT or (path == f"{OPAQUE}/*" and element.text):
            value, element.text = element.text or "", MARK
            yield Field(path, "", value, *_around(tree))
            element.text = value


def _around(tree: etree._ElementTree) -> list[str]:
    return etree.tostring(tree, encoding="unicode").split(MARK)


def _by_rank(path: Path) -> tuple[bool, str]:
    return path.name.partition(".")[0] not in FIRST, path.name


DOCUMENTS = [etree.parse(path) for path in sorted(GOLDEN.glob("*.xml"), key=_by_rank)]
FIELDS = list({(found.path, found.name): found for tree in reversed(DOCUMENTS) for found in _fields(tree)}.values())
PORT = etree.ElementTree(
    etree.fromstring("""<networkport>
  <uuid>7ae63b5f-fe96-4af0-a7c3-da04ba1b3f54</uuid>
  <owner><name>alice</name><uuid>06578fc1-c686-46fa-bc2c-220893b466a6</uuid></owner>
  <group>apart</group><mac address='52:54:00:7b:35:93'/>
  <bandwidth><inbound average='1000' peak='2000' burst='64' floor='500' classID='3'/>
    <outbound average='500' peak='600' burst='70'/></bandwidth>
  <vlan trunk='yes'><tag id='42' nativeMode='untagged'/></vlan>
  <port isolated='yes'/><rxfilters trustGuest='no'/>
</networkport>""")
)
BAD = [
    *("\n", "\r", "\t", "\0", "\x0b", "\x1b[2J", "\x7f", "\x85", "\xa0", "\u2028", "\u202e", "\ud800", "\uffff", "é", "١"),
    *("'", '"', '""', "\\", "\\n", '\\"', "`id`", "$(id)", "%s", ";", "|", "&", "<", ">", "{", "}", "(", "*", "?", "~"),
    *(" ", ",", ",a", " #", "#", "=", "!", "/../", "-", "--", "a" * 300, "1" * 300, "\nport=0\n", "\n}\nflush ruleset\n"),
    *("\n<x/>", "]]>", '"/><network/><x y="', " \n ", "", "0x1", "1e3", "+1", "-1", "1_0"),
]  # fmt: skip
hostile = st.text(max_size=300) | st.builds(
    lambda before, bad, after: before + bad + after,
    st.sampled_from(["a", "192.0.2.5", "yes", "52:54:00:00:00:01", "2001:db8::1", "1500", ""]),
    st.sampled_from(BAD),
    st.text(max_size=3),
)


def test_every_field_of_the_vocabulary_is_tried() -> None:
    known = {(path, name) for path, shape in ELEMENTS.items() for name in shape.attributes}
    known |= {(path, "") for path in WITH_TEXT} | OF_OTHERS
    assert {(field.path, field.name) for field in FIELDS} == known - NEVER


def _name(field: Field) -> str:
    return f"{field.path}@{field.name}".rstrip("@")


@pytest.mark.parametrize("field", FIELDS, ids=_name)
def test_hostile_characters_in_a_field_are_refused_or_stay_in_it(field: Field) -> None:
    _try(field, field.value, is_hostile=False)
    for text in _hostile_texts(field):
        _try(field, text)


def _hostile_texts(field: Field) -> Iterator[str]:
    """The value of a field with something bad at its end, and before it or in the middle."""
    middle = len(field.value) // 2
    for number, bad in enumerate(BAD):
        yield field.value + bad
        yield field.value[:middle] + bad + field.value[middle:] if number % 2 else bad + field.value


@settings(deadline=None, max_examples=400)
@example(FIELDS[0], "a\n")
@given(st.sampled_from(FIELDS), hostile)
def test_a_hostile_string_is_refused_or_stays_in_its_field(field: Field, string: str) -> None:
    _try(field, string)


def _try(field: Field, text: str, *, is_hostile: bool = True) -> None:
    """Refused is a text with file and line, in one line that can be shown; taken, it is itself and no more."""
    try:
        network = xml.parse(field.filled(text), source="lab.xml").network
    except DefinitionError as error:
        assert is_hostile, error
        _check_refusal(error)
        return
    dumped = xml.dump(network)
    assert xml.parse(dumped, source="dumped").network == network
    is_kept_as_it_is = field.path.startswith(OPAQUE)
    assert is_kept_as_it_is or all(category(char) not in {"Cc", "Cs"} or char in "\n\t" for char in dumped)
    found = _generated(network)
    if not HARMLESS.fullmatch(text):
        usual = _usual(field)
        assert len(found) == len(usual)
        for line, usual_line in zip(found, usual, strict=True):
            assert _is_itself(line, usual_line, field.value, text), (line, usual_line)


def _check_refusal(error: DefinitionError) -> None:
    assert error.message.isprintable()
    assert len(error.message) < 500
    assert re.match(r"lab\.xml:\d+: ", error.message), error.message


@cache
def _usual(field: Field) -> list[str]:
    return _generated(xml.parse(field.filled(field.value), source="x").network)


def _is_itself(line: str, usual: str, value: str, text: str) -> bool:
    """Whether a line is the usual one, but for those of its words that hold what was written; of names, in lower case."""
    written = {text, text.strip(" \t\r\n")}
    written |= {each.lower() for each in written}
    if line == usual or line in written:  # a line for dnsmasq is its author's as it is
        return True
    words, usual_words = _words(line), _words(usual)
    pairs = zip(words, usual_words, strict=False)
    return len(words) == len(usual_words) and all(
        word in {other, *written, *(other.replace(value, each) for each in written)} for word, other in pairs
    )


def _generated(network: xml.Network) -> list[str]:
    """All that is made out of a definition and read by programs and the kernel: lines of files, and argv."""
    whole = complete(network)
    plain = [dhcp.fixed(whole), *(step.to_plain() for step in plan(whole))]  # attach writes the former for dnsmasq
    return [line for string in _strings(plain) for line in string.split("\n")]


def _strings(plain: object) -> Iterator[str]:
    """All strings of plain data."""
    if isinstance(plain, str):
        yield plain
    for each in plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list | tuple) else ():
        yield from _strings(each)


def _words(line: str) -> list[str]:
    """The words of a line as dnsmasq sees them. Source: read_file() and one_opt() in its option.c."""
    words = [""]
    is_quoted, is_escaped, after_white = False, False, True
    for char in line:
        if is_escaped:
            words[-1], is_escaped = words[-1] + char, False
        elif is_quoted and char == "\\":
            is_escaped = True
        elif char == '"':
            is_quoted = not is_quoted
        elif is_quoted:
            words[-1] += char
        elif char == "#" and after_white:
            break
        elif char == "," or (char == "=" and len(words) == 1):
            words.append("")
        else:
            words[-1] += char
        after_white = char.isspace()
    return [*words, '"'] if is_quoted else words


PORT_FIELDS = list(_fields(PORT))
NEVER_OF_PORTS = ("networkport/virtualport", "networkport/plug")
"""What a port is refused with, or given."""


def test_every_field_of_a_port_is_tried() -> None:
    known = {(path, name) for path, shape in PORT_ELEMENTS.items() for name in shape.attributes}
    known |= {(path, "") for path in PORT_TEXT}
    expected = {(path, name) for path, name in known if not path.startswith(NEVER_OF_PORTS)}
    assert {(field.path, field.name) for field in PORT_FIELDS} == expected


@pytest.mark.parametrize("field", PORT_FIELDS, ids=_name)
def test_hostile_characters_in_a_port_are_refused_or_stay_in_their_field(field: Field) -> None:
    for text in _hostile_texts(field):
        try:
            found = port.read(xml.parse_part(field.filled(text), port.PATH, source="lab.xml"))
        except DefinitionError as error:
            _check_refusal(error)
        except UnsupportedError as error:
            assert (field.name, text.strip()) == ("trustGuest", "yes"), error
        else:
            dumped = port.dump(found, {"type": "network"}).replace("<plug type='network'/>", "")
            assert port.read(xml.parse_part(dumped, port.PATH, source="dumped")) == found
