"""Read what `nft -j list ruleset` prints. Source: libnftables-json(5). Pure."""

from typing import Any

from vnethook.host.rules import ACCEPT, DROP, GOTO, JUMP, RETURN, UNKNOWN, Chain, Match, Rule, Table

Json = Any
_VERDICTS = {"accept": ACCEPT, "drop": DROP, "reject": DROP, "return": RETURN}
_NEUTRAL = {"counter", "log", "notrack", "mangle", "set", "meter", "map"}
"""Statements after which the rule goes on."""
_FAMILIES = {"ip", "ip6", "inet"}
_META = {
    "iifname": "iifname",
    "iif": "iifname",
    "oifname": "oifname",
    "oif": "oifname",
    "l4proto": "l4proto",
    "nfproto": "version",
}
_PAYLOADS = {
    **{(protocol, "dport"): "dport" for protocol in ("tcp", "udp", "th")},
    **{(protocol, field): field for protocol in ("ip", "ip6") for field in ("saddr", "daddr")},
    ("ip", "protocol"): "l4proto",
    ("ip6", "nexthdr"): "l4proto",
}
_IP = {"ip": "4", "ip6": "6"}
_VERSIONS = {"ipv4": "4", "ipv6": "6"}


def parse(document: Json) -> list[Table]:
    """The tables of the families that packets of guests pass."""
    items = document.get("nftables", [])
    sets = {_place(item["set"]): _elements(item["set"].get("elem", [])) for item in items if "set" in item}
    rules: dict[tuple[str, str, str], list[Rule]] = {}
    for item in items:
        if "rule" in item:
            told = item["rule"]
            key = (told["family"], told["table"], told["chain"])
            rules.setdefault(key, []).extend(_Reader(sets, key[:2]).rules(told.get("expr", [])))
    tables: dict[tuple[str, str], list[Chain]] = {}
    for item in items:
        if "chain" in item and item["chain"]["family"] in _FAMILIES:
            told = item["chain"]
            key = (told["family"], told["table"], told["name"])
            hook = told.get("hook", "") if told.get("type") == "filter" else ""
            chain = Chain(told["name"], hook, told.get("policy", ACCEPT), tuple(rules.get(key, ())))
            tables.setdefault(key[:2], []).append(chain)
    return [Table(family, name, tuple(chains)) for (family, name), chains in tables.items()]


def _place(told: Json) -> tuple[str, str, str]:
    return told["family"], told["table"], f"@{told['name']}"


class _Reader:
    """Rules of one table, with the sets that they may name."""

    def __init__(self, sets: dict[tuple[str, str, str], tuple[str, ...]], table: tuple[str, str]) -> None:
        self._sets = sets
        self._table = table

    def rules(self, statements: Json) -> list[Rule]:
        """The rules that one of nft's is: a verdict map is one for each of its elements."""
        matches: list[Match] = []
        for statement in statements:
            name, content = next(iter(statement.items()))
            if name == "match":
                matches += [*_implied(content["left"]), self._match(content)]
            elif name == "vmap":
                return self._of_map(matches, content)
            elif name in _VERDICTS:
                return [Rule(tuple(matches), _VERDICTS[name])]
            elif name in {JUMP, GOTO}:
                return [Rule(tuple(matches), name, content["target"])]
            elif name == "xt":
                if (content or {}).get("type") == "target":
                    return [Rule(tuple(matches), _target(str(content.get("name", ""))))]
                matches += [] if (content or {}).get("name") == "comment" else [Match(UNKNOWN)]
            elif name not in _NEUTRAL:
                matches.append(Match(UNKNOWN))
        return [Rule(tuple(matches))]

    def _match(self, content: Json) -> Match:
        key, values = _key(content["left"]), self._values(content["right"])
        if key == "version":
            values = tuple(_VERSIONS.get(value, UNKNOWN) for value in values)
        if key == UNKNOWN or UNKNOWN in values or content["op"] not in {"==", "!=", "in"}:
            return Match(UNKNOWN)
        return Match(key, values, content["op"] == "!=")

    def _values(self, right: Json) -> tuple[str, ...]:
        if isinstance(right, str) and right.startswith("@"):
            return self._sets.get((*self._table, right), (UNKNOWN,))
        if isinstance(right, dict) and "set" in right:
            return _elements(right["set"])
        return _elements(right if isinstance(right, list) else [right])

    def _of_map(self, matches: list[Match], content: Json) -> list[Rule]:
        key = _key(content["key"])
        pairs = content["data"].get("set") if isinstance(content["data"], dict) else None
        if key == UNKNOWN or pairs is None:
            return [Rule((*matches, Match(UNKNOWN)), UNKNOWN)]
        found = []
        for value, verdict in pairs:
            name, target = next(iter(verdict.items()))
            asked = (*matches, Match(key, _elements([value])))
            found.append(Rule(asked, _VERDICTS.get(name, name), (target or {}).get("target", "")))
        return found


def _target(name: str) -> str:
    """The verdict of a target of iptables."""
    return DROP if name in {"REJECT", "DROP"} else "" if name == "LOG" else UNKNOWN


def _key(left: Json) -> str:
    """What is matched, in our words."""
    name, content = next(iter(left.items())) if isinstance(left, dict) else ("", {})
    told = content.get("key", "") if isinstance(content, dict) else ""
    if name == "meta":
        return _META.get(told, UNKNOWN)
    if name == "ct":
        return told if told in {"state", "status", "direction"} else UNKNOWN
    if name == "fib" and content.get("result") == "type" and content.get("flags") == ["daddr"]:
        return "daddrtype"
    if name == "payload":
        return _PAYLOADS.get((content.get("protocol", ""), content.get("field", "")), UNKNOWN)
    return UNKNOWN


def _implied(left: Json) -> list[Match]:
    """What a packet must be to have such a field at all."""
    protocol = left["payload"].get("protocol", "") if isinstance(left, dict) and "payload" in left else ""
    if protocol in {"tcp", "udp", "icmp", "icmpv6"}:
        return [Match("l4proto", (protocol,))]
    return [Match("version", (_IP[protocol],))] if protocol in _IP else []


def _elements(items: Json) -> tuple[str, ...]:
    """Elements of a set as our values, UNKNOWN for those of another form."""
    return tuple(_element(item) for item in (items if isinstance(items, list) else [items]))


def _element(item: Json) -> str:
    if isinstance(item, bool) or item is None:
        return UNKNOWN
    if isinstance(item, str | int):
        return str(item)
    if isinstance(item, dict):
        if "prefix" in item:
            return f"{item['prefix']['addr']}/{item['prefix']['len']}"
        if "range" in item:
            return "-".join(map(str, item["range"]))
        if "elem" in item:
            return _element(item["elem"].get("val"))
    return UNKNOWN
