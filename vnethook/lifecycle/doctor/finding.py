"""What the doctor finds: one line in plain words, and the command that mends it."""

from vnethook.value import Value

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
