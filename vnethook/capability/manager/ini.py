"""Keyfiles and systemd's files as (section, key, value). Source: systemd.syntax(7), nm-settings-keyfile(5)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def sections(text: str) -> "Iterator[tuple[str, list[tuple[str, str]]]]":
    """Each section with its settings; a line that ends with a backslash goes on, what is no setting is passed over."""
    name = ""
    found: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.strip()
        if words[:1] in {"#", ";", ""}:
            continue
        if words[0] == "[" and words[-1] == "]":
            yield name, found
            name, found = words[1:-1], []
        elif "=" in words:
            key, _, value = words.partition("=")
            found.append((key.strip(), value.strip()))
    yield name, found


def settings(text: str) -> "Iterator[tuple[str, str, str]]":
    """Each setting, with the name of its section."""
    for name, found in sections(text):
        yield from ((name, key, value) for key, value in found)
