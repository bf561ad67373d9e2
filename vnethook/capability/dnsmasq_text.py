"""How words are written into dnsmasq's files. Source: dnsmasq(8), CONFIG FILE."""

from vnethook.errors import DefinitionError
from vnethook.names import shown

_PRINTABLE = range(0x20, 0x7F)
LINE_MAX = 1024
"""Characters of a line; what is longer would be read as another one: MAXDNAME in dnsmasq's dns-protocol.h."""


def quoted(text: str) -> str:
    """A text as one word, whatever stands in it: between quotes only a quote and a backslash mean something."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def name_of(name: str) -> str:
    """A DNS name in lower case: dnsmasq converts one with capitals by IDNA, which refuses `aB--c`.

    Source: canonicalise() in its util.c; RFC 5891, section 4.2.3.1.
    """
    return name.lower()


def lease_time(lease_s: int) -> str:
    """How long a lease lasts; 0: for ever."""
    return str(lease_s) if lease_s else "infinite"


def file_of(lines: list[str], *, network: str) -> str:
    """The text of a configuration of these lines; raise DefinitionError for what would not be read as it is written."""
    for line in lines:
        if not all(ord(char) in _PRINTABLE for char in line):
            msg = f"network {network!r}: dnsmasq configuration: a control character in {line!a}"
            raise DefinitionError(msg)
        if len(line) > LINE_MAX:
            msg = f"network {network!r}: dnsmasq configuration: longer than {LINE_MAX} characters: {shown(line)}"
            raise DefinitionError(msg)
    return "".join(f"{line}\n" for line in lines)
