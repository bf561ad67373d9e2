"""A routing rule in the words of `ip rule`, as several managers' files have it."""

from vnethook.capability.manager.config import Rule
from vnethook.errors import DefinitionError

_PLACES = {
    "from": "source",
    "to": "destination",
    "table": "table",
    "lookup": "table",
    **dict.fromkeys(("priority", "pref", "prio", "preference", "order"), "priority"),
}


def rule(words: list[str]) -> Rule | None:
    """The rule; None for one that we have no words for."""
    values: dict[str, str] = {}
    if len(words) % 2 or not words:
        return None
    for key, value in zip(words[::2], words[1::2], strict=True):
        if key not in _PLACES:
            return None
        if value not in {"all", "default"}:
            values[_PLACES[key]] = value
    try:
        return Rule(
            table=int(values.get("table", "")),
            source=_subnet(values.get("source", "")),
            destination=_subnet(values.get("destination", "")),
            priority=int(values.get("priority", "0")),
        )
    except (DefinitionError, ValueError):
        return None


def _subnet(text: str) -> str:
    return text if "/" in text or not text else f"{text}/{128 if ':' in text else 32}"
