"""A rule of the policy, which is nft's, in iptables' words: a closed vocabulary, and any other word is refused.

A rule of ours holds for both families; here it is asked for one, and may become none or several. What nft looks up in
`@bridges` iptables has no match for: a chain is made for packets that go to a bridge of ours, and one for others; what
comes from one is refused by a chain that all networks share.
"""

from vnethook.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Fragment = tuple[int, str]

MARK = "0x766e6574"
"""On packets by whose interface their source would not be answered: only PREROUTING can tell (xt_rpfilter)."""
BRIDGES, GATEWAYS = "VNETHOOK_BRIDGES", "VNETHOOK_GATEWAYS"
"""The chains that refuse what comes from any bridge of ours, and what is for our address on another bridge."""
REFUSAL = {"ip": "icmp-port-unreachable", "ip6": "icmp6-port-unreachable"}
"""What nft refuses by, if nothing else is said. Source: nft(8), reject statement."""
_PROTOCOLS = {
    "1": "icmp",
    "6": "tcp",
    "17": "udp",
    "47": "gre",
    "50": "esp",
    "51": "ah",
    "58": "ipv6-icmp",
    "132": "sctp",
}
_ONLY_OF = {"icmp": "ip", "ipv6-icmp": "ip6"}
_GATEWAYS = {"@gateways", "@gateways6"}
_PORTS_IN_MATCH = 15
"""linux/netfilter/xt_multiport.h; a range is two."""
_SOURCE, _DESTINATION, _IN, _OUT, _PROTOCOL, _MATCH = range(6)
"""The order of what a rule consists of: a match on ports stands after its protocol."""
_NEVER = "never"
"""The verdict of a rule that gives packets of this family an address of the other one: it is the other one's."""
_ANY_PROTOCOL, _MULTIPORT = "-m @", "-m multiport"
_ON_PORTS = (_ANY_PROTOCOL, _MULTIPORT)
"""A match on ports whose protocol another word of the rule says."""


