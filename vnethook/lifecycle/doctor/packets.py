"""What becomes of a packet in the packet filters of the host, as far as their rules can be understood. Pure."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from vnethook.address import parse_ip, subnet_of
from vnethook.errors import DefinitionError
from vnethook.host.rules import ACCEPT, DROP, GOTO, JUMP, RETURN, Chain, Match, Rule, Table
from vnethook.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

PERHAPS = "perhaps"
"""Dropped, unless one of the rules that we do not understand lets it pass."""
DEPTH = 16
"""Jumps that nf_tables follows. Source: NFT_JUMP_STACK_SIZE, net/netfilter/nf_tables.h."""
_FAMILIES = {4: {"ip", "inet"}, 6: {"ip6", "inet"}}
_PORTS = {"tcp": "6", "udp": "17", "icmp": "1", "ipv6-icmp": "58", "icmpv6": "58"}
"""Protocols may be said by number."""


class Packet(Value):
    """A packet at a hook, "forward" or "input"; what is empty is not known."""

    hook: str
    version: int
    iifname: str
    oifname: str = ""
    l4proto: str = ""
    dport: str = ""
    state: str = "new"
    saddr: str = ""
    daddr: str = ""
    daddrtype: str = ""

    @property
    def direction(self) -> str:
        """Whose direction it goes: that of who began the flow, or back."""
        return "original" if self.state == "new" else "reply"

    @property
    def path(self) -> str:
        """How it goes on: what leaves by the bridge that it came in by is taken for a frame that br_netfilter shows."""
        return "bridged" if self.oifname and self.oifname == self.iifname else "routed"


_KEYS = {*Packet._fields, "direction", "path"}


class Fate(Value):
    """That a packet is dropped (`verdict`: DROP, or PERHAPS) in a chain of a table."""

    verdict: str
    table: Table
    chain: str


def fates(tables: "Iterable[Table]", packet: Packet) -> list[Fate]:
    """Where a packet is dropped: each base chain of its hook must let it pass."""
    found = []
    for table in tables:
        if table.family not in _FAMILIES[packet.version]:
            continue
        for chain in table.chains:
            if chain.hook == packet.hook:
                verdict = _Walk(table, packet).verdict(chain)
                if verdict in {DROP, PERHAPS}:
                    found.append(Fate(verdict, table, chain.name))
    return found


class _Walk:
    """One packet's way through a base chain."""

    def __init__(self, table: Table, packet: Packet) -> None:
        self._chains = {chain.name: chain for chain in table.chains}
        self._packet = packet
        self._may_pass = False

    def verdict(self, base: Chain) -> str:
        """ACCEPT, DROP or PERHAPS."""
        found = self._walk(base, 0) or base.policy
        return PERHAPS if found == DROP and self._may_pass else found

    def _walk(self, chain: Chain, depth: int) -> str:
        """ACCEPT or DROP, empty if the chain ends without either."""
        for rule in chain.rules:
            is_met = self._is_met(rule)
            if is_met is False:
                continue
            if is_met is None:
                self._may_pass = self._may_pass or self._could_pass(rule, depth)
                continue
            if rule.verdict in {ACCEPT, DROP}:
                return rule.verdict
            if rule.verdict == RETURN:
                return ""
            if rule.verdict in {JUMP, GOTO}:
                if rule.chain not in self._chains or depth >= DEPTH:
                    self._may_pass = True
                    continue
                found = self._walk(self._chains[rule.chain], depth + 1)
                if found or rule.verdict == GOTO:
                    return found
            elif rule.verdict:
                self._may_pass = True
        return ""

    def _could_pass(self, rule: Rule, depth: int) -> bool:
        """Whether a packet is better off by a rule, if it meets that."""
        if rule.verdict in {JUMP, GOTO} and rule.chain in self._chains and depth < DEPTH:
            return self._walk(self._chains[rule.chain], depth + 1) == ACCEPT
        return rule.verdict not in {DROP, ""}

    def _is_met(self, rule: Rule) -> bool | None:
        """Whether all that a rule asks is so; None if that cannot be told."""
        answers = [self._answer(match) for match in rule.matches]
        if False in answers:
            return False
        return None if None in answers else True

    def _answer(self, match: Match) -> bool | None:
        if match.key == "version":
            return (str(self._packet.version) in match.values) != match.is_negated
        if match.key == "status":
            return match.is_negated  # no packet of ours is translated or awaited
        own = getattr(self._packet, match.key) if match.key in _KEYS else ""
        if not own:
            return None
        return any(_is_in(match.key, own, value) for value in match.values) != match.is_negated


def _is_in(key: str, own: str, value: str) -> bool:
    if key in {"iifname", "oifname"}:
        return fnmatchcase(own, value)
    if key == "l4proto":
        return value == "all" or _PORTS.get(own, own) == _PORTS.get(value, value)
    if key == "dport":
        first, _, last = value.partition("-")
        return first.isdigit() and int(first) <= int(own) <= int(last or first)
    if key in {"saddr", "daddr"}:
        return _is_among(own, value)
    return own == value


def _is_among(address: str, block: str) -> bool:
    """Whether an address is one, in a prefix or in a range; no if they are of two versions."""
    try:
        start, _, end = block.partition("-")
        if end:
            return parse_ip(start) <= parse_ip(address) <= parse_ip(end)
        start, _, length = block.partition("/")
        if length:
            return subnet_of(start, int(length)).has_address(address)
        return parse_ip(start) == parse_ip(address)
    except (DefinitionError, ValueError):
        return False
