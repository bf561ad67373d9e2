"""Which strings an administrator may write where a definition takes free text. What a line holds is shown as it is."""

from vnethook.mac import canonical_mac, is_multicast_mac
from vnethook.names import refuse, shown

LINE_MAX = 1024
PROSE_MAX = 1 << 16
_LATER_THAN_CONTROLS = range(0x20, 0x7F)


def check_line(what: str, text: str) -> None:
    """Raise DefinitionError unless `text` is one line of printable characters."""
    if not text or not text.isprintable():
        refuse(f"{what} {shown(text)}: must be one line of printable characters")
    if len(text) > LINE_MAX:
        refuse(f"{what}: longer than {LINE_MAX} characters")


def check_ascii(what: str, text: str, *, without: str = "") -> None:
    """Raise DefinitionError unless `text` is one line of printable ASCII characters, none of them in `without`."""
    if not text or not all(ord(char) in _LATER_THAN_CONTROLS and char not in without for char in text):
        but = f" without {' '.join(without).replace('  ', ' blank')}" if without else ""
        refuse(f"{what} {shown(text)}: must be printable ASCII characters{but}")
    if len(text) > LINE_MAX:
        refuse(f"{what}: longer than {LINE_MAX} characters")


def check_prose(what: str, text: str) -> None:
    """Raise DefinitionError unless `text` is something that XML carries as it is: no control characters but newlines.

    Source: XML 1.0, production 2; a carriage return would come back as a newline.
    """
    if not text or text != text.strip(" \t\r\n"):
        refuse(f"{what}: must not be empty, nor begin or end with white space")
    if len(text) > PROSE_MAX:
        refuse(f"{what}: longer than {PROSE_MAX} characters")
    for char in text:
        code = ord(char)
        if char not in "\n\t" and (code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in _NEVER):
            refuse(f"{what}: holds {char!a}, which XML cannot carry as it is")


def check_mac(what: str, mac: str) -> None:
    """Raise DefinitionError unless `mac` is a unicast MAC address in its canonical form."""
    if canonical_mac(mac) != mac:
        refuse(f"{what} {mac}: write it as {canonical_mac(mac)}")
    if is_multicast_mac(mac):
        refuse(f"{what} {mac}: is a multicast address, which no interface can have")


def canonical_uuid(text: str) -> str:
    """A uuid with dashes and in lower case; libvirt reads it without them too. What is none comes back as it is."""
    lower = text.lower()
    if "-" in lower or len(lower) != 32:
        return lower
    return "-".join((lower[:8], lower[8:12], lower[12:16], lower[16:20], lower[20:]))


def is_uuid(text: str) -> bool:
    """Whether `text` is a uuid in canonical form; its version bits are not looked at."""
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")


_NEVER = (0xFFFE, 0xFFFF)
