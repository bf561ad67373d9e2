"""Rules of a packet filter as plain data: what is matched, what becomes of the packet. Pure."""

from vnethook.value import Value

ACCEPT, DROP, RETURN, JUMP, GOTO = "accept", "drop", "return", "jump", "goto"
UNKNOWN = "?"
"""A match, a value or a verdict that we do not understand."""


class Match(Value):
    """What a rule asks: whether `key` is (`is_negated`: is not) one of `values`.

    `key`: "iifname", "oifname", "version" ("4", "6"), "l4proto", "dport", "state", "status", "direction" ("original",
    "reply"), "path" ("bridged", "routed"), "saddr", "daddr", "daddrtype" ("local", "broadcast", "unicast", …) or
    UNKNOWN. A value of a link may end in "*"; of a port be "60-70"; of an address be a prefix or "FIRST-LAST".
    """

    key: str
    values: tuple[str, ...] = ()
    is_negated: bool = False


class Rule(Value):
    """If all of `matches` are met: `verdict`, empty for none, `chain`: to which a jump or goto leads."""

    matches: tuple[Match, ...] = ()
    verdict: str = ""
    chain: str = ""


class Chain(Value):
    """A chain; `hook`: "forward", "input", …, and empty for one that others lead to; `policy`: ACCEPT or DROP."""

    name: str
    hook: str = ""
    policy: str = ACCEPT
    rules: tuple[Rule, ...] = ()


class Table(Value):
    """A table of `family` "ip", "ip6" or "inet"; `keeper`: "nft", "iptables" or "iptables-legacy"."""

    family: str
    name: str
    chains: tuple[Chain, ...] = ()
    keeper: str = "nft"