class Translator:
    """Rules for one family. `chains`: what a chain of ours is called here.

    `gateways`: the addresses on the bridge by which the packets come in; `to_bridge`: whether they go to a bridge of
    ours, None where no rule may ask.
    """

    def __init__(
        self,
        family: str,
        chains: "Callable[[str], str]",
        *,
        gateways: "tuple[str, ...]" = (),
        to_bridge: bool | None = None,
    ) -> None:
        self._family = family
        self._chains = chains
        self._to_bridge = to_bridge
        self._gateways = set(gateways)
        self._words: list[str] = []
        self._refusal = ""

    def rules(self, rule: str) -> list[str]:
        """A rule of nft's as rules of iptables; raise UnsupportedError for one that is not of the vocabulary."""
        self._words, self._refusal = rule.split(), ""
        found: list[list[Fragment]] = [[]]
        verdict = None
        try:
            while len(self._words) and (verdict := self._verdict()) is None:
                fragments = self._match()
                found = [[*parts, *fragment] for parts in found for fragment in fragments]
                if not found:
                    return []
            if verdict == _NEVER:
                return []
            if self._words or verdict is None:
                raise KeyError
            return [f"{_text(parts)} {verdict}".strip() for parts in found]
        except (IndexError, KeyError, ValueError):
            msg = f"firewall rule {rule!r}: has no form for iptables"
            raise UnsupportedError(msg) from None

    def _take(self) -> str:
        return self._words.pop(0)

    def _is_next(self, *words: str) -> bool:
        """Take these words if they are the next ones."""
        if tuple(self._words[: len(words)]) != words:
            return False
        del self._words[: len(words)]
        return True

    def _values(self) -> list[str]:
        """The value that is next, or all of an anonymous set."""
        if not self._is_next("{"):
            return [self._take()]
        found = []
        while not self._is_next("}"):
            found.append(self._take().rstrip(","))
        return found

    def _verdict(self) -> str | None:
        """The verdict, if it is next."""
        if self._refusal:
            return f"-j {self._refusal}" if self._is_next("reject") else None
        for word in ("accept", "drop", "return"):
            if self._is_next(word):
                return f"-j {word.upper()}"
        if self._is_next("reject", "with", "tcp", "reset"):
            return "-j REJECT --reject-with tcp-reset"
        if self._is_next("reject"):
            return f"-j REJECT --reject-with {REFUSAL[self._family]}"
        for word, option in (("jump", "-j"), ("goto", "-g")):
            if self._is_next(word):
                return f"{option} {self._chains(self._take())}"
        return self._translation()

    def _translation(self) -> str | None:
        if self._is_next("masquerade"):
            return f"-j MASQUERADE --to-ports {self._take()[1:]}" if self._is_next("to") else "-j MASQUERADE"
        for verb, target in (("snat", "SNAT --to-source"), ("dnat", "DNAT --to-destination")):
            if self._is_next(verb, self._family, "to"):
                return f"-j {target} {self._target()}" + (" --persistent" if self._is_next("persistent") else "")
            if self._words[0] == verb and self._words[1] in REFUSAL:
                return _NEVER
        return None

    def _target(self) -> str:
        """An address with or without a port; or ports that keep their distance, which iptables moves as a range."""
        target = self._take()
        address, _, protocol = target.rpartition(":")
        if protocol not in _PROTOCOLS.values():
            return target
        if not self._is_next("dport", "map"):
            raise KeyError(target)
        words = self._values()
        pairs = [(int(old), int(new)) for old, new in zip(words[::3], words[2::3], strict=True)]
        first, moved = pairs[0]
        if pairs != [(first + number, moved + number) for number in range(len(pairs))]:
            raise KeyError(target)
        return f"{address}:{moved}-{pairs[-1][1]}/{first}"

    def _match(self) -> "list[list[Fragment]]":
        """The match that is next, as alternatives of what a rule has for it; none if it never holds."""
        kind = self._take()
        if kind in {"iifname", "oifname"}:
            return self._link(*((_IN, "-i") if kind == "iifname" else (_OUT, "-o")))
        if kind in {"ip", "ip6"}:
            return self._address(kind)
        if kind in {"tcp", "udp", "th"} and self._is_next("dport"):
            protocol = [] if kind == "th" else [(_PROTOCOL, f"-p {kind}")]
            return [[*protocol, (_MATCH, ports)] for ports in _ports(self._values())]
        if kind == "meta" and self._is_next("nfproto"):
            return [[]] if {"ipv4": "ip", "ipv6": "ip6"}[self._take()] == self._family else []
        if kind == "meta" and self._is_next("l4proto"):
            protocols = [_PROTOCOLS[value] for value in self._values()]
            return [[(_PROTOCOL, f"-p {name}")] for name in protocols if _ONLY_OF.get(name) in {None, self._family}]
        if kind == "ether" and self._is_next("saddr"):
            words = "! --mac-source" if self._is_next("!=") else "--mac-source"
            return [[(_MATCH, f"-m mac {words} {value}")] for value in self._values()]
        return [[(_MATCH, self._state(kind))]]

    def _state(self, kind: str) -> str:
        """What is known of a packet's connection and of its way."""
        if kind == "fib" and self._is_next("daddr", "type", "local"):
            return "-m addrtype --dst-type LOCAL"
        if kind == "fib" and self._is_next("saddr", ".", "iif", "oif", "missing"):
            return f"-m mark --mark {MARK}"
        option = {"state": "ctstate", "status": "ctstatus", "direction": "ctdir"}[self._take()]
        value = self._take()
        if kind != "ct" or (option == "ctstatus" and value not in {"expected", "dnat"}):
            raise KeyError(value)
        if value == "dnat":
            option = "ctstate"  # to iptables, which finds it by that status: xt_conntrack.c
        return f"-m conntrack --{option} {value.upper()}"

    def _link(self, order: int, option: str) -> "list[list[Fragment]]":
        is_other = self._is_next("!=")
        name = self._take()
        if name == "@bridges" and order == _OUT and self._to_bridge is not None:
            return [[]] if self._to_bridge is not is_other else []
        if name == "@bridges" and order == _IN and not is_other:
            self._refusal = BRIDGES
            return [[]]
        if name[:1] + name[-1:] != '""':
            raise KeyError(name)
        check_link(name[1:-1])
        return [[(order, f"{'! ' if is_other else ''}{option} {name[1:-1]}")]]

    def _address(self, family: str) -> "list[list[Fragment]]":
        order, option = {"saddr": (_SOURCE, "-s"), "daddr": (_DESTINATION, "-d")}[self._take()]
        if self._is_next("&"):
            mask = self._take()
            option = f"! {option}" if {"==": False, "!=": True}[self._take()] else option
            values = [f"{self._take()}/{mask}"]
        elif self._is_next("!="):
            option, values = f"! {option}", self._values()
            if self._words[:1] == [family] and self._words[2:3] and self._words[2] in _GATEWAYS and option == "! -d":
                if set(values) != self._gateways and family == self._family:
                    raise KeyError(family)
                return [[]] if family == self._family else []  # the chain of refusals does not refuse them
            if len(values) > 1:
                raise KeyError(family)
        elif option == "-d" and self._words[0] in _GATEWAYS:
            self._take()
            self._refusal = GATEWAYS
            return [[]] if family == self._family else []
        else:
            values = self._values()
        if any(value[:1] not in "0123456789abcdef:" for value in values):
            raise KeyError(family)
        return [[(order, f"{option} {value}")] for value in values] if family == self._family else []


def check_link(name: str) -> None:
    """Raise UnsupportedError for a link that iptables cannot mean alone: a + at the end is any name. iptables(8)."""
    if name.endswith("+"):
        msg = f"interface {name!r}: iptables takes the + at its end for the beginning of other names"
        raise UnsupportedError(msg, hint="choose a name without it, or nftables: [firewall] backend = 'nft'")


def _ports(values: list[str]) -> list[str]:
    """Matches on ports, as few as can be."""
    ports = [value.replace("-", ":") for value in values]
    if len(ports) == 1:
        return [f"{_ANY_PROTOCOL} --dport {ports[0]}"]
    found: list[list[str]] = [[]]
    for port in ports:
        if sum(1 + (":" in other) for other in [*found[-1], port]) > _PORTS_IN_MATCH:
            found.append([])
        found[-1].append(port)
    return [f"{_MULTIPORT} --dports {','.join(some)}" for some in found]


def _text(parts: "list[Fragment]") -> str:
    """The matches of a rule in iptables' order; an alternative has one protocol, which a match on ports needs."""
    in_order = [text for _, text in sorted(parts, key=lambda part: part[0])]
    protocols = [text.removeprefix("-p ") for text in in_order if text.startswith("-p ")]
    if len(protocols) > 1 or (not protocols and any(text.startswith(_ON_PORTS) for text in in_order)):
        raise ValueError(protocols)
    protocol = f"-m {''.join(protocols)}"
    return " ".join(
        protocol + text.removeprefix(_ANY_PROTOCOL) if text.startswith(_ANY_PROTOCOL) else text for text in in_order
    )
