"""What the doctor finds: one line in plain words, and the command that mends it."""

from shlex import quote as word

from vnethook.value import Value

__all__ = ["STOPS", "UNSEEN", "WARNS", "Finding", "is_plain", "word"]

STOPS, WARNS, UNSEEN = "error", "warning", "unseen"
"""It stops guests; it may, or costs something else; it could not be looked at."""


class Finding(Value):
    """`level`: one of the above; `subject`: what it is about; `what`: what is wrong; `command`: what mends it.

    `network`: the one that it is about alone, empty for the host.
    """

    level: str
    subject: str
    what: str
    command: str = ""
    network: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.subject}: {self.what}"


def is_plain(name: str) -> bool:
    """Whether a name that others have chosen may stand in a command: it is for root to paste into a shell, or into nft.

    A process calls itself what it likes, and so may a chain that was made by nft's JSON.
    """
    return name.isascii() and name.replace("_", "").replace("-", "").replace(".", "").isalnum() and name[0] != "-"
