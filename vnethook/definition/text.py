"""Which strings an administrator may write where a definition takes free text. What a line holds is shown as it is."""

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


_NEVER = (0xFFFE, 0xFFFF)
