"""Files of the administrator's and other programs', which may be links: resolv.conf, a profile that is masked."""


def text(path: str) -> str:
    """The text of a file, where a link leads; empty where there is none that can be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
