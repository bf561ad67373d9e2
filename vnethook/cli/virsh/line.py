"""A line of virsh as its commands: what `virsh "net-start lab; net-list"` and an interactive session read.

Commands end at ; and at a line's end, # begins a comment; '…' is taken as it is, a backslash takes the next character
as it is, also in "…", and joins two lines. Source: vshCommandStringGetArg() of libvirt's tools/vsh.c.
"""

from vnethook.errors import UsageError

_BLANK, _END, _QUOTES, _CONTINUED = " \t", ";\n", "'\"", "\\\n"


def commands(text: str) -> list[list[str]]:
    """The words of each command, without the empty ones; raise UsageError for a quote or a backslash left open."""
    found: list[list[str]] = [[]]
    place = 0
    while place < len(text):
        char = text[place]
        if char in _END:
            found.append([])
            place += 1
        elif char == "#":
            place = _index(text, "\n", place)
        elif char in _BLANK:
            place += 1
        elif text.startswith(_CONTINUED, place):
            place += len(_CONTINUED)
        else:
            word, place = _word(text, place)
            found[-1].append(word)
    return [words for words in found if words]


def _word(text: str, place: int) -> tuple[str, int]:
    """The word that begins at a place, and where it ends."""
    word, quote = "", ""
    while place < len(text) and (quote or text[place] not in _BLANK + _END):
        char = text[place]
        if char in _QUOTES and quote in {"", char}:
            quote = "" if quote else char
        elif char == "\\" and quote != "'":
            place += 1
            if place == len(text):
                msg = "dangling \\"
                raise UsageError(msg)
            word += text[place].removesuffix("\n")
        else:
            word += char
        place += 1
    if quote:
        msg = f"missing {quote}"
        raise UsageError(msg)
    return word, place


def _index(text: str, char: str, start: int) -> int:
    found = text.find(char, start)
    return len(text) if found < 0 else found
