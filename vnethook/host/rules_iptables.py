"""Read what iptables-save(8) writes of one table. Source: iptables(8), iptables-extensions(8). Pure."""

import shlex
from typing import TYPE_CHECKING

from vnethook.host.rules import ACCEPT, DROP, GOTO, JUMP, RETURN, UNKNOWN, Chain, Match, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOOKS = {"INPUT": "input", "FORWARD": "forward", "OUTPUT": "output"}
_VERDICTS = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP, "RETURN": RETURN}
_NEUTRAL = {"LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "CHECKSUM"}
"""Targets after which the next rule is asked."""
_KEYS = {
    "-i": "iifname",
    "-o": "oifname",
    "-p": "l4proto",
    "-s": "saddr",
    "-d": "daddr",
    "--dport": "dport",
    "--dports": "dport",
    "--ctstate": "state",
    "--ctstatus": "status",
    "--ctdir": "direction",
    "--dst-type": "daddrtype",
    "--state": "state",
}
_QUIET = {"--comment": 1, "--reject-with": 1, "--log-prefix": 1, "--log-level": 1, "--icmp-type": 1, "--icmpv6-type": 1}
"""Options that are no question of ours, and how many words each takes; ICMP is never asked about."""
_BRIDGED = "--physdev-is-bridged"
_PLAIN_MATCHES = {
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ipv6-icmp",
    "multiport",
    "conntrack",
    "state",
    "comment",
    "addrtype",
    "physdev",
}


def parse(text: str, *, family: str, keeper: str) -> Table | None:
    """The table in `text`, None if there is none."""
    policies: dict[str, str] = {}
    rules: dict[str, list[Rule]] = {}
    for line in text.splitlines():
        if line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[name] = policy
            rules[name] = []
        elif line.startswith("-A "):
            words = shlex.split(line)
            rules.setdefault(words[1], []).append(_rule(words[2:]))
    if not policies:
        return None
    chains = tuple(
        Chain(name, _HOOKS.get(name, ""), DROP if policy == "DROP" else ACCEPT, tuple(rules[name]))
        for name, policy in policies.items()
    )
    return Table(family, "filter", chains, keeper)


def _rule(words: list[str]) -> Rule:
    matches: list[Match] = []
    verdict, chain, is_negated = "", "", False
    rest = iter(words)
    for word in rest:
        if word == "!":
            is_negated = True
            continue
        if word in {"-j", "-g"}:
            verdict, chain = _verdict(word, next(rest, ""))
        elif word == "-m":
            module = next(rest, "")
            matches += [] if module in _PLAIN_MATCHES else [Match(UNKNOWN)]
        elif word in _KEYS:
            matches.append(Match(_KEYS[word], _values(word, next(rest, "")), is_negated))
        elif word == _BRIDGED:
            matches.append(Match("path", ("bridged",), is_negated))
        elif word in _QUIET:
            _skip(rest, _QUIET[word])
        elif word.startswith("--"):
            matches += [] if Match(UNKNOWN) in matches or verdict else [Match(UNKNOWN)]
        is_negated = False
    return Rule(tuple(matches), verdict, chain)


def _skip(rest: "Iterator[str]", count: int) -> None:
    for _ in range(count):
        next(rest, "")


def _verdict(word: str, target: str) -> tuple[str, str]:
    if target in _VERDICTS:
        return _VERDICTS[target], ""
    if target in _NEUTRAL:
        return "", ""
    return GOTO if word == "-g" else JUMP, target


def _values(option: str, text: str) -> tuple[str, ...]:
    """The values of an option in our words."""
    if option in {"-i", "-o"}:
        return (f"{text[:-1]}*" if text.endswith("+") else text,)
    if option in {"--ctstate", "--state", "--ctstatus", "--ctdir", "--dst-type"}:
        return tuple(text.lower().split(","))
    if option in {"--dport", "--dports"}:
        return tuple(text.replace(":", "-").split(","))
    return (text,)
